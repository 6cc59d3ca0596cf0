//! The types of columns (`parquet.thrift`: `Type`, `ConvertedType`, `LogicalType`).

use super::{fields::element, footer::invalid, thrift::Struct};
use crate::encryption::{
    canonical::{Kind, Meaning, Physical, Unit},
    engine::EngineError,
};

/// Value of `Type`.
pub(super) const BYTE_ARRAY: i32 = 6;

/// The type of a leaf's values, and the same in words.
pub(super) fn read_type(fields: &Struct<'_>) -> Result<(Kind, String), EngineError> {
    let physical = physical(fields)?;
    let (meaning, words) = meaning(fields)?;
    let stored = stored_words(physical);
    let words = words.map_or(stored.clone(), |words| format!("{words} as {stored}"));
    Ok((Kind::new(physical, meaning), words))
}

/// The number of `Type` that a stored form has.
pub(super) fn type_number(physical: Physical) -> i32 {
    match physical {
        Physical::Boolean => 0,
        Physical::Int32 => 1,
        Physical::Int64 => 2,
        Physical::Int96 => 3,
        Physical::Float => 4,
        Physical::Double => 5,
        Physical::Bytes => BYTE_ARRAY,
        Physical::Fixed(_) => 7,
    }
}

fn physical(fields: &Struct<'_>) -> Result<Physical, EngineError> {
    Ok(match fields.required(element::TYPE)? {
        0 => Physical::Boolean,
        1 => Physical::Int32,
        2 => Physical::Int64,
        3 => Physical::Int96,
        4 => Physical::Float,
        5 => Physical::Double,
        6 => Physical::Bytes,
        7 => {
            let length = fields.integer(element::LENGTH)?.map(i32::try_from);
            match length {
                Some(Ok(length @ 0..)) => Physical::Fixed(length as usize),
                _ => return Err(invalid("a column of fixed length has no length")),
            }
        }
        other => return Err(invalid(&format!("a column has the unknown type {other}"))),
    })
}

fn stored_words(physical: Physical) -> String {
    match physical {
        Physical::Boolean => "boolean".to_owned(),
        Physical::Int32 => "int32".to_owned(),
        Physical::Int64 => "int64".to_owned(),
        Physical::Int96 => "int96".to_owned(),
        Physical::Float => "float".to_owned(),
        Physical::Double => "double".to_owned(),
        Physical::Bytes => "binary".to_owned(),
        Physical::Fixed(length) => format!("fixed({length})"),
    }
}

/// What the values mean, and its name where it says more than the stored form.
fn meaning(fields: &Struct<'_>) -> Result<(Meaning, Option<String>), EngineError> {
    match fields.structure(element::LOGICAL)? {
        Some(logical) => logical_meaning(&logical),
        None => converted_meaning(fields),
    }
}

fn logical_meaning(logical: &Struct<'_>) -> Result<(Meaning, Option<String>), EngineError> {
    let Some(id) = logical.ids().next() else { return Ok((Meaning::Same, None)) };
    let Some(parameters) = logical.structure(id)? else { return Ok((Meaning::Same, None)) };
    let utc = || Ok::<_, EngineError>(parameters.boolean(1)?.unwrap_or(false));
    Ok(match id {
        5 => decimal(parameters.integer(1)?, parameters.required(2)?)?,
        6 => named(Meaning::Date, "date"),
        7 => match unit(&parameters)? {
            Some(unit) => named(Meaning::Time(unit), &format!("time({})", unit_name(unit))),
            None => (Meaning::Same, Some("time of an unknown unit".to_owned())),
        },
        8 => match unit(&parameters)? {
            Some(unit) => timestamp(unit, utc()?),
            None => (Meaning::Same, Some("timestamp of an unknown unit".to_owned())),
        },
        10 => integer(parameters.integer(1)?.unwrap_or(0), parameters.boolean(2)? == Some(false)),
        14 => named(Meaning::Uuid, "uuid"),
        15 => named(Meaning::Float16, "float16"),
        _ => (Meaning::Same, Some(logical_name(id).to_owned())),
    })
}

fn logical_name(id: i16) -> &'static str {
    match id {
        1 => "string",
        4 => "enum",
        11 => "null",
        12 => "json",
        13 => "bson",
        17 => "geometry",
        18 => "geography",
        _ => "a newer type",
    }
}

/// The older annotation of the same (`ConvertedType`).
fn converted_meaning(fields: &Struct<'_>) -> Result<(Meaning, Option<String>), EngineError> {
    let Some(converted) = fields.integer(element::CONVERTED)? else {
        return Ok((Meaning::Same, None));
    };
    Ok(match converted {
        0 => named(Meaning::Same, "string"),
        4 => named(Meaning::Same, "enum"),
        5 => {
            let precision = fields.integer(element::PRECISION)?.unwrap_or(0);
            decimal(fields.integer(element::SCALE)?, precision)?
        }
        6 => named(Meaning::Date, "date"),
        7 => named(Meaning::Time(Unit::Millis), "time(ms)"),
        8 => named(Meaning::Time(Unit::Micros), "time(us)"),
        9 => timestamp(Unit::Millis, true),
        10 => timestamp(Unit::Micros, true),
        width @ 11..=14 => integer(8 << (width - 11), true),
        width @ 15..=18 => integer(8 << (width - 15), false),
        19 => named(Meaning::Same, "json"),
        20 => named(Meaning::Same, "bson"),
        21 => named(Meaning::Interval, "interval"),
        _ => named(Meaning::Same, "a newer type"),
    })
}

fn named(meaning: Meaning, words: &str) -> (Meaning, Option<String>) {
    (meaning, Some(words.to_owned()))
}

fn decimal(scale: Option<i64>, precision: i64) -> Result<(Meaning, Option<String>), EngineError> {
    let scale = scale.unwrap_or(0);
    match u32::try_from(scale) {
        Ok(digits @ 0..=1000) => {
            Ok(named(Meaning::Decimal { scale: digits }, &format!("decimal({precision},{scale})")))
        }
        _ => Err(invalid("a decimal column has an impossible scale")),
    }
}

fn timestamp(unit: Unit, utc: bool) -> (Meaning, Option<String>) {
    let zone = if utc { ", UTC" } else { "" };
    let words = format!("timestamp({}{zone})", unit_name(unit));
    (Meaning::Timestamp { unit, utc }, Some(words))
}

fn integer(width: i64, unsigned: bool) -> (Meaning, Option<String>) {
    match unsigned {
        true => named(Meaning::Unsigned, &format!("uint{width}")),
        false => named(Meaning::Same, &format!("int{width}")),
    }
}

/// The unit in the parameters of a time or timestamp.
fn unit(parameters: &Struct<'_>) -> Result<Option<Unit>, EngineError> {
    let unit = parameters.structure(2)?.and_then(|unit| unit.ids().next());
    Ok(match unit {
        Some(1) => Some(Unit::Millis),
        Some(2) => Some(Unit::Micros),
        Some(3) => Some(Unit::Nanos),
        _ => None,
    })
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Millis => "ms",
        Unit::Micros => "us",
        Unit::Nanos => "ns",
    }
}

/// Whether an element says that its values are UTF-8 text.
pub(super) fn is_text(bytes: &[u8]) -> Result<bool, EngineError> {
    let fields = Struct::parse(bytes)?;
    let logical = fields.structure(element::LOGICAL)?;
    Ok(logical.is_some_and(|logical| logical.has(1))
        || fields.integer(element::CONVERTED)? == Some(0))
}
