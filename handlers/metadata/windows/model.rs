//! Windows and marks as callers send and see them, and as they are stored.
//!
//! Every member is there in every answer, null if it has no value: an expression of Data Factory
//! fails at a member that is missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::{
    error::Wrong,
    metadata::tables::{
        kind::Kind,
        model::{Mode, Quoted},
        sink::Sink,
        value::Value,
    },
};

/// What a caller wants to read.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WindowRequest)]
pub struct Request {
    /// The run that reads; the same one gets the same window again.
    pub run_id: String,
    /// The highest value to read, as the table's `maxQuery` answers it; the whole row
    /// (`{"upper": ...}`) will do, which needs no quotes in an expression.
    #[schema(value_type = Option<String>)]
    pub upper: Option<Json>,
    /// Where a backfill begins; rows with this very value are not read.
    #[serde(rename = "from_date", alias = "fromDate")]
    #[schema(value_type = Option<String>)]
    pub from: Option<Json>,
    /// Where a backfill ends; rows with this very value are read.
    #[serde(rename = "to_date", alias = "toDate")]
    #[schema(value_type = Option<String>)]
    pub to: Option<Json>,
    /// Whether everything may be read if there is no mark yet.
    #[serde(default, deserialize_with = "flag")]
    #[schema(value_type = bool)]
    pub first_run: bool,
    /// Whether the window of another run may be ended.
    #[serde(default, deserialize_with = "flag")]
    #[schema(value_type = bool)]
    pub supersede: bool,
}

/// How a window ended well.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WindowCommit)]
pub struct Commit {
    /// How many rows were read.
    #[serde(default, deserialize_with = "rows")]
    pub rows_read: Option<u64>,
    /// The output of the Copy activity, which says so, too.
    #[schema(value_type = Option<Object>)]
    pub output: Option<Json>,
    /// The highest value among them; the window's upper bound if nothing is said.
    #[serde(alias = "maximum")]
    #[schema(value_type = Option<String>)]
    pub max: Option<Json>,
}

impl Commit {
    /// How many rows were read.
    ///
    /// # Errors
    /// Nothing says so.
    pub fn rows(&self) -> Result<u64, Wrong> {
        let of_output = || {
            let output = self.output.as_ref()?;
            output.get("rowsRead").or_else(|| output.get("rowsCopied"))?.as_u64()
        };
        self.rows_read.or_else(of_output).ok_or_else(|| {
            let detail = "is missing, and `output` has no rowsRead: say how many rows were read";
            Wrong::new("rowsRead", detail)
        })
    }
}

/// How a window ended otherwise.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WindowFailure)]
pub struct Failure {
    /// Why.
    pub reason: Option<String>,
    /// The error of the activity that failed, as it is.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Json>,
}

impl Failure {
    /// Why, as far as anybody said.
    pub fn why(&self) -> Option<&str> {
        let message = || match self.error.as_ref()? {
            Json::String(text) => Some(text.as_str()),
            error => error.get("message").or_else(|| error.get("Message"))?.as_str(),
        };
        self.reason.as_deref().or_else(message)
    }
}

/// Where the mark is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = MarkDraft)]
pub struct Setting {
    /// The new value; null forgets the mark.
    #[serde(deserialize_with = "anything")]
    #[schema(value_type = Option<String>, required)]
    pub value: Json,
}

/// The mark of a table.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarkAnswer {
    /// The table.
    pub table_id: String,
    /// How far it is read; null if nothing was read yet.
    #[schema(required)]
    pub mark: Option<Mark>,
    /// The window that is open.
    #[schema(required)]
    pub live: Option<Window>,
}

/// What a commit or a failure did.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WindowEnd)]
pub struct End {
    /// Whether this request ended the window; not if it had ended like that before.
    pub applied: bool,
    /// Whether the window moved the mark.
    pub moved: bool,
    /// How far the table is read now.
    #[schema(required)]
    pub mark: Option<Mark>,
    /// What became of files without rows; null if there were rows.
    #[schema(required)]
    pub emptied: Option<Emptied>,
    /// The window.
    pub window: Window,
}

/// What became of the files of a window that read no rows.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Emptied {
    /// The files that had no rows and are gone.
    pub removed: Vec<String>,
    /// The files that stay, and why.
    pub left: Vec<Left>,
    /// Why nothing was looked at; null if something was.
    #[schema(required)]
    pub reason: Option<String>,
}

/// A file that stays.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Left {
    /// The file, `container/name`.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What a window is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WindowPurpose)]
pub enum Purpose {
    /// It moves the mark.
    Live,
    /// It reads again what was asked for, and never touches the mark.
    Backfill,
}

