//! Any bytes: protected and opened, the scalars are what they were.
#![no_main]

use lakehand::encryption::json_lines::{self, JsonLinesOptions};
use libfuzzer_sys::fuzz_target;

mod work;

fuzz_target!(|file: &[u8]| {
    let options = JsonLinesOptions::default();
    let Ok(names) = json_lines::columns(file, &options, work::MEMORY) else { return };
    let Some(name) = names.last() else { return };
    // Cells that nobody sealed are refused, whatever they hold.
    let _ = json_lines::open(file, &mut Vec::new(), &options, work::open(&[name]));
    let mut sealed = Vec::new();
    let sealing = json_lines::protect(file, &mut sealed, &options, work::protect(&[name]), None);
    let Ok(totals) = sealing else { return };
    let mut back = Vec::new();
    let opened = json_lines::open(&sealed[..], &mut back, &options, work::open(&[name]));
    assert_eq!(opened.expect("what was sealed opens").cells, totals.cells);
});
