//! Values of watermark columns: the source's exact text, understood well enough to compare.
//!
//! No value goes through a float, and no time loses a digit. Times without an offset compare as
//! they stand; times with one compare as instants; texts compare by their bytes, which a
//! database's collation may see otherwise.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    kind::Kind,
    moment::{self, Moment},
};

/// The longest value, in bytes.
const LONGEST: usize = 1_000;

/// A value of a watermark column.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Value {
    text: String,
    kind: Kind,
    order: Order,
}

/// A value as it is stored: its text and its type.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    value: String,
    #[serde(rename = "type")]
    kind: Kind,
}

/// What values are compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Order {
    Moment(Moment),
    Number(Number),
    Bytes([u8; 8]),
    Text,
}

/// A decimal number of any length, without zeros that say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Number {
    is_negative: bool,
    whole: String,
    fraction: String,
}

impl Value {
    /// Reads a value of a type.
    ///
    /// # Errors
    /// Why it is none, and what would be one.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("has {} bytes; at most {LONGEST} are allowed", text.len()));
        }
        let is_text = matches!(kind, Kind::Text | Kind::VarChar);
        // The end of a line after a backslash ends no literal in SQL Server, but is lost there.
        let is_odd = |c: &char| c.is_control() && !(is_text && *c == '\t');
        if let Some(c) = text.chars().find(is_odd) {
            return Err(format!("has the control character {c:?}"));
        }
        let order = match kind {
            Kind::RowVersion => Order::Bytes(row_version(text)?),
            Kind::Int => Order::Number(integer(text, text.parse::<i32>().is_ok(), kind)?),
            Kind::BigInt => Order::Number(integer(text, text.parse::<i64>().is_ok(), kind)?),
            Kind::Decimal => Order::Number(decimal(text)?),
            Kind::Text | Kind::VarChar => Order::Text,
            _ => Order::Moment(moment::read(kind, text)?),
        };
        Ok(Self { text: text.to_owned(), kind, order })
    }

    /// Reads a value as JSON has it. A whole number may be written as one.
    ///
    /// # Errors
    /// Why it is none. A number with a fraction would lose digits on its way: it must be a string.
    pub fn of_json(kind: Kind, json: &Json) -> Result<Self, String> {
        match json {
            Json::String(text) => Self::parse(kind, text),
            Json::Number(number) if number.is_i64() || number.is_u64() => {
                Self::parse(kind, &number.to_string())
            }
            Json::Number(_) => Err("must be a string: a JSON number loses digits".to_owned()),
            _ => Err("must be a string".to_owned()),
        }
    }

    /// The source's exact text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The day or time, for the types that are one.
    pub fn moment(&self) -> Option<Moment> {
        match self.order {
            Order::Moment(moment) => Some(moment),
            _ => None,
        }
    }

    /// Which one is later; `None` if they are of types that do not compare.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (&self.order, &other.order) {
            (Order::Moment(a), Order::Moment(b)) => {
                (self.kind.is_instant() == other.kind.is_instant()).then(|| a.cmp(b))
            }
            (Order::Number(a), Order::Number(b)) => Some(a.compare(b)),
            (Order::Bytes(a), Order::Bytes(b)) => Some(a.cmp(b)),
            (Order::Text, Order::Text) => Some(self.text.cmp(&other.text)),
            _ => None,
        }
    }
}

/// Two values are the same if they mean the same, however they are written.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }
}

impl TryFrom<Stored> for Value {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        Self::parse(stored.kind, &stored.value)
    }
}

impl From<Value> for Stored {
    fn from(value: Value) -> Self {
        Self { value: value.text, kind: value.kind }
    }
}

fn row_version(text: &str) -> Result<[u8; 8], String> {
    let wrong = || "must be 0x and 1 to 16 hexadecimal digits, such as 0x00000000000007D1";
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or_else(wrong)?;
    if digits.is_empty() || digits.len() > 16 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong().to_owned());
    }
    u64::from_str_radix(digits, 16).map(u64::to_be_bytes).map_err(|_| wrong().to_owned())
}

fn integer(text: &str, fits: bool, kind: Kind) -> Result<Number, String> {
    let is_plain = text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit());
    if fits && is_plain {
        return decimal(text);
    }
    Err(format!("must be a whole number of type {kind}, such as 42"))
}

fn decimal(text: &str) -> Result<Number, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err("must be a decimal number, such as 42 or -17.2500".to_owned());
    }
    let whole = whole.trim_start_matches('0').to_owned();
    let fraction = fraction.trim_end_matches('0').to_owned();
    let is_zero = whole.is_empty() && fraction.is_empty();
    Ok(Number { is_negative: text.starts_with('-') && !is_zero, whole, fraction })
}

