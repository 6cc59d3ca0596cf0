//! What a table must be, and what follows from what is said of it.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use super::{
    clock,
    kind::Kind,
    model::{Mode, Origin, Quoted, Record, Spec, Table},
    sink,
    sql::{Dialect, Source},
    value::Value,
};
use crate::{
    config::parse_span,
    error::{Error, Wrong},
    metadata::http::{
        body,
        text::{check_id, check_text},
    },
};

/// Ids that addresses below `/api/tables/` have another meaning for.
const RESERVED: [&str; 2] = ["import", "export"];

/// The members of an answer that nobody can change; what was read may be sent back.
const READ_ONLY: [&str; 8] =
    ["id", "origin", "quoted", "maxQuery", "mark", "createdAt", "updatedAt", "etag"];

/// A table that was checked, and what its fields mean.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its id.
    pub id: String,
    /// What is said of it.
    pub spec: Spec,
    /// How much is read.
    pub mode: Mode,
    /// Its time zone.
    pub zone: TimeZone,
    /// Its watermark, for incremental reading.
    pub watermark: Option<Checkpoint>,
    /// How old the newest data may be.
    pub freshness: Option<Duration>,
}

/// A watermark column, understood.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Its name.
    pub column: String,
    /// Its type.
    pub kind: Kind,
    /// How long ago a window ends.
    pub lag: Duration,
    /// Where the first window begins.
    pub start: Option<Value>,
}

/// Checks an id: what a path of an address can carry.
///
/// # Errors
/// Why it is none.
pub fn check(id: &str) -> Result<(), Wrong> {
    check_id("id", id)?;
    if RESERVED.contains(&id) {
        return Err(Wrong::new("id", format!("`{id}` is an address of its own")));
    }
    match id.chars().find(|c| "/\\?#%".contains(*c)) {
        Some(c) => Err(Wrong::new("id", format!("has a `{c}`, which addresses cut or lose"))),
        None => Ok(()),
    }
}

/// The id of a table that has none: its name, with its schema.
pub fn default_id(spec: &Spec) -> String {
    let name = format!("{}.{}", schema_of(spec), spec.table);
    name.replace(|c: char| c.is_control() || "/\\?#%".contains(c), "-")
}

/// Reads the body of a table, without what an answer has beside it.
///
/// # Errors
/// `Fields`.
pub fn spec_of(mut body: Map<String, Json>) -> Result<Spec, Error> {
    for name in READ_ONLY {
        body.shift_remove(name);
    }
    body.retain(|_, value| !value.is_null());
    body::typed(body)
}

/// Applies a merge patch (RFC 7396) to a table.
///
/// # Errors
/// `Fields`.
pub fn patched(spec: &Spec, patch: &Map<String, Json>) -> Result<Spec, Error> {
    let read_only = patch.keys().filter(|name| READ_ONLY.contains(&name.as_str()));
    let wrong: Vec<_> =
        read_only.map(|name| Wrong::new(name, "is read-only; leave it out")).collect();
    if !wrong.is_empty() {
        return Err(Error::Fields(wrong));
    }
    let Ok(Json::Object(mut whole)) = serde_json::to_value(spec) else {
        return Err(Error::Panicked);
    };
    merge(&mut whole, patch);
    spec_of(whole)
}

