//! Lists of tables that others keep, read and written: the `loop_input.json` of pipelines that loop
//! over it, the `cdc.json` with a table's last value, and the rows of the control table that Data
//! Factory's metadata-driven copy makes.
//!
//! What is read may be sloppy: what is not understood is named, not refused.

pub mod cdc;
pub mod control_table;
pub mod http;
pub mod loop_input;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::{kind::Kind, model::Spec, sql::Dialect};

/// A list's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// Objects with `schema`, `table`, `cdc_col` and `from_date`.
    #[serde(rename = "loop_input")]
    LoopInput,
    /// An object with `cdc`.
    Cdc,
    /// Rows of the control table.
    ControlTable,
}

/// What holds for every table of a list that says nothing else.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = ImportDefaults)]
pub struct Defaults {
    /// The SQL of the database.
    pub dialect: Dialect,
    /// The type of the watermark columns.
    pub watermark_type: Option<String>,
    /// How long ago a window ends.
    pub lag: Option<String>,
    /// The time zone.
    pub time_zone: Option<String>,
    /// Where the files go.
    pub sink: Option<String>,
    /// What is ingested together.
    pub batch: Option<String>,
}

/// One table of a list, as far as it was understood.
#[derive(Clone, Debug)]
pub struct Read {
    /// The table.
    pub spec: Spec,
    /// What was assumed or left out.
    pub notes: BTreeSet<String>,
}

impl Defaults {
    /// A table with nothing but its name.
    fn spec(&self, schema: Option<String>, table: String) -> Spec {
        Spec {
            schema,
            table,
            dialect: self.dialect,
            mode: None,
            watermark: None,
            time_zone: self.time_zone.clone().unwrap_or_else(|| "UTC".to_owned()),
            enabled: true,
            order: 0,
            batch: self.batch.clone(),
            sink: self.sink.clone(),
            freshness: None,
            slo: None,
        }
    }

    /// The lag of a watermark, which only a time has.
    fn lag(&self, kind: &str) -> Option<String> {
        self.lag.clone().filter(|_| kind.parse::<Kind>().is_ok_and(Kind::is_time))
    }

    /// The type of a watermark of which nothing is known.
    fn kind(&self, notes: &mut BTreeSet<String>) -> String {
        self.watermark_type.clone().unwrap_or_else(|| {
            let kind = match self.dialect {
                Dialect::SqlServer => "datetime2(7)",
                Dialect::PostgreSql => "timestamp(6)",
            };
            notes.insert(format!("the watermark's type is not said: {kind} was assumed"));
            kind.to_owned()
        })
    }
}

/// What form a list has that does not say.
///
/// # Errors
/// What would be a list.
pub fn form_of(list: &[Json]) -> Result<Form, String> {
    let has = |name: &str| {
        let has_it = |row: &Json| row.as_object().is_some_and(|row| find(row, name).is_some());
        list.first().is_some_and(has_it)
    };
    if has("cdc") && !has("table") {
        return Ok(Form::Cdc);
    }
    if has("SourceObjectSettings") {
        return Ok(Form::ControlTable);
    }
    if has("table") {
        return Ok(Form::LoopInput);
    }
    Err("is no list of tables: its objects need `table` (and perhaps `schema`, `cdc_col`), or \
         `SourceObjectSettings`, or `cdc`"
        .to_owned())
}

/// A member by its name, in any case.
fn find<'a>(row: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    row.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A text by its name, in any case; one of nothing but blanks is none.
fn text(row: &Map<String, Json>, name: &str) -> Option<String> {
    match find(row, name)? {
        Json::String(text) if text.trim().is_empty() => None,
        Json::String(text) => Some(text.trim().to_owned()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An object by its name; it may be written as a text, as a column of a database holds it.
fn object(row: &Map<String, Json>, name: &str) -> Option<Map<String, Json>> {
    match find(row, name)? {
        Json::Object(object) => Some(object.clone()),
        Json::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// Notes the members that nothing was made of, but for those without a value.
fn note_ignored(
    row: &Map<String, Json>,
    prefix: &str,
    known: &[&str],
    notes: &mut BTreeSet<String>,
) {
    for (name, value) in row {
        let is_empty = value.is_null() || *value == Json::String(String::new());
        if !is_empty && !known.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            notes.insert(format!("`{prefix}{name}` is ignored"));
        }
    }
}
