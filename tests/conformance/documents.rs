//! The rules of [`Documents`].

use std::time::Duration;

use futures::future::join_all;
use lakehand::stores::{
    Condition, ETag, Fault, Page, StoreError,
    documents::{Collection, Document, Documents, Filter, ID, Key, LARGEST, Order, Query},
};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{assert_fault, count_winners};

const STATE: Collection = Collection::State;

async fn put_if(
    store: &dyn Documents,
    key: &Key,
    body: Value,
    condition: &Condition,
) -> Result<ETag, StoreError> {
    store.put(STATE, key, &raw(&body), condition, None).await
}

/// A body to put.
pub(crate) fn raw(body: &Value) -> Box<RawValue> {
    to_raw_value(body).unwrap()
}

/// What a body says.
pub(crate) fn value(document: &Document) -> Value {
    serde_json::from_str(document.body.get()).unwrap()
}

/// Writes a document without a condition.
pub(crate) async fn put(store: &dyn Documents, key: &Key, body: Value) -> ETag {
    put_if(store, key, body, &Condition::Always).await.unwrap()
}

fn ids(page: &Page<Document>) -> Vec<&str> {
    page.items.iter().map(|document| document.key.id.as_str()).collect()
}

/// Every id that a query gives, page by page.
async fn list_all(store: &dyn Documents, query: Query<'_>) -> Vec<String> {
    let (mut seen, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = Query { token: token.as_deref(), ..query };
        let page = store.list(STATE, &page).await.unwrap();
        assert!(page.items.len() <= query.limit);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page.next else { return seen };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(next.chars().all(plain), "{next} is not safe in a URL");
        token = Some(next);
    }
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
    assert_eq!((&document.key, &document.etag, value(&document)), (&key, &etag, body));
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
    assert_eq!((value(&document), document.etag), (json!({"n": 4}), third));
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
        assert_eq!((document.key.id.as_str(), value(&document)), (id, json!({"id": id})));
        let elsewhere = Key::new(format!("{partition}{id}"), "x");
        put_if(store, &elsewhere, json!({}), &Condition::Absent).await.unwrap();
    }
    let mut expected = ids.to_vec();
    expected.sort_unstable();
    assert_eq!(list_all(store, Query { limit: 5, ..Query::of(partition) }).await, expected);
}

/// Keys that are empty, or longer than most stores take, are keys like others.
pub(crate) async fn keeps_short_and_long_keys(store: &dyn Documents, partition: &str) {
    let ids = ["", " ", "\0", "a".repeat(1500).as_str(), &"仓".repeat(500), &"/".repeat(1500)]
        .map(str::to_owned);
    for id in &ids {
        let key = Key::new(partition, id);
        put_if(store, &key, json!({"length": id.len()}), &Condition::Absent).await.unwrap();
        let document = store.get(STATE, &key).await.unwrap();
        assert_eq!((&document.key, value(&document)), (&key, json!({"length": id.len()})));
    }
    let mut expected = ids.to_vec();
    expected.sort_unstable();
    assert_eq!(list_all(store, Query { limit: 1, ..Query::of(partition) }).await, expected);
    for far in
        [format!("{partition}{}", "é".repeat(1500)), format!("{partition}{}", "/".repeat(3000))]
    {
        let (key, beside) = (Key::new(&far, "1"), Key::new(format!("{far}x"), "1"));
        put(store, &key, json!({})).await;
        assert_eq!(list_all(store, Query::of(&far)).await, ["1"]);
        assert_fault(store.get(STATE, &beside).await, Fault::NotFound);
        store.delete(STATE, &key, &Condition::Always).await.unwrap();
    }
}

/// A large document is kept whole, and one that is too large is refused and changes nothing.
pub(crate) async fn refuses_what_is_too_large(store: &dyn Documents, partition: &str) {
    let key = Key::new(partition, "large");
    // The body is a member's name, quotes and braces around the text.
    let body = json!({"t": "é".repeat((LARGEST - 8) / 2)});
    assert_eq!(body.to_string().len(), LARGEST);
    let etag = put(store, &key, body.clone()).await;
    let more = json!({"text": "x".repeat(LARGEST)});
    assert_fault(put_if(store, &key, more, &Condition::Always).await, Fault::Rejected);
    let document = store.get(STATE, &key).await.unwrap();
    assert!(document.etag == etag && value(&document) == body);
}