impl Number {
    fn compare(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.size(other),
            (true, true) => other.size(self),
        }
    }

    fn size(&self, other: &Self) -> Ordering {
        let length = self.whole.len().cmp(&other.whole.len());
        // A shorter fraction that the longer one begins with is the smaller one, as in `str`.
        length
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(kind: Kind, a: &str, b: &str) -> Ordering {
        let read = |text| Value::parse(kind, text).unwrap();
        read(a).compare(&read(b)).unwrap()
    }

    #[test]
    fn values_compare_by_their_type() {
        use Ordering::{Equal, Greater, Less};
        for (kind, a, b, wanted) in [
            (
                Kind::DateTime2(7),
                "2026-12-01 10:00:00.1234567",
                "2026-12-01T10:00:00.1234568",
                Less,
            ),
            (Kind::DateTime2(7), "2026-12-01T10:00:00.1", "2026-12-01T10:00:00.1000000", Equal),
            (Kind::DateTime2(7), "2026-12-01", "2026-12-01T00:00:00", Equal),
            (
                Kind::DateTimeOffset(7),
                "2026-12-01T10:00:00.1234567+02:00",
                "2026-12-01 08:00:00.1234566 +00:00",
                Greater,
            ),
            (Kind::TimestampTz(6), "2026-12-01 10:00:00+02", "2026-12-01T08:00:00Z", Equal),
            (Kind::RowVersion, "0x00000000000007D1", "0x7d1", Equal),
            (Kind::RowVersion, "0xFFFFFFFFFFFFFFFF", "0x0000000000000001", Greater),
            (Kind::BigInt, "9223372036854775807", "9223372036854775806", Greater),
            (Kind::BigInt, "-9", "-10", Greater),
            (Kind::Decimal, "0.1", "0.10", Equal),
            (Kind::Decimal, "100000000000000000000000000000000000.01", "99", Greater),
            (Kind::Decimal, "-0.0", "0", Equal),
            (Kind::Decimal, "-1.25", "-1.3", Greater),
            (Kind::Decimal, "007", "7.5", Less),
            (Kind::Date, "2024-02-29", "2024-03-01", Less),
            (Kind::Text, "B", "a", Less),
            (Kind::Text, "a", "a ", Less),
            (Kind::VarChar, "a\tb", "ab", Less),
        ] {
            assert_eq!(compare(kind, a, b), wanted, "{kind} {a} {b}");
            assert_eq!(compare(kind, b, a), wanted.reverse(), "{kind} {b} {a}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (kind, wrong) in [
            (Kind::RowVersion, &["7D1", "0x", "0x00000000000000001", "0x+1", "0xG"][..]),
            (Kind::Int, &["2147483648", "1.0", "+1", "1e3", "", " 1", "0x1", "-"][..]),
            (Kind::BigInt, &["9223372036854775808", "+1", "1_000"][..]),
            (Kind::Decimal, &["1e3", ".5", "5.", "--1", "+1", "NaN", "1,5", "", "1.2.3"][..]),
            (Kind::Date, &["2026-02-29", "2026-1-1", "20260101", "2026-01-01T00:00:01", ""][..]),
            (Kind::Text, &["a\0b", "a\nb"][..]),
            (Kind::VarChar, &["a\0b", "\\\r\n"][..]),
            (Kind::Date, &["2026-12-01\t"][..]),
        ] {
            for text in wrong {
                assert!(Value::parse(kind, text).is_err(), "{kind} {text:?}");
            }
        }
        assert!(Value::parse(Kind::Text, &"x".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn a_number_of_json_must_be_whole() {
        let read = |text: &str| Value::of_json(Kind::Decimal, &serde_json::from_str(text).unwrap());
        assert_eq!(read("9007199254740993").unwrap().text(), "9007199254740993");
        assert_eq!(read("\"0.10\"").unwrap().text(), "0.10");
        for wrong in ["0.1", "1e30", "123456789012345678901234567890", "true", "[]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_value_is_stored_as_its_source_wrote_it() {
        let value = Value::parse(Kind::DateTime2(7), "2026-12-01 10:00:00.1000000").unwrap();
        let json = serde_json::to_value(&value).unwrap();
        let wanted = serde_json::json!(
            {"value": "2026-12-01 10:00:00.1000000", "type": "datetime2(7)"}
        );
        assert_eq!(json, wanted);
        assert_eq!(serde_json::from_value::<Value>(json).unwrap(), value);
    }

    proptest! {
        #[test]
        fn decimals_compare_as_numbers(a: i64, b: i64, scale in 0_usize..10) {
            let write = |n: i64| {
                let digits = format!("{:0>width$}", n.unsigned_abs(), width = scale + 1);
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                let sign = if n < 0 { "-" } else { "" };
                let dot = if scale > 0 { "." } else { "" };
                format!("{sign}{whole}{dot}{fraction}")
            };
            prop_assert_eq!(compare(Kind::Decimal, &write(a), &write(b)), a.cmp(&b));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            for kind in [
                Kind::DateTime2(7), Kind::DateTime, Kind::DateTimeOffset(7), Kind::TimestampTz(6),
                Kind::RowVersion, Kind::BigInt, Kind::Decimal, Kind::Date, Kind::Text,
            ] {
                if let Ok(value) = Value::parse(kind, &text) {
                    prop_assert_eq!(value.text(), &text);
                }
            }
        }
    }
}
