//! Rows of the control table of Data Factory's metadata-driven copy. Its columns hold JSON, as a
//! text or as it is.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::{Defaults, Read, find, note_ignored, object, text};
use crate::metadata::tables::{
    kind::Kind,
    model::{Mode, Watermark},
    rules::Checked,
};

/// What a row has that stays with Data Factory.
const OF_FACTORY: [&str; 8] = [
    "Id",
    "SourceConnectionSettingsName",
    "SourceConnectionSettings",
    "SinkConnectionSettingsName",
    "SinkConnectionSettings",
    "CopySinkSettings",
    "CopyActivitySettings",
    "TopLevelPipelineName",
];

const KNOWN: [&str; 7] = [
    "SourceObjectSettings",
    "SinkObjectSettings",
    "CopySourceSettings",
    "DataLoadingBehaviorSettings",
    "TriggerName",
    "TaskId",
    "CopyEnabled",
];

/// Reads a row.
///
/// # Errors
/// It names no table.
pub fn read(row: &Map<String, Json>, defaults: &Defaults) -> Result<Read, String> {
    let mut notes = BTreeSet::new();
    let source = object(row, "SourceObjectSettings").ok_or("has no `SourceObjectSettings`")?;
    let table = text(&source, "table").ok_or("has no `table` in `SourceObjectSettings`")?;
    let mut spec = defaults.spec(text(&source, "schema"), table);
    spec.enabled = is_enabled(find(row, "CopyEnabled"));
    if let Some(order) = find(row, "TaskId").and_then(Json::as_i64) {
        // The copy takes the highest one first.
        let order = order.checked_neg().and_then(|order| i32::try_from(order).ok());
        spec.order = order.unwrap_or(0);
    }
    spec.batch = trigger(row).or(spec.batch);
    if let Some(settings) = object(row, "DataLoadingBehaviorSettings") {
        let is_delta = text(&settings, "dataLoadingBehavior")
            .is_some_and(|behaviour| behaviour.eq_ignore_ascii_case("DeltaLoad"));
        spec.mode = Some(if is_delta { Mode::Incremental } else { Mode::Full });
        if is_delta {
            spec.watermark = watermark(row, &settings, defaults, &mut notes);
        }
    }
    let copy = object(row, "CopySourceSettings");
    if copy.is_some_and(|copy| text(&copy, "sqlReaderQuery").is_some()) {
        let note = "`CopySourceSettings.sqlReaderQuery` is ignored: whole rows are read";
        notes.insert(note.to_owned());
    }
    if object(row, "SinkObjectSettings").is_some_and(|sink| !sink.is_empty()) {
        notes.insert("`SinkObjectSettings` is ignored: `sink` says where files go".to_owned());
    }
    let known = [&KNOWN[..], &OF_FACTORY[..]].concat();
    note_ignored(row, "", &known, &mut notes);
    Ok(Read { spec, notes })
}

fn is_enabled(json: Option<&Json>) -> bool {
    match json {
        Some(Json::Bool(flag)) => *flag,
        Some(Json::Number(number)) => number.as_i64() != Some(0),
        Some(Json::String(text)) => !["0", "false"].contains(&text.to_lowercase().as_str()),
        _ => true,
    }
}

/// The first trigger that is one: `Sandbox` and `Manual` stand for none.
fn trigger(row: &Map<String, Json>) -> Option<String> {
    let names = match find(row, "TriggerName")? {
        Json::Array(names) => names.clone(),
        Json::String(text) => match serde_json::from_str(text) {
            Ok(Json::Array(names)) => names,
            _ => vec![json!(text)],
        },
        _ => return None,
    };
    let mut names = names.iter().filter_map(Json::as_str);
    names.find(|name| !["Sandbox", "Manual", ""].contains(name)).map(str::to_owned)
}

