//! The rules of [`Documents`].

use std::time::Duration;

use futures::future::join_all;
use lakehand::stores::{
    Condition, ETag, Fault, Page, StoreError,
    documents::{Collection, Document, Documents, Key},
};
use serde_json::{Value, json};

use super::{assert_fault, count_winners};

const STATE: Collection = Collection::State;

async fn put_if(
    store: &dyn Documents,
    key: &Key,
    body: Value,
    condition: &Condition,
) -> Result<ETag, StoreError> {
    store.put(STATE, key, &body, condition, None).await
}

/// Writes a document without a condition.
pub(crate) async fn put(store: &dyn Documents, key: &Key, body: Value) -> ETag {
    put_if(store, key, body, &Condition::Always).await.unwrap()
}

fn ids(page: &Page<Document>) -> Vec<&str> {
    page.items.iter().map(|document| document.key.id.as_str()).collect()
}

/// A document comes back as it was put, under its key and no other.
pub(crate) async fn gets_what_was_put(store: &dyn Documents, partition: &str) {
    let key = Key::new(partition, "one");
    assert_fault(store.get(STATE, &key).await, Fault::NotFound);
    let body = json!({
        "text": "é 仓库 \"quoted\" \u{0} \n", "number": 9_007_199_254_740_991_i64, "half": 0.5,
        "list": [null, true, {"deep": []}], "empty": {},
    });
    let etag = put(store, &key, body.clone()).await;
    let document = store.get(STATE, &key).await.unwrap();
    assert_eq!((&document.key, &document.etag, &document.body), (&key, &etag, &body));
    assert_fault(store.get(Collection::Ledger, &key).await, Fault::NotFound);
    let beside = Key::new(format!("{partition}-beside"), "one");
    assert_fault(store.get(STATE, &beside).await, Fault::NotFound);
}

/// A put happens only under its condition; each one is a version of its own.
pub(crate) async fn puts_under_conditions(store: &dyn Documents, partition: &str) {
    let key = Key::new(partition, "one");
    let unknown = Condition::Matches(ETag::new("unknown"));
    assert_fault(put_if(store, &key, json!({"n": 0}), &unknown).await, Fault::Changed);
    let first = put_if(store, &key, json!({"n": 1}), &Condition::Absent).await.unwrap();
    let again = put_if(store, &key, json!({"n": 2}), &Condition::Absent).await;
    assert_fault(again, Fault::AlreadyExists);
    let matches = Condition::Matches(first.clone());
    let second = put_if(store, &key, json!({"n": 1}), &matches).await.unwrap();
    assert_ne!(first, second);
    assert_fault(put_if(store, &key, json!({"n": 3}), &matches).await, Fault::Changed);
    let third = put(store, &key, json!({"n": 4})).await;
    let document = store.get(STATE, &key).await.unwrap();
    assert_eq!((document.body, document.etag), (json!({"n": 4}), third));
}

/// A delete happens only under its condition, and then the document is gone.
pub(crate) async fn deletes_under_conditions(store: &dyn Documents, partition: &str) {
    let key = Key::new(partition, "one");
    let first = put(store, &key, json!({"n": 1})).await;
    let second = put(store, &key, json!({"n": 2})).await;
    let stale = Condition::Matches(first);
    assert_fault(store.delete(STATE, &key, &stale).await, Fault::Changed);
    let matches = Condition::Matches(second);
    store.delete(STATE, &key, &matches).await.unwrap();
    assert_fault(store.get(STATE, &key).await, Fault::NotFound);
    assert_fault(store.delete(STATE, &key, &matches).await, Fault::NotFound);
    assert_fault(store.delete(STATE, &key, &Condition::Always).await, Fault::NotFound);
    let third = put_if(store, &key, json!({"n": 3}), &Condition::Absent).await.unwrap();
    assert!(!matches!(&matches, Condition::Matches(etag) if *etag == third));
    store.delete(STATE, &key, &Condition::Always).await.unwrap();
}

/// Any text is a key, and similar ones are kept apart.
pub(crate) async fn keeps_any_key(store: &dyn Documents, partition: &str) {
    let ids = [
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a%2Fb",
        "a b",
        "a+b",
        "A/B",
        "é",
        "e\u{301}",
        "仓库",
        "😀",
        "\"quoted\"",
        "it's",
        "; --",
        "*",
        "a/b/",
        ".",
        "..",
        "%",
        "~1",
        "_",
        "line\nbreak",
    ];
    for id in ids {
        put_if(store, &Key::new(partition, id), json!({"id": id}), &Condition::Absent)
            .await
            .unwrap();
    }
    for id in ids {
        let document = store.get(STATE, &Key::new(partition, id)).await.unwrap();
        assert_eq!((document.key.id.as_str(), &document.body), (id, &json!({"id": id})));
        let elsewhere = Key::new(format!("{partition}{id}"), "x");
        put_if(store, &elsewhere, json!({}), &Condition::Absent).await.unwrap();
    }
    let page = store.list(STATE, partition, 100, None).await.unwrap();
    let mut listed: Vec<&str> = page.items.iter().map(|d| d.key.id.as_str()).collect();
    let mut expected = ids.to_vec();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
}

