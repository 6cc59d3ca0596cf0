//! What is answered. Every member is always there, null if it has no value.

use serde::Serialize;
use utoipa::ToSchema;

use crate::metadata::tables::model::Mode;

/// How the age of the newest data stands to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FreshnessStatus)]
pub enum Status {
    /// It is younger than the target, or there is no target.
    Fresh,
    /// It is older, but a window within the target found nothing newer.
    Idle,
    /// It is older, and nobody has looked since.
    Late,
    /// There is no data.
    Never,
}

/// What a thing is that can be fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FreshnessKind)]
pub enum Kind {
    /// A table.
    Table,
    /// A route that collects datasets.
    Route,
    /// One dataset.
    Dataset,
}

/// How fresh one table is, or the datasets of one route.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    /// What it is.
    pub kind: Kind,
    /// The id of the table or the dataset, or the route's name.
    pub id: String,
    /// How the age stands to its target.
    pub status: Status,
    /// How old the newest data may be, in seconds.
    #[schema(required)]
    pub target_seconds: Option<u64>,
    /// Of when the newest data is: of the mark if that is a time, or else of the last window that
    /// read rows.
    #[schema(required, format = DateTime)]
    pub newest_at: Option<String>,
    /// How old that is, in seconds.
    #[schema(required)]
    pub age_seconds: Option<u64>,
    /// When a window was last committed, or a dataset last changed.
    #[schema(required, format = DateTime)]
    pub checked_at: Option<String>,
    /// The value that is read up to, as the source wrote it.
    #[schema(required)]
    pub mark: Option<String>,
    /// How much is read at a time.
    #[schema(required)]
    pub mode: Option<Mode>,
    /// How often that succeeded.
    pub objective: Objective,
    /// How the runs ended that were reported for it; null for a route.
    #[schema(required)]
    pub runs: Option<RunRate>,
    /// What was read.
    pub volume: Volume,
}

/// How the runs ended that were reported for a table or a dataset, in the days that are asked for.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunRate {
    /// How many ended well or failed.
    pub ended: u64,
    /// How many failed.
    pub failed: u64,
    /// The part that ended well; null if none ended.
    #[schema(required)]
    pub success_rate: Option<f64>,
}

/// How often windows were committed, or datasets became ready, in the days that are asked for.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// How many days are counted, today included.
    pub days: u32,
    /// The part that shall be committed.
    #[schema(required)]
    pub target: Option<f64>,
    /// How many windows, or datasets, ended.
    pub windows: u64,
    /// How many of them ended otherwise than committed.
    pub failed: u64,
    /// The part that was committed; null if none ended.
    #[schema(required)]
    pub success_rate: Option<f64>,
    /// How many may fail, of as many windows: the error budget.
    #[schema(required)]
    pub budget: Option<f64>,
    /// The part of the budget that is left, negative if more was spent than there was.
    #[schema(required)]
    pub budget_left: Option<f64>,
}

/// What the committed windows read, in the days that are asked for; of datasets, only how long they
/// took.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Rows.
    pub rows: u64,
    /// Rows of the last window.
    #[schema(required)]
    pub last_rows: Option<u64>,
    /// How long a window takes, or a dataset until it is ready, in seconds, on average.
    #[schema(required)]
    pub average_seconds: Option<f64>,
    /// How long the last one took, in seconds.
    #[schema(required)]
    pub last_seconds: Option<u64>,
    /// How many windows read everything.
    pub full: u64,
    /// How many read what was new.
    pub incremental: u64,
}
