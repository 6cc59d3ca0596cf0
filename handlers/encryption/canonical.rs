//! One text for each value of a Parquet type, and back: what is encrypted is this text (UTF-8), so
//! that a notebook which opens a cell reads a value and not the insides of a file format.
//!
//! | type | text |
//! |---|---|
//! | boolean | `true`, `false` |
//! | int 8 to 64, signed and unsigned | decimal digits, `-` before negative ones |
//! | float16, float, double | the shortest digits that give the same number again: `1`, `0.1`, `1e300`, `-0`; `Infinity`, `-Infinity`, `NaN`; another NaN with its bits: `NaN:7ff8000000000001`; float16 as the float of the same value |
//! | decimal, in all four stored forms | digits with exactly its scale: `-0.05`, `12.30`, `7` |
//! | date | `2026-02-28`; years outside 0 to 9999 with a sign: `+12026-02-28`, `-0044-03-15` (proleptic Gregorian) |
//! | time | `23:59:59`, with as many digits of a second as are not zero: `23:59:59.5` |
//! | timestamp, int96 | `2026-02-28T23:59:59.5`, and `Z` at the end if the type says UTC; so equal instants have equal text in every unit |
//! | UUID | `123e4567-e89b-12d3-a456-426614174000` |
//! | interval | `P14M3DT0.25S`: months, days, seconds |
//! | string, enum, JSON, BSON, WKB, bytes of any length | the bytes themselves |
//!
//! A stored number that its type does not allow (a time of more than a day, an int96 of negative
//! nanoseconds) is `#` and the number, or `#day:nanoseconds`, so that it too comes back. A decimal
//! of variable length comes back in its shortest form. A NaN's sign is part of its bits.

mod decimal;
mod float;
mod time;

use std::io::Write;

/// How values are stored (`parquet.thrift`, `Type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Physical {
    /// A bit.
    Boolean,
    /// 32 bits.
    Int32,
    /// 64 bits.
    Int64,
    /// Nanoseconds of a day and a Julian day: Spark's and Impala's old timestamps.
    Int96,
    /// IEEE 754 of 32 bits.
    Float,
    /// IEEE 754 of 64 bits.
    Double,
    /// Bytes, each value of its own length.
    Bytes,
    /// So many bytes each.
    Fixed(usize),
}

impl Physical {
    /// How many bytes a value takes; none if that depends on the value. A boolean has one here.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Boolean => Some(1),
            Self::Int32 | Self::Float => Some(4),
            Self::Int64 | Self::Double => Some(8),
            Self::Int96 => Some(12),
            Self::Bytes => None,
            Self::Fixed(length) => Some(length),
        }
    }
}

/// What stored values mean, as far as their text depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What they are stored as.
    Same,
    /// A whole number without a sign.
    Unsigned,
    /// A whole number with so many digits after the point.
    Decimal {
        /// How many.
        scale: u32,
    },
    /// Days since 1970-01-01.
    Date,
    /// The time since midnight.
    Time(Unit),
    /// The time since 1970-01-01T00:00:00.
    Timestamp {
        /// Its unit.
        unit: Unit,
        /// Whether it is an instant, and not a reading of a local clock.
        utc: bool,
    },
    /// 16 bytes of a UUID.
    Uuid,
    /// IEEE 754 of 16 bits.
    Float16,
    /// Months, days and milliseconds.
    Interval,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A thousandth of a second.
    Millis,
    /// A millionth of it.
    Micros,
    /// A billionth of it.
    Nanos,
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    physical: Physical,
    meaning: Meaning,
}

/// Bytes that are no value of the type, or a text that is none of its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a value of its type")]
pub struct Unfit;

impl Kind {
    /// A type; a meaning that the stored form cannot have is left out.
    pub fn new(physical: Physical, meaning: Meaning) -> Self {
        use Physical::{Bytes, Fixed, Int32, Int64};
        let fits = match meaning {
            Meaning::Same => true,
            Meaning::Unsigned => matches!(physical, Int32 | Int64),
            Meaning::Decimal { .. } => matches!(physical, Int32 | Int64 | Bytes | Fixed(1..)),
            Meaning::Date | Meaning::Time(Unit::Millis) => physical == Int32,
            Meaning::Time(_) | Meaning::Timestamp { .. } => physical == Int64,
            Meaning::Uuid => physical == Fixed(16),
            Meaning::Float16 => physical == Fixed(2),
            Meaning::Interval => physical == Fixed(12),
        };
        Self { physical, meaning: if fits { meaning } else { Meaning::Same } }
    }

    /// How values are stored.
    pub fn physical(self) -> Physical {
        self.physical
    }

    /// Whether the text of a value is its stored bytes.
    pub fn is_bytes(self) -> bool {
        self.meaning == Meaning::Same
            && matches!(self.physical, Physical::Bytes | Physical::Fixed(_))
    }

