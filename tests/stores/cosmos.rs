//! The rules of every store of documents, on Cosmos DB: Microsoft's client over the emulator that it
//! carries, in this process.

use std::{sync::Arc, time::Duration};

use azure_core::credentials::Secret;
use azure_data_cosmos::{
    AccountReference, CosmosClient, CosmosClientBuilder, CosmosRuntimeBuilder, FeedScope,
    RoutingStrategy, fault_injection::FaultInjectionRule,
};
use azure_data_cosmos_driver::in_memory_emulator::{
    InMemoryEmulatorHttpClient, RequestObserver, VirtualAccountConfig, VirtualRegion,
};
use futures::TryStreamExt;
use lakehand::stores::{
    azure::{Clock, CosmosDocuments, Throughput},
    documents::Collection,
};
use serde_json::Value;
use time::OffsetDateTime;

use super::local::still_clock;
use crate::conformance;

const ADDRESS: &str = "https://lake.emulator.local";
const DATABASE: &str = "lakehand";

/// An account without anything in it.
pub(crate) struct Account {
    emulator: Arc<InMemoryEmulatorHttpClient>,
}

impl Account {
    pub(crate) fn new() -> Self {
        Self::seen_by(None)
    }

    /// An account whose every request somebody sees.
    pub(crate) fn seen_by(observer: Option<Arc<dyn RequestObserver>>) -> Self {
        let region = VirtualRegion::new("East US", ADDRESS.parse().unwrap());
        let account = VirtualAccountConfig::new(vec![region]).unwrap();
        let emulator = InMemoryEmulatorHttpClient::new(account);
        let emulator = match observer {
            Some(observer) => emulator.with_request_observer(observer),
            None => emulator,
        };
        Self { emulator: Arc::new(emulator) }
    }

    /// A client to which the network and the service do what the rules say.
    pub(crate) async fn client(&self, rules: Vec<Arc<FaultInjectionRule>>) -> CosmosClient {
        let runtime = CosmosRuntimeBuilder::from(self.emulator.runtime_builder());
        let key = Secret::new("bm8gc2VjcmV0");
        CosmosClientBuilder::new()
            .with_runtime(runtime.build().await.unwrap())
            .with_fault_injection_rules(rules)
            .unwrap()
            .build(
                AccountReference::with_authentication_key(ADDRESS.parse().unwrap(), key),
                RoutingStrategy::PreferredRegions(Vec::new()),
            )
            .await
            .unwrap()
    }
}

/// A new database on a clock, seen by a client to which the rules happen.
pub(crate) async fn database(clock: Clock, rules: Vec<Arc<FaultInjectionRule>>) -> CosmosDocuments {
    let account = Account::new();
    let maker = CosmosDocuments::with_client(account.client(Vec::new()).await, DATABASE, real());
    maker.set_up(Throughput::Serverless).await.unwrap();
    CosmosDocuments::with_client(account.client(rules).await, DATABASE, clock)
}

/// The documents of a new database.
pub(crate) async fn documents() -> CosmosDocuments {
    database(real(), Vec::new()).await
}

/// The real time.
pub(crate) fn real() -> Clock {
    Arc::new(OffsetDateTime::now_utc)
}

/// Does what the service does and its emulator does not: removes every state whose time to live has
/// passed.
async fn expire(client: &CosmosClient, partition: &str, now: OffsetDateTime) {
    let database = client.database_client(DATABASE);
    let container = database.container_client(Collection::State.name(), None).await.unwrap();
    let all = FeedScope::partition(partition.to_owned());
    let items = container.query_items::<Value>("SELECT * FROM c", all, None).await.unwrap();
    for item in items.try_collect::<Vec<_>>().await.unwrap() {
        let expires = item["expires"].as_i64();
        assert_eq!(expires.is_some(), item["ttl"].is_i64(), "the service would not know");
        if expires.is_some_and(|expires| expires <= now.unix_timestamp()) {
            let id = item["id"].as_str().unwrap();
            container.delete_item(partition.to_owned(), id, None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn forgets_what_expired() {
    let client = Account::new().client(Vec::new()).await;
    let (clock, advance) = still_clock();
    let store = CosmosDocuments::with_client(client.clone(), DATABASE, Arc::clone(&clock));
    store.set_up(Throughput::Serverless).await.unwrap();
    let advance = async |by: Duration| {
        advance(by);
        expire(&client, "sales", clock()).await;
    };
    conformance::documents::forgets_what_expired(&store, "sales", advance).await;
}

#[tokio::test]
async fn gets_what_was_put() {
    conformance::documents::gets_what_was_put(&documents().await, "sales").await;
}

#[tokio::test]
async fn puts_under_conditions() {
    conformance::documents::puts_under_conditions(&documents().await, "sales").await;
}

#[tokio::test]
async fn deletes_under_conditions() {
    conformance::documents::deletes_under_conditions(&documents().await, "sales").await;
}

#[tokio::test]
async fn keeps_any_key() {
    conformance::documents::keeps_any_key(&documents().await, "sales").await;
}

#[tokio::test]
async fn keeps_short_and_long_keys() {
    conformance::documents::keeps_short_and_long_keys(&documents().await, "sales").await;
}

#[tokio::test]
async fn refuses_what_is_too_large() {
    conformance::documents::refuses_what_is_too_large(&documents().await, "sales").await;
}

#[tokio::test]
async fn lists_in_pages() {
    conformance::documents::lists_in_pages(&documents().await, "sales").await;
}

#[tokio::test]
async fn lists_what_filters_let_through() {
    conformance::documents::lists_what_filters_let_through(&documents().await, "sales").await;
}

#[tokio::test]
async fn filters_by_text_alone() {
    conformance::documents::filters_by_text_alone(&documents().await, "sales").await;
}

#[tokio::test]
async fn continues_where_it_was() {
    conformance::documents::continues_where_it_was(&documents().await, "sales").await;
}

#[tokio::test]
async fn refuses_foreign_tokens() {
    conformance::documents::refuses_foreign_tokens(&documents().await, "sales").await;
}

#[tokio::test]
async fn creates_once() {
    conformance::documents::creates_once(&documents().await, "sales").await;
}

#[tokio::test]
async fn increments_lose_nothing() {
    conformance::documents::increments_lose_nothing(&documents().await, "sales").await;
}