fn merge(target: &mut Map<String, Json>, patch: &Map<String, Json>) {
    for (name, value) in patch {
        match (target.get_mut(name), value) {
            (_, Json::Null) => {
                target.shift_remove(name);
            }
            (Some(Json::Object(inner)), Json::Object(patch)) => merge(inner, patch),
            _ => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Checks a table.
///
/// # Errors
/// Everything that is wrong, each with its field.
pub fn checked(id: &str, spec: Spec) -> Result<Checked, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let mut note = |field: &str, result: Result<(), String>| {
        if let Err(detail) = result {
            wrong.push(Wrong::new(field, detail));
        }
    };
    if let Err(found) = check(id) {
        note("id", Err(found.detail));
    }
    let dialect = spec.dialect;
    note("schema", dialect.check_name(&schema_of(&spec)));
    note("table", dialect.check_name(&spec.table));
    let zone = clock::zone(&spec.time_zone);
    note("timeZone", zone.as_ref().map(drop).map_err(Clone::clone));
    if let Some(sink) = &spec.sink {
        note("sink", sink::parse(sink).map(drop));
    }
    if let Some(batch) = &spec.batch {
        note("batch", check_text("batch", batch, 100).map_err(|wrong| wrong.detail));
    }
    let freshness = spec.freshness.as_deref().map(span).transpose();
    note("freshness", freshness.as_ref().map(drop).map_err(Clone::clone));
    let is_part = spec.slo.is_none_or(|slo| slo > 0.0 && slo < 1.0);
    note("slo", is_part.then_some(()).ok_or_else(|| "must be above 0 and below 1".to_owned()));
    let mode = spec.mode.unwrap_or(match spec.watermark {
        Some(_) => Mode::Incremental,
        None => Mode::Full,
    });
    let watermark = watermark(&spec, mode, &mut wrong);
    match (zone, freshness) {
        (Ok(zone), Ok(freshness)) if wrong.is_empty() => {
            Ok(Checked { id: id.to_owned(), spec, mode, zone, watermark, freshness })
        }
        _ => Err(wrong),
    }
}

fn watermark(spec: &Spec, mode: Mode, wrong: &mut Vec<Wrong>) -> Option<Checkpoint> {
    let Some(watermark) = &spec.watermark else {
        if mode == Mode::Incremental {
            let example = "is missing; incremental reading needs a column and its type";
            wrong.push(Wrong::new("watermark", example));
        }
        return None;
    };
    let mut keep = |field: &str, detail: String| wrong.push(Wrong::new(field, detail));
    if let Err(detail) = spec.dialect.check_name(&watermark.column) {
        keep("watermark.column", detail);
    }
    let lag = watermark.lag.as_deref().map_or(Ok(Duration::ZERO), span);
    let lag = lag.map_err(|detail| keep("watermark.lag", detail)).ok();
    let kind = read_kind(spec.dialect, &watermark.kind);
    let kind = kind.map_err(|detail| keep("watermark.type", detail)).ok()?;
    let start = watermark.start.as_deref().filter(|start| !start.is_empty());
    let start = start.map(|text| {
        let value = Value::parse(kind, text)?;
        spec.dialect.check_value(&value).map(|()| value)
    });
    let start = start.transpose().map_err(|detail| keep("watermark.start", detail)).ok()?;
    Some(Checkpoint { column: watermark.column.clone(), kind, lag: lag?, start })
}

fn read_kind(dialect: Dialect, text: &str) -> Result<Kind, String> {
    let kind: Kind = text.parse().map_err(|error| format!("{error}"))?;
    kind.check(dialect).map(|()| kind)
}

fn span(text: &str) -> Result<Duration, String> {
    let most = Duration::from_secs(366 * 86_400);
    let found = parse_span(text).filter(|span| *span <= most);
    found.ok_or_else(|| "must be a time span up to a year, such as 30s, 5m, 1h or 7d".to_owned())
}

/// The schema of a table: the one that is said, or the one that its database takes.
pub fn schema_of(spec: &Spec) -> String {
    spec.schema.clone().unwrap_or_else(|| match spec.dialect {
        Dialect::SqlServer => "dbo".to_owned(),
        Dialect::PostgreSql => "public".to_owned(),
    })
}

impl Checked {
    /// The schema.
    pub fn schema(&self) -> String {
        schema_of(&self.spec)
    }

    /// The watermark, if only what is above its mark is read.
    pub fn incremental(&self) -> Option<&Checkpoint> {
        self.watermark.as_ref().filter(|_| self.mode == Mode::Incremental)
    }

    /// Its names as SQL.
    pub fn quoted(&self) -> Quoted {
        let dialect = self.spec.dialect;
        let column = self.watermark.as_ref().map(|watermark| dialect.quoted(&watermark.column));
        let schema = self.schema();
        let source = Source { dialect, schema: &schema, table: &self.spec.table };
        Quoted {
            schema: dialect.quoted(&schema),
            table: dialect.quoted(&self.spec.table),
            name: source.name(),
            column,
        }
    }

    /// The query for the highest value.
    pub fn max_query(&self) -> Option<String> {
        let watermark = self.incremental()?;
        let schema = self.schema();
        let source =
            Source { dialect: self.spec.dialect, schema: &schema, table: &self.spec.table };
        Some(source.max_query(&watermark.column, watermark.kind))
    }

    /// The table as it is answered.
    pub fn answer(&self, record: Option<&Record>) -> Table {
        let mut spec = self.spec.clone();
        spec.schema = Some(self.schema());
        spec.mode = Some(self.mode);
        if let (Some(said), Some(meant)) = (&mut spec.watermark, &self.watermark) {
            said.kind = meant.kind.to_string();
        }
        Table {
            id: self.id.clone(),
            spec,
            origin: if record.is_some() { Origin::Api } else { Origin::File },
            quoted: self.quoted(),
            max_query: self.max_query(),
            created_at: record.map(|record| record.created_at.clone()),
            updated_at: record.map(|record| record.updated_at.clone()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
