//! What Cosmos DB and the network do to a request now and then.

use std::{sync::Arc, time::Duration};

use azure_core::http::StatusCode;
use azure_data_cosmos::fault_injection::{
    CustomResponse, CustomResponseBuilder, FaultInjectionConditionBuilder, FaultInjectionErrorType,
    FaultInjectionResultBuilder, FaultInjectionRule, FaultInjectionRuleBuilder, FaultOperationType,
};
use lakehand::stores::{
    Condition, ETag, Fault,
    azure::{CosmosDocuments, Throughput},
    documents::{Collection, Documents, Key, Query},
};
use serde_json::{Value, json};

use super::{
    cosmos::{Account, database, real},
    local::still_clock,
};
use crate::conformance::{
    assert_fault,
    documents::{raw, value},
};

const STATE: Collection = Collection::State;

/// What happens to operations of a kind, so many times once it is enabled.
fn rule(kind: FaultOperationType, fault: Happening, times: u32) -> Arc<FaultInjectionRule> {
    let result = FaultInjectionResultBuilder::new();
    let result = match fault {
        Happening::Error(error) => result.with_error(error),
        Happening::Answer(answer) => result.with_custom_response(answer),
    };
    let condition = FaultInjectionConditionBuilder::new().with_operation_type(kind).build();
    let rule = FaultInjectionRuleBuilder::new(format!("{kind:?}"), result.build())
        .with_condition(condition)
        .with_hit_limit(times);
    let rule = Arc::new(rule.build());
    rule.disable();
    rule
}

enum Happening {
    Error(FaultInjectionErrorType),
    Answer(CustomResponse),
}

fn refusal(status: u16) -> CustomResponseBuilder {
    let body = json!({"code": "Refused", "message": "for a test"}).to_string();
    CustomResponseBuilder::new(StatusCode::from(status)).with_body(body)
}

/// A database, and the rule that happens to its client.
async fn faulty(
    kind: FaultOperationType,
    fault: Happening,
    times: u32,
) -> (CosmosDocuments, Arc<FaultInjectionRule>) {
    let rule = rule(kind, fault, times);
    (database(real(), vec![Arc::clone(&rule)]).await, rule)
}

fn key() -> Key {
    Key::new("sales", "1")
}

async fn put(
    store: &CosmosDocuments,
    body: Value,
    condition: Condition,
) -> Result<ETag, lakehand::stores::StoreError> {
    store.put(STATE, &key(), &raw(&body), &condition, None).await
}

/// The service did it, the answer got lost, the client sent it again.
const LOST: Happening = Happening::Error(FaultInjectionErrorType::ResponseTimeoutAfterService);

#[tokio::test]
async fn knows_its_own_create_again() {
    let (store, rule) = faulty(FaultOperationType::CreateItem, LOST, 1).await;
    rule.enable();
    let etag = put(&store, json!({"n": 1}), Condition::Absent).await.unwrap();
    assert_eq!(rule.hit_count(), 1);
    let document = store.get(STATE, &key()).await.unwrap();
    assert_eq!((document.etag.clone(), value(&document)), (etag, json!({"n": 1})));
}

#[tokio::test]
async fn knows_its_own_replace_again() {
    let (store, rule) = faulty(FaultOperationType::ReplaceItem, LOST, 1).await;
    let first = put(&store, json!({"n": 1}), Condition::Absent).await.unwrap();
    rule.enable();
    let second = put(&store, json!({"n": 2}), Condition::Matches(first.clone())).await.unwrap();
    assert_eq!(rule.hit_count(), 1);
    let document = store.get(STATE, &key()).await.unwrap();
    assert_eq!((document.etag.clone(), value(&document)), (second, json!({"n": 2})));
    let stale = put(&store, json!({"n": 3}), Condition::Matches(first)).await;
    assert_fault(stale, Fault::Changed);
}

#[tokio::test]
async fn knows_its_own_delete_again() {
    let (store, rule) = faulty(FaultOperationType::DeleteItem, LOST, 1).await;
    let etag = put(&store, json!({}), Condition::Absent).await.unwrap();
    rule.enable();
    store.delete(STATE, &key(), &Condition::Matches(etag)).await.unwrap();
    assert_eq!(rule.hit_count(), 1);
    assert_fault(store.delete(STATE, &key(), &Condition::Always).await, Fault::NotFound);
}

#[tokio::test]
async fn takes_no_other_write_for_its_own() {
    let unsent = || Happening::Error(FaultInjectionErrorType::ResponseTimeout);
    let (store, rule) = faulty(FaultOperationType::CreateItem, unsent(), 1).await;
    let first = put(&store, json!({"by": "another"}), Condition::Always).await.unwrap();
    rule.enable();
    let second = put(&store, json!({"by": "us"}), Condition::Absent).await;
    assert_fault(second, Fault::AlreadyExists);
    assert_eq!(rule.hit_count(), 1);
    assert_eq!(store.get(STATE, &key()).await.unwrap().etag, first);

    let (store, rule) = faulty(FaultOperationType::ReplaceItem, unsent(), 1).await;
    let first = put(&store, json!({"n": 1}), Condition::Absent).await.unwrap();
    put(&store, json!({"by": "another"}), Condition::Always).await.unwrap();
    rule.enable();
    let second = put(&store, json!({"by": "us"}), Condition::Matches(first)).await;
    assert_fault(second, Fault::Changed);
    assert_eq!(rule.hit_count(), 1);
}

