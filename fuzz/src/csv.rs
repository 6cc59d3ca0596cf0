//! CSV: the first byte is the dialect, the rest the file. Protected and opened, every value is what
//! it was, and what is not protected is the same bytes.

use std::io::Write;

use lakehand::encryption::{
    csv::{self, CsvOptions},
    engine::{EngineError, Totals},
    text::encoding::Encoding,
};

use super::work;

/// Small, so that chunks end often.
const MEMORY: usize = 1 << 16;

/// Calls the engine, and panics if it is wrong.
pub fn check(input: &[u8]) {
    let Some((style, file)) = input.split_first() else { return };
    let options = options(*style);
    let Ok(names) = csv::columns(file, &options, MEMORY) else { return };
    if let Ok((same, _)) = protect(file, &options, &[], None) {
        assert!(is_packed(file) || same == file, "what is not protected is another one");
    }
    let _ = protect(file, &options, &[], Some(&mut Vec::new()));
    let Some(name) = names.last() else { return };
    let Ok((sealed, totals)) = protect(file, &options, &[name], None) else { return };
    let mut back = Vec::new();
    let opening = work::open(&[name], 4 * MEMORY);
    let opened = csv::open(&sealed[..], &mut back, &options, opening);
    assert_eq!(opened.expect("what was sealed opens").cells, totals.cells);
    if is_packed(file) {
        // What is packed anew may have a window that takes more than this little memory.
        return;
    }
    let again = protect(&back, &options, &[name], None);
    let (again, _) = again.expect("what was opened is as good as before");
    assert_eq!(unquoted(again), unquoted(sealed), "a value is another one");
}

/// An input in which the last column is protected.
pub fn sealed(input: &[u8]) -> Option<Vec<u8>> {
    let (style, file) = input.split_first()?;
    let options = options(*style);
    let name = csv::columns(file, &options, MEMORY).ok()?.pop()?;
    let (sealed, _) = protect(file, &options, &[&name], None).ok()?;
    Some([&[*style], &sealed[..]].concat())
}

/// Each bit says one thing.
pub fn options(style: u8) -> CsvOptions {
    let encoding = ["utf-8", "windows-1252", "utf-16le", "shift_jis"][usize::from(style >> 5 & 3)];
    CsvOptions {
        delimiter: if style & 1 == 0 { ',' } else { '\t' },
        quote: (style & 2 == 0).then_some('"'),
        escape: (style & 4 == 0).then_some('\\'),
        header: style & 8 == 0,
        null_value: (style & 16 == 0).then(String::new),
        encoding: Encoding::try_from(encoding.to_owned()).expect("it is a known one"),
        ..CsvOptions::default()
    }
}

fn protect(
    file: &[u8],
    options: &CsvOptions,
    columns: &[&String],
    rejects: Option<&mut dyn Write>,
) -> Result<(Vec<u8>, Totals), EngineError> {
    let mut out = Vec::new();
    let totals =
        csv::protect(file, &mut out, options, work::protect(columns, 4 * MEMORY), rejects)?;
    Ok((out, totals))
}

/// Whether a file is gzip or Zstandard.
pub fn is_packed(file: &[u8]) -> bool {
    file.starts_with(&[0x1F, 0x8B]) || file.starts_with(&[0x28, 0xB5, 0x2F, 0xFD])
}

/// An opened field may get quotes that it did not need before.
fn unquoted(mut file: Vec<u8>) -> Vec<u8> {
    file.retain(|byte| ![b'"', 0].contains(byte));
    file
}