/// A partition is listed by id, in pages no longer than asked for.
pub(crate) async fn lists_in_pages(store: &dyn Documents, partition: &str) {
    assert!(store.list(STATE, &Query::of(partition)).await.unwrap().items.is_empty());
    for id in ["d", "b", "a", "e", "c"] {
        put(store, &Key::new(partition, id), json!({"id": id})).await;
    }
    put(store, &Key::new(format!("{partition}-beside"), "aa"), json!({})).await;
    let pages = Query { limit: 2, ..Query::of(partition) };
    assert_eq!(list_all(store, pages).await, ["a", "b", "c", "d", "e"]);
    let backwards = Query { order: Order::Descending, ..pages };
    assert_eq!(list_all(store, backwards).await, ["e", "d", "c", "b", "a"]);
    let all = store.list(STATE, &Query { limit: 5, ..pages }).await.unwrap();
    for document in &all.items {
        let current = store.get(STATE, &document.key).await.unwrap();
        assert_eq!((&document.etag, value(document)), (&current.etag, value(&current)));
    }
}

/// A list holds what fulfils every filter, in both orders, page by page.
pub(crate) async fn lists_what_filters_let_through(store: &dyn Documents, partition: &str) {
    for n in 0..20 {
        let status = ["ready", "failed"][n % 2];
        let body = json!({"status": status, "at": format!("2026-12-{n:02}"), "id": "within"});
        put(store, &Key::new(partition, format!("{n:02}")), body).await;
    }
    let filters = [
        Filter::Equals("status", "failed"),
        Filter::AtLeast("at", "2026-12-05"),
        Filter::Below("at", "2026-12-11"),
    ];
    let query = Query { filters: &filters, limit: 2, ..Query::of(partition) };
    assert_eq!(list_all(store, query).await, ["05", "07", "09"]);
    let backwards = Query { order: Order::Descending, ..query };
    assert_eq!(list_all(store, backwards).await, ["09", "07", "05"]);
    let by_id = [Filter::AtLeast(ID, "03"), Filter::Below(ID, "06")];
    assert_eq!(list_all(store, Query { filters: &by_id, ..query }).await, ["03", "04", "05"]);
    let one = [Filter::Equals(ID, "07")];
    assert_eq!(list_all(store, Query { filters: &one, ..query }).await, ["07"]);
    let nothing = [Filter::Equals("status", "ready' OR '1'='1")];
    assert!(list_all(store, Query { filters: &nothing, ..query }).await.is_empty());
}

/// Only a string fulfils a filter, and only one that is the same or sorts so, byte by byte.
pub(crate) async fn filters_by_text_alone(store: &dyn Documents, partition: &str) {
    let values = [
        ("absent", json!({})),
        ("array", json!({"v": ["b"]})),
        ("b", json!({"v": "b"})),
        ("capital", json!({"v": "B"})),
        ("false", json!({"v": false})),
        ("null", json!({"v": null})),
        ("number", json!({"v": 1})),
        ("object", json!({"v": {"v": "b"}})),
        ("z", json!({"v": "z"})),
        ("é", json!({"v": "é"})),
    ];
    for (id, body) in values {
        put(store, &Key::new(partition, id), body).await;
    }
    let listed =
        async |filter| list_all(store, Query { filters: &[filter], ..Query::of(partition) }).await;
    assert_eq!(listed(Filter::Equals("v", "b")).await, ["b"]);
    assert_eq!(listed(Filter::AtLeast("v", "b")).await, ["b", "z", "é"]);
    assert_eq!(listed(Filter::Below("v", "z")).await, ["b", "capital"]);
    assert!(listed(Filter::Equals("v", "[\"b\"]")).await.is_empty());
    assert!(listed(Filter::Equals("V", "b")).await.is_empty());
}

/// A page follows on the one before, whatever came and went in between.
pub(crate) async fn continues_where_it_was(store: &dyn Documents, partition: &str) {
    for id in ["b", "d", "f", "h"] {
        put(store, &Key::new(partition, id), json!({})).await;
    }
    let query = Query { limit: 2, ..Query::of(partition) };
    let first = store.list(STATE, &query).await.unwrap();
    assert_eq!(ids(&first), ["b", "d"]);
    store.delete(STATE, &Key::new(partition, "d"), &Condition::Always).await.unwrap();
    for id in ["a", "e", "i"] {
        put(store, &Key::new(partition, id), json!({})).await;
    }
    let rest = Query { limit: 10, token: first.next.as_deref(), ..query };
    assert_eq!(ids(&store.list(STATE, &rest).await.unwrap()), ["e", "f", "h", "i"]);
}