    /// Appends the text of a value, given as its plain encoding without a length (a boolean: one
    /// byte).
    ///
    /// # Errors
    /// The bytes have another length than the type has.
    pub fn write_text(self, stored: &[u8], out: &mut Vec<u8>) -> Result<(), Unfit> {
        match (self.physical, self.meaning) {
            (Physical::Boolean, _) => put(out, if one(stored)? == [0] { "false" } else { "true" }),
            (Physical::Int32, meaning) => write_i32(i32::from_le_bytes(one(stored)?), meaning, out),
            (Physical::Int64, meaning) => write_i64(i64::from_le_bytes(one(stored)?), meaning, out),
            (Physical::Int96, _) => time::write_int96(one(stored)?, out),
            (Physical::Float, _) => float::write_f32(u32::from_le_bytes(one(stored)?), out),
            (Physical::Double, _) => float::write_f64(u64::from_le_bytes(one(stored)?), out),
            (_, Meaning::Decimal { scale }) => decimal::write_bytes(stored, scale, out)?,
            (_, Meaning::Uuid) => put(out, uuid::Uuid::from_bytes(one(stored)?)),
            (_, Meaning::Float16) => float::write_f16(u16::from_le_bytes(one(stored)?), out),
            (_, Meaning::Interval) => time::write_interval(one(stored)?, out),
            _ => out.extend_from_slice(stored),
        }
        Ok(())
    }

    /// Appends the plain encoding, without a length, of the value that has this text.
    ///
    /// # Errors
    /// No value has it.
    pub fn read_text(self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Unfit> {
        if self.is_bytes() {
            if self.physical.width().is_some_and(|width| width != text.len()) {
                return Err(Unfit);
            }
            out.extend_from_slice(text);
            return Ok(());
        }
        let text = std::str::from_utf8(text).map_err(|_| Unfit)?;
        match (self.physical, self.meaning) {
            (Physical::Boolean, _) => out.push(text.parse::<bool>().map_err(|_| Unfit)?.into()),
            (Physical::Int32, meaning) => {
                out.extend_from_slice(&read_i32(text, meaning)?.to_le_bytes())
            }
            (Physical::Int64, meaning) => {
                out.extend_from_slice(&read_i64(text, meaning)?.to_le_bytes())
            }
            (Physical::Int96, _) => out.extend_from_slice(&time::read_int96(text)?),
            (Physical::Float, _) => out.extend_from_slice(&float::read_f32(text)?.to_le_bytes()),
            (Physical::Double, _) => out.extend_from_slice(&float::read_f64(text)?.to_le_bytes()),
            (physical, Meaning::Decimal { scale }) => {
                decimal::read_bytes(text, scale, physical.width(), out)?
            }
            (_, Meaning::Uuid) => {
                let uuid = uuid::Uuid::try_parse(text).map_err(|_| Unfit)?;
                out.extend_from_slice(uuid.as_bytes());
            }
            (_, Meaning::Float16) => out.extend_from_slice(&float::read_f16(text)?.to_le_bytes()),
            (_, Meaning::Interval) => out.extend_from_slice(&time::read_interval(text)?),
            _ => return Err(Unfit),
        }
        Ok(())
    }
}

fn write_i32(value: i32, meaning: Meaning, out: &mut Vec<u8>) {
    match meaning {
        Meaning::Unsigned => put(out, value as u32),
        Meaning::Date => time::write_date(value.into(), out),
        _ => write_i64(value.into(), meaning, out),
    }
}

fn read_i32(text: &str, meaning: Meaning) -> Result<i32, Unfit> {
    match meaning {
        Meaning::Unsigned => Ok(number::<u32>(text)? as i32),
        Meaning::Date => time::read_date(text)?.try_into().map_err(|_| Unfit),
        _ => read_i64(text, meaning)?.try_into().map_err(|_| Unfit),
    }
}

fn write_i64(value: i64, meaning: Meaning, out: &mut Vec<u8>) {
    match meaning {
        Meaning::Unsigned => put(out, value as u64),
        Meaning::Decimal { scale } => decimal::write_number(value.into(), scale, out),
        Meaning::Time(unit) => time::write_time(value, unit, out),
        Meaning::Timestamp { unit, utc } => time::write_timestamp(value, unit, utc, out),
        _ => put(out, value),
    }
}

fn read_i64(text: &str, meaning: Meaning) -> Result<i64, Unfit> {
    match meaning {
        Meaning::Unsigned => Ok(number::<u64>(text)? as i64),
        Meaning::Decimal { scale } => {
            decimal::read_number(text, scale)?.try_into().map_err(|_| Unfit)
        }
        Meaning::Time(unit) => time::read_time(text, unit),
        Meaning::Timestamp { unit, utc } => time::read_timestamp(text, unit, utc),
        _ => number(text),
    }
}

/// Exactly so many bytes.
fn one<const N: usize>(stored: &[u8]) -> Result<[u8; N], Unfit> {
    stored.try_into().map_err(|_| Unfit)
}

fn put(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a vector takes every byte");
}

/// Reads digits, with a `-` if the type has one.
fn number<T: std::str::FromStr>(text: &str) -> Result<T, Unfit> {
    if text.starts_with('+') {
        return Err(Unfit);
    }
    text.parse().map_err(|_| Unfit)
}

#[cfg(test)]
mod tests;
