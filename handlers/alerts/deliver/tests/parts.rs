//! What is put together for a channel.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use time::macros::datetime;

use super::super::{
    Mail, Message, Outcome,
    address::{Address, Hosts},
    channel::{Email, Method, Smtp, Target, Tls, Via, Webhook},
    communication, header, mail, requests,
};
use crate::settings::Secret;

fn address(text: &str) -> Address {
    let known = &["example.com", "events.pagerduty.com", "r.communication.azure.com"];
    Address::read(text, &Hosts { known, allowed: Vec::new() }, true).unwrap()
}

fn email(via: Via) -> Email {
    let mailbox = |text: &str| text.parse().unwrap();
    Email {
        from: mailbox("Lakehand <lakehand@example.com>"),
        to: vec![mailbox("a@example.com"), mailbox("Team Ü <b@example.org>")],
        via,
    }
}

fn smtp() -> Via {
    Via::Smtp(Smtp { host: "h".to_owned(), port: 25, tls: Tls::None, login: None })
}

fn written(subject: &str) -> Mail {
    Mail {
        subject: subject.to_owned(),
        html: "<p>Grüße</p>".to_owned(),
        text: "Grüße\r\n.\r\nQUIT".to_owned(),
    }
}

const NOW: time::OffsetDateTime = datetime!(2026-11-30 21:00 UTC);

fn formatted(subject: &str, key: &str) -> String {
    let message = mail::message(&email(smtp()), &written(subject), key, NOW).unwrap();
    String::from_utf8(message.formatted()).unwrap()
}

#[test]
fn a_mail_has_the_headers_that_mailboxes_look_at() {
    let text = formatted("Pipeline failed", "k1");
    for header in [
        "From: Lakehand <lakehand@example.com>",
        "Subject: Pipeline failed",
        "Date: Mon, 30 Nov 2026 21:00:00 +0000",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "multipart/alternative",
    ] {
        assert!(text.contains(header), "{header}: {text}");
    }
    let id = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("Message-ID: ")).unwrap();
        line.to_owned()
    };
    assert!(id(&text).ends_with(".lakehand@example.com>"));
    assert_eq!(id(&text), id(&formatted("again", "k1")), "a repeat is known by it");
    assert_ne!(id(&text), id(&formatted("Pipeline failed", "k2")));
}

#[test]
fn nothing_in_a_subject_becomes_a_header() {
    for subject in
        ["a\r\nBcc: evil@example.com", "a\nBcc: evil@example.com\n\nbody", "a\u{0}\u{85}b"]
    {
        let text = formatted(subject, "k");
        let (headers, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{headers}");
        assert_eq!(headers.matches("Subject:").count(), 1);
    }
}

fn body(request: &super::super::http::Request<'_>) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn a_logic_app_is_told_what_its_connectors_want() {
    let url = address("https://example.com/x");
    let request = requests::logic_app(&url, &email(smtp()), &written("a\r\nb"));
    let expected = json!({
        "to": "a@example.com;b@example.org",
        "subject": "a  b",
        "html": "<p>Grüße</p>",
        "text": "Grüße\r\n.\r\nQUIT",
    });
    assert_eq!(body(&request), expected);
    assert_eq!(request.headers["content-type"], "application/json; charset=utf-8");
}

#[test]
fn pagerduty_gets_its_key_on_the_way() {
    let target = Target::PagerDuty {
        url: address("https://events.pagerduty.com/v2/enqueue"),
        routing_key: Secret::new("r0ut1ng-k3y"),
    };
    let event = Message::Json(json!({ "event_action": "trigger", "dedup_key": "1" }));
    let request = requests::of(&target, &event, "k").unwrap();
    assert_eq!(body(&request)["routing_key"], "r0ut1ng-k3y");
    assert_eq!(body(&request)["dedup_key"], "1");
    assert!(!format!("{target:?}").contains("r0ut1ng"));
}

fn webhook(headers: &[(&str, &str)]) -> Target {
    let header = |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new(*value));
    Target::Webhook(Webhook {
        url: address("https://example.com/x"),
        method: Method::Put,
        template: None,
        headers: headers.iter().map(header).collect(),
    })
}

