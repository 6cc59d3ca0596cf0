//! The footer's key-value metadata in which other tools keep their own view of the columns.
//!
//! | key | what happens |
//! |---|---|
//! | `org.apache.spark.sql.parquet.row.metadata` | changed columns become `string` or `binary` |
//! | `pandas` | the same, in its words |
//! | `ARROW:schema` | the same, in its own format |
//! | `parquet.avro.schema`, `avro.schema`, `iceberg.schema` | left out: readers take the file's schema instead |
//! | `geo` | left out if it is about a changed column: it has the bounds of its values |
//! | all others | kept |
//!
//! What was changed or left out stands as it was under [`ORIGINAL_KEY`], so that decryption brings
//! it back; but for `geo`, which tells of values.

use serde_json::{Map, Value, json};

use super::{
    arrow,
    footer::{invalid, unsupported},
    schema::{Leaf, Schema},
    types::is_text,
};
use crate::encryption::{
    engine::EngineError,
    envelope::{Envelope, FOOTER_KEY},
};

/// The key of the entries as they were.
pub(super) const ORIGINAL_KEY: &str = "lakehand.original";

const SPARK: &str = "org.apache.spark.sql.parquet.row.metadata";
const PANDAS: &str = "pandas";
const GEO: &str = "geo";
const ARROW: &str = "ARROW:schema";
const LEFT_OUT: [&str; 3] = ["parquet.avro.schema", "avro.schema", "iceberg.schema"];

/// Keys and values, in the file's order.
pub(super) type Pairs = Vec<(String, Option<String>)>;

/// What a leaf becomes in the eyes of other tools; none if it stays.
pub(super) type NewTypes = Vec<Option<NewType>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewType {
    Text,
    Binary,
}

/// The entries of a file in which these leaves are protected.
pub(super) fn protect(
    pairs: Pairs,
    leaves: &[Leaf],
    types: &NewTypes,
    envelope: &Envelope,
) -> Result<Pairs, EngineError> {
    let (mut kept, mut original) = (Vec::new(), Map::new());
    for (key, value) in pairs {
        let Some(text) = &value else {
            kept.push((key, value));
            continue;
        };
        let new = match key.as_str() {
            SPARK => Some(spark(text, types)?),
            PANDAS => Some(pandas(text, leaves, types)?),
            ARROW => Some(arrow::update(text, types).ok_or_else(arrow_unknown)?),
            GEO if geo_names(text, leaves, types) => continue,
            key if LEFT_OUT.contains(&key) => None,
            _ => {
                kept.push((key, value));
                continue;
            }
        };
        original.insert(key.clone(), Value::from(text.as_str()));
        kept.extend(new.map(|new| (key, Some(new))));
    }
    if !original.is_empty() {
        kept.push((ORIGINAL_KEY.to_owned(), Some(Value::from(original).to_string())));
    }
    let envelope = serde_json::to_string(envelope).map_err(std::io::Error::from)?;
    kept.push((FOOTER_KEY.to_owned(), Some(envelope)));
    Ok(kept)
}

/// The entries as they were before the file was protected.
pub(super) fn restore(pairs: Pairs) -> Result<Pairs, EngineError> {
    let (mut kept, mut original) = (Vec::new(), Map::new());
    for (key, value) in pairs {
        match key.as_str() {
            FOOTER_KEY => {}
            ORIGINAL_KEY => {
                let read = serde_json::from_str(&value.unwrap_or_default());
                original = read.map_err(|_| invalid("its `lakehand.original` cannot be read"))?;
            }
            _ => kept.push((key, value)),
        }
    }
    for (key, value) in original {
        let value = value.as_str().map(str::to_owned);
        match kept.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => kept.push((key, value)),
        }
    }
    Ok(kept)
}

/// The types that protected columns have in a protected file's own schema.
pub(super) fn types_of(schema: &Schema, leaves: &[usize]) -> Result<NewTypes, EngineError> {
    let mut types = vec![None; schema.leaves.len()];
    for leaf in leaves {
        let text = is_text(&schema.elements[schema.leaves[*leaf].element])?;
        types[*leaf] = Some(if text { NewType::Text } else { NewType::Binary });
    }
    Ok(types)
}

