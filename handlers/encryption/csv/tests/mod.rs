#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any_table;
mod hostile;
mod rules;

use std::io::Write;

use super::*;
use crate::encryption::{
    policy::Method,
    text::testing::{MEMORY, opening, work},
};

fn protected(
    file: impl AsRef<[u8]>,
    options: &CsvOptions,
    columns: &[(&str, Method)],
) -> Result<(Vec<u8>, Totals), EngineError> {
    let mut out = Vec::new();
    let totals = protect(file.as_ref(), &mut out, options, work(columns, MEMORY), None)?;
    Ok((out, totals))
}

fn opened(
    file: impl AsRef<[u8]>,
    options: &CsvOptions,
    columns: &[&str],
) -> Result<Vec<u8>, EngineError> {
    let mut out = Vec::new();
    open(file.as_ref(), &mut out, options, opening(columns))?;
    Ok(out)
}

/// What a file becomes if one column is replaced by `text`.
fn with(text: &str, column: &str, file: &str, options: &CsvOptions) -> String {
    let replace = crate::encryption::text::testing::replace(text);
    let (out, _) = protected(file, options, &[(column, replace)]).unwrap();
    String::from_utf8(out).unwrap()
}

fn rejects(file: &str, columns: &[(&str, Method)]) -> (String, Vec<serde_json::Value>, Totals) {
    let (mut out, mut rejected) = (Vec::new(), Vec::new());
    let rejects: &mut dyn Write = &mut rejected;
    let options = CsvOptions::default();
    let work = work(columns, MEMORY);
    let totals = protect(file.as_bytes(), &mut out, &options, work, Some(rejects)).unwrap();
    let lines = rejected.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let rejected = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    (String::from_utf8(out).unwrap(), rejected, totals)
}