/// A partition is listed by id, in pages no longer than asked for.
pub(crate) async fn lists_in_pages(store: &dyn Documents, partition: &str) {
    assert!(store.list(STATE, partition, 10, None).await.unwrap().items.is_empty());
    for id in ["d", "b", "a", "e", "c"] {
        put(store, &Key::new(partition, id), json!({"id": id})).await;
    }
    put(store, &Key::new(format!("{partition}-beside"), "aa"), json!({})).await;
    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let page = store.list(STATE, partition, 2, token.as_deref()).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        match page.next {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    let all = store.list(STATE, partition, 5, None).await.unwrap();
    for document in &all.items {
        let current = store.get(STATE, &document.key).await.unwrap();
        assert_eq!((&document.etag, &document.body), (&current.etag, &current.body));
    }
}

/// A token of another store is refused, not taken for the start.
pub(crate) async fn refuses_foreign_tokens(store: &dyn Documents, partition: &str) {
    put(store, &Key::new(partition, "a"), json!({})).await;
    for token in ["", "a", "{\"range\": 1}", "after.***"] {
        let page = store.list(STATE, partition, 10, Some(token)).await;
        assert_fault(page, Fault::Rejected);
    }
}

/// Of many who create the same document at once, one wins.
pub(crate) async fn creates_once(store: &dyn Documents, partition: &str) {
    let key = Key::new(partition, "race");
    let puts = (0..16).map(|n| put_if(store, &key, json!({"n": n}), &Condition::Absent));
    let results = join_all(puts).await;
    let winner = results.iter().position(Result::is_ok);
    assert_eq!(count_winners(results, Fault::AlreadyExists), 1);
    assert_eq!(store.get(STATE, &key).await.unwrap().body["n"], json!(winner));
}

/// Get, add one, put if unchanged: no increment is lost.
pub(crate) async fn increments_lose_nothing(store: &dyn Documents, partition: &str) {
    let key = Key::new(partition, "counter");
    put(store, &key, json!({"n": 0})).await;
    join_all((0..8).map(|_| increment(store, &key, 8))).await;
    assert_eq!(store.get(STATE, &key).await.unwrap().body, json!({"n": 64}));
}

/// Adds one to the number in a document, so many times.
pub(crate) async fn increment(store: &dyn Documents, key: &Key, times: usize) {
    let mut left = times;
    while left > 0 {
        let document = store.get(STATE, key).await.unwrap();
        let next = json!({"n": document.body["n"].as_u64().unwrap() + 1});
        match put_if(store, key, next, &Condition::Matches(document.etag)).await {
            Ok(_) => left -= 1,
            Err(error) => assert_eq!(error.fault, Fault::Changed, "{error}"),
        }
    }
}

/// A document that has expired counts as absent; `advance` moves the store's clock.
pub(crate) async fn forgets_what_expired(
    store: &dyn Documents,
    partition: &str,
    advance: &(dyn Fn(Duration) + Sync),
) {
    let (kept, lost) = (Key::new(partition, "kept"), Key::new(partition, "lost"));
    put(store, &kept, json!({})).await;
    let keep = Some(Duration::from_secs(60));
    let old = store.put(STATE, &lost, &json!({"n": 1}), &Condition::Absent, keep).await.unwrap();
    advance(Duration::from_secs(59));
    assert_eq!(store.get(STATE, &lost).await.unwrap().etag, old);
    advance(Duration::from_secs(1));
    assert_fault(store.get(STATE, &lost).await, Fault::NotFound);
    assert_eq!(ids(&store.list(STATE, partition, 10, None).await.unwrap()), ["kept"]);
    assert_fault(store.delete(STATE, &lost, &Condition::Always).await, Fault::NotFound);
    let stale = put_if(store, &lost, json!({"n": 2}), &Condition::Matches(old)).await;
    assert_fault(stale, Fault::Changed);
    store.put(STATE, &lost, &json!({"n": 3}), &Condition::Absent, keep).await.unwrap();
    put(store, &lost, json!({"n": 4})).await;
    advance(Duration::from_secs(3600));
    assert_eq!(store.get(STATE, &lost).await.unwrap().body, json!({"n": 4}));
}
