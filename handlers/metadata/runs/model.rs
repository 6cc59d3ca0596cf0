//! Runs as callers see them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Where a run stands. Data Factory's own names are read too: `Queued`, `InProgress`, `Canceling`,
/// `Succeeded`, `Failed`, `Cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunStatus)]
pub enum Status {
    /// It waits to be started.
    #[serde(alias = "Queued")]
    Queued,
    /// It runs.
    #[serde(alias = "InProgress", alias = "Running", alias = "inProgress")]
    Running,
    /// It runs, and is to be ended.
    #[serde(alias = "Canceling", alias = "Cancelling", alias = "canceling")]
    Cancelling,
    /// It ended well.
    #[serde(alias = "Succeeded", alias = "Success")]
    Succeeded,
    /// It was ended from outside.
    #[serde(alias = "Cancelled", alias = "Canceled", alias = "canceled")]
    Cancelled,
    /// It failed.
    #[serde(alias = "Failed", alias = "Failure")]
    Failed,
}

/// Every status.
pub const STATUSES: [Status; 6] = [
    Status::Queued,
    Status::Running,
    Status::Cancelling,
    Status::Succeeded,
    Status::Cancelled,
    Status::Failed,
];

impl Status {
    /// Whether the run has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cancelled | Self::Failed)
    }

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = STATUSES.into_iter().find(|status| status.name() == text);
        found.ok_or_else(|| format!("must be one of {}", STATUSES.map(Self::name).join(", ")))
    }
}

/// What a run is about, as its events say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = RunFacts)]
pub struct Facts {
    /// The pipeline, or the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The activity of the pipeline, if the run is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// The data factory, or the namespace of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factory: Option<String>,
    /// The run that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What triggered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The table that it extracts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The dataset that it makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The begin of the period that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub nominal_start: Option<String>,
    /// The end of that period.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub nominal_end: Option<String>,
}

/// A run, put together from its events.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id; for a pipeline of Data Factory its `RunId`, as in ADFPipelineRun.
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// The attempt that the status is of, from 1.
    pub attempt: u32,
    /// What it is about.
    #[serde(flatten)]
    pub facts: Facts,
    /// What it reads: ids of datasets.
    pub inputs: Vec<String>,
    /// What it writes: ids of datasets.
    pub outputs: Vec<String>,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// From its start to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// How much it did.
    pub counters: Counters,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// The errors that its output lists, the first ten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Failure>,
    /// What it put out, such as the output of a Copy activity. Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Map<String, Value>>,
    /// The members of the output that were too large to keep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_dropped: Vec<String>,
    /// When its id was first known.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When the last event arrived that changed it.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// How much a run did: the counters of a Copy activity, all of them optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = RunCounters)]
pub struct Counters {
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub data_read: Option<u64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub data_written: Option<u64>,
    /// Files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub files_read: Option<u64>,
    /// Files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub files_written: Option<u64>,
    /// Rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub rows_read: Option<u64>,
    /// Rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub rows_copied: Option<u64>,
    /// Rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub rows_skipped: Option<u64>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub copy_duration: Option<f64>,
    /// Kilobytes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub throughput: Option<f64>,
}

impl Counters {
    /// These, and those of `other` where these say nothing.
    pub fn or(self, other: Self) -> Self {
        Self {
            data_read: self.data_read.or(other.data_read),
            data_written: self.data_written.or(other.data_written),
            files_read: self.files_read.or(other.files_read),
            files_written: self.files_written.or(other.files_written),
            rows_read: self.rows_read.or(other.rows_read),
            rows_copied: self.rows_copied.or(other.rows_copied),
            rows_skipped: self.rows_skipped.or(other.rows_skipped),
            copy_duration: self.copy_duration.or(other.copy_duration),
            throughput: self.throughput.or(other.throughput),
        }
    }
}

/// Why something failed, in Data Factory's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = RunFailure)]
pub struct Failure {
    /// The error's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened; cut after 4,000 bytes.
    pub message: String,
    /// `UserError` or `SystemError`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_type: Option<String>,
    /// The activity that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}
