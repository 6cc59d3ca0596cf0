//! Any bytes in any dialect: protected and opened, they are what they were or mean the same.
#![no_main]

use lakehand::encryption::csv::{self, CsvOptions};
use libfuzzer_sys::fuzz_target;

mod work;

fuzz_target!(|input: (u8, &[u8])| {
    let (style, file) = input;
    let options = CsvOptions {
        delimiter: if style & 1 == 0 { ',' } else { '\t' },
        quote: (style & 2 == 0).then_some('"'),
        escape: (style & 4 == 0).then_some('\\'),
        header: style & 8 == 0,
        null_value: (style & 16 == 0).then(String::new),
        ..CsvOptions::default()
    };
    let Ok(names) = csv::columns(file, &options, work::MEMORY) else { return };
    let mut same = Vec::new();
    if csv::protect(file, &mut same, &options, work::protect(&[]), None).is_ok() && !packed(file) {
        assert_eq!(same, file);
    }
    let Some(name) = names.last() else { return };
    // Cells that nobody sealed are refused, whatever they hold.
    let _ = csv::open(file, &mut Vec::new(), &options, work::open(&[name]));
    let mut sealed = Vec::new();
    let Ok(totals) = csv::protect(file, &mut sealed, &options, work::protect(&[name]), None) else {
        return;
    };
    let mut back = Vec::new();
    let opened = csv::open(&sealed[..], &mut back, &options, work::open(&[name]));
    assert_eq!(opened.expect("what was sealed opens").cells, totals.cells);
});

fn packed(file: &[u8]) -> bool {
    file.starts_with(&[0x1F, 0x8B]) || file.starts_with(&[0x28, 0xB5, 0x2F, 0xFD])
}
