//! The rules of the module's documentation, one by one.

use serde_json::json;

use super::*;
use crate::encryption::text::{
    compression::Compression,
    encoding::Encoding,
    testing::{mask, packed, replace, unpacked},
};

fn options() -> CsvOptions {
    CsvOptions::default()
}

fn names(file: impl AsRef<[u8]>, options: &CsvOptions) -> Vec<String> {
    columns(file.as_ref(), options, MEMORY).unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn columns_are_the_header_or_numbers() {
    assert_eq!(names("id,\"na\"\"me\",\n1,2,3\n", &options()), ["id", "na\"me", ""]);
    let headless = CsvOptions { header: false, ..options() };
    assert_eq!(names("id,name\n", &headless), ["1", "2"]);
    assert_eq!(with("x", "2", "a,b\nc,d", &headless), "a,x\nc,x");
    assert!(names("", &options()).is_empty());
    assert!(names("\n\r\n", &options()).is_empty());
}

#[test]
fn a_byte_order_mark_is_kept_and_no_part_of_the_first_name() {
    let file = "\u{FEFF}\"id\",name\n1,Ann\n";
    assert_eq!(names(file, &options()), ["id", "name"]);
    assert_eq!(with("x", "id", file, &options()), "\u{FEFF}\"id\",name\nx,Ann\n");
}

#[test]
fn every_other_byte_stays() {
    let file =
        "id , name,note\r\n 1,\"Ann\" ,\"two\nlines, and \"\"quotes\"\"\"\r2,Bob,\n\n\n3,\\,x";
    let file = file.replace("\"Ann\" ", "\"Ann\"");
    assert_eq!(protected(&file, &options(), &[]).unwrap().0, file.as_bytes());
    let expected = file.replace("\"Ann\"", "\"Z\"").replace("Bob", "Z").replace("\\", "Z");
    assert_eq!(with("Z", " name", &file, &options()), expected);
}

#[test]
fn an_unquoted_empty_field_is_null_and_a_quoted_one_is_not() {
    let file = "a,b\n1,\n2,\"\"\n3,x\n";
    let (out, totals) = protected(file, &options(), &[("b", replace("R"))]).unwrap();
    assert_eq!(out, b"a,b\n1,\n2,\"R\"\n3,R\n");
    assert_eq!((totals.rows, totals.cells, totals.nulls), (3, 2, 1));
    assert_eq!(totals.bytes_in, file.len() as u64);
    assert_eq!(totals.bytes_out, out.len() as u64);
}

#[test]
fn the_null_value_is_an_option() {
    let other = CsvOptions { null_value: Some("\\N".to_owned()), ..options() };
    let file = "a,b\n\\N,\n\"\\N\",\\n\n";
    assert_eq!(with("R", "a", file, &other), "a,b\n\\N,\n\"R\",\\n\n");
    assert_eq!(with("R", "b", file, &other), "a,b\n\\N,R\n\"\\N\",R\n");
    let none = CsvOptions { null_value: None, ..options() };
    assert_eq!(with("R", "b", file, &none), "a,b\n\\N,R\n\"\\N\",R\n");
}

#[test]
fn a_new_value_is_quoted_where_it_must_be() {
    for (text, field) in [
        ("a,b", r#""a,b""#),
        ("q\"", r#""q\"""#),
        ("a\r", "\"a\r\""),
        ("", r#""""#),
        ("b\\", "b\\"),
    ] {
        assert_eq!(with(text, "a", "a,b\n1,2\n", &options()), format!("a,b\n{field},2\n"));
    }
    assert_eq!(with("b\\", "a", "a,b\n\"1\",2\n", &options()), "a,b\n\"b\\\\\",2\n");
    let doubled = CsvOptions { escape: Some('"'), ..options() };
    assert_eq!(with("q\"\\", "a", "a\n1\n", &doubled), "a\n\"q\"\"\\\"\n");
}

#[test]
fn redacted_fields_are_null() {
    let redacted = |options: &CsvOptions| {
        protected("a,b\n\"1\",2\n3,4\n", options, &[("a", Method::Redact)]).unwrap().0
    };
    assert_eq!(redacted(&options()), b"a,b\n,2\n,4\n");
    assert_eq!(redacted(&CsvOptions { null_value: None, ..options() }), b"a,b\n\"\",2\n,4\n");
    let word = CsvOptions { null_value: Some("NULL".to_owned()), ..options() };
    assert_eq!(redacted(&word), b"a,b\nNULL,2\nNULL,4\n");
}

#[test]
fn values_are_unescaped_before_they_are_protected() {
    let masked = |file: &str, options: &CsvOptions| {
        let (out, _) = protected(file, options, &[("1", mask(2))]).unwrap();
        String::from_utf8(out).unwrap()
    };
    let headless = CsvOptions { header: false, ..options() };
    assert_eq!(masked(r#""\"\\a\b""#, &headless), r#""**a\\b""#);
    assert_eq!(masked(r#""""""c""#, &headless), r#""**c""#);
    let doubled = CsvOptions { escape: None, ..headless.clone() };
    assert_eq!(masked(r#""\""a""#, &doubled), r#""**a""#);
    let bare = CsvOptions { quote: None, ..headless };
    assert_eq!(masked(r#"\,\\\,"a,b"#, &bare), r#"**\,"a,b"#);
    assert_eq!(masked("\\\\,b", &CsvOptions { quote: None, ..bare }), "*,b");
}

#[test]
fn ciphertext_needs_no_quotes_and_keeps_those_it_has() {
    let file = "a,b\n\"x,\"\"y\",\"\"\nz,\n";
    let columns = [("a", Method::Deterministic), ("b", Method::Randomized)];
    let (out, _) = protected(file, &options(), &columns).unwrap();
    let text = String::from_utf8(out.clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[1].starts_with('"') && lines[1].ends_with('"') && !lines[1].contains("x,"));
    assert!(!lines[2].contains('"') && lines[2].ends_with(','));
    let doubled = CsvOptions { escape: None, ..options() };
    assert_eq!(opened(&out, &doubled, &["a", "b"]).unwrap(), file.as_bytes());
}

#[test]
fn a_repeated_name_is_refused_when_it_is_named() {
    let file = "a,b,a\n1,2,3\n";
    let error = protected(file, &options(), &[("a", replace("x"))]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `a` is not supported: 2 columns have this name; rename them"
    );
    assert_eq!(with("x", "b", file, &options()), "a,b,a\n1,x,3\n");
    let error = protected(file, &options(), &[("c", replace("x"))]).unwrap_err();
    assert!(error.to_string().contains("there is no column `c`"), "{error}");
}

#[test]
fn faults_are_errors_with_the_line_number() {
    for (file, reason) in [
        ("a,b\n1,2\r\n\"\n\",2\r3\n", "line 5: 1 fields instead of 2"),
        ("a,b\n1,2,3\n", "line 2: 3 fields instead of 2"),
        ("a,b\n\n\"1\"x,2\n", "line 3: text follows a closing quote"),
        ("a,b\n1,2\n\"1,2\n", "line 3: a quote is opened and never closed"),
        ("\n\n\"a\"b,c\n", "line 3: text follows a closing quote"),
    ] {
        let error = protected(file, &options(), &[("a", replace("x"))]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let error = protected(b"a,b\n1,\xFF\n", &options(), &[("a", replace("x"))]).unwrap_err();
    assert!(error.to_string().contains("line 2: a byte is not valid UTF-8"), "{error}");
}

#[test]
fn faults_are_put_aside_when_there_is_a_place() {
    let file = "a,b\n1,2\n3\n4,5\n\"6\"7,8\n9,10";
    let (out, rejected, totals) = rejects(file, &[("a", replace("x"))]);
    assert_eq!(out, "a,b\nx,2\nx,5\nx,10");
    assert_eq!((totals.rows, totals.cells, totals.rejected), (3, 3, 2));
    assert_eq!(rejected[0], json!({"line": 3, "reason": "1 fields instead of 2", "record": "3\n"}));
    assert_eq!(rejected[1]["line"], 5);
}

#[test]
fn other_encodings_keep_their_bytes() {
    let latin = CsvOptions {
        encoding: Encoding::try_from("windows-1252".to_owned()).unwrap(),
        delimiter: '§',
        ..options()
    };
    let file = b"n\xE4me\xA7ort\n\xE9\x81\xA7K\xF6ln\n".to_vec();
    assert_eq!(names(&file, &latin), ["näme", "ort"]);
    let (out, _) = protected(&file, &latin, &[("näme", Method::Randomized)]).unwrap();
    assert!(out.ends_with(b"\xA7K\xF6ln\n"));
    assert_eq!(opened(&out, &latin, &["näme"]).unwrap(), file);
}

#[test]
fn utf16_is_scanned_in_code_units() {
    let text = "id;name\r\n\u{2C22};\"Ä\u{3B22};\n😀\"\r\n2;\r\n";
    let semicolon = CsvOptions { delimiter: ';', ..options() };
    let marked = [b"\xFF\xFE".to_vec(), utf16(text)].concat();
    let declared = CsvOptions {
        encoding: Encoding::try_from("UTF-16LE".to_owned()).unwrap(),
        ..semicolon.clone()
    };
    for (file, options) in [(marked, semicolon), (utf16(text), declared)] {
        assert_eq!(names(&file, &options), ["id", "name"]);
        let (out, totals) = protected(&file, &options, &[("name", Method::Deterministic)]).unwrap();
        assert_eq!((totals.rows, totals.cells, totals.nulls), (2, 1, 1));
        assert_ne!(out, file);
        assert_eq!(opened(&out, &options, &["name"]).unwrap(), file);
        let error = protected(&file[..file.len() - 1], &options, &[]).unwrap_err();
        assert!(error.to_string().contains("a byte is not valid UTF-16LE"), "{error}");
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for refused in [
        CsvOptions { delimiter: '"', ..options() },
        CsvOptions { delimiter: '=', ..options() },
        CsvOptions { delimiter: '\n', ..options() },
        CsvOptions { quote: Some('x'), ..options() },
        CsvOptions { delimiter: '→', ..options() },
        CsvOptions { encoding: Encoding::try_from("gb18030".to_owned()).unwrap(), ..options() },
    ] {
        let error = columns(&b"a"[..], &refused, MEMORY).unwrap_err();
        assert!(matches!(error, EngineError::Unsupported { .. }), "{error}");
    }
}

#[test]
fn options_are_read_from_json() {
    let text = json!({"delimiter": "\t", "quote": "", "escape": "", "null_value": null,
        "encoding": "latin1", "header": false});
    let read: CsvOptions = serde_json::from_value(text).unwrap();
    assert_eq!((read.delimiter, read.quote, read.escape, read.header), ('\t', None, None, false));
    assert_eq!((read.null_value, read.encoding.name()), (None, "windows-1252"));
    for refused in [json!({"quote": "ab"}), json!({"encoding": "UTF-7"}), json!({"comma": ","})] {
        assert!(serde_json::from_value::<CsvOptions>(refused).is_err());
    }
}

#[test]
fn a_new_value_that_needs_quotes_without_a_quote_character_is_a_fault() {
    let bare = CsvOptions { quote: None, escape: None, ..options() };
    for text in ["a,b", "a\nb", ""] {
        assert!(protected("a,b\n1,2\n", &bare, &[("a", replace(text))]).is_err(), "{text:?}");
    }
}

#[test]
fn what_was_compressed_is_compressed_again() {
    let file = "\u{FEFF}id,name\n".to_owned() + &"1,Ann\n".repeat(100_000);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let packed = packed(compression, file.as_bytes());
        assert_eq!(names(&packed, &options()), ["id", "name"]);
        let (out, totals) =
            protected(&packed, &options(), &[("name", Method::Deterministic)]).unwrap();
        assert_eq!(Compression::of(&out), compression);
        assert_eq!((totals.rows, totals.bytes_in), (100_000, packed.len() as u64));
        assert_eq!(totals.bytes_out, out.len() as u64);
        let back = opened(&out, &options(), &["name"]).unwrap();
        assert_eq!(unpacked(&back), file.as_bytes());
    }
}
