//! Input made to break or to exhaust.

use std::io::{self, Read};

use super::*;
use crate::encryption::text::testing::replace;

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(protected(nested(128), &[]).is_ok());
    let error = protected(nested(129), &[]).unwrap_err().to_string();
    assert!(error.contains("deeper than 128"), "{error}");
    assert!(protected("[".repeat(1 << 20), &[]).is_err());
    assert!(names(&"{\"a\":".repeat(1 << 20)).is_empty());
}

#[test]
fn a_line_that_never_ends_is_too_large() {
    let options = JsonLinesOptions::default();
    let endless = b"1\n\"".chain(io::repeat(b'x'));
    let error = protect(endless, io::sink(), &options, work(&[], 1 << 20), None).unwrap_err();
    assert!(error.to_string().contains("the record that begins on line 2"), "{error}");
}

#[test]
fn keys_that_are_values_are_no_columns() {
    let file: String = (0..11_000).map(|id| format!("{{\"{id}\":1}}\n")).collect();
    let options = JsonLinesOptions::default();
    assert!(columns(file.as_bytes(), &options, MEMORY).is_err());
    let file: String = (0..300).map(|id| format!("{{\"{}{id}\":1}}\n", "x".repeat(1000))).collect();
    assert!(columns(file.as_bytes(), &options, 1 << 20).is_err());
    assert_eq!(columns(file.as_bytes(), &options, MEMORY).unwrap().len(), 300);
}

#[test]
fn a_cell_cannot_change_the_line_around_it() {
    let text = r#"{"a":"1,\"admin\":true"}"#;
    let (out, _) = protected(text, &[("a", Method::Randomized)]).unwrap();
    // Someone marks the string's cell as a literal.
    let first = out.as_bytes()[6];
    let marked = out.replacen(
        &format!("\"a\":\"{}", char::from(first)),
        &format!("\"a\":\"\\u{first:04x}"),
        1,
    );
    assert!(matches!(opened(&marked, &["a"]), Err(EngineError::NotOpened(_))));
    assert_eq!(opened(&out, &["a"]).unwrap(), text);
    assert!(matches!(opened(r#"{"a":1}"#, &["a"]), Err(EngineError::NotOpened(_))));
}

#[test]
fn other_encodings_are_refused() {
    let error = protected(b"\xFF\xFE{\0}\0", &[]).unwrap_err().to_string();
    assert!(error.contains("the file is UTF-16LE"), "{error}");
}

#[test]
fn lines_are_counted_across_chunks() {
    let file = format!("{}{{", "{\"a\":1}\r\n\n".repeat(50_000));
    let options = JsonLinesOptions::default();
    let work = work(&[("a", replace("R"))], 1 << 20);
    let error = protect(file.as_bytes(), io::sink(), &options, work, None).unwrap_err();
    assert!(error.to_string().contains("line 100001: "), "{error}");
}
