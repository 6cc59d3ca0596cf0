//! The types of watermark columns, by the names that the databases give them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::sql::Dialect;

/// The type of a watermark column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Kind {
    /// SQL Server's `datetime2` with so many digits of a second, 0 to 7.
    DateTime2(u8),
    /// SQL Server's `datetime`, which counts in steps of 1/300 second.
    DateTime,
    /// SQL Server's `datetimeoffset` with so many digits of a second, 0 to 7.
    DateTimeOffset(u8),
    /// PostgreSQL's `timestamp` without a time zone, with so many digits of a second, 0 to 6.
    Timestamp(u8),
    /// PostgreSQL's `timestamptz`, with so many digits of a second, 0 to 6.
    TimestampTz(u8),
    /// SQL Server's `rowversion`: eight bytes that grow.
    RowVersion,
    /// 32 bits.
    Int,
    /// 64 bits.
    BigInt,
    /// Any number of digits.
    Decimal,
    /// A day.
    Date,
    /// A text, compared by its bytes; in SQL Server an `nvarchar` or `nchar`.
    Text,
    /// A text that SQL Server keeps in a code page: `varchar`, `char` or `text`.
    VarChar,
}

/// A type that is none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no type of a watermark; use datetime2(7), datetime, datetimeoffset(7), timestamp, \
     timestamptz, rowversion, int, bigint, decimal, date, string or varchar"
)]
pub struct UnknownKind(String);

impl Kind {
    /// Whether its values are days or times.
    pub fn is_time(self) -> bool {
        self.is_instant() || self.is_local()
    }

    /// Whether its values say which instant they mean.
    pub fn is_instant(self) -> bool {
        matches!(self, Self::DateTimeOffset(_) | Self::TimestampTz(_))
    }

    /// Whether its values are days or times of a clock on a wall.
    pub fn is_local(self) -> bool {
        matches!(self, Self::DateTime2(_) | Self::DateTime | Self::Timestamp(_) | Self::Date)
    }

    /// How many digits of a second it has; `None` for what is no time of a day.
    pub fn digits(self) -> Option<u8> {
        match self {
            Self::DateTime => Some(3),
            Self::DateTime2(digits)
            | Self::DateTimeOffset(digits)
            | Self::Timestamp(digits)
            | Self::TimestampTz(digits) => Some(digits),
            _ => None,
        }
    }

    /// Checks that a database has this type.
    ///
    /// # Errors
    /// What to write instead.
    pub fn check(self, dialect: Dialect) -> Result<(), String> {
        let fits = match dialect {
            Dialect::SqlServer => !matches!(self, Self::Timestamp(_) | Self::TimestampTz(_)),
            Dialect::PostgreSql => !matches!(
                self,
                Self::DateTime2(_) | Self::DateTime | Self::DateTimeOffset(_) | Self::RowVersion
            ),
        };
        if fits {
            return Ok(());
        }
        let instead = match (self, dialect) {
            (Self::Timestamp(_), _) => {
                "in SQL Server, timestamp is the old name of rowversion: write rowversion, or \
                 datetime2(7) for times"
            }
            (_, Dialect::SqlServer) => "SQL Server calls it datetimeoffset(7)",
            _ => {
                "PostgreSQL has timestamp, timestamptz, int, bigint, decimal, date, string and varchar"
            }
        };
        Err(format!("`{self}` is no type of this dialect; {instead}"))
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let unknown = || UnknownKind(text.chars().take(60).collect());
        let lower = text.trim().to_ascii_lowercase();
        let (name, size) = split(&lower).ok_or_else(unknown)?;
        let digits = |most: u8| match size {
            None => Ok(most),
            Some(size) => size.parse().ok().filter(|it| *it <= most).ok_or_else(unknown),
        };
        Ok(match name {
            "datetime2" => Self::DateTime2(digits(7)?),
            "datetimeoffset" => Self::DateTimeOffset(digits(7)?),
            "timestamp" | "timestamp without time zone" => Self::Timestamp(digits(6)?),
            "timestamptz" | "timestamp with time zone" => Self::TimestampTz(digits(6)?),
            // Their sizes change nothing about how values compare.
            "decimal" | "numeric" => Self::Decimal,
            "string" | "nvarchar" | "nchar" => Self::Text,
            "varchar" | "char" | "text" => Self::VarChar,
            _ if size.is_some() => return Err(unknown()),
            "datetime" => Self::DateTime,
            "rowversion" => Self::RowVersion,
            "int" | "integer" => Self::Int,
            "bigint" => Self::BigInt,
            "date" => Self::Date,
            _ => return Err(unknown()),
        })
    }
}

/// Splits `name(size)`; the size may stand in the middle, as in `timestamp(3) with time zone`.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let Some((name, rest)) = text.split_once('(') else { return Some((text, None)) };
    let (size, after) = rest.split_once(')')?;
    let name = match (name.trim(), after.trim()) {
        (name, "") => name,
        ("timestamp", "with time zone") => "timestamptz",
        ("timestamp", "without time zone") => "timestamp",
        _ => return None,
    };
    Some((name, Some(size.trim())))
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DateTime2(digits) => write!(f, "datetime2({digits})"),
            Self::DateTimeOffset(digits) => write!(f, "datetimeoffset({digits})"),
            Self::Timestamp(digits) => write!(f, "timestamp({digits})"),
            Self::TimestampTz(digits) => write!(f, "timestamptz({digits})"),
            Self::DateTime => f.write_str("datetime"),
            Self::RowVersion => f.write_str("rowversion"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Decimal => f.write_str("decimal"),
            Self::Date => f.write_str("date"),
            Self::Text => f.write_str("string"),
            Self::VarChar => f.write_str("varchar"),
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

impl TryFrom<String> for Kind {
    type Error = UnknownKind;

    fn try_from(text: String) -> Result<Self, UnknownKind> {
        text.parse()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_the_databases() {
        for (text, wanted) in [
            ("datetime2", "datetime2(7)"),
            ("DateTime2(3)", "datetime2(3)"),
            ("timestamp(3) with time zone", "timestamptz(3)"),
            ("timestamp with time zone", "timestamptz(6)"),
            ("timestamp", "timestamp(6)"),
            ("numeric(38, 10)", "decimal"),
            ("nvarchar(50)", "string"),
            ("char(8)", "varchar"),
            ("integer", "int"),
        ] {
            let kind: Kind = text.parse().unwrap();
            assert_eq!(kind.to_string(), wanted);
            assert_eq!(wanted.parse::<Kind>().unwrap(), kind);
        }
        for text in
            ["", "datetime2(8)", "timestamp(7)", "date(1)", "datetime2(", "bigint(3)", "xml"]
        {
            assert!(text.parse::<Kind>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_database_has_its_own() {
        let reason = Kind::Timestamp(6).check(Dialect::SqlServer).unwrap_err();
        assert!(reason.contains("write rowversion"), "{reason}");
        assert!(Kind::TimestampTz(6).check(Dialect::SqlServer).is_err());
        assert!(Kind::RowVersion.check(Dialect::PostgreSql).is_err());
        assert!(Kind::DateTime.check(Dialect::PostgreSql).is_err());
        for kind in [Kind::Int, Kind::BigInt, Kind::Decimal, Kind::Date, Kind::Text] {
            assert!(kind.check(Dialect::SqlServer).is_ok());
            assert!(kind.check(Dialect::PostgreSql).is_ok());
        }
    }
}
