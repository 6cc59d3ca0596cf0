//! `cdc.json`: the last value of one table's watermark column, `{"cdc": "2026-12-01T06:00:00"}`.

use serde_json::{Map, Value as Json, json};

use super::find;
use crate::metadata::tables::{kind::Kind, value::Value};

/// Reads the value.
///
/// # Errors
/// There is none of this type.
pub fn read(row: &Map<String, Json>, kind: Kind) -> Result<Value, String> {
    let value = find(row, "cdc").ok_or("has no `cdc`")?;
    Value::of_json(kind, value).map_err(|detail| format!("`cdc` {detail}"))
}

/// Writes it; a table that was never read has the value of one that is read from the start.
pub fn write(value: Option<&str>) -> Json {
    json!({ "cdc": value.unwrap_or("1900-01-01") })
}
