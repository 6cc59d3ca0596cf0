//! `local.settings.json`: the app settings of this machine, as the Core Tools keep them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::settings::Environment;

/// The file's name, looked for in the current folder.
pub(super) const FILE: &str = "local.settings.json";

/// Why the file cannot be used; its values are never shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// It is not JSON of the known shape.
    #[error(
        "{FILE}, line {line}, column {column}: {reason}; write it as {{\"Values\": {{\"NAME\": \"text\"}}}}, every value a text in quotes"
    )]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What the reader expected.
        reason: String,
    },
    /// The Core Tools encrypted it, with a key that only they have.
    #[error(
        "{FILE} is encrypted; run `func settings decrypt` once, or set \"IsEncrypted\" to false"
    )]
    Encrypted,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    #[serde(default)]
    is_encrypted: bool,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// Reads the `Values` of a `local.settings.json`.
///
/// # Errors
/// [`InvalidSettings`] says where the text is wrong.
pub(super) fn parse(text: &str) -> Result<Environment, InvalidSettings> {
    let text = text.trim_start_matches('\u{feff}');
    let file: File = serde_json::from_str(text).map_err(|error| InvalidSettings::Syntax {
        line: error.line(),
        column: error.column(),
        reason: reason(&error),
    })?;
    if file.is_encrypted {
        Err(InvalidSettings::Encrypted)
    } else {
        Ok(file.values.into_iter().collect())
    }
}

/// The reason without the place, and without the value that serde quotes: it may be a key.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    match text.split_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => text.to_owned(),
    }
}

/// Lays the process environment over the file's values; the environment wins, as with `func`.
pub(super) fn overlay(values: Environment, environment: Environment) -> Environment {
    let mut all = values;
    all.extend(environment);
    all
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_the_rest_is_ignored() {
        let text = "\u{feff}{\"IsEncrypted\": false, \"Host\": {\"LocalHttpPort\": 7072},
            \"Values\": {\"A\": \"1\", \"B\": \"\"}, \"ConnectionStrings\": {}}";
        let values = parse(text).unwrap();
        assert_eq!(values, [("A", "1"), ("B", "")].map(|(a, b)| (a.into(), b.into())).into());
        assert!(parse("{}").unwrap().is_empty());
    }

    #[test]
    fn errors_name_line_and_column_and_hide_values() {
        let table = [
            (
                "{\n  \"Values\": {\n    \"A\": 1234567\n  }\n}",
                "line 3, column 16: expected a string",
            ),
            ("{\n  \"Values\": {\"A\": \"x\",}\n}", "line 2, column 23: trailing comma"),
            ("", "line 1, column 0: EOF"),
            ("[\"secret\"]", "line 1, column 9: expected a boolean"),
            ("{\"Values\": \"AccountKey=secret\"}", "line 1, column 30: expected a map"),
        ];
        for (text, expected) in table {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("secret") && !error.contains("1234567"), "{error}");
        }
    }

    #[test]
    fn an_encrypted_file_is_refused() {
        let text = r#"{"IsEncrypted": true, "Values": {"A": "bm90IHBsYWlu"}}"#;
        assert_eq!(parse(text), Err(InvalidSettings::Encrypted));
    }

    #[test]
    fn the_process_environment_wins() {
        let file = parse(r#"{"Values": {"A": "file", "B": "file"}}"#).unwrap();
        let process = Environment::from([("A".to_owned(), "process".to_owned())]);
        let all = overlay(file, process);
        assert_eq!((all["A"].as_str(), all["B"].as_str()), ("process", "file"));
    }
}
