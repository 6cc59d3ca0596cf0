//! The sweep: what the triggers missed, gave up, or left unfinished.

use std::time::{Duration, Instant};

use lakehand::{
    routing::{
        outcome::Outcome,
        sweep::{BLOB_POISON, Swept, sweep},
    },
    stores::Fault,
};
use serde_json::json;

use super::{Lake, flaky::Trouble};

const ROUTES: &str = r#"
[landing]
settle = "30s"

[[route]]
name = "sets"
from = "landing/sets/{set}/{file...}"
complete = ".done"
to = "processing/{set}/{file}"

[[route]]
name = "all"
from = "landing/{file...}"
to = "processing/{file}"
"#;

const QUEUE: &str = "lakehand-events";

async fn run(lake: &Lake) -> Swept {
    sweep(&lake.routing(), &*lake.queues, QUEUE).await
}

#[tokio::test]
async fn it_takes_what_has_rested_and_leaves_what_waits() {
    let mut lake = Lake::new(ROUTES).await;
    for name in ["landing/a", "landing/b/c", "landing/sets/q1/x"] {
        lake.write(name, "1").await;
    }
    lake.clock = time::OffsetDateTime::now_utc;
    assert!(run(&lake).await.lines.is_empty(), "nothing has rested yet");
    lake.clock = super::tomorrow;
    let swept = run(&lake).await;
    assert_eq!((swept.lines.len(), swept.failures.len()), (2, 0));
    assert_eq!(lake.names("processing").await, ["a", "b/c"]);
    assert_eq!(lake.names("landing").await, ["sets/q1/x"]);
    lake.write("landing/sets/q1/.done", "").await;
    let swept = run(&lake).await;
    assert!(matches!(&swept.lines[0].outcome, Outcome::Closed { files: 1, .. }));
    assert_eq!(lake.names("landing").await, [""; 0]);
}

#[tokio::test]
async fn one_failure_does_not_stop_the_others() {
    let lake = Lake::new(ROUTES).await;
    for name in ["a", "b", "c"] {
        lake.write(&format!("landing/{name}"), "1").await;
    }
    lake.blobs.trouble("copy", Trouble::Before(Fault::Unavailable));
    let swept = run(&lake).await;
    assert_eq!((swept.lines.len(), swept.failures.len()), (2, 1));
    let swept = run(&lake).await;
    assert_eq!((swept.lines.len(), swept.failures.len()), (1, 0));
    assert_eq!(lake.names("processing").await, ["a", "b", "c"]);
}

#[tokio::test]
async fn it_finishes_pending_copies() {
    let lake = Lake::new(ROUTES).await;
    lake.write("landing/a", "1").await;
    lake.blobs.trouble("copy", Trouble::Pending);
    lake.arrive("landing/a").await.unwrap();
    assert!(run(&lake).await.lines.is_empty(), "what still copies is no news");
    lake.blobs.settle();
    assert_eq!(run(&lake).await.lines.len(), 1);
    assert_eq!(lake.names("landing").await, [""; 0]);
}

#[tokio::test]
async fn it_gives_poisoned_blobs_another_try_and_leaves_foreign_messages() {
    let lake = Lake::new(ROUTES).await;
    let poison = format!("{QUEUE}-poison");
    lake.queues.create(BLOB_POISON).await.unwrap();
    lake.queues.create(&poison).await.unwrap();
    lake.write("landing/a", "1").await;
    lake.write("landing/b", "1").await;
    let message = |function: &str, blob: &str| {
        json!({"FunctionId": format!("Host.Functions.{function}"), "BlobType": "BlockBlob",
            "ContainerName": "landing", "BlobName": blob, "ETag": "\"1\""})
        .to_string()
    };
    lake.queues.send(BLOB_POISON, &message("route_blob", "a")).await.unwrap();
    lake.queues.send(BLOB_POISON, &message("somebody_else", "x")).await.unwrap();
    let event = json!({"eventType": "Microsoft.Storage.BlobCreated",
        "subject": "/blobServices/default/containers/landing/blobs/b", "data": {"api": "PutBlob"}});
    lake.queues.send(&poison, &event.to_string()).await.unwrap();
    lake.queues.send(&poison, "no event at all").await.unwrap();
    run(&lake).await;
    assert_eq!(lake.names("processing").await, ["a", "b"]);
    let left = async |queue: &str| {
        let messages = lake.queues.receive(queue, 32, Duration::ZERO).await.unwrap();
        messages.into_iter().map(|message| message.text).collect::<Vec<_>>()
    };
    assert_eq!(left(BLOB_POISON).await, [message("somebody_else", "x")]);
    assert_eq!(left(&poison).await, ["no event at all"]);
}