/// Where a window stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WindowStatus)]
pub enum Status {
    /// Its run is at work.
    Open,
    /// Its rows are where they shall be.
    Committed,
    /// Its run gave up.
    Failed,
    /// Its run was not heard of for a day, and another one came.
    Expired,
    /// Another run was told to take over.
    Superseded,
}

/// A window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Its id, safe in an address.
    pub id: String,
    /// The table.
    pub table_id: String,
    /// The run.
    pub run_id: String,
    /// What it is for.
    pub purpose: Purpose,
    /// How much is read.
    pub mode: Mode,
    /// Where it stands.
    pub status: Status,
    /// Whether everything is read because there was no mark.
    pub first_run: bool,
    /// The type of the bounds; null if everything is read, every time.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>, required)]
    pub kind: Option<Kind>,
    /// Rows above this are read, as the source wrote it; null if there is no such bound.
    #[schema(required)]
    pub lower: Option<String>,
    /// Rows up to this are read; null if there is no such bound.
    #[schema(required)]
    pub upper: Option<String>,
    /// `lower` as SQL.
    #[schema(required)]
    pub lower_literal: Option<String>,
    /// `upper` as SQL.
    #[schema(required)]
    pub upper_literal: Option<String>,
    /// Whether no row can lie in it.
    pub is_empty: bool,
    /// The table's names as SQL.
    pub quoted: Quoted,
    /// The whole query.
    pub query: String,
    /// Asks for the highest value of the watermark column.
    #[schema(required)]
    pub max_query: Option<String>,
    /// The mark when the window was opened.
    #[schema(required)]
    pub previous_mark: Option<String>,
    /// Where the files go.
    #[schema(required)]
    pub sink: Option<Sink>,
    /// When it was opened.
    #[schema(format = DateTime)]
    pub opened_at: String,
    /// Until when no other run gets one, unless it is told to take over.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// When it ended.
    #[schema(required, format = DateTime)]
    pub closed_at: Option<String>,
    /// How many rows were read.
    #[schema(required)]
    pub rows_read: Option<u64>,
    /// The mark that its commit set; null if that moved none.
    #[schema(required)]
    pub new_mark: Option<String>,
    /// Why it failed.
    #[schema(required)]
    pub reason: Option<String>,
    /// The run that came after it.
    #[schema(required)]
    pub superseded_by: Option<String>,
}

/// How far a table is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// The highest value that was read, as the source wrote it, and its type.
    #[serde(flatten)]
    #[schema(inline, value_type = MarkValue)]
    pub value: Value,
    /// When it was set.
    #[schema(format = DateTime)]
    pub set_at: String,
    /// The window that set it; null if a person did.
    #[schema(required)]
    pub window_id: Option<String>,
    /// The run that set it; null if a person did.
    #[schema(required)]
    pub run_id: Option<String>,
}

/// The members that a mark has of its value.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of `Value` for the description of the API")]
struct MarkValue {
    /// The value.
    value: String,
    /// Its type.
    #[schema(rename = "type")]
    r#type: String,
}

/// What became of the windows of one day (UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// How many were committed.
    pub committed: u64,
    /// How many ended otherwise.
    pub failed: u64,
    /// The rows of the committed ones.
    pub rows: u64,
    /// The time they took together, in seconds.
    pub seconds: u64,
    /// How many of them read everything.
    pub full: u64,
}

/// The last window that was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Success {
    /// When.
    pub at: String,
    /// How many rows it read.
    pub rows: u64,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// The last one that read rows: when.
    pub with_rows_at: Option<String>,
}

/// All that decides about a table's windows, in one document: whoever changes it under its version
/// has decided alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// How far the table is read.
    pub mark: Option<Mark>,
    /// The window that is open.
    pub live: Option<Window>,
    /// The one before it; older ones are documents of their own.
    pub last: Option<Window>,
    /// The last one that was committed.
    pub success: Option<Success>,
    /// What became of windows, by day, `2026-12-01`.
    pub days: BTreeMap<String, Tally>,
}

/// Reads a member that must be there, be it null.
fn anything<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
    Json::deserialize(deserializer)
}

/// Reads `true`, or the text that an expression makes of it.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::Null => Ok(false),
        Json::Bool(flag) => Ok(flag),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") || text.is_empty() => Ok(false),
        _ => Err(D::Error::custom("must be true or false")),
    }
}

/// Reads a number of rows, or the text that an expression makes of it.
fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let json = Json::deserialize(deserializer)?;
    if json.is_null() {
        return Ok(None);
    }
    let number = match &json {
        Json::String(text) => text.parse().ok(),
        json => json.as_u64(),
    };
    // JSON readers keep whole numbers exactly up to here.
    let number = number.filter(|number| *number < 1 << 53);
    number.map(Some).ok_or_else(|| D::Error::custom("must be a whole number, 0 or more"))
}
