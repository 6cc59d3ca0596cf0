//! Recorded payloads and what became of them, and payloads made to break or to exhaust.
//!
//! `LAKEHAND_RENEW=1 cargo test --lib alerts::` writes the expected incidents anew.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::alerts::{
    assemble::{LONGEST_RAW, LONGEST_ROOT, LONGEST_TITLE},
    fingerprint,
    incident::{Condition, Severity},
};

const NOW: OffsetDateTime = datetime!(2026-12-01 07:00 UTC);

fn read(body: impl AsRef<[u8]>) -> Vec<Incident> {
    super::read(body.as_ref(), NOW, &Rules { severity: Severity::Error, factory: None })
}

fn one(value: Value) -> Incident {
    let mut incidents = read(value.to_string());
    assert_eq!(incidents.len(), 1);
    incidents.remove(0)
}

fn payloads() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/alerts/payloads");
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_payload = |path: &PathBuf| !path.to_string_lossy().ends_with(".incidents.json");
    let mut payloads: Vec<PathBuf> = all.filter(is_payload).collect();
    payloads.sort();
    payloads
}

#[test]
fn recorded_payloads_are_understood() {
    let payloads = payloads();
    assert!(payloads.len() > 20);
    for payload in payloads {
        let incidents = read(fs::read(&payload).unwrap());
        let found = format!("{}\n", serde_json::to_string_pretty(&incidents).unwrap());
        let golden = payload.with_extension("incidents.json");
        if std::env::var_os("LAKEHAND_RENEW").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&golden).unwrap(), "{}", payload.display());
    }
}

#[test]
fn an_alert_and_its_end_are_one_incident() {
    let ids = |name: &str| {
        let path = payloads().into_iter().find(|path| path.file_stem().unwrap() == name).unwrap();
        let incident = read(fs::read(path).unwrap()).remove(0);
        let run = fingerprint::run(&incident);
        (run.unwrap_or(incident.id), incident.condition)
    };
    for (fired, resolved) in [
        ("monitor_metric", "monitor_metric_resolved"),
        ("open_lineage_fail", "open_lineage_complete"),
        ("pipeline_run", "pipeline_run_succeeded"),
    ] {
        let (fired, resolved) = (ids(fired), ids(resolved));
        assert_eq!(fired.0, resolved.0);
        assert_eq!((fired.1, resolved.1), (Condition::Fired, Condition::Resolved));
    }
}

#[test]
fn names_are_found_whatever_their_casing() {
    for name in ["PIPELINE_NAME", "pipelineName", "Pipeline Name", "pipeline", "Pipline Name:"] {
        let incident = one(json!({name: "ingest", "error_message": "it broke", "RUN-ID": "7"}));
        assert_eq!(incident.pipeline.as_deref(), Some("ingest"), "{name}");
        assert_eq!(incident.cause.root, "it broke");
        assert_eq!(incident.run_id.as_deref(), Some("7"));
    }
}

#[test]
fn an_expression_that_was_not_evaluated_is_no_name() {
    let of = |error: &str| {
        one(
            json!({"pipelineName": "@pipeline().Pipeline", "runId": "@{pipeline().RunId}", "error": error}),
        )
    };
    let incident = of("it broke");
    assert_eq!((&incident.pipeline, &incident.run_id), (&None, &None));
    assert_ne!(incident.id, of("it is full").id);
}

#[test]
fn nothing_is_dropped() {
    for body in ["", " ", "null", "[]", "{}", "[[],[null]]", "42", "\"\"", "true", "{\"a\":{}}"] {
        let incidents = read(body);
        assert_eq!(incidents.len(), 1, "{body}");
        assert!(!incidents[0].title.is_empty() && !incidents[0].cause.root.is_empty(), "{body}");
    }
    assert!(read("42")[0].cause.root.contains("42"));
    assert!(read("\"the disk is full\"")[0].cause.root.contains("the disk is full"));
    assert!(read("{\"a\": {\"odd\": \"thing\"}}")[0].cause.root.contains("thing"));
}

#[test]
fn text_in_other_encodings_is_read() {
    let text = "\u{feff}{\"pipeline\":\"über\",\"error\":\"x\"}";
    assert_eq!(read(text)[0].pipeline.as_deref(), Some("über"));
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(wide)[0].pipeline.as_deref(), Some("über"));
    assert_eq!(
        read("payload=%7B%22pipeline%22%3A%22a+b%22%7D")[0].pipeline.as_deref(),
        Some("a b")
    );
}

#[test]
fn secrets_in_members_are_masked_by_their_names() {
    let incident = one(json!({
        "pipeline": "p", "error": {"message": "x", "accountKey": "q1w2e3"}, "Db-Password": "q1w2e3",
        "more": "{\"inner\":\"{\\\"client_secret\\\":\\\"q1w2e3\\\"}\"}", "apiKey": ["q1w2e3"],
        "text": "sig&#61;q1w2e3 and pass\\u0077ord=q1w2e3",
    }));
    let text = serde_json::to_string(&incident).unwrap();
    assert!(!text.contains("q1w2e3"), "{text}");
}

