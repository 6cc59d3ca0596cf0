//! Datasets: complete, in order, once.

use lakehand::{
    metadata::datasets::{model as api, store::Datasets},
    routing::{
        dataset::{Dataset, Status},
        ledger::State,
        outcome::Outcome,
    },
    stores::{
        Fault,
        documents::{self, Collection, Key},
    },
};

use super::{Lake, flaky::Trouble};

const SETS: &str = r#"
[[route]]
name = "sets"
from = "landing/{set}/{file...}"
complete = ".done"
settle = "60s"
to = "processing/{set}/Original/{file}"
on_conflict = "version"
"#;

const MARKER: &str = "landing/q1/q1.DONE";

async fn record(lake: &Lake, set: &str) -> Dataset {
    let key = Key::new("landing", format!("sets:landing/{set}"));
    documents::read(&*lake.documents, Collection::Deliveries, &key).await.unwrap().unwrap().body
}

/// What the metadata API knows of a dataset: its history as status and delivery, files and bytes.
async fn told(lake: &Lake, set: &str) -> (Vec<(api::Status, Option<u32>)>, (u64, u64)) {
    let datasets = Datasets::new(&*lake.documents);
    let found = datasets.look(&format!("landing/{set}")).await.unwrap().unwrap().dataset;
    assert_eq!(found.facts.path.as_deref(), Some(set));
    let history = found.history.iter().map(|change| (change.status, change.delivery)).collect();
    (history, (found.facts.files, found.facts.bytes))
}

fn closed(files: u64, bytes: u64) -> Outcome {
    Outcome::Closed {
        dataset: "landing/q1".to_owned(),
        files,
        bytes,
        destination: "processing/q1/Original/q1.DONE".to_owned(),
    }
}

#[tokio::test]
async fn files_wait_for_their_marker_and_it_goes_last() {
    let mut lake = Lake::new(SETS).await;
    for (name, content) in
        [("landing/q1/a", "1"), ("landing/q1/sub/b", "22"), ("landing/q2/c", "3")]
    {
        lake.write(name, content).await;
        assert!(matches!(lake.arrive(name).await.unwrap(), Outcome::Waiting(_)));
        assert_eq!(lake.entry(name).await.state, State::Waiting);
    }
    lake.clock = time::OffsetDateTime::now_utc;
    lake.write(MARKER, "").await;
    assert!(matches!(lake.arrive(MARKER).await.unwrap(), Outcome::Settling(_)), "still fresh");
    assert_eq!(lake.names("processing").await, [""; 0]);
    lake.clock = super::tomorrow;
    assert_eq!(lake.arrive(MARKER).await.unwrap(), closed(2, 3));
    assert_eq!(
        lake.names("processing").await,
        ["q1/Original/a", "q1/Original/q1.DONE", "q1/Original/sub/b"]
    );
    assert_eq!(lake.names("landing").await, ["q2/c"]);
    let record = record(&lake, "q1").await;
    assert_eq!((record.status, record.delivery, record.files), (Status::Ready, 1, 2));
    assert_eq!(lake.steps("landing/q1/a").await, ["waiting", "delivered", "sourceRemoved"]);
    use api::Status::{Landing, Processing, Ready, Received};
    let history = [Received, Processing, Ready].map(|status| (status, Some(1)));
    let history = [(Landing, None)].into_iter().chain(history).collect();
    assert_eq!(told(&lake, "q1").await, (history, (2, 3)));
    assert_eq!(lake.entry("landing/q1/a").await.dataset.as_deref(), Some("landing/q1"));
}

#[tokio::test]
async fn a_new_marker_opens_the_next_delivery() {
    let lake = Lake::new(SETS).await;
    lake.write("landing/q1/a", "1").await;
    lake.write(MARKER, "").await;
    assert_eq!(lake.arrive(MARKER).await.unwrap(), closed(1, 1));
    lake.write("landing/q1/late", "22").await;
    assert!(matches!(lake.arrive("landing/q1/late").await.unwrap(), Outcome::Waiting(_)));
    lake.write(MARKER, "").await;
    let Outcome::Closed { files: 1, bytes: 2, destination, .. } =
        lake.arrive(MARKER).await.unwrap()
    else {
        panic!("the second delivery did not close");
    };
    assert_ne!(destination, "processing/q1/Original/q1.DONE", "the first marker stays");
    assert_eq!(record(&lake, "q1").await.delivery, 2);
    let (history, size) = told(&lake, "q1").await;
    assert_eq!((history.last(), size), (Some(&(api::Status::Ready, Some(2))), (1, 2)));
    assert_eq!(history.len(), 6, "three for each delivery: {history:?}");
    assert_eq!(lake.names("processing").await.len(), 4);
}

