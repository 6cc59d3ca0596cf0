//! What an answer means.

use std::time::Duration;

use proptest::prelude::*;
use time::macros::datetime;

use super::super::answer::{self, Answer, Outcome, excerpt};

fn outcome(status: u16, retry_after: Option<&str>, body: &str) -> Outcome {
    answer::outcome(Answer { status, retry_after, body }, datetime!(2026-11-30 21:00 UTC))
}

#[test]
fn each_status_has_its_meaning() {
    for status in [200, 201, 202, 204] {
        assert_eq!(outcome(status, None, "ok"), Outcome::Accepted, "{status}");
    }
    for status in [301, 307, 400, 401, 403, 404, 410, 413, 501] {
        assert!(matches!(outcome(status, None, ""), Outcome::Refused(_)), "{status}");
    }
    for status in [408, 425, 429, 503] {
        assert!(
            matches!(outcome(status, None, ""), Outcome::Retry { after: None, .. }),
            "{status}"
        );
    }
    for status in [500, 502, 504, 599] {
        assert!(matches!(outcome(status, Some("1"), ""), Outcome::Ambiguous(_)), "{status}");
    }
    let refused = Outcome::Refused("HTTP 400: invalid_blocks".to_owned());
    assert_eq!(outcome(400, None, "invalid_blocks"), refused);
}

#[test]
fn a_connector_that_says_200_and_means_the_opposite() {
    let failed = |inner: &str| {
        format!(
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {inner}"
        )
    };
    assert!(matches!(outcome(200, None, &failed("429")), Outcome::Retry { .. }));
    assert!(matches!(outcome(200, None, &failed("403")), Outcome::Refused(_)));
}

#[test]
fn a_channel_may_say_how_long_to_wait() {
    let after = |text: &str| match outcome(429, Some(text), "") {
        Outcome::Retry { after, .. } => after.map(|after| after.as_secs()),
        outcome => panic!("{outcome:?}"),
    };
    let table = [
        ("0", Some(0)),
        (" 7 ", Some(7)),
        ("18446744073709551615", Some(u64::MAX)),
        ("Mon, 30 Nov 2026 21:01:30 GMT", Some(90)),
        ("Mon, 30 Nov 2026 20:00:00 GMT", Some(0)),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ];
    for (text, seconds) in table {
        assert_eq!(after(text), seconds, "{text}");
    }
}

#[test]
fn a_foreign_text_is_short_one_line_and_without_secrets() {
    let secrets = ["s3cr3t-s3cr3t".to_owned(), "/x/s3cr3t-s3cr3t".to_owned(), "a".to_owned()];
    let told = excerpt("bad\r\n path \u{0}/x/s3cr3t-s3cr3t and\ts3cr3t-s3cr3t", &secrets);
    assert_eq!(told, "bad path [redacted] and [redacted]");
    assert_eq!(excerpt(&"ä".repeat(900), &secrets).chars().count(), 200);
    assert_eq!(excerpt(" \n ", &secrets), "");
}

proptest! {
    #[test]
    fn no_secret_is_repeated(before in ".{0,250}", secret in "[A-Za-z0-9%_-]{8,40}", after in ".{0,40}") {
        let told = excerpt(&format!("{before}{secret}{after}"), std::slice::from_ref(&secret));
        prop_assert!(!told.contains(&secret));
        prop_assert!(!told.chars().any(char::is_control));
    }

    #[test]
    fn no_header_makes_the_reader_panic(text in ".{0,40}") {
        let _ = answer::pause(&text, datetime!(2026-11-30 21:00 UTC));
    }

    #[test]
    fn a_pause_is_what_the_date_says(seconds in 0_u64..100_000) {
        let now = datetime!(2026-11-30 21:00 UTC);
        let later = now + Duration::from_secs(seconds);
        let text = later.format(&time::format_description::well_known::Rfc2822).unwrap();
        prop_assert_eq!(answer::pause(&text, now), Some(Duration::from_secs(seconds)));
    }
}
