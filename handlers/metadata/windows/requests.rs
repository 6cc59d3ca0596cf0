//! What callers send. Expressions of Data Factory make texts of numbers and flags, and what has no
//! value is null or an empty text.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::error::Wrong;

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
