//! Routes with `protect`: what lands is delivered encrypted, once, whatever fails.

use std::time::{Duration, Instant};

use lakehand::{
    encryption::service::{answer::run, job::Change, memory::Memory, request::Body},
    routing::{ledger::State, outcome::Outcome},
    stores::{Fault, blobs::Blobs},
};

use super::PEOPLE;
use crate::routing::{Lake, at, delivered, flaky::Trouble, repeated};

const RULES: &str = r#"
[[policy]]
name = "pii"
key = "pii"
columns = [{ name = "email", method = "randomized" }, { name = "note", method = "deterministic" }]

[[route]]
name = "people"
from = "landing/{file...}"
protect = "pii"
to = "processing/{file}"
"#;

const SOURCE: &str = "landing/x.csv";
const TARGET: &str = "processing/x.csv";

fn with(more: &str) -> String {
    format!("{RULES}{more}\n")
}

/// The destination holds all rows, and no value of a protected column.
async fn assert_protected(lake: &Lake, destination: &str) {
    let text = lake.read(destination).await.unwrap();
    assert!(text.starts_with("id,email,note\r\n1,") && text.lines().count() == 4, "{text}");
    for plain in ["@x.org", "hi, you"] {
        assert!(!text.contains(plain), "{text}");
    }
}

#[tokio::test]
async fn a_file_is_delivered_protected_and_its_plaintext_is_gone() {
    let lake = Lake::new(RULES).await;
    lake.write(SOURCE, PEOPLE).await;
    assert_eq!(lake.arrive(SOURCE).await.unwrap(), delivered("people", TARGET));
    assert_protected(&lake, TARGET).await;
    assert_eq!(lake.names("landing").await, [""; 0]);
    assert_eq!(lake.steps(SOURCE).await, ["delivered", "sourceRemoved"]);
    assert_eq!(lake.arrive(SOURCE).await.unwrap(), repeated(TARGET));
}

#[tokio::test]
async fn the_plaintext_is_kept_only_where_the_route_says() {
    let lake = Lake::new(&with("original = \"restricted/{file}\"")).await;
    lake.write(SOURCE, PEOPLE).await;
    lake.blobs.trouble("delete", Trouble::Before(Fault::Unavailable));
    lake.arrive(SOURCE).await.unwrap_err();
    assert_eq!(lake.arrive(SOURCE).await.unwrap(), repeated(TARGET));
    assert_protected(&lake, TARGET).await;
    assert_eq!(lake.read("restricted/x.csv").await.as_deref(), Some(PEOPLE));
    assert_eq!(lake.names("landing").await, [""; 0]);
    let entry = lake.entry(SOURCE).await;
    assert_eq!((entry.state, entry.destination.as_deref()), (State::Delivered, Some(TARGET)));
}

