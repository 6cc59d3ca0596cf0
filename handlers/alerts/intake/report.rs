//! What a payload reports, before its texts are understood.

use time::OffsetDateTime;

use crate::alerts::incident::{Condition, Fact, Factory, FailureType, Link};

/// What one payload, or one part of it, reports. Its texts are masked.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The payload's shape.
    pub shape: &'static str,
    /// Whether it tells of a beginning or an end.
    pub condition: Condition,
    /// Whether the run was cancelled and did not fail.
    pub is_cancelled: bool,
    /// How bad the payload says it is, in its own words.
    pub severity: Option<String>,
    /// What the payload calls itself.
    pub title: Option<String>,
    /// The pipeline's name.
    pub pipeline: Option<String>,
    /// Where it runs.
    pub factory: Option<Factory>,
    /// The run.
    pub run_id: Option<String>,
    /// The outermost run.
    pub root_run_id: Option<String>,
    /// The activity that failed.
    pub activity: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The dataset.
    pub dataset: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// `prod`, `test` and the like.
    pub environment: Option<String>,
    /// The error code that stands apart from the text.
    pub code: Option<String>,
    /// Whose fault it is.
    pub failure_type: Option<FailureType>,
    /// The text, as it came.
    pub text: String,
    /// When it happened.
    pub at: Option<OffsetDateTime>,
    /// When the run started.
    pub started: Option<OffsetDateTime>,
    /// When the run ended.
    pub ended: Option<OffsetDateTime>,
    /// How long it took, in seconds.
    pub duration: Option<f64>,
    /// Addresses that the payload gives.
    pub links: Vec<Link>,
    /// What else it says.
    pub facts: Vec<Fact>,
    /// What its sender knows the incident by.
    pub key: Option<String>,
}
