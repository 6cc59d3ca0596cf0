//! The record of a dataset.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

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
    /// Counts the markers that arrived, from 1.
    pub delivery: u32,
    /// The marker of this delivery, by name in the container.
    pub marker: String,
    /// The marker's version.
    pub marker_etag: String,
    /// The files of this delivery, known once it is processing.
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
