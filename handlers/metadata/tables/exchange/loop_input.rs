//! `loop_input.json`: objects with `schema`, `table`, the watermark column `cdc_col`, and a
//! `from_date` that a pipeline reads anew from if it is there.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::{Defaults, Read, note_ignored, text};
use crate::metadata::tables::{model::Watermark, rules::Checked};

const KNOWN: [&str; 5] = ["schema", "table", "cdc_col", "from_date", "to_date"];

/// Reads one object.
///
/// # Errors
/// It names no table.
pub fn read(row: &Map<String, Json>, defaults: &Defaults) -> Result<Read, String> {
    let mut notes = BTreeSet::new();
    let table = text(row, "table").ok_or("has no `table`")?;
    let mut spec = defaults.spec(text(row, "schema"), table);
    if let Some(column) = text(row, "cdc_col") {
        let kind = defaults.kind(&mut notes);
        let lag = defaults.lag(&kind);
        spec.watermark = Some(Watermark { column, kind, lag, start: None });
    }
    for name in ["from_date", "to_date"] {
        if text(row, name).is_some() {
            notes.insert(format!("`{name}` is of one run: send it when a window is opened"));
        }
    }
    note_ignored(row, "", &KNOWN, &mut notes);
    Ok(Read { spec, notes })
}

/// Writes one.
pub fn write(table: &Checked) -> Json {
    let column = table.incremental().map_or("", |watermark| watermark.column.as_str());
    json!({
        "schema": table.schema(), "table": table.spec.table, "cdc_col": column, "from_date": "",
    })
}
