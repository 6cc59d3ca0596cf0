//! Datasets as callers send and see them, and as they are stored.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a dataset stands, in the order of its life.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "camelCase")]
#[schema(as = DatasetStatus)]
pub enum Status {
    /// Its files are being written.
    #[default]
    Landing,
    /// Its marker is there; its content may not be complete.
    Received,
    /// Somebody works on it.
    Processing,
    /// It can be used.
    Ready,
    /// The work on it failed.
    Failed,
    /// Some or all of its files are in the quarantine.
    Quarantined,
    /// It is kept, and nobody works on it any more.
    Archived,
}

/// Every status, in the order of a dataset's life.
pub const STATUSES: [Status; 7] = [
    Status::Landing,
    Status::Received,
    Status::Processing,
    Status::Ready,
    Status::Failed,
    Status::Quarantined,
    Status::Archived,
];

impl Status {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Landing => "landing",
            Self::Received => "received",
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = STATUSES.into_iter().find(|status| status.name() == text);
        found.ok_or_else(|| format!("must be one of {}", STATUSES.map(Self::name).join(", ")))
    }
}

/// A dataset: files that belong together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dataset {
    /// Its id; routing names a dataset by the container and the folder in which it landed.
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// What the caller may change beside the status.
    #[serde(flatten)]
    pub facts: Facts,
    /// The route that collects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Counts the deliveries of its route, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<u32>,
    /// Why it stands there, as the last change of its status said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When its id was first known.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// When it last became ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ready_at: Option<String>,
    /// What became of it, oldest first: the last 100 entries. Left out of lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Change>,
    /// How many older entries its history no longer has.
    #[serde(default)]
    pub history_dropped: u64,
}

/// What a caller says of a dataset, beside its status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Facts {
    /// The container that holds its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub container: Option<String>,
    /// The folder or file in the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub path: Option<String>,
    /// How many files it has.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub files: u64,
    /// Their bytes.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub bytes: u64,
    /// Names and values of the user's own, at most 50.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub owner: Option<String>,
    /// The run that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub run_id: Option<String>,
    /// The datasets it was made of, by id, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub inputs: Vec<String>,
}

/// One entry of a dataset's history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Where the dataset stood from then on.
    pub status: Status,
    /// Who said so: `api` or what a caller calls itself, `routing`, `encryption`.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The run that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The delivery of its route, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<u32>,
}

/// A new dataset, or all that replaces one; what is left out is as if it was never said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = DatasetDraft)]
pub struct Draft {
    /// Where it stands; `landing` if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why it stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who says so, for the history; `api` if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub by: Option<String>,
    /// The container that holds its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub container: Option<String>,
    /// The folder or file in the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub path: Option<String>,
    /// How many files it has.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub files: u64,
    /// Their bytes.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub bytes: u64,
    /// Names and values of the user's own, at most 50.
    #[schema(required = false)]
    pub tags: BTreeMap<String, String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub owner: Option<String>,
    /// The run that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub run_id: Option<String>,
    /// The datasets it was made of, by id.
    #[schema(max_items = 100)]
    pub inputs: Vec<String>,
    /// The run that says so, for the history: `runId`, where this very request names it.
    #[serde(skip)]
    pub told_by: Option<String>,
}

impl Draft {
    /// What it says beside the status.
    pub fn facts(&self) -> Facts {
        let Self { container, path, files, bytes, tags, owner, run_id, inputs, .. } = self.clone();
        Facts { container, path, files, bytes, tags, owner, run_id, inputs }
    }
}
