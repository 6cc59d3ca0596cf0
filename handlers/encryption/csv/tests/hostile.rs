//! Input made to break or to exhaust.

use std::io::{self, Read};

use super::*;
use crate::encryption::text::testing::replace;

const SMALL: usize = 1 << 20;

fn fails(file: impl Read + Send) -> EngineError {
    let work = work(&[], SMALL);
    protect(file, io::sink(), &CsvOptions::default(), work, None).unwrap_err()
}

#[test]
fn a_record_that_never_ends_is_too_large() {
    let error = fails(b"a\n1\n".chain(io::repeat(b'x')));
    assert!(matches!(error, EngineError::TooLarge { .. }), "{error}");
    let error = fails(b"a,b\n\"".chain(io::repeat(b'\n')));
    assert!(error.to_string().contains("the record that begins on line 2"), "{error}");
    assert!(columns(io::repeat(b','), &CsvOptions::default(), SMALL).is_err());
}

#[test]
fn nul_bytes_are_characters() {
    let file = "a\0,b\n\0\0,\"\0\"\n";
    assert_eq!(with("x", "a\0", file, &CsvOptions::default()), "a\0,b\nx,\"\0\"\n");
}

#[test]
fn a_long_record_within_the_limit_is_fine() {
    let long = format!("\"{}\"", "\n,".repeat(100_000));
    let file = format!("a,b\n1,2\n{long},x\n3,4\n");
    let mut out = Vec::new();
    let work = work(&[("b", replace("y"))], 4 * SMALL);
    let totals = protect(file.as_bytes(), &mut out, &CsvOptions::default(), work, None).unwrap();
    assert_eq!(totals.rows, 3);
    assert_eq!(String::from_utf8(out).unwrap(), format!("a,b\n1,y\n{long},y\n3,y\n"));
}

#[test]
fn an_open_quote_ends_the_work_even_with_rejects() {
    let mut rejected = Vec::new();
    let rejects: &mut dyn Write = &mut rejected;
    let work = work(&[("a", replace("x"))], SMALL);
    let file = &b"a,b\n\"1,2\n3,4\n"[..];
    let result = protect(file, io::sink(), &CsvOptions::default(), work, Some(rejects));
    assert!(matches!(result, Err(EngineError::Invalid { .. })));
}

#[test]
fn lines_are_counted_across_chunks_whatever_ends_them() {
    for line_end in ["\n", "\r\n", "\r"] {
        let lines = format!("1,2{line_end}").repeat(50_000);
        let file = format!("a,b{line_end}{lines}3{line_end}");
        let error = fails(file.as_bytes());
        assert!(error.to_string().contains("line 50002: 1 fields"), "{error}");
    }
}

#[test]
fn a_source_that_fails_and_work_that_is_stopped_end_it() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone"))
        }
    }
    let file = b"a,b\n1,2\n".repeat(100_000);
    let error = fails(file.chain(Broken));
    assert!(matches!(&error, EngineError::Io(io) if io.kind() == io::ErrorKind::ConnectionReset));
    let stop = |_| std::ops::ControlFlow::Break(());
    let work = Work { progress: &stop, ..work(&[], SMALL) };
    let endless = io::BufReader::new(b"a,b\n".chain(Endless));
    let error = protect(endless, io::sink(), &CsvOptions::default(), work, None).unwrap_err();
    assert!(matches!(error, EngineError::Stopped));
}

struct Endless;

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len() / 4 * 4;
        buffer[..count].as_chunks_mut::<4>().0.fill(*b"1,2\n");
        Ok(count)
    }
}

#[test]
fn a_changed_cell_does_not_open() {
    let options = CsvOptions::default();
    let (out, _) = protected("a,b\nx,y\n", &options, &[("a", Method::Randomized)]).unwrap();
    let text = String::from_utf8(out).unwrap();
    for broken in [text.replacen(",y", "A,y", 1), text.replacen("\n", "\nA", 1), "a\nx\n".into()] {
        let error = opened(&broken, &options, &["a"]).unwrap_err();
        assert!(matches!(&error, EngineError::NotOpened(column) if column == "a"), "{error}");
    }
    // The column is bound: a cell does not open under another name.
    let moved = text.replacen("a,b", "c,b", 1);
    assert!(matches!(opened(moved, &options, &["c"]), Err(EngineError::NotOpened(_))));
}
