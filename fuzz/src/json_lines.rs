//! JSON Lines: protected and opened, every scalar is what it was.

use std::io::Write;

use lakehand::encryption::{
    engine::{EngineError, Totals},
    json_lines::{self, JsonLinesOptions},
};

use super::{csv::is_packed, work};

/// Small, so that chunks end often.
const MEMORY: usize = 1 << 16;

/// Calls the engine, and panics if it is wrong.
pub fn check(file: &[u8]) {
    let options = JsonLinesOptions::default();
    let Ok(mut names) = json_lines::columns(file, &options, MEMORY) else { return };
    let names = names.pop();
    let names: Vec<_> = names.iter().collect();
    let _ = protect(file, &names, Some(&mut Vec::new()));
    let Ok((sealed, totals)) = protect(file, &names, None) else { return };
    let mut back = Vec::new();
    let opening = work::open(&names, 4 * MEMORY);
    let opened = json_lines::open(&sealed[..], &mut back, &options, opening);
    assert_eq!(opened.expect("what was sealed opens").cells, totals.cells);
    if is_packed(file) {
        return;
    }
    let again = protect(&back, &names, None);
    let (again, _) = again.expect("what was opened is as good as before");
    assert!(again == sealed, "a value is another one");
}

/// A file in which the last column is protected.
pub fn sealed(file: &[u8]) -> Option<Vec<u8>> {
    let name = json_lines::columns(file, &JsonLinesOptions::default(), MEMORY).ok()?.pop()?;
    protect(file, &[&name], None).ok().map(|(sealed, _)| sealed)
}

fn protect(
    file: &[u8],
    columns: &[&String],
    rejects: Option<&mut dyn Write>,
) -> Result<(Vec<u8>, Totals), EngineError> {
    let mut out = Vec::new();
    let (options, work) = (JsonLinesOptions::default(), work::protect(columns, 4 * MEMORY));
    let totals = json_lines::protect(file, &mut out, &options, work, rejects)?;
    Ok((out, totals))
}