/// Spark's schema as JSON. Its leaves are those of the file, in the same order.
fn spark(text: &str, types: &NewTypes) -> Result<String, EngineError> {
    let mut schema = serde_json::from_str(text).map_err(|_| spark_unknown())?;
    let mut types = types.iter();
    spark_type(&mut schema, &mut types)?;
    match types.next() {
        None => Ok(schema.to_string()),
        Some(_) => Err(spark_unknown()),
    }
}

fn arrow_unknown() -> EngineError {
    unsupported(
        "the Arrow schema in the footer",
        "it does not fit the file's columns; write the file again without it",
    )
}

fn spark_unknown() -> EngineError {
    unsupported(
        "Spark's row metadata in the footer",
        "it does not fit the file's columns; write the file again with Spark",
    )
}

/// Changes the leaves of a type. True if one of them was changed.
fn spark_type(
    value: &mut Value,
    types: &mut std::slice::Iter<'_, Option<NewType>>,
) -> Result<bool, EngineError> {
    if let Value::String(name) = value {
        let new = types.next().ok_or_else(spark_unknown)?;
        if name == "variant" {
            types.next().ok_or_else(spark_unknown)?;
        } else if let Some(new) = new {
            *value = Value::from(if *new == NewType::Text { "string" } else { "binary" });
            return Ok(true);
        }
        return Ok(false);
    }
    let parts: &[&str] = match value["type"].as_str() {
        Some("struct") => return spark_struct(value, types),
        Some("array") => &["elementType"],
        Some("map") => &["keyType", "valueType"],
        Some("udt") => &["sqlType"],
        _ => return Err(spark_unknown()),
    };
    let is_udt = value["type"] == "udt";
    let mut changed = false;
    for part in parts {
        let inner = value.get_mut(*part).ok_or_else(spark_unknown)?;
        changed |= spark_type(inner, types)?;
    }
    if is_udt && changed {
        // Its class would not understand what it reads.
        *value = value["sqlType"].take();
    }
    Ok(changed)
}

fn spark_struct(
    value: &mut Value,
    types: &mut std::slice::Iter<'_, Option<NewType>>,
) -> Result<bool, EngineError> {
    let mut changed = false;
    for field in value["fields"].as_array_mut().ok_or_else(spark_unknown)? {
        let inner = field.get_mut("type").ok_or_else(spark_unknown)?;
        if spark_type(inner, types)? {
            changed = true;
            if let Some(metadata) = field.get_mut("metadata").and_then(Value::as_object_mut) {
                // A length of CHAR or VARCHAR, which cells do not keep to.
                metadata.shift_remove("__CHAR_VARCHAR_TYPE_STRING");
            }
        }
    }
    Ok(changed)
}

/// The columns as pandas sees them; it knows top-level ones only.
fn pandas(text: &str, leaves: &[Leaf], types: &NewTypes) -> Result<String, EngineError> {
    let unknown = || unsupported("the pandas metadata in the footer", "it cannot be read");
    let mut metadata: Value = serde_json::from_str(text).map_err(|_| unknown())?;
    let Some(columns) = metadata.get_mut("columns").and_then(Value::as_array_mut) else {
        return Ok(metadata.to_string());
    };
    for column in columns.iter_mut().filter_map(Value::as_object_mut) {
        let name = column.get("field_name").or(column.get("name")).and_then(Value::as_str);
        let leaf = leaves.iter().position(|leaf| Some(leaf.path.as_str()) == name);
        if let Some(new) = leaf.and_then(|leaf| types[leaf]) {
            let is_text = new == NewType::Text;
            column.insert("pandas_type".into(), if is_text { "unicode" } else { "bytes" }.into());
            column.insert("numpy_type".into(), json!("object"));
            column.insert("metadata".into(), Value::Null);
        }
    }
    Ok(metadata.to_string())
}

/// Whether GeoParquet's metadata is about a column that changes.
fn geo_names(text: &str, leaves: &[Leaf], types: &NewTypes) -> bool {
    let metadata: Value = serde_json::from_str(text).unwrap_or_default();
    let changed = leaves.iter().zip(types).filter(|(_, new)| new.is_some());
    // What cannot be read might be about any of them.
    let columns = metadata.get("columns").and_then(Value::as_object);
    columns.is_none_or(|columns| {
        changed
            .clone()
            .any(|(leaf, _)| leaf.names.first().is_some_and(|name| columns.contains_key(name)))
    })
}
