//! From where to where a window reads.

use std::cmp::Ordering;

use time::OffsetDateTime;

use super::{
    model::{Purpose, State},
    requests::Request,
    rules::given,
};
use crate::{
    error::{Error, Wrong},
    metadata::tables::{
        clock::{self, Side},
        kind::Kind,
        rules::{Checked, Checkpoint},
        sql::{Bounds, Source},
        value::Value,
    },
};

/// What a window reads.
#[derive(Clone, Debug)]
pub struct Span {
    /// What it is for.
    pub purpose: Purpose,
    /// The type of its bounds; `None` if everything is read.
    pub kind: Option<Kind>,
    /// Rows above this.
    pub lower: Option<Value>,
    /// Rows up to this.
    pub upper: Option<Value>,
    /// Whether everything is read because there is no mark.
    pub is_first: bool,
    /// Whether a higher bound was asked for.
    pub is_capped: bool,
}

impl Span {
    /// Whether no row can lie in it.
    pub fn is_empty(&self) -> bool {
        let (Some(lower), Some(upper)) = (&self.lower, &self.upper) else { return false };
        upper.compare(lower).is_some_and(|order| order != Ordering::Greater)
    }

    /// The whole query.
    pub fn query(&self, table: &Checked) -> String {
        let schema = table.schema();
        let source =
            Source { dialect: table.spec.dialect, schema: &schema, table: &table.spec.table };
        match (&table.watermark, self.kind) {
            (Some(watermark), Some(_)) => {
                let bounds = Bounds {
                    lower: self.lower.as_ref(),
                    upper: self.upper.as_ref(),
                    // Later windows cannot see them.
                    with_null: self.is_first,
                };
                source.query(&watermark.column, &bounds)
            }
            _ => source.everything(),
        }
    }
}

/// What a window reads that moves the mark.
///
/// # Errors
/// `Fields`, or `Conflict` if there is no mark and nobody said that this is the first run.
pub fn live(
    table: &Checked,
    state: &State,
    request: &Request,
    now: OffsetDateTime,
) -> Result<Span, Error> {
    let Some(watermark) = table.incremental() else {
        if given(request.upper.as_ref()).is_some() {
            return Err(Wrong::new("upper", "has no meaning: all of this table is read").into());
        }
        return Ok(Span {
            purpose: Purpose::Live,
            kind: None,
            lower: None,
            upper: None,
            is_first: false,
            is_capped: false,
        });
    };
    let lower = lower(watermark, state, &table.id)?;
    if lower.is_none() && !request.first_run {
        let detail = format!(
            "{} has no mark yet; send \"firstRun\": true to read all of it, or give its watermark \
             a start",
            table.id
        );
        return Err(Error::conflict(detail, serde_json::Value::Null));
    }
    let asked = given(request.upper.as_ref()).map(|json| {
        acceptable(table, Value::of_json(watermark.kind, json))
            .map_err(|detail| Wrong::new("upper", detail))
    });
    let passed = passed(table, watermark, lower.as_ref(), now);
    let (upper, is_capped) = match (asked.transpose()?, passed) {
        // One row of the future would hide all that come before it; rows within the lag may not all
        // be there yet.
        (Some(asked), Some(passed)) if asked.compare(&passed) == Some(Ordering::Greater) => {
            (Some(passed), true)
        }
        (Some(asked), _) => (Some(asked), false),
        (None, passed) => (passed, false),
    };
    let is_first = lower.is_none();
    let (purpose, kind) = (Purpose::Live, Some(watermark.kind));
    Ok(Span { purpose, kind, lower, upper, is_first, is_capped })
}

/// The mark, or where the first window begins.
fn lower(watermark: &Checkpoint, state: &State, id: &str) -> Result<Option<Value>, Error> {
    let Some(mark) = &state.mark else { return Ok(watermark.start.clone()) };
    let is_of = |column: &String| column.eq_ignore_ascii_case(&watermark.column);
    if let Some(column) = mark.column.as_ref().filter(|column| !is_of(column)) {
        let is = &watermark.column;
        let detail = format!(
            "the mark of {id} is a value of {column}, and its watermark is {is} by now; set the mark \
             anew"
        );
        return Err(Error::conflict(detail, mark));
    }
    if mark.value.kind() == watermark.kind {
        return Ok(Some(mark.value.clone()));
    }
    // A column may have been given a wider type.
    let again = Value::parse(watermark.kind, mark.value.text());
    again.map(Some).map_err(|_| {
        let (was, is) = (mark.value.kind(), watermark.kind);
        let detail = format!(
            "the mark of {id} is a {was}, and its watermark is a {is} by now; set the mark anew"
        );
        Error::conflict(detail, mark)
    })
}

/// What the clock makes the upper bound, never below the lower one.
fn passed(
    table: &Checked,
    watermark: &Checkpoint,
    lower: Option<&Value>,
    now: OffsetDateTime,
) -> Option<Value> {
    let upper = clock::upper(watermark.kind, &table.zone, now, watermark.lag)?;
    match lower {
        Some(lower) if upper.compare(lower) == Some(Ordering::Less) => Some(lower.clone()),
        _ => Some(upper),
    }
}

fn acceptable(table: &Checked, value: Result<Value, String>) -> Result<Value, String> {
    let value = value?;
    table.spec.dialect.check_value(&value).map(|()| value)
}

/// What a backfill reads: `from_date < column <= to_date`, as between two marks.
///
/// # Errors
/// `Fields`.
pub fn backfill(table: &Checked, request: &Request, now: OffsetDateTime) -> Result<Span, Error> {
    let Some(watermark) = &table.watermark else {
        let detail = "has no meaning: the table has no watermark to find old rows by";
        return Err(Wrong::new("from_date", detail).into());
    };
    let read = |field: &str, json: &Option<serde_json::Value>, side| {
        let Some(json) = given(json.as_ref()) else {
            return Ok(None);
        };
        let value = match json {
            serde_json::Value::String(text) => {
                clock::bound(watermark.kind, &table.zone, text, side)
            }
            json => Value::of_json(watermark.kind, json),
        };
        acceptable(table, value).map(Some).map_err(|detail| Wrong::new(field, detail))
    };
    let lower = read("from_date", &request.from, Side::From)?;
    let upper = match read("to_date", &request.to, Side::To)? {
        Some(upper) => Some(upper),
        None => passed(table, watermark, lower.as_ref(), now),
    };
    let span = Span {
        purpose: Purpose::Backfill,
        kind: Some(watermark.kind),
        lower,
        upper,
        is_first: false,
        is_capped: false,
    };
    if span.is_empty() {
        return Err(Wrong::new("to_date", "must be after from_date").into());
    }
    Ok(span)
}
