//! The rules of the module's documentation, one by one.

use std::io::Write;

use serde_json::{Value, json};

use super::*;
use crate::encryption::text::testing::{mask, replace};

#[test]
fn columns_are_the_paths_of_all_leaves_wherever_they_begin() {
    let file = r#"{"a": 1, "b": {"c": [true, {"d": null}], "e": []}}
not json
{"b": {"c": [{"f": "x"}]}, "\u0061": 2, "g.h": 3}
7
"#;
    assert_eq!(names(file), ["a", "b.c", "b.c.d", "b.c.f", "g.h"]);
    assert!(names("").is_empty());
}

#[test]
fn every_occurrence_is_protected_and_nothing_else_changes() {
    for (column, file, expected) in [
        ("a", r#" { "a" : "x" , "b":"a"}"#, r#" { "a" : "R" , "b":"a"}"#),
        ("a", r#"{"a":1,"a":"x","\u0061":true}"#, r#"{"a":"R","a":"R","\u0061":"R"}"#),
        ("a.b", r#"{"a":{"b":1,"a":{"b":2}},"b":3}"#, r#"{"a":{"b":"R","a":{"b":2}},"b":3}"#),
        (
            "a.b",
            r#"{"a.b":1,"a":[{"b":2},{"b":[3,[4]]}]}"#,
            r#"{"a.b":"R","a":[{"b":"R"},{"b":["R",["R"]]}]}"#,
        ),
        ("a", r#"[{"a":1},{"a":[]}]"#, r#"[{"a":"R"},{"a":[]}]"#),
        ("é", r#"{"\u00e9":1,"é":2}"#, r#"{"\u00e9":"R","é":"R"}"#),
        ("", r#"{"":1,"a":{"":2}}"#, r#"{"":"R","a":{"":2}}"#),
        ("a.", r#"{"":1,"a":{"":2}}"#, r#"{"":1,"a":{"":"R"}}"#),
        ("x", r#"{"a":-1.5e+3}"#, r#"{"a":-1.5e+3}"#),
    ] {
        assert_eq!(replaced(column, file), expected);
    }
}

#[test]
fn blank_lines_marks_and_line_ends_are_kept() {
    let file = "\u{FEFF}{\"a\":1}\r\n\r\n \t\n{\"a\":2}";
    let (out, totals) = protected(file, &[("a", replace("R"))]).unwrap();
    assert_eq!(out, "\u{FEFF}{\"a\":\"R\"}\r\n\r\n \t\n{\"a\":\"R\"}");
    assert_eq!((totals.rows, totals.cells, totals.nulls), (2, 2, 0));
}

#[test]
fn null_stays_null() {
    let (out, totals) = protected(r#"{"a":null,"b":""}"#, &[("a", replace("R"))]).unwrap();
    assert_eq!((out.as_str(), totals.nulls), (r#"{"a":null,"b":""}"#, 1));
    let (out, _) = protected(r#"{"a":1,"b":""}"#, &[("a", Method::Redact)]).unwrap();
    assert_eq!(out, r#"{"a":null,"b":""}"#);
}

#[test]
fn literals_come_back_as_they_were() {
    let file = r#"{"a":["x","1",1,1.0,-0e5,12345678901234567890123,true,false,null,"","é\n\"\\"]}"#;
    for method in [Method::Randomized, Method::Deterministic] {
        let (out, totals) = protected(file, &[("a", method)]).unwrap();
        assert_eq!((totals.cells, totals.nulls), (10, 1));
        let read: Value = serde_json::from_str(&out).unwrap();
        let cells = read["a"].as_array().unwrap();
        assert!(cells.iter().all(|cell| cell.is_null() || cell.as_str().unwrap().len() >= 40));
        assert_eq!(opened(&out, &["a"]).unwrap(), file);
        // Written anew, the file has the same cells, and no marks.
        let again = opened(&read.to_string(), &["a"]).unwrap();
        assert!(again.contains(r#""1","1","1.0""#) && again.contains(r#""true""#), "{again}");
    }
}

#[test]
fn a_number_and_its_text_are_equal_to_joins() {
    let (out, _) = protected(
        r#"["42",42]"#.replace('[', "{\"a\":[").replace(']', "]}"),
        &[("a", Method::Deterministic)],
    )
    .unwrap();
    let read: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(read["a"][0], read["a"][1]);
}

#[test]
fn new_texts_are_escaped() {
    let (out, _) = protected(r#"{"a":"x\u0022y"}"#, &[("a", mask(1))]).unwrap();
    assert_eq!(out, r#"{"a":"*\"y"}"#);
    assert_eq!(protected(r#"{"a":1234}"#, &[("a", mask(3))]).unwrap().0, r#"{"a":"***4"}"#);
}

#[test]
fn faults_are_errors_with_the_line_number() {
    for (line, reason) in [
        (r#"{"a":{"b":1}}"#, "`a` is an object here; name its leaves"),
        (r#"{"a":[{}]}"#, "`a` is an object here"),
        (r#"{"a":"\ud800"}"#, "half of a surrogate pair"),
        (r#"{"a":1}}"#, "at byte 8 of the line: expected the end of the line"),
        (r#"{"a":1"#, "expected `,` or `}`"),
        (r#"{"a":01}"#, "expected `,` or `}`"),
        (r#"{"a":1.}"#, "a digit after the point"),
        (r#"{"a":+1}"#, "a value"),
        (r#"{"a":nul}"#, "a value"),
        (r#"{"a":"\x"}"#, "a character that may be escaped"),
        (r#"{"a":"\u12g4"}"#, "hexadecimal"),
        ("{\"a\":\"\t\"}", "control character"),
        (r#"{"a":"}"#, "the end of a string"),
        (r#"{a:1}"#, "a key"),
        (r#"{"a"}"#, "`:`"),
        (r#"{"a":1,}"#, "a key"),
        (r#"[1,]"#, "a value"),
    ] {
        let error = protected(format!("\n1\n{line}\n2"), &[("a", replace("R"))]).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("JSON Lines: line 3: ") && error.contains(reason), "{error}");
    }
    let error = protected(b"{}\n{\"b\":\"\xFF\"}\n", &[]).unwrap_err().to_string();
    assert!(error.contains("line 2: a byte is not valid UTF-8"), "{error}");
}

#[test]
fn faults_are_put_aside_when_there_is_a_place() {
    let file = b"{\"a\":1}\n{\"a\":2,\"a\":{}}\n{\xFF\n{\"a\":3}\n";
    let (mut out, mut rejected) = (Vec::new(), Vec::new());
    let rejects: &mut dyn Write = &mut rejected;
    let work = work(&[("a", replace("R"))], MEMORY);
    let options = JsonLinesOptions::default();
    let totals = protect(&file[..], &mut out, &options, work, Some(rejects)).unwrap();
    assert_eq!(out, b"{\"a\":\"R\"}\n{\"a\":\"R\"}\n");
    assert_eq!((totals.rows, totals.cells, totals.rejected), (2, 2, 2));
    let lines = std::str::from_utf8(&rejected).unwrap().lines();
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["record"], "{\"a\":2,\"a\":{}}\n");
    assert_eq!(
        lines[1],
        json!({"line": 3, "reason": "a byte is not valid UTF-8", "recordBase64": "e/8K"})
    );
}