#[tokio::test]
async fn a_manifest_decides_what_belongs_and_when_it_is_complete() {
    let mut lake = Lake::new(SETS).await;
    lake.clock = time::OffsetDateTime::now_utc;
    lake.write(MARKER, r#"{"files": [{"name": "a", "size": 1}, {"name": "sub/b", "size": 2}]}"#)
        .await;
    assert!(
        matches!(lake.arrive(MARKER).await.unwrap(), Outcome::Settling(reason) if reason.contains("a is missing"))
    );
    lake.write("landing/q1/a", "1").await;
    lake.write("landing/q1/extra", "333").await;
    lake.write("landing/q1/sub/b", "2").await;
    assert!(
        matches!(lake.arrive("landing/q1/sub/b").await.unwrap(), Outcome::Settling(reason) if reason.contains("1 of 2 bytes"))
    );
    lake.write("landing/q1/sub/b", "22").await;
    assert_eq!(
        lake.arrive("landing/q1/sub/b").await.unwrap(),
        closed(2, 3),
        "the last file closes it at once"
    );
    assert_eq!(lake.names("landing").await, ["q1/extra"]);
}

#[tokio::test]
async fn a_marker_with_a_broken_manifest_is_quarantined_and_its_files_wait() {
    let lake = Lake::new(SETS).await;
    lake.write("landing/q1/a", "1").await;
    lake.write(MARKER, r#"{"files": "all"}"#).await;
    let outcome = lake.arrive(MARKER).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Quarantined { reason, .. } if reason.contains("manifest")),
        "{outcome}"
    );
    assert_eq!(lake.names("landing").await, ["q1/a"]);
}

#[tokio::test]
async fn a_dataset_without_files_closes_too() {
    let lake = Lake::new(SETS).await;
    lake.write(MARKER, "").await;
    assert_eq!(lake.arrive(MARKER).await.unwrap(), closed(0, 0));
}

#[tokio::test]
async fn a_failure_on_the_way_is_made_good_and_counted_once() {
    for operation in ["head", "copy", "delete", "list", "read"] {
        let lake = Lake::new(SETS).await;
        lake.write("landing/q1/a", "1").await;
        lake.write("landing/q1/b", "22").await;
        lake.write(MARKER, "done").await;
        lake.blobs.trouble(operation, Trouble::Before(Fault::Unavailable));
        lake.arrive(MARKER).await.unwrap_err();
        assert!(!lake.names("processing").await.contains(&"q1/Original/q1.DONE".to_owned()));
        assert_eq!(lake.arrive(MARKER).await.unwrap(), closed(2, 3), "{operation}");
        assert_eq!(told(&lake, "q1").await.0.len(), 3, "{operation}: the repeat is no news");
        assert_eq!(lake.names("landing").await, [""; 0]);
        assert_eq!(lake.names("processing").await.len(), 3);
    }
}

#[tokio::test]
async fn a_pending_file_holds_the_marker_back() {
    let lake = Lake::new(SETS).await;
    lake.write("landing/q1/a", "1").await;
    lake.write(MARKER, "").await;
    lake.blobs.trouble("copy", Trouble::Pending);
    assert!(matches!(lake.arrive(MARKER).await.unwrap(), Outcome::Settling(_)));
    assert_eq!(lake.names("landing").await, ["q1/a", "q1/q1.DONE"]);
    lake.blobs.settle();
    assert_eq!(lake.arrive(MARKER).await.unwrap(), closed(1, 1));
}

#[tokio::test]
async fn a_file_that_is_quarantined_takes_the_marker_along() {
    let lake = Lake::new(&SETS.replace("version", "fail")).await;
    lake.write("processing/q1/Original/a", "other").await;
    lake.write("landing/q1/a", "1").await;
    lake.write("landing/q1/b", "2").await;
    lake.write(MARKER, "").await;
    let outcome = lake.arrive(MARKER).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Quarantined { reason, .. } if reason.ends_with(": a")),
        "{outcome}"
    );
    assert_eq!(lake.names("processing").await, ["q1/Original/a", "q1/Original/b"]);
    assert_eq!(lake.names("quarantine").await, ["landing/q1/a", "landing/q1/q1.DONE"]);
    assert_eq!(record(&lake, "q1").await.status, Status::Quarantined);
    assert_eq!(told(&lake, "q1").await.0.last(), Some(&(api::Status::Quarantined, Some(1))));
}

