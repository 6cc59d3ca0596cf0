//! Tests of texts that are safe to show.

use super::*;

#[test]
fn what_is_not_seen_is_removed() {
    assert_eq!(clean("a\r\nb\rc\u{2028}d\te"), "a\nb\nc\nd e");
    assert_eq!(clean("pay\u{202e}fdp.exe\u{0}\u{1b}[31m\u{feff}\u{e0041}"), "payfdp.exe[31m");
    assert_eq!(clean("\u{2066}x\u{2069}\u{200b}\u{061c}"), "x");
}

#[test]
fn what_is_missing_is_counted() {
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut(&"é".repeat(100), 30), format!("{}… (92 characters cut)", "é".repeat(8)));
    assert_eq!(cut(&"x".repeat(100), 5), "");
    assert_eq!(cut("", 0), "");
}

#[test]
fn the_room_is_that_of_the_escaped_text() {
    let cost = |character| if character == '&' { 5 } else { 1 };
    assert_eq!(fit("&&&&", 20, cost), "&&&&");
    assert_eq!(fit("&&&&&&&&", 39, cost), "&&&… (5 characters cut)");
}

#[test]
fn a_line_is_one_line() {
    assert_eq!(line(" a\r\nBcc: b\u{85} c ", 50), "a Bcc: b c");
    assert_eq!(some_line("\u{202e}\n", 9), "(empty)");
}

#[test]
fn only_plain_https_addresses_are_followed() {
    for refused in [
        "http://a.b/",
        "javascript:alert(1)",
        "https://user@a.b/",
        "https://u:p@a.b/",
        "/x",
        "",
        "data:text/html,x",
    ] {
        assert_eq!(address(refused, 100), None, "{refused}");
    }
    let odd = address("https://a.b/c d?<x>|'\"", 100);
    assert_eq!(odd.as_deref(), Some("https://a.b/c%20d?%3Cx%3E%7C%27%22"));
    assert_eq!(address("https://a.b/cd", 13), None);
}
