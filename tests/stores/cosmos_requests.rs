//! What is sent to Cosmos DB: how many requests, of which kind, to which partition.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use azure_core::http::Request;
use azure_data_cosmos_driver::in_memory_emulator::RequestObserver;
use lakehand::stores::{
    Condition,
    azure::{CosmosDocuments, Throughput},
    documents::{Collection, Documents, Filter, Key, Query},
};
use serde_json::json;

use super::cosmos::{Account, real};
use crate::conformance::documents::raw;

const STATE: Collection = Collection::State;

/// A request as the service saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
}

/// Every request, in the order of their arrival.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<Vec<Seen>>);

impl Requests {
    /// The requests of which something is true.
    pub(crate) fn that(&self, is_wanted: impl Fn(&Seen) -> bool) -> Vec<Seen> {
        self.0.lock().unwrap().iter().filter(|seen| is_wanted(seen)).cloned().collect()
    }

    /// The requests about items since the last call.
    fn take_items(&self) -> Vec<Seen> {
        let seen = std::mem::take(&mut *self.0.lock().unwrap());
        seen.into_iter().filter(|seen| seen.path.contains("/docs")).collect()
    }
}

impl RequestObserver for Requests {
    fn on_request(&self, request: &Request) {
        let header = |(name, value): (
            &azure_core::http::headers::HeaderName,
            &azure_core::http::headers::HeaderValue,
        )| (name.as_str().to_owned(), value.as_str().to_owned());
        self.0.lock().unwrap().push(Seen {
            method: request.method().to_string(),
            path: request.url().path().to_owned(),
            headers: request.headers().iter().map(header).collect(),
        });
    }
}

#[tokio::test]
async fn each_operation_is_one_request_to_one_partition() {
    let requests = Arc::new(Requests::default());
    let account = Account::seen_by(Some(Arc::clone(&requests) as Arc<dyn RequestObserver>));
    let client = account.client(Vec::new()).await;
    let store = CosmosDocuments::with_client(client, "lakehand", real());
    store.set_up(Throughput::Serverless).await.unwrap();
    store.probe().await.unwrap();
    assert_eq!(requests.take_items().len(), 1);
    let sent = |what: &str, method: &str| {
        let seen = requests.take_items();
        let methods: Vec<_> = seen.iter().map(|seen| seen.method.as_str()).collect();
        assert_eq!(methods, [method], "{what}");
        let partition = &seen[0].headers["x-ms-documentdb-partitionkey"];
        assert_eq!(partition, "[\"sales\"]", "{what}");
        seen[0].clone()
    };
    let key = Key::new("sales", "1");
    let body = raw(&json!({"status": "ready"}));
    let put = async |condition| store.put(STATE, &key, &body, &condition, None).await.unwrap();
    let first = put(Condition::Absent).await;
    sent("create", "POST");
    let second = put(Condition::Matches(first.clone())).await;
    let replace = sent("replace", "PUT");
    assert_eq!(replace.headers["if-match"], first.quoted());
    put(Condition::Always).await;
    assert_eq!(sent("upsert", "POST").headers["x-ms-documentdb-is-upsert"], "true");
    let stale = store.put(STATE, &key, &body, &Condition::Matches(second), None).await;
    assert!(stale.is_err());
    sent("refused replace", "PUT");
    store.get(STATE, &key).await.unwrap();
    let read = sent("read", "GET");
    assert_eq!(read.headers["x-ms-cosmos-read-consistency-strategy"], "LatestCommitted");
    let filters = [Filter::Equals("status", "ready")];
    let query = Query { filters: &filters, ..Query::of("sales") };
    assert_eq!(store.list(STATE, &query).await.unwrap().items.len(), 1);
    let list = sent("list", "POST");
    let across = list.headers.get("x-ms-documentdb-query-enablecrosspartition");
    assert!(across.is_none_or(|across| !across.eq_ignore_ascii_case("true")), "{across:?}");
    store.delete(STATE, &key, &Condition::Always).await.unwrap();
    sent("delete", "DELETE");
}