/// Each operation fails, once without its effect and once with its effect and no answer; the next
/// delivery completes the work, with one outcome and one record.
#[tokio::test]
async fn whatever_fails_the_next_delivery_completes_the_work() {
    for more in ["", "original = \"restricted/{file}\"", "on_conflict = \"version\""] {
        for operation in ["head", "read_range", "stage", "commit", "copy", "write", "delete"] {
            for trouble in [Trouble::Before(Fault::Unavailable), Trouble::After] {
                let lake = Lake::new(&with(more)).await;
                lake.write(SOURCE, PEOPLE).await;
                lake.blobs.trouble(operation, trouble);
                if let Err(error) = lake.arrive(SOURCE).await {
                    assert!(error.is_transient(), "{operation} {trouble:?}: {error}");
                }
                lake.arrive(SOURCE).await.unwrap();
                let context = format!("{more} {operation} {trouble:?}");
                let mut names = lake.names("processing").await;
                names.sort();
                assert_eq!(names, ["_lakehand/x.csv.json", "x.csv"], "{context}");
                assert_protected(&lake, TARGET).await;
                assert_eq!(lake.names("landing").await, [""; 0], "{context}");
                assert_eq!(lake.names("quarantine").await, [""; 0], "{context}");
                assert_eq!(lake.entry(SOURCE).await.state, State::Delivered, "{context}");
                if more.contains("original") {
                    let kept = lake.read("restricted/x.csv").await;
                    assert_eq!(kept.as_deref(), Some(PEOPLE), "{context}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_writer_that_loses_its_blocks_starts_again_with_a_new_key() {
    for fault in [Fault::Lost, Fault::AlreadyExists, Fault::NotFound] {
        let lake = Lake::new(RULES).await;
        lake.write(SOURCE, PEOPLE).await;
        lake.blobs.trouble("commit", Trouble::Before(fault));
        assert_eq!(lake.arrive(SOURCE).await.unwrap(), delivered("people", TARGET), "{fault:?}");
        assert_protected(&lake, TARGET).await;
        let commits = lake.blobs.take_calls().iter().filter(|call| **call == "commit").count();
        assert_eq!(commits, 2, "{fault:?}");
    }
}

#[tokio::test]
async fn the_same_event_twice_at_once_delivers_once() {
    let lake = Lake::new(RULES).await;
    lake.write(SOURCE, PEOPLE).await;
    let (one, two) = tokio::join!(lake.arrive(SOURCE), lake.arrive(SOURCE));
    for outcome in [one, two] {
        let outcome = outcome.unwrap();
        let fine = [delivered("people", TARGET), repeated(TARGET), Outcome::Gone];
        assert!(fine.contains(&outcome), "{outcome}");
    }
    assert_protected(&lake, TARGET).await;
    assert_eq!(lake.names("landing").await, [""; 0]);
    let sidecar = lake.read("processing/_lakehand/x.csv.json").await.unwrap();
    let there = lake.blobs.head(&at(TARGET)).await.unwrap();
    assert!(sidecar.contains(&there.metadata["lakehand_id"]), "{sidecar}");
}

#[tokio::test]
async fn what_cannot_be_protected_is_quarantined_and_never_delivered_in_clear() {
    for (name, content, reason) in [
        ("x.csv", "id,mail\n1,a@x.org\n", "no column `email`"),
        ("x.csv", "id,email,note\n1\n", "line 2"),
        ("x.bin", "a@x.org", "does not tell a format"),
        ("x.csv.gz", "\u{1f}no gzip", "column `email`"),
        ("x.jsonl", "{\"email\": \"a\", \"note\": \"b\"}\n{\"email\"", "line 2"),
    ] {
        let lake = Lake::new(RULES).await;
        lake.write(&format!("landing/{name}"), content).await;
        let outcome = lake.arrive(&format!("landing/{name}")).await.unwrap();
        let Outcome::Quarantined { reason: found, .. } = outcome else { panic!("{outcome}") };
        assert!(found.contains(reason), "{name}: {found}");
        assert_eq!(lake.names("processing").await, [""; 0], "{name}");
        assert_eq!(lake.names("quarantine").await, [format!("landing/{name}")]);
    }
}

#[tokio::test]
async fn a_taken_name_is_left_replaced_or_versioned_as_the_route_says() {
    for (policy, kept, count) in [("fail", true, 1), ("replace", false, 2), ("version", true, 3)] {
        let lake = Lake::new(&with(&format!("on_conflict = \"{policy}\""))).await;
        lake.write(TARGET, "old").await;
        lake.write(SOURCE, PEOPLE).await;
        let outcome = lake.arrive(SOURCE).await.unwrap();
        assert_eq!(lake.read(TARGET).await.as_deref() == Some("old"), kept, "{policy}");
        assert_eq!(lake.names("processing").await.len(), count, "{policy}");
        assert_eq!(lake.names("landing").await, [""; 0]);
        match outcome {
            Outcome::Quarantined { .. } => assert_eq!(policy, "fail"),
            Outcome::Delivered { destination, .. } => assert_protected(&lake, &destination).await,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn without_its_key_a_file_waits_where_it_landed() {
    let rules = RULES.replace("key = \"pii\"", "key = \"lost\"");
    let lake = Lake::new(&rules).await;
    lake.write(SOURCE, PEOPLE).await;
    let error = lake.arrive(SOURCE).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("lost"), "{error}");
    assert_eq!(lake.names("landing").await, ["x.csv"]);
    assert_eq!(lake.names("processing").await, [""; 0]);
}

#[tokio::test]
async fn a_copy_leaves_its_source() {
    let lake = Lake::new(&with("action = \"copy\"")).await;
    lake.write(SOURCE, PEOPLE).await;
    assert_eq!(lake.arrive(SOURCE).await.unwrap(), delivered("people", TARGET));
    assert_eq!(lake.arrive(SOURCE).await.unwrap(), repeated(TARGET));
    assert_eq!(lake.read(SOURCE).await.as_deref(), Some(PEOPLE));
}

#[tokio::test]
async fn when_the_time_is_up_nothing_is_written_and_the_file_waits() {
    let mut lake = Lake::new(RULES).await;
    lake.write(SOURCE, PEOPLE).await;
    let long = lake.deadline;
    lake.deadline = Instant::now();
    let error = lake.arrive(SOURCE).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("the time is up"), "{error}");
    assert_eq!(lake.names("processing").await, [""; 0]);
    lake.deadline = long;
    assert_eq!(lake.arrive(SOURCE).await.unwrap(), delivered("people", TARGET));
}

/// The request's answer to the same is 504, whether or not the work had begun.
#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_504() {
    let rules = with("").replace(
        "[[policy]]",
        "[encryption]\nsources = [\"landing\"]\ndestinations = [\"processing\"]\n\n[[policy]]",
    );
    let lake = Lake::new(&rules).await;
    lake.write(SOURCE, PEOPLE).await;
    let config = &lake.active.config;
    let body = Body::read(
        br#"{"source": "landing/x.csv", "destination": "processing/x.csv", "policy": "pii"}"#,
    )
    .unwrap();
    let change = Change::Protect(body.policy(config).unwrap());
    let request = body.common(config, ("destinations", &config.reach.destinations)).unwrap();
    let error = run(&lake.tools, config, &request, &change, Instant::now()).await.unwrap_err();
    assert_eq!(error.status(), 504);
    assert_eq!(lake.names("processing").await, [""; 0]);
}

const SETS: &str = r#"
[[policy]]
name = "pii"
key = "pii"
columns = [{ name = "email", method = "randomized" }, { name = "note", method = "deterministic" }]

[[route]]
name = "sets"
from = "landing/{set}/{file...}"
complete = ".done"
protect = "pii"
original = "restricted/{set}/{file}"
to = "processing/{set}/{file}"
"#;

async fn dataset(bad: Option<&str>) -> Lake {
    let lake = Lake::new(SETS).await;
    lake.write("landing/q1/a.csv", PEOPLE).await;
    lake.write("landing/q1/b/c.csv", bad.unwrap_or(PEOPLE)).await;
    lake.write("landing/q1/.done", "").await;
    lake
}

async fn assert_whole(lake: &Lake) {
    let mut names = lake.names("processing").await;
    names.retain(|name| !name.contains("_lakehand/"));
    names.sort();
    assert_eq!(names, ["q1/.done", "q1/a.csv", "q1/b/c.csv"]);
    for name in ["q1/a.csv", "q1/b/c.csv"] {
        assert_protected(lake, &format!("processing/{name}")).await;
        let kept = lake.read(&format!("restricted/{name}")).await;
        assert_eq!(kept.as_deref(), Some(PEOPLE));
    }
    assert_eq!(lake.names("landing").await, [""; 0]);
    assert_eq!(lake.names("quarantine").await, [""; 0]);
}

#[tokio::test]
async fn a_dataset_is_protected_file_by_file_and_its_marker_comes_last() {
    let lake = dataset(None).await;
    assert!(matches!(lake.arrive("landing/q1/a.csv").await.unwrap(), Outcome::Waiting(_)));
    assert_eq!(lake.names("processing").await, [""; 0]);
    let outcome = lake.arrive("landing/q1/.done").await.unwrap();
    assert!(matches!(&outcome, Outcome::Closed { files: 2, .. }), "{outcome}");
    assert_whole(&lake).await;
}

#[tokio::test]
async fn whatever_fails_the_dataset_is_completed_before_its_marker() {
    for operation in ["head", "read_range", "stage", "commit", "copy", "write", "delete"] {
        for trouble in [Trouble::Before(Fault::Unavailable), Trouble::After] {
            let lake = dataset(None).await;
            lake.blobs.trouble(operation, trouble);
            if let Err(error) = lake.arrive("landing/q1/.done").await {
                assert!(error.is_transient(), "{operation} {trouble:?}: {error}");
                let marker = lake.read("processing/q1/.done").await;
                let is_last = marker.is_none() || lake.names("landing").await == ["q1/.done"];
                assert!(is_last, "{operation} {trouble:?}: the marker came before its files");
            }
            lake.arrive("landing/q1/.done").await.unwrap();
            assert_whole(&lake).await;
        }
    }
}

#[tokio::test]
async fn a_dataset_with_a_file_that_cannot_be_protected_is_never_announced() {
    let lake = dataset(Some("id,mail\n1,a@x.org\n")).await;
    let outcome = lake.arrive("landing/q1/.done").await.unwrap();
    assert!(matches!(&outcome, Outcome::Quarantined { .. }), "{outcome}");
    let mut names = lake.names("quarantine").await;
    names.sort();
    assert_eq!(names, ["landing/q1/.done", "landing/q1/b/c.csv"]);
    for name in lake.names("processing").await {
        let text = lake.read(&format!("processing/{name}")).await.unwrap();
        assert!(!text.contains("@x.org"), "{name}: {text}");
    }
}

/// One record takes nearly the whole file, which needs more than the share that a file of this
/// length gets beside others.
#[tokio::test]
async fn a_file_gets_more_memory_when_its_share_is_too_small() {
    let mut lake = Lake::new(RULES).await;
    let long = "x".repeat(5 << 20);
    let content = format!("id,email,note\n1,a@x.org,{long}\n");
    lake.write(SOURCE, &content).await;
    let outcome = lake.arrive(SOURCE).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Quarantined { reason, .. } if reason.contains("LAKEHAND_MEMORY")),
        "{outcome}"
    );

    lake.tools.memory = Memory::new(512 << 20);
    lake.write(SOURCE, &content).await;
    assert_eq!(lake.arrive(SOURCE).await.unwrap(), delivered("people", TARGET));
}

/// Others hold the memory: a file waits for it, and not longer than its time.
#[tokio::test]
async fn a_file_waits_for_memory_until_its_time_is_up() {
    let mut lake = Lake::new(RULES).await;
    lake.write(SOURCE, PEOPLE).await;
    let share = lake.tools.memory.take(1, lake.deadline).await.unwrap();
    let long = std::mem::replace(&mut lake.deadline, Instant::now() + Duration::from_millis(50));
    let error = lake.arrive(SOURCE).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("the time is up"), "{error}");
    assert_eq!(lake.names("processing").await, [""; 0]);
    lake.deadline = long;
    drop(share);
    assert_eq!(lake.arrive(SOURCE).await.unwrap(), delivered("people", TARGET));
}
