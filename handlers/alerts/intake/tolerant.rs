//! What was meant to be JSON and is none, because an expression pasted a quote or a line break into a
//! text; and texts that were never meant to be.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{fields::Fields, flat, pairs, report::Report};
use crate::alerts::mask::masked;

/// A member's name where one may begin: after a brace or after the value before.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"[{,]\s*"([A-Za-z@][A-Za-z0-9_ .:@-]{0,60})"\s*:\s*"#)
        .expect("the pattern is constant, and a test uses it")
});

/// How many members are looked for.
const MOST: usize = 200;

/// Reports a text: its members if it looks like JSON, its pairs otherwise, and itself at least.
pub fn report(text: &str) -> Report {
    let mut fields = Fields::default();
    let is_object = text.starts_with('{');
    if is_object {
        for (name, value) in members(text) {
            fields.add(name, &unescaped(value));
        }
    } else {
        pairs::pairs(text).for_each(|(name, value)| fields.add(name, value));
    }
    let mut report = flat::of_fields(if is_object { "brokenJson" } else { "text" }, &fields);
    if report.text.is_empty() && !is_object {
        report.text = masked(&pairs::without(text));
    }
    if report.text.is_empty() || !is_object && fields.get(&["error", "errormessage"]).is_some() {
        report.text = masked(text);
    }
    report
}

/// The members of an object as far as they can be told apart: a value ends where the next name
/// begins, unless a brace is open in it.
fn members(text: &str) -> Vec<(&str, &str)> {
    let names: Vec<(&str, Range<usize>)> = NAME
        .captures_iter(text)
        .take(MOST)
        .filter_map(|found| Some((found.get(1)?.as_str(), found.get(0)?.range())))
        .collect();
    let outer = outer_names(text, &names);
    let ends = outer.iter().skip(1).map(|(_, place)| place.start).chain([text.len()]);
    outer
        .iter()
        .zip(ends)
        .map(|((name, place), end)| (*name, value(&text[place.end..end])))
        .collect()
}

/// The names that do not stand inside of a value. If a brace is never closed, all do not.
fn outer_names<'a>(text: &str, names: &[(&'a str, Range<usize>)]) -> Vec<(&'a str, Range<usize>)> {
    let mut outer: Vec<(&str, Range<usize>)> = Vec::new();
    let mut open = 0_i64;
    let mut read = 0;
    for (name, place) in names {
        open += balance(&text[read..place.start]);
        read = place.start;
        if outer.is_empty() || open <= 1 && text[place.clone()].starts_with(',') {
            outer.push((name, place.clone()));
        }
    }
    open += balance(&text[read..]);
    if open == 0 { outer } else { names.to_vec() }
}

fn balance(text: &str) -> i64 {
    text.bytes().map(|byte| i64::from(byte == b'{') - i64::from(byte == b'}')).sum()
}

/// A value without its own quotes and what ends the object.
fn value(text: &str) -> &str {
    let text = text.trim();
    match text.strip_prefix('"') {
        Some(text) => {
            let text = text.trim_end_matches(['}', ']', ' ', '\r', '\n', '\t']);
            text.strip_suffix('"').unwrap_or(text)
        }
        None => text.trim_end_matches(['}', ']', ' ', '\r', '\n', '\t', ',']),
    }
}

/// A text without the escapes of JSON, if they are right.
fn unescaped(text: &str) -> String {
    let quoted = format!("\"{text}\"");
    serde_json::from_str(&quoted).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Option<String>, Option<String>, String) {
        let report = report(text);
        (report.pipeline, report.run_id, report.text)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn members_around_a_pasted_text_are_found() {
        for (text, error) in [
            ("say \"no\"", "say \"no\""),
            ("line one\nline \"two\"\n", "line one\nline \"two\"\n"),
            ("{\"Message\":\"a\",\"runId\":\"other\"}", "{\"Message\":\"a\",\"runId\":\"other\"}"),
            ("C:\\temp\\new \"x\"", "C:\\temp\\new \"x\""),
            ("a, \"b\", c", "a, \"b\", c"),
        ] {
            let body = format!(
                "{{\"pipeline\": \"p\", \"errorMessage\" : \"{text}\" ,\n \"runId\":\"r\"}}"
            );
            assert_eq!(found(&body), (some("p"), some("r"), error.to_owned()), "{body}");
        }
    }

    #[test]
    fn an_end_that_is_missing_costs_only_what_is_missing() {
        let found = found("{\"pipeline\":\"p\",\"runId\":\"r\",\"error\":\"it bro");
        assert_eq!(found, (some("p"), some("r"), "it bro".to_owned()));
    }

    #[test]
    fn a_brace_that_is_never_closed_swallows_nothing() {
        let found =
            found("{\"error\":\"expected { but \"x\"\",\"pipeline\":\"p\",\"runId\":\"r\"}");
        assert_eq!((found.0, found.1), (some("p"), some("r")));
        assert!(found.2.contains("expected {"), "{}", found.2);
    }

    #[test]
    fn numbers_and_blanks_are_values() {
        let report = report("{\"pipeline\":\"p\" \"x\", \"durationInMs\": 1500, \"env\": prod }");
        assert_eq!(report.duration, Some(1.5));
        assert_eq!(report.environment.as_deref(), Some("prod"));
    }
}
