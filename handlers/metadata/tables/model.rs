//! Tables as callers send and see them, and as they are stored.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sql::Dialect;

/// How much of a table is read at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TableMode)]
pub enum Mode {
    /// Everything, every time.
    #[default]
    Full,
    /// What is above the mark.
    Incremental,
}

/// Where a table is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// In `lakehand.toml`, and nowhere else.
    File,
    /// Here.
    Api,
}

/// The column that tells new rows from old ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Watermark {
    /// Its name.
    pub column: String,
    /// Its type as the database calls it, such as `datetime2(7)` or `bigint`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How long ago a window ends whose upper bound nobody gives: `5m`, for example. Rows that
    /// appear late below the mark are lost otherwise.
    #[serde(default)]
    pub lag: Option<String>,
    /// Where the first window begins; without it, the first one reads everything.
    #[serde(default)]
    pub start: Option<String>,
}

/// What is said of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = TableDraft)]
pub struct Spec {
    /// The schema in the database; `dbo` or `public` if nothing is said.
    #[serde(default)]
    pub schema: Option<String>,
    /// The table in the database.
    pub table: String,
    /// The SQL of the database.
    #[serde(default)]
    pub dialect: Dialect,
    /// How much is read; incremental if there is a watermark and nothing is said.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// What tells new rows from old ones; incremental reading needs it.
    #[serde(default)]
    pub watermark: Option<Watermark>,
    /// The time zone of times without an offset, by its IANA name.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Whether windows may be opened.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The place in the list, smaller ones first.
    #[serde(default)]
    pub order: i32,
    /// What is ingested together; any name.
    #[serde(default)]
    pub batch: Option<String>,
    /// Where the files of a window go: `bronze/{schema}/{table}/{yyyy}/{MM}/{dd}/{windowId}`.
    #[serde(default)]
    pub sink: Option<String>,
    /// How old the newest data may be: `1h`, for example.
    #[serde(default)]
    pub freshness: Option<String>,
    /// The part of windows that shall be committed, above 0 and below 1: 0.99, for example.
    #[serde(default)]
    pub slo: Option<f64>,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn yes() -> bool {
    true
}

/// A table as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What was said.
    pub spec: Spec,
    /// When it was first said.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// The names of a table as SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quoted {
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// Both, with a dot between them.
    pub name: String,
    /// The watermark column.
    #[serde(default)]
    pub column: Option<String>,
}

/// A table, as it is answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// Its id.
    pub id: String,
    /// What is said of it, with what follows from what is not said.
    #[serde(flatten)]
    pub spec: Spec,
    /// Where it is defined.
    pub origin: Origin,
    /// Its names as SQL.
    pub quoted: Quoted,
    /// Asks for the highest value of the watermark column; the answer's column is `upper`.
    #[schema(required)]
    pub max_query: Option<String>,
    /// When it was first defined; null for one of the file.
    #[schema(required, format = DateTime)]
    pub created_at: Option<String>,
    /// When it last changed; null for one of the file.
    #[schema(required, format = DateTime)]
    pub updated_at: Option<String>,
}
