//! The record of a dataset.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::routing::Source;

/// Where a dataset's delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Its marker is there; its content is not complete or still changing.
    Received,
    /// Its files are on their way.
    Processing,
    /// Its files are in place.
    Ready,
    /// Some of its files, and its marker, are in the quarantine.
    Quarantined,
}

/// The record of a dataset, its current or last delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dataset {
    /// Its name: `container/folder`.
    pub id: String,
    /// The route that collects it.
    pub route: String,
    /// Where things stand.
    pub status: Status,
    /// Counts the deliveries, from 1.
    pub delivery: u32,
    /// The marker of this delivery, by name in the container.
    pub marker: String,
    /// The marker's version.
    pub marker_etag: String,
    /// The files of this delivery, known once it is processing; while it is received, those that
    /// have moved already.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that went to the quarantine, the first hundred, by name in the folder.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub quarantined: BTreeSet<String>,
    /// Files that landed after this instant belong to the next delivery; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When its marker was first seen, RFC 3339.
    pub opened: String,
    /// When its files were in place, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

impl Dataset {
    /// Whether its marker has not gone out yet.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status, Status::Received | Status::Processing)
    }

    /// The last instant at which a file of this delivery landed.
    pub(super) fn until(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::parse(self.until.as_deref()?, &Rfc3339).ok()
    }

    /// The record when its content must be looked at anew and this much of it has not moved.
    pub(super) fn reopened(self, left: Size) -> Self {
        let moved = Size { files: self.files, bytes: self.bytes }.less(left);
        Self {
            status: Status::Received,
            files: moved.files,
            bytes: moved.bytes,
            until: None,
            reason: None,
            ..self
        }
    }
}

/// How much some files are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Size {
    pub(super) fn of<'a>(files: impl IntoIterator<Item = &'a Source>) -> Self {
        let mut size = Self::default();
        files.into_iter().for_each(|file| size.add(file));
        size
    }

    pub(super) fn add(&mut self, file: &Source) {
        self.files += 1;
        self.bytes += file.properties.length;
    }

    pub(super) fn less(self, other: Self) -> Self {
        Self {
            files: self.files.saturating_sub(other.files),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}