#[tokio::test]
async fn waits_when_request_units_run_out() {
    let hint = refusal(429).with_header("x-ms-retry-after-ms", "20").build();
    for throttled in [hint, refusal(429).build()] {
        let fault = Happening::Answer(throttled);
        let (store, rule) = faulty(FaultOperationType::CreateItem, fault, 3).await;
        rule.enable();
        put(&store, json!({"n": 1}), Condition::Absent).await.unwrap();
        assert_eq!(rule.hit_count(), 3);
        assert_eq!(value(&store.get(STATE, &key()).await.unwrap()), json!({"n": 1}));
    }
}

#[tokio::test]
async fn does_not_wait_for_ever() {
    let answer = refusal(429).with_header("x-ms-retry-after-ms", "600000").build();
    let (store, rule) = faulty(FaultOperationType::ReadItem, Happening::Answer(answer), 100).await;
    rule.enable();
    let error = store.get(STATE, &key()).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unavailable, "{error}");
    assert!(error.detail.contains("throughput"), "{error}");
}

#[tokio::test]
async fn repeats_what_met_another_write() {
    let fault = Happening::Error(FaultInjectionErrorType::RetryWith);
    let (store, rule) = faulty(FaultOperationType::UpsertItem, fault, 2).await;
    rule.enable();
    put(&store, json!({"n": 1}), Condition::Always).await.unwrap();
    assert_eq!(rule.hit_count(), 2);
}

#[tokio::test]
async fn goes_on_after_an_empty_page() {
    let empty = json!({"_rid": "", "Documents": [], "_count": 0}).to_string();
    let answer = CustomResponseBuilder::new(StatusCode::Ok)
        .with_header("x-ms-continuation", "0")
        .with_body(empty)
        .build();
    let (store, rule) = faulty(FaultOperationType::QueryItem, Happening::Answer(answer), 2).await;
    for id in ["a", "b", "c"] {
        let key = Key::new("sales", id);
        store.put(STATE, &key, &raw(&json!({})), &Condition::Absent, None).await.unwrap();
    }
    rule.enable();
    let query = Query { limit: 2, ..Query::of("sales") };
    let page = store.list(STATE, &query).await.unwrap();
    assert_eq!(rule.hit_count(), 2);
    let ids: Vec<_> = page.items.iter().map(|document| document.key.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    let rest = store.list(STATE, &Query { token: page.next.as_deref(), ..query }).await.unwrap();
    assert_eq!(rest.items[0].key.id, "c");
    assert_eq!((rest.items.len(), rest.next), (1, None));
}

/// The service removes what has expired in its own time.
#[tokio::test]
async fn hides_what_expired_before_the_service_removes_it() {
    let (clock, advance) = still_clock();
    let store = database(clock, Vec::new()).await;
    let keep = Some(Duration::from_secs(60));
    store.put(STATE, &key(), &raw(&json!({"n": 1})), &Condition::Absent, keep).await.unwrap();
    let beside = Key::new("sales", "2");
    store.put(STATE, &beside, &raw(&json!({})), &Condition::Absent, None).await.unwrap();
    advance(Duration::from_secs(60));
    assert_fault(store.get(STATE, &key()).await, Fault::NotFound);
    let first = Query { limit: 1, ..Query::of("sales") };
    let page = store.list(STATE, &first).await.unwrap();
    assert!(page.items.is_empty());
    let page = store.list(STATE, &Query { token: page.next.as_deref(), ..first }).await.unwrap();
    assert_eq!((page.items[0].key.id.as_str(), page.next), ("2", None));
    put(&store, json!({"n": 2}), Condition::Absent).await.unwrap();
    assert_eq!(value(&store.get(STATE, &key()).await.unwrap()), json!({"n": 2}));
    assert_fault(put(&store, json!({"n": 3}), Condition::Absent).await, Fault::AlreadyExists);
}

#[tokio::test]
async fn says_who_must_act() {
    for (status, fault, advice) in [
        (401, Fault::Denied, "check the key"),
        (403, Fault::Denied, "Cosmos DB Built-in Data Contributor"),
        (400, Fault::Rejected, "for a test"),
    ] {
        let answer = Happening::Answer(refusal(status).build());
        let (store, rule) = faulty(FaultOperationType::ReadItem, answer, 100).await;
        rule.enable();
        let error = store.get(STATE, &key()).await.unwrap_err();
        assert_eq!(error.fault, fault, "{error}");
        assert!(error.detail.contains(advice), "{error}");
        assert_eq!(store.probe().await.unwrap_err().fault, fault);
    }
}

#[tokio::test]
async fn says_when_nothing_was_set_up() {
    let account = Account::new();
    let client = account.client(Vec::new()).await;
    let store = CosmosDocuments::with_client(client, "lakehand", real());
    for error in [
        store.probe().await.unwrap_err(),
        store.get(STATE, &key()).await.unwrap_err(),
        put(&store, json!({}), Condition::Always).await.unwrap_err(),
        store.list(STATE, &Query::of("sales")).await.unwrap_err(),
    ] {
        assert_eq!(error.fault, Fault::Denied, "{error}");
        assert!(error.detail.contains("lakehand init-cosmos"), "{error}");
    }
    store.set_up(Throughput::Serverless).await.unwrap();
    store.probe().await.unwrap();
}
