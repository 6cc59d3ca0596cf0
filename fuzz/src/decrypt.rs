//! Protected files by a stranger: the first byte is the format. Cells under the right key are in
//! the seeds, so that what is around them can be anything.

use lakehand::encryption::{csv, engine::EngineError, json_lines, parquet};

use super::{
    csv::options,
    footer, parquet as any_parquet,
    work::{self, MEMORY},
};

/// Formats, by the first byte.
pub const PARQUET: u8 = 0;
/// See [`PARQUET`].
pub const CSV: u8 = 1;
/// See [`PARQUET`].
pub const JSON_LINES: u8 = 2;

/// Calls the engine, and panics if it is wrong.
pub fn check(input: &[u8]) {
    match input.split_first() {
        Some((&PARQUET, rest)) => check_parquet(rest).unwrap_or_default(),
        Some((&CSV, rest)) => check_csv(rest).unwrap_or_default(),
        Some((&JSON_LINES, rest)) => check_json_lines(rest).unwrap_or_default(),
        _ => {}
    }
}

/// What opens is a file that can be read and protected.
fn check_parquet(input: &[u8]) -> Result<(), EngineError> {
    let Some(file) = footer::file(input) else { return Ok(()) };
    let Some(envelope) = parquet::envelope(&file)? else { return Ok(()) };
    let opening = work::open_by(&envelope);
    let opened: Vec<_> = opening.columns.iter().map(|column| column.path.clone()).collect();
    let mut out = Vec::new();
    parquet::open(&file, &mut out, opening)?;
    let out = any_parquet::Bytes(out);
    if parquet::verify(&file, &out, &opened).is_ok() {
        any_parquet::check_file(&out);
    }
    Ok(())
}

fn check_csv(input: &[u8]) -> Result<(), EngineError> {
    let Some((style, file)) = input.split_first() else { return Ok(()) };
    let options = options(*style);
    let names = csv::columns(file, &options, MEMORY)?;
    for name in &names {
        let mut out = Vec::new();
        if csv::open(file, &mut out, &options, work::open(&[name], MEMORY)).is_ok() {
            csv::columns(&out[..], &options, MEMORY).expect("what was opened can be read");
        }
    }
    Ok(())
}

fn check_json_lines(file: &[u8]) -> Result<(), EngineError> {
    let options = json_lines::JsonLinesOptions::default();
    for name in json_lines::columns(file, &options, MEMORY)? {
        let mut out = Vec::new();
        if json_lines::open(file, &mut out, &options, work::open(&[&name], MEMORY)).is_ok() {
            json_lines::columns(&out[..], &options, MEMORY).expect("what was opened can be read");
        }
    }
    Ok(())
}
