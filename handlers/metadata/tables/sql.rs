//! SQL for the databases that tables are read from: quoted names, literals, whole queries.
//!
//! A literal is written anew from what was understood of a value, so that nothing of the value
//! can end it; only texts are quoted as they are. Times are cast from the one form that every
//! language and date format of a session reads the same way.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{kind::Kind, moment, value::Value};

/// The SQL of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// SQL Server and Azure SQL.
    #[default]
    SqlServer,
    /// PostgreSQL.
    PostgreSql,
}

/// A table in a database.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The SQL to write.
    pub dialect: Dialect,
    /// The schema.
    pub schema: &'a str,
    /// The table.
    pub table: &'a str,
}

/// What is read of a table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds<'a> {
    /// Rows above this.
    pub lower: Option<&'a Value>,
    /// Rows up to this.
    pub upper: Option<&'a Value>,
    /// Whether rows without a value are read too.
    pub with_null: bool,
}

impl Dialect {
    /// Quotes a name.
    pub fn quoted(self, name: &str) -> String {
        match self {
            Self::SqlServer => format!("[{}]", name.replace(']', "]]")),
            Self::PostgreSql => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// Checks the name of a schema, a table or a column.
    ///
    /// # Errors
    /// Why the database has none of that name.
    pub fn check_name(self, name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err("is empty".to_owned());
        }
        if let Some(c) = name.chars().find(|c| c.is_control()) {
            return Err(format!("has the control character {c:?}"));
        }
        let (length, most, what) = match self {
            Self::SqlServer => (name.encode_utf16().count(), 128, "characters"),
            Self::PostgreSql => (name.len(), 63, "bytes"),
        };
        if length > most {
            return Err(format!("has {length} {what}; a name has at most {most}"));
        }
        Ok(())
    }

    /// Checks that the database can hold a value.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check_value(self, value: &Value) -> Result<(), String> {
        let digits = value.text().bytes().filter(u8::is_ascii_digit).count();
        if self == Self::SqlServer && value.kind() == Kind::Decimal && digits > 38 {
            return Err(format!("has {digits} digits; a decimal of SQL Server has 38 at most"));
        }
        Ok(())
    }

    /// A value as SQL.
    pub fn literal(self, value: &Value) -> String {
        let kind = value.kind();
        match (self, value.moment()) {
            (Self::SqlServer, Some(at)) => format!("CAST('{}' AS {kind})", moment::text(kind, at)),
            (Self::PostgreSql, Some(at)) => {
                let name = match kind {
                    Kind::Date => "DATE",
                    Kind::TimestampTz(_) => "TIMESTAMPTZ",
                    _ => "TIMESTAMP",
                };
                format!("{name} '{}'", moment::text(kind, at))
            }
            (_, None) => self.plain(kind, value.text()),
        }
    }

    fn plain(self, kind: Kind, text: &str) -> String {
        match (self, kind) {
            // Eight bytes, however many digits were written.
            (_, Kind::RowVersion) => format!("0x{:0>16}", text[2..].to_ascii_uppercase()),
            // A number of more than 32 bits is a numeric, to which the column would be converted,
            // and no index be sought.
            (Self::SqlServer, Kind::BigInt) => format!("CAST({text} AS bigint)"),
            // So it would be to an nvarchar; but beyond ASCII only that has every character.
            (Self::SqlServer, Kind::VarChar) if text.is_ascii() => {
                format!("'{}'", text.replace('\'', "''"))
            }
            (Self::SqlServer, Kind::Text | Kind::VarChar) => {
                format!("N'{}'", text.replace('\'', "''"))
            }
            // A backslash may escape what follows it, by a setting of the session.
            (Self::PostgreSql, Kind::Text | Kind::VarChar) if text.contains('\\') => {
                format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
            }
            (Self::PostgreSql, Kind::Text | Kind::VarChar) => {
                format!("'{}'", text.replace('\'', "''"))
            }
            _ => text.to_owned(),
        }
    }
}