/// A token of another query or of no query is refused, not taken for the start.
pub(crate) async fn refuses_foreign_tokens(store: &dyn Documents, partition: &str) {
    for id in ["a", "b", "c"] {
        put(store, &Key::new(partition, id), json!({"v": "1"})).await;
    }
    let filters = [Filter::Equals("v", "1")];
    let query = Query { filters: &filters, limit: 1, ..Query::of(partition) };
    let page = store.list(STATE, &query).await.unwrap();
    let same = Query { limit: 10, token: page.next.as_deref(), ..query };
    assert_eq!(ids(&store.list(STATE, &same).await.unwrap()), ["b", "c"]);
    let beside = format!("{partition}-beside");
    let others = [Filter::Equals("v", "2")];
    for other in [
        Query { filters: &[], ..same },
        Query { filters: &others, ..same },
        Query { order: Order::Descending, ..same },
        Query { partition: &beside, ..same },
        Query { token: Some(""), ..same },
        Query { token: Some("a"), ..same },
        Query { token: Some("{\"range\": 1}"), ..same },
        Query { token: Some("-RID:~AAAA#RT:1#TRC:2"), ..same },
    ] {
        assert_fault(store.list(STATE, &other).await, Fault::Rejected);
    }
    assert_fault(store.list(Collection::Runs, &same).await, Fault::Rejected);
}

/// Of many who create the same document at once, one wins.
pub(crate) async fn creates_once(store: &dyn Documents, partition: &str) {
    let key = Key::new(partition, "race");
    let puts = (0..16).map(|n| put_if(store, &key, json!({"n": n}), &Condition::Absent));
    let results = join_all(puts).await;
    let winner = results.iter().position(Result::is_ok);
    assert_eq!(count_winners(results, Fault::AlreadyExists), 1);
    assert_eq!(value(&store.get(STATE, &key).await.unwrap()), json!({"n": winner}));
}

/// Get, add one, put if unchanged: no increment is lost.
pub(crate) async fn increments_lose_nothing(store: &dyn Documents, partition: &str) {
    let key = Key::new(partition, "counter");
    put(store, &key, json!({"n": 0})).await;
    join_all((0..32).map(|_| increment(store, &key, 2))).await;
    assert_eq!(value(&store.get(STATE, &key).await.unwrap()), json!({"n": 64}));
}

/// Adds one to the number in a document, so many times.
pub(crate) async fn increment(store: &dyn Documents, key: &Key, times: usize) {
    let mut left = times;
    while left > 0 {
        let document = store.get(STATE, key).await.unwrap();
        let next = json!({"n": value(&document)["n"].as_u64().unwrap() + 1});
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
    advance: impl AsyncFn(Duration),
) {
    let (kept, lost) = (Key::new(partition, "kept"), Key::new(partition, "lost"));
    put(store, &kept, json!({})).await;
    let keep = Some(Duration::from_secs(60));
    let body = raw(&json!({"n": 1}));
    let old = store.put(STATE, &lost, &body, &Condition::Absent, keep).await.unwrap();
    advance(Duration::from_secs(59)).await;
    assert_eq!(store.get(STATE, &lost).await.unwrap().etag, old);
    advance(Duration::from_secs(1)).await;
    assert_fault(store.get(STATE, &lost).await, Fault::NotFound);
    assert_eq!(ids(&store.list(STATE, &Query::of(partition)).await.unwrap()), ["kept"]);
    assert_fault(store.delete(STATE, &lost, &Condition::Always).await, Fault::NotFound);
    let stale = put_if(store, &lost, json!({"n": 2}), &Condition::Matches(old)).await;
    assert_fault(stale, Fault::Changed);
    store.put(STATE, &lost, &body, &Condition::Absent, keep).await.unwrap();
    put(store, &lost, json!({"n": 4})).await;
    advance(Duration::from_secs(3600)).await;
    assert_eq!(value(&store.get(STATE, &lost).await.unwrap()), json!({"n": 4}));
}
