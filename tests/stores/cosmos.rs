//! The rules of every store of documents, on Cosmos DB: Microsoft's client over the emulator that it
//! carries, in this process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use azure_core::credentials::Secret;
use azure_data_cosmos::{
    AccountReference, CosmosClient, CosmosClientBuilder, CosmosRuntimeBuilder, FeedScope,
    RoutingStrategy, fault_injection::FaultInjectionRule,
};
use azure_data_cosmos_driver::in_memory_emulator::{
    InMemoryEmulatorHttpClient, VirtualAccountConfig, VirtualRegion,
};
use futures::TryStreamExt;
use lakehand::stores::{
    azure::{CosmosDocuments, Throughput},
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
        let region = VirtualRegion::new("East US", ADDRESS.parse().unwrap());
        let account = VirtualAccountConfig::new(vec![region]).unwrap();
        Self { emulator: Arc::new(InMemoryEmulatorHttpClient::new(account)) }
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

/// The documents of a new database, on the real time.
pub(crate) async fn documents() -> CosmosDocuments {
    let client = Account::new().client(Vec::new()).await;
    let store = CosmosDocuments::with_client(client, DATABASE, Arc::new(OffsetDateTime::now_utc));
    store.set_up(Throughput::Serverless).await.unwrap();
    store
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