fn raw(content_type: &str) -> Message {
    Message::Raw { content_type: content_type.to_owned(), body: b"{}".to_vec() }
}

#[test]
fn a_webhook_is_asked_as_its_configuration_says() {
    let target = webhook(&[("X-Key", "s3cr3t-s3cr3t")]);
    let request = requests::of(&target, &raw("text/plain"), "k1").unwrap();
    assert_eq!(request.method, "PUT");
    assert_eq!(request.headers["content-type"], "text/plain");
    assert_eq!(request.headers["idempotency-key"], "k1");
    assert_eq!(request.headers["x-key"], "s3cr3t-s3cr3t");
    assert!(!format!("{:?} {target:?}", request.headers).contains("s3cr3t"));
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let target = webhook(&[]);
    for (message, key) in [(raw("a\r\nb: c"), "k"), (raw("a"), "k\r\nx: y")] {
        assert!(matches!(requests::of(&target, &message, key), Err(Outcome::Refused(_))));
    }
    for message in [Message::Json(json!({})), Message::Mail(written("a"))] {
        let Err(Outcome::Refused(reason)) = requests::of(&target, &message, "k") else {
            panic!("no message for a webhook")
        };
        assert!(reason.contains("webhook"), "{reason}");
    }
}

#[test]
fn some_headers_are_not_the_configurations() {
    let value = |value: &str| Secret::new(value);
    assert!(header("X-Team", &value("data")).is_some());
    for (name, text) in [
        ("Host", "evil.example"),
        ("content-LENGTH", "0"),
        ("Transfer-Encoding", "chunked"),
        ("X-Key", "a\r\nHost: evil.example"),
        ("X Key", "a"),
        ("", "a"),
    ] {
        assert!(header(name, &value(text)).is_none(), "{name}");
    }
}

const SEND: &str = "https://r.communication.azure.com/emails:send?api-version=2023-03-31";

#[test]
fn communication_services_get_a_signed_request() {
    let url = address(SEND);
    let mut request = communication::request(&url, &email(smtp()), &written("s"), "k1");
    request.body = b"{\"a\":1}".to_vec();
    communication::sign(&mut request, &Secret::new(STANDARD.encode("key")), NOW).unwrap();
    assert_eq!(request.headers["x-ms-date"], "Mon, 30 Nov 2026 21:00:00 GMT");
    assert_eq!(request.headers["x-ms-content-sha256"], CONTENT);
    let signed = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";
    assert_eq!(request.headers["authorization"], format!("{signed}{SIGNATURE}"));
    assert!(!format!("{request:?}").contains(SIGNATURE));
    assert!(communication::sign(&mut request, &Secret::new("no base64!"), NOW).is_err());
}

/// Computed by Python's hmac and hashlib from the text that the documentation describes.
const CONTENT: &str = "AVq9f1zFei3ZS3WQ8ErYCEJzkF7jPsXOvq5iJ2qX+GI=";
const SIGNATURE: &str = "Lcxalik3OEG42YisV2CFXgub3hmaoFG8wINKiSfbmEM=";

#[test]
fn communication_services_are_told_who_and_what() {
    let url = address(SEND);
    let of = |key| communication::request(&url, &email(smtp()), &written("a\nb"), key);
    let told = body(&of("k1"));
    assert_eq!(told["senderAddress"], "lakehand@example.com");
    let to = json!([
        { "address": "a@example.com" },
        { "address": "b@example.org", "displayName": "Team Ü" },
    ]);
    assert_eq!(told["recipients"]["to"], to);
    assert_eq!(told["content"]["subject"], "a b");
    let id = |key| of(key).headers["operation-id"].clone();
    assert_eq!(id("k1"), id("k1"));
    assert_ne!(id("k1"), id("k2"));
}