impl Source<'_> {
    /// The quoted name, with its schema.
    pub fn name(&self) -> String {
        let quoted = |name| self.dialect.quoted(name);
        format!("{}.{}", quoted(self.schema), quoted(self.table))
    }

    /// All rows.
    pub fn everything(&self) -> String {
        format!("SELECT * FROM {}", self.name())
    }

    /// The rows without a value in a column.
    pub fn without_value(&self, column: &str) -> String {
        format!("{} WHERE {} IS NULL", self.everything(), self.dialect.quoted(column))
    }

    /// The rows of a window.
    pub fn query(&self, column: &str, bounds: &Bounds<'_>) -> String {
        let column = self.dialect.quoted(column);
        let condition = |operator: &str, value: Option<&Value>| {
            value.map(|value| format!("{column} {operator} {}", self.dialect.literal(value)))
        };
        let lower = condition(">", bounds.lower);
        let conditions: Vec<_> = lower.into_iter().chain(condition("<=", bounds.upper)).collect();
        match conditions.join(" AND ") {
            none if none.is_empty() => self.everything(),
            some if bounds.with_null => {
                format!("{} WHERE ({some}) OR {column} IS NULL", self.everything())
            }
            some => format!("{} WHERE {some}", self.everything()),
        }
    }

    /// A query for the highest value, as a text that loses no digit on its way through an
    /// activity: one row with the column `upper`, null if there is none.
    pub fn max_query(&self, column: &str, kind: Kind) -> String {
        let max = format!("MAX({})", self.dialect.quoted(column));
        let (name, from) = (self.dialect.quoted("upper"), format!("FROM {}", self.name()));
        let text = match self.dialect {
            // Rows of a transaction that is still open may yet appear below the highest value.
            Dialect::SqlServer if kind == Kind::RowVersion => {
                let last = "CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1";
                return format!(
                    "SELECT CONVERT(varchar(18), CONVERT(binary(8), {last}), 1) AS {name}"
                );
            }
            Dialect::SqlServer => match kind {
                Kind::Text | Kind::VarChar => max,
                Kind::Date => format!("CONVERT(varchar(10), {max}, 23)"),
                kind if kind.is_time() => format!("CONVERT(varchar(40), {max}, 121)"),
                _ => format!("CONVERT(varchar(50), {max})"),
            },
            Dialect::PostgreSql => match kind {
                Kind::Text | Kind::VarChar => max,
                Kind::Date => format!("to_char({max}, 'YYYY-MM-DD')"),
                Kind::TimestampTz(_) => format!(
                    "to_char({max} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                ),
                kind if kind.is_time() => {
                    format!("to_char({max}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')")
                }
                _ => format!("{max}::text"),
            },
        };
        format!("SELECT {text} AS {name} {from}")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn value(kind: &str, text: &str) -> Value {
        Value::parse(kind.parse().unwrap(), text).unwrap()
    }

    #[test]
    fn a_literal_has_the_type_of_its_column() {
        use Dialect::{PostgreSql, SqlServer};
        for (dialect, kind, text, wanted) in [
            (
                SqlServer,
                "datetime2(7)",
                "2026-12-01 10:00:00.1",
                "CAST('2026-12-01T10:00:00.1000000' AS datetime2(7))",
            ),
            (
                SqlServer,
                "datetime",
                "2026-12-01T10:00:00.1233333",
                "CAST('2026-12-01T10:00:00.123' AS datetime)",
            ),
            (
                SqlServer,
                "datetimeoffset(3)",
                "2026-12-01T10:00:00+01:00",
                "CAST('2026-12-01T09:00:00.000+00:00' AS datetimeoffset(3))",
            ),
            (SqlServer, "date", "2026-12-01", "CAST('2026-12-01' AS date)"),
            (SqlServer, "rowversion", "0x7d1", "0x00000000000007D1"),
            (SqlServer, "string", "O'Neil \\", "N'O''Neil \\'"),
            (SqlServer, "nvarchar(9)", "a", "N'a'"),
            (SqlServer, "varchar(9)", "O'Neil\tx", "'O''Neil\tx'"),
            (SqlServer, "varchar(9)", "é'", "N'é'''"),
            (SqlServer, "bigint", "-7", "CAST(-7 AS bigint)"),
            (SqlServer, "int", "-7", "-7"),
            (PostgreSql, "bigint", "-7", "-7"),
            (PostgreSql, "varchar", "\\'é", "E'\\\\''é'"),
            (
                PostgreSql,
                "timestamp",
                "2026-12-01T10:00:00",
                "TIMESTAMP '2026-12-01T10:00:00.000000'",
            ),
            (
                PostgreSql,
                "timestamptz",
                "2026-12-01 10:00:00.5+01",
                "TIMESTAMPTZ '2026-12-01T09:00:00.500000+00:00'",
            ),
            (PostgreSql, "date", "2026-12-01", "DATE '2026-12-01'"),
            (PostgreSql, "string", "it's", "'it''s'"),
            (PostgreSql, "string", "\\'; DROP", "E'\\\\''; DROP'"),
            (PostgreSql, "decimal", "0001.10", "0001.10"),
        ] {
            assert_eq!(dialect.literal(&value(kind, text)), wanted);
        }
    }

    #[test]
    fn a_query_reads_above_the_mark_and_up_to_the_bound() {
        let source = Source { dialect: Dialect::SqlServer, schema: "dbo", table: "Order]s; --" };
        let (lower, upper) = (value("int", "7"), value("int", "42"));
        let mut bounds = Bounds { lower: Some(&lower), upper: Some(&upper), with_null: false };
        let all = "SELECT * FROM [dbo].[Order]]s; --]";
        assert_eq!(source.query("id", &bounds), format!("{all} WHERE [id] > 7 AND [id] <= 42"));
        assert_eq!(source.without_value("id"), format!("{all} WHERE [id] IS NULL"));
        bounds.upper = None;
        assert_eq!(source.query("id", &bounds), format!("{all} WHERE [id] > 7"));
        let first = Bounds { lower: None, upper: Some(&upper), with_null: true };
        let wanted = format!("{all} WHERE ([id] <= 42) OR [id] IS NULL");
        assert_eq!(source.query("id", &first), wanted);
        let open = Bounds { with_null: true, ..Bounds::default() };
        assert_eq!(source.query("id", &open), all);
        let source = Source { dialect: Dialect::PostgreSql, schema: "a\"b", table: "t" };
        assert_eq!(source.name(), r#""a""b"."t""#);
    }

    #[test]
    fn the_highest_value_comes_as_text() {
        let server = Source { dialect: Dialect::SqlServer, schema: "s", table: "t" };
        let query = |kind: &str| server.max_query("c", kind.parse().unwrap());
        assert_eq!(
            query("datetime2(7)"),
            "SELECT CONVERT(varchar(40), MAX([c]), 121) AS [upper] FROM [s].[t]"
        );
        assert!(query("rowversion").contains("MIN_ACTIVE_ROWVERSION"));
        assert!(query("decimal").contains("CONVERT(varchar(50), MAX([c]))"));
    }

    #[test]
    fn names_fit_the_database() {
        assert!(Dialect::PostgreSql.check_name(&"x".repeat(63)).is_ok());
        assert!(Dialect::PostgreSql.check_name(&"x".repeat(64)).is_err());
        assert!(Dialect::SqlServer.check_name(&"é".repeat(128)).is_ok());
        for name in ["", "a\0", &"x".repeat(129)] {
            assert!(Dialect::SqlServer.check_name(name).is_err());
        }
    }
}