#[tokio::test]
async fn the_deadline_ends_an_invocation_and_not_the_dataset() {
    let mut lake = Lake::new(SETS).await;
    lake.write("landing/q1/a", "1").await;
    lake.write(MARKER, "").await;
    let deadline = std::mem::replace(&mut lake.deadline, std::time::Instant::now());
    assert!(matches!(lake.arrive(MARKER).await.unwrap(), Outcome::Settling(_)));
    assert_eq!(lake.names("processing").await, [""; 0]);
    lake.deadline = deadline;
    assert_eq!(lake.arrive(MARKER).await.unwrap(), closed(1, 1));
}

#[tokio::test]
async fn a_dataset_inside_another_keeps_its_files() {
    let lake = Lake::new(&SETS.replace("{set}/{file...}", "{set...}/{file...}")).await;
    lake.write("landing/q1/a", "1").await;
    lake.write("landing/q1/sub/b", "22").await;
    lake.write(MARKER, "").await;
    assert_eq!(lake.arrive(MARKER).await.unwrap(), closed(1, 1));
    assert_eq!(lake.names("landing").await, ["q1/sub/b"], "it waits for a marker of its own");
}

#[tokio::test]
async fn a_file_that_is_replaced_while_its_dataset_moves_is_not_left_out() {
    for manifest in ["", r#"{"files": [{"name": "a"}, {"name": "b"}]}"#] {
        let lake = Lake::new(SETS).await;
        lake.write("landing/q1/a", "1").await;
        lake.write("landing/q1/b", "2").await;
        lake.write(MARKER, manifest).await;
        lake.blobs.trouble("copy", Trouble::Replaced);
        let outcome = lake.arrive(MARKER).await.unwrap();
        assert!(matches!(outcome, Outcome::Settling(_)), "{outcome}");
        assert!(!lake.names("processing").await.contains(&"q1/Original/q1.DONE".to_owned()));
        let outcome = lake.arrive(MARKER).await.unwrap();
        assert!(matches!(outcome, Outcome::Closed { .. }), "{outcome}");
        assert_eq!(lake.names("processing").await.len(), 3);
        assert_eq!(lake.names("landing").await, [""; 0]);
        assert_eq!(record(&lake, "q1").await.delivery, 1);
    }
}

#[tokio::test]
async fn a_marker_sent_again_before_the_end_completes_the_same_delivery() {
    for manifest in ["", r#"{"files": [{"name": "a"}, {"name": "b"}]}"#] {
        let lake = Lake::new(SETS).await;
        lake.write("landing/q1/a", "1").await;
        lake.write("landing/q1/b", "2").await;
        lake.write(MARKER, manifest).await;
        lake.blobs.trouble("copy", Trouble::Pending);
        assert!(matches!(lake.arrive(MARKER).await.unwrap(), Outcome::Settling(_)));
        lake.write(MARKER, manifest).await;
        lake.blobs.settle();
        let outcome = lake.arrive(MARKER).await.unwrap();
        assert!(matches!(outcome, Outcome::Closed { .. }), "{outcome}");
        assert_eq!(record(&lake, "q1").await.delivery, 1, "no marker has gone out yet");
        assert_eq!(lake.names("processing").await.len(), 3);
    }
}

#[tokio::test]
async fn a_quarantined_file_is_not_forgotten_when_the_marker_is_sent_again() {
    let lake = Lake::new(&SETS.replace("version", "fail")).await;
    lake.write("processing/q1/Original/a", "other").await;
    lake.write("landing/q1/a", "1").await;
    lake.write("landing/q1/b", "2").await;
    lake.write(MARKER, "").await;
    lake.blobs.trouble("delete", Trouble::Before(Fault::Unavailable));
    lake.arrive(MARKER).await.unwrap_err();
    lake.write(MARKER, "").await;
    let outcome = lake.arrive(MARKER).await.unwrap();
    assert!(matches!(outcome, Outcome::Quarantined { .. }), "{outcome}");
}

#[tokio::test]
async fn what_may_still_be_written_is_not_complete() {
    let mut lake = Lake::new(SETS).await;
    lake.clock = time::OffsetDateTime::now_utc;
    lake.write("landing/q1/a", "").await;
    lake.write(MARKER, r#"{"files": [{"name": "a"}]}"#).await;
    let outcome = lake.arrive(MARKER).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Settling(reason) if reason.contains("a is empty")),
        "{outcome}"
    );
    lake.write("landing/q1/a", "1").await;
    lake.blobs.pend(super::at("landing/q1/a"));
    let outcome = lake.arrive(MARKER).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Settling(reason) if reason.contains("copied")),
        "{outcome}"
    );
    lake.blobs.settle();
    assert_eq!(lake.arrive(MARKER).await.unwrap(), closed(1, 1));
}
