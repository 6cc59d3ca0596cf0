//! Windows and marks as callers send and see them, and as they are stored.
//!
//! Every member is there in every answer, null if it has no value: an expression of Data Factory
//! fails at a member that is missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::metadata::tables::{
    kind::Kind,
    model::{Mode, Quoted},
    sink::Sink,
    value::Value,
};

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
    /// The watermark column; null if everything is read, every time.
    #[serde(default)]
    #[schema(required)]
    pub column: Option<String>,
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
    /// Whether a higher bound was asked for than the clock allows: rows of the future, or within
    /// the lag, are left to later windows.
    pub is_capped: bool,
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
    /// The column that it is a value of; null for one that was set before this was recorded.
    #[serde(default)]
    #[schema(required)]
    pub column: Option<String>,
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