#[tokio::test]
async fn it_goes_on_where_the_deadline_stopped_it() {
    let mut lake = Lake::new(ROUTES).await;
    for number in 0..1_200 {
        lake.write(&format!("landing/{number:04}"), "1").await;
    }
    lake.deadline = Instant::now() + Duration::from_millis(50);
    while !lake.names("landing").await.is_empty() {
        run(&lake).await;
        lake.deadline = Instant::now() + Duration::from_millis(500);
    }
    let page = lake.names("processing").await;
    assert_eq!(page.first().map(String::as_str), Some("0000"));
}

const TWO: &str = r#"
[landing]
containers = ["first-zone", "landing"]

[[route]]
name = "first"
from = "first-zone/{file...}"
to = "processing/first/{file}"

[[route]]
name = "second"
from = "landing/{file...}"
to = "processing/second/{file}"
"#;

#[tokio::test]
async fn a_container_that_cannot_be_listed_does_not_stop_the_next() {
    let lake = Lake::new(TWO).await;
    lake.write("first-zone/x", "1").await;
    lake.write("landing/x", "1").await;
    lake.blobs.trouble("list", Trouble::Before(Fault::Denied));
    let swept = run(&lake).await;
    assert_eq!((swept.lines.len(), swept.failures.len()), (1, 1));
    assert_eq!(lake.names("processing").await, ["second/x"]);
}

#[tokio::test]
async fn poisoned_messages_wait_when_the_time_is_up() {
    let mut lake = Lake::new(ROUTES).await;
    lake.queues.create(BLOB_POISON).await.unwrap();
    let message = json!({"FunctionId": "Host.Functions.route_blob", "ContainerName": "landing",
        "BlobName": "a"});
    lake.queues.send(BLOB_POISON, &message.to_string()).await.unwrap();
    lake.write("landing/a", "1").await;
    lake.deadline = Instant::now();
    run(&lake).await;
    assert_eq!(lake.names("landing").await, ["a"]);
    lake.deadline = Instant::now() + Duration::from_secs(60);
    run(&lake).await;
    assert_eq!(lake.names("processing").await, ["a"]);
}

/// A source that a copy leaves in place is remembered for as long as it is there.
#[tokio::test]
async fn a_kept_source_is_not_copied_again_when_its_entry_would_expire() {
    let lake =
        Lake::new(&ROUTES.replace("name = \"all\"", "name = \"all\"\naction = \"copy\"")).await;
    lake.write("landing/a", "1").await;
    run(&lake).await;
    let before = lake.entry("landing/a").await.steps.len();
    run(&lake).await;
    assert_eq!(lake.entry("landing/a").await.steps.len(), before, "not each time");
    let mut later = lake.routing();
    later.ledger.now = in_an_hour;
    sweep(&later, &*lake.queues, QUEUE).await;
    let steps = lake.steps("landing/a").await;
    assert_eq!(steps, ["delivered", "sourceKept"]);
}

fn in_an_hour() -> time::OffsetDateTime {
    super::tomorrow() + Duration::from_secs(3_000)
}