#[test]
fn a_payload_makes_a_bounded_number_of_incidents() {
    let many = read(format!("[{}]", vec!["{\"pipeline\":\"p\"}"; 5000].join(",")));
    assert_eq!(many.len(), MOST_INCIDENTS);
    assert_eq!(many[99].facts.last().unwrap().name, "Left out");
    let rows = vec!["[\"p\"]"; 5000].join(",");
    let table = format!("{{\"columns\":[{{\"name\":\"PipelineName\"}}],\"rows\":[{rows}]}}");
    let context = format!("{{\"SearchResults\":{{\"tables\":[{table}]}}}}");
    let alert = format!("{{\"data\":{{\"essentials\":{{}},\"alertContext\":{context}}}}}");
    assert_eq!(read(alert).len(), MOST_INCIDENTS);
}

#[test]
fn hostile_payloads_are_bounded() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let peeled = format!("{{\"error\":\"{}x\"}}", "Operation on target a failed: ".repeat(20_000));
    let quoted = (0..12).fold("x".to_owned(), |text, _| json!({"error": text}).to_string());
    for body in [
        deep,
        peeled,
        quoted,
        "[".repeat(1 << 20),
        "{\"a\":\"".repeat(100_000),
        "x".repeat(3 << 20),
        format!("{{\"error\":\"{}\"}}", "Password=".repeat(50_000)),
        format!("{{\"error\":\"{}\"}}", "'Type=A,Message=".repeat(50_000)),
    ] {
        bounded(&read(body));
    }
}

/// Checks that incidents have what each must have, and not more than they may.
fn bounded(incidents: &[Incident]) {
    assert!((1..=MOST_INCIDENTS).contains(&incidents.len()));
    for incident in incidents {
        assert!(
            (1..=LONGEST_TITLE).contains(&incident.title.chars().count()),
            "{}",
            incident.title
        );
        assert!(!incident.title.contains(['\n', '\r']));
        assert!(incident.cause.root.chars().count() <= LONGEST_ROOT);
        assert!(incident.cause.raw.chars().count() <= LONGEST_RAW);
        assert!(incident.activities.len() <= 31 && incident.facts.len() <= 31);
        assert_eq!(incident.id.len(), 32);
        let text = serde_json::to_string(incident).unwrap();
        assert!(text.len() < 200_000, "{}", text.len());
        let again: Incident = serde_json::from_str(&text).unwrap();
        assert_eq!(again.id, incident.id);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = "pipelineName|runId|error|message|status|data|essentials|alertContext|condition|allOf|sections|facts|name|value|run|job|text|attachments|timestamp|[a-z]{1,4}";
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        ".{0,30}".prop_map(Value::from),
        "(Operation on target [a-z]{1,5} failed: |ErrorCode=[A-Z][a-z]{1,5},|'Type=X,Message=|\\{\"Message\":\"|SqlErrorNumber=207|&amp;|\\\\r\\\\n|[ -~]{0,9}){0,6}"
            .prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_make_an_incident(body in prop::collection::vec(any::<u8>(), 0..300)) {
        bounded(&read(body));
    }

    #[test]
    fn any_object_makes_an_incident(value in any_json(), cut in 0_usize..400) {
        let text = value.to_string();
        bounded(&read(&text));
        // Its beginning is none any more.
        bounded(&read(&text.as_bytes()[..cut.min(text.len())]));
    }

    #[test]
    fn no_secret_survives(
        secret in "[a-zA-Z0-9]{24,40}[0-9]{3}",
        member in "errorMessage|message|text|emailBody|xyz|description|pipelineName|runId|title|url",
        way in prop::sample::select(vec![
            "AccountKey={};x=1", "https://h/x?sv=1&sig={}&se=2", "Password={}", "Bearer {}",
            "{\"client_secret\":\"{}\"}", "x-functions-key: {}", "https://u:{}@h/", "sig&#61;{}",
            "https://hooks.slack.com/services/T/B/{}", "pass\\u0077ord={}", "&amp;amp;sig={}",
            "Operation on target a failed: {\"Message\":\"SharedAccessKey={}\"}",
            "'Type=A,Message=pwd={};,Source=b'",
        ]),
        nesting in 0..3,
        is_broken in any::<bool>(),
    ) {
        let mut value = json!({ member: way.replace("{}", &secret), "pipeline": "p" });
        for _ in 0..nesting {
            value = json!({ "error": value.to_string() });
        }
        let body = value.to_string().replacen('{', if is_broken { "{\"broken\":\"a\"b\"," } else { "{" }, 1);
        let text = serde_json::to_string(&read(&body)).unwrap();
        prop_assert!(!text.contains(&secret), "{} became {}", body, text);
    }
}
