//! An incident: what went wrong, in the same words whatever payload told of it.
//!
//! Every text in it is masked already (no secret) and free of control characters, but not escaped:
//! each channel escapes for its own syntax.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// What went wrong, as people are told of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Incident {
    /// Which incident this is: 32 lower-case hex digits, the same for all reports of one cause in
    /// one root run.
    pub id: String,
    /// Whether it begins or is over.
    pub condition: Condition,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about in one line of at most 150 characters.
    pub title: String,
    /// The shape of the payload that told of it.
    pub shape: String,
    /// The pipeline's name.
    pub pipeline: Option<String>,
    /// Where the pipeline runs.
    pub factory: Option<Factory>,
    /// The run that failed.
    pub run_id: Option<String>,
    /// The outermost run that it was part of, where the payload says so.
    pub root_run_id: Option<String>,
    /// The activities on the way to the one that failed, outermost first.
    pub activities: Vec<String>,
    /// The table that was being read, as in `/api/tables`.
    pub table: Option<String>,
    /// The dataset concerned, as in `/api/datasets`.
    pub dataset: Option<String>,
    /// Whose it is: a team or a person, for the choice of channels.
    pub owner: Option<String>,
    /// `prod`, `test` and the like, if the payload says so.
    pub environment: Option<String>,
    /// Why.
    pub cause: Cause,
    /// What the well-known error code means and what to do.
    pub help: Option<Help>,
    /// When it happened, as far as the payload tells.
    #[serde(with = "time::serde::rfc3339::option")]
    pub at: Option<OffsetDateTime>,
    /// When the run started.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started: Option<OffsetDateTime>,
    /// How long the run took, in seconds.
    pub duration: Option<f64>,
    /// Where to look, best first: the run in its monitor, search results, a page.
    pub links: Vec<Link>,
    /// What else the payload says: metric, threshold, dimensions, trigger.
    pub facts: Vec<Fact>,
    /// What the metadata API knows of it.
    pub memory: Option<Memory>,
}

/// Whether an incident begins or is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Something is wrong.
    #[default]
    Fired,
    /// It is right again.
    Resolved,
}

/// How bad it is; the worst is the greatest.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It will need someone in office hours.
    Warning,
    /// A pipeline failed.
    #[default]
    Error,
    /// Much stands still; wake someone.
    Critical,
}

/// A Data Factory or a Synapse workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Factory {
    /// Which of the two.
    pub kind: FactoryKind,
    /// Its name.
    pub name: String,
    /// The subscription's id.
    pub subscription: Option<String>,
    /// The resource group's name.
    pub resource_group: Option<String>,
}

/// The two services that run pipelines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FactoryKind {
    /// Azure Data Factory.
    #[default]
    DataFactory,
    /// A workspace of Azure Synapse Analytics.
    Synapse,
}

/// Why it went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cause {
    /// The innermost error code: `UserErrorSqlColumnNotFound`, `2200`, `PathNotFound`.
    pub code: Option<String>,
    /// Whose fault it is.
    pub failure_type: Option<FailureType>,
    /// The root cause in one paragraph: what people read first.
    pub root: String,
    /// The whole text as it came, for those who unfold it; empty if the root cause is all there is.
    pub raw: String,
    /// The HTTP status that a service answered with.
    pub status: Option<u16>,
    /// The service's id of the request, for its support.
    pub request_id: Option<String>,
    /// Whether another try may help.
    pub retry: Option<Retry>,
}

/// Whose fault a failure is, in Data Factory's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureType {
    /// Something in the configuration or the data.
    UserError,
    /// Something in the service.
    SystemError,
}

/// Whether another try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// It was transient: run it again.
    Helps,
    /// Something must be changed first.
    Useless,
}

/// What a well-known error code means and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Help {
    /// What happened, in plain words.
    pub explanation: String,
    /// What to do next: names a setting, a page or a command.
    pub next_step: String,
    /// Where that is documented.
    pub source: String,
}

/// Something to follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What is there.
    pub title: String,
    /// An absolute https address.
    pub url: String,
}

/// A name and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub value: String,
}

/// What the metadata API knows of an incident's pipeline, table or dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// When it last went well.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_success: Option<OffsetDateTime>,
    /// How many of its runs failed in the last seven days, this one included.
    pub failures: u32,
    /// How many of its runs ended in the last seven days.
    pub runs: u32,
}