fn watermark(
    row: &Map<String, Json>,
    settings: &Map<String, Json>,
    defaults: &Defaults,
    notes: &mut BTreeSet<String>,
) -> Option<Watermark> {
    let column = text(settings, "watermarkColumnName")?;
    let said = physical_type(row, &column).or_else(|| {
        let name = text(settings, "watermarkColumnType")?;
        kind_of(&name, defaults, notes)
    });
    let kind = said.unwrap_or_else(|| defaults.kind(notes));
    let known = [
        "dataLoadingBehavior",
        "watermarkColumnName",
        "watermarkColumnType",
        "watermarkColumnStartValue",
    ];
    note_ignored(settings, "DataLoadingBehaviorSettings.", &known, notes);
    let start = text(settings, "watermarkColumnStartValue");
    Some(Watermark { column, kind, lag: defaults.lag.clone(), start })
}

/// The type that the database has for a column, if the mapping of the copy knows it.
fn physical_type(row: &Map<String, Json>, column: &str) -> Option<String> {
    let settings = object(row, "CopyActivitySettings")?;
    let mappings = object(&settings, "translator")?.get("mappings")?.as_array()?.clone();
    let source = mappings.iter().filter_map(|mapping| mapping.get("source")?.as_object());
    let mut source = source.filter(|source| text(source, "name").as_deref() == Some(column));
    let name = text(source.next()?, "physicalType")?;
    name.parse::<Kind>().is_ok().then_some(name)
}

/// The type of a database for one of Data Factory's own.
fn kind_of(name: &str, defaults: &Defaults, notes: &mut BTreeSet<String>) -> Option<String> {
    Some(match name.to_ascii_lowercase().as_str() {
        "datetime" => defaults.kind(notes),
        "datetimeoffset" => "datetimeoffset(7)".to_owned(),
        "int16" | "int32" => "int".to_owned(),
        "int64" => "bigint".to_owned(),
        "decimal" => "decimal".to_owned(),
        "string" => "string".to_owned(),
        "date" => "date".to_owned(),
        "byte[]" => "rowversion".to_owned(),
        other => {
            notes.insert(format!("`watermarkColumnType` {other} is not known"));
            return None;
        }
    })
}

/// The type that Data Factory has for one of a database.
fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::DateTimeOffset(_) | Kind::TimestampTz(_) => "DateTimeOffset",
        Kind::Int => "Int32",
        Kind::BigInt => "Int64",
        Kind::Decimal => "Decimal",
        Kind::Text => "String",
        Kind::RowVersion => "Byte[]",
        _ => "DateTime",
    }
}

/// Writes a row, with the mark as the value to start from.
pub fn write(table: &Checked, mark: Option<&str>) -> Json {
    let start =
        |start: Option<&super::super::value::Value>| start.map(|start| start.text().to_owned());
    let behaviour = match table.incremental() {
        None => json!({
            "dataLoadingBehavior": "FullLoad", "watermarkColumnName": null,
            "watermarkColumnType": null, "watermarkColumnStartValue": null,
        }),
        Some(watermark) => json!({
            "dataLoadingBehavior": "DeltaLoad",
            "watermarkColumnName": watermark.column,
            "watermarkColumnType": name_of(watermark.kind),
            "watermarkColumnStartValue":
                mark.map(str::to_owned).or_else(|| start(watermark.start.as_ref())),
        }),
    };
    json!({
        "SourceObjectSettings": {"schema": table.schema(), "table": table.spec.table},
        "SourceConnectionSettingsName": null,
        "CopySourceSettings": {"partitionOption": "None", "sqlReaderQuery": null},
        "SinkObjectSettings": {},
        "SinkConnectionSettingsName": null,
        "CopySinkSettings": {},
        "CopyActivitySettings": {},
        "TopLevelPipelineName": null,
        "TriggerName": table.spec.batch.iter().collect::<Vec<_>>(),
        "DataLoadingBehaviorSettings": behaviour,
        "TaskId": -i64::from(table.spec.order),
        "CopyEnabled": i32::from(table.spec.enabled),
    })
}
