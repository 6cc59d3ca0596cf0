//! The embedded store's own ways: the file, its clock and its limits.

use std::{fs, sync::Arc, time::Duration};

use lakehand::stores::{
    Condition, Fault,
    documents::{Collection, Documents, Key, Query},
    local::LocalDatabase,
};
use rusqlite::Connection;
use serde_json::json;
use time::OffsetDateTime;

use super::local::{database, still_clock};
use crate::conformance::{
    assert_fault,
    documents::{put, raw, value},
};

const STATE: Collection = Collection::State;

async fn put_for(store: &dyn Documents, id: &str, seconds: u64) {
    let keep = Some(Duration::from_secs(seconds));
    let key = Key::new("p", id);
    store.put(STATE, &key, &raw(&json!({})), &Condition::Always, keep).await.unwrap();
}

#[tokio::test]
async fn keeps_documents_and_messages_between_processes() {
    let lake = tempfile::tempdir().unwrap();
    let first = database(lake.path());
    let etag = put(&*first.documents(), &Key::new("p", "1"), json!({"n": 1})).await;
    first.queues().create("events").await.unwrap();
    first.queues().send("events", "work").await.unwrap();
    drop(first);
    let second = database(lake.path());
    let document = second.documents().get(STATE, &Key::new("p", "1")).await.unwrap();
    assert_eq!((&document.etag, value(&document)), (&etag, json!({"n": 1})));
    let received = second.queues().receive("events", 32, Duration::from_secs(60)).await.unwrap();
    assert_eq!(received[0].text, "work");
    second.documents().probe().await.unwrap();
    second.queues().probe().await.unwrap();
}

#[tokio::test]
async fn can_be_read_with_a_known_tool() {
    let lake = tempfile::tempdir().unwrap();
    let store = database(lake.path()).documents();
    put(&*store, &Key::new("sales", "a/b"), json!({"state": "delivered"})).await;
    let file = Connection::open(lake.path().join(".lakehand/lakehand.db")).unwrap();
    let row: (String, String) = file
        .query_row(
            "SELECT id, body ->> 'state' FROM documents
             WHERE collection = 'state' AND partition = 'sales' AND modified > '2020'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(row, ("a/b".to_owned(), "delivered".to_owned()));
}

#[tokio::test]
async fn purges_only_what_expired() {
    let lake = tempfile::tempdir().unwrap();
    let (clock, advance) = still_clock();
    let store = LocalDatabase::open(lake.path(), clock).unwrap().documents();
    put(&*store, &Key::new("p", "kept"), json!({})).await;
    for id in ["1", "2", "3"] {
        put_for(&*store, id, 60).await;
    }
    put_for(&*store, "later", 3600).await;
    put_for(&*store, "last", u64::MAX).await;
    assert_eq!(store.purge(10).await.unwrap(), 0);
    advance(Duration::from_secs(60));
    assert_eq!(store.purge(2).await.unwrap(), 2);
    assert_eq!(store.purge(2).await.unwrap(), 1);
    assert_eq!(store.purge(2).await.unwrap(), 0);
    assert_eq!(store.list(STATE, &Query::of("p")).await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn forgets_messages_after_a_week() {
    let lake = tempfile::tempdir().unwrap();
    let (clock, advance) = still_clock();
    let store = LocalDatabase::open(lake.path(), clock).unwrap().queues();
    store.create("events").await.unwrap();
    store.send("events", "old").await.unwrap();
    advance(Duration::from_secs(6 * 24 * 3600));
    store.send("events", "new").await.unwrap();
    advance(Duration::from_secs(24 * 3600));
    let received = store.receive("events", 32, Duration::from_secs(30)).await.unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].text, "new");
    advance(Duration::from_secs(29));
    assert!(store.receive("events", 32, Duration::ZERO).await.unwrap().is_empty());
    advance(Duration::from_secs(1));
    assert_eq!(store.receive("events", 32, Duration::ZERO).await.unwrap()[0].dequeue_count, 2);
}

#[tokio::test]
async fn keeps_the_limits_of_azure_queues() {
    let lake = tempfile::tempdir().unwrap();
    let store = database(lake.path()).queues();
    for queue in ["", "ab", "Events", "a--b", "-ab", "a_b", "a/b"] {
        assert_fault(store.create(queue).await, Fault::Rejected);
    }
    store.create("events").await.unwrap();
    store.send("events", &"x".repeat(65_536)).await.unwrap();
    assert_fault(store.send("events", &"x".repeat(65_537)).await, Fault::Rejected);
}

#[tokio::test]
async fn keeps_the_deliveries_of_an_older_file() {
    let lake = tempfile::tempdir().unwrap();
    let key = Key::new("landing", "drives/q1");
    let store = database(lake.path()).documents();
    let body = raw(&json!({"files": 2}));
    store.put(Collection::Deliveries, &key, &body, &Condition::Absent, None).await.unwrap();
    drop(store);
    let file = Connection::open(lake.path().join(".lakehand/lakehand.db")).unwrap();
    file.execute("UPDATE documents SET collection = 'datasets'", []).unwrap();
    file.execute("DROP INDEX windows_by_run", []).unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
    let store = database(lake.path()).documents();
    let found = store.get(Collection::Deliveries, &key).await.unwrap();
    assert_eq!(found.body.get(), body.get());
    assert_fault(store.get(Collection::Datasets, &key).await, Fault::NotFound);
}

#[tokio::test]
async fn refuses_a_file_of_a_later_version() {
    let lake = tempfile::tempdir().unwrap();
    drop(database(lake.path()));
    let file = Connection::open(lake.path().join(".lakehand/lakehand.db")).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    let opened = LocalDatabase::open(lake.path(), Arc::new(OffsetDateTime::now_utc));
    let error = opened.unwrap_err();
    assert_eq!(error.fault, Fault::Rejected);
    assert!(error.detail.contains("99") && error.detail.contains("update"), "{error}");
}

#[tokio::test]
async fn says_what_to_do_with_a_damaged_file() {
    let lake = tempfile::tempdir().unwrap();
    let private = lake.path().join(".lakehand");
    fs::create_dir_all(&private).unwrap();
    fs::write(private.join("lakehand.db"), "not a database, ".repeat(1000)).unwrap();
    let opened = LocalDatabase::open(lake.path(), Arc::new(OffsetDateTime::now_utc));
    let error = opened.unwrap_err();
    assert_eq!(error.fault, Fault::Rejected);
    assert!(error.detail.contains("move it away"), "{error}");
}
