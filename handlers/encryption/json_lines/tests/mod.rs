#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any_value;
mod hostile;
mod rules;

use super::*;
use crate::encryption::{
    policy::Method,
    text::testing::{MEMORY, opening, work},
};

fn protected(
    file: impl AsRef<[u8]>,
    columns: &[(&str, Method)],
) -> Result<(String, Totals), EngineError> {
    let mut out = Vec::new();
    let options = JsonLinesOptions::default();
    let totals = protect(file.as_ref(), &mut out, &options, work(columns, MEMORY), None)?;
    Ok((String::from_utf8(out).unwrap(), totals))
}

fn opened(file: &str, columns: &[&str]) -> Result<String, EngineError> {
    let mut out = Vec::new();
    open(file.as_bytes(), &mut out, &JsonLinesOptions::default(), opening(columns))?;
    Ok(String::from_utf8(out).unwrap())
}

/// What a file becomes if one column is replaced by `R`.
fn replaced(column: &str, file: &str) -> String {
    let replace = crate::encryption::text::testing::replace("R");
    protected(file, &[(column, replace)]).unwrap().0
}

fn names(file: &str) -> Vec<String> {
    columns(file.as_bytes(), &JsonLinesOptions::default(), MEMORY).unwrap()
}
