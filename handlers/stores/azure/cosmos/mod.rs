//! [`Documents`] in Azure Cosmos DB for NoSQL: a container for each collection, a logical partition
//! for each partition.
//!
//! A document is one item (`item`), its body under one member, so that no member of a body meets
//! one of the service's. Every read is a point read or a query of one partition (`query`); each asks
//! for the latest committed state, for another instance may have written it a moment ago. What a
//! refused write says is believed only where no earlier try may have done it (`write`).

mod account;
mod error;
mod item;
mod query;
mod setup;
mod write;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_data_cosmos::{CosmosClient, clients::ContainerClient, options::ItemReadOptions};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::{
    settings::Cosmos,
    stores::{
        Condition, ETag, Page, StoreError,
        documents::{Collection, Document, Documents, Key, Query},
    },
};
use account::{Account, options};
use error::Attempt;
use item::{Item, item_id, partition_key};
use write::remove;

pub use setup::{Outcome, Step, Throughput};

/// What tells the time; tests move it by hand.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// The documents of one database.
pub struct CosmosDocuments {
    account: Account,
    clock: Clock,
}

impl CosmosDocuments {
    /// Takes a database that the settings name; nothing is sent until the first call.
    ///
    /// # Errors
    /// `Rejected` if there can be no credential of that kind.
    pub fn open(settings: &Cosmos) -> Result<Self, StoreError> {
        let account = Account::new(settings)?;
        Ok(Self { account, clock: Arc::new(OffsetDateTime::now_utc) })
    }

    /// Takes a database of a client that is there already.
    pub fn with_client(client: CosmosClient, database: &str, clock: Clock) -> Self {
        Self { account: Account::with_client(client, database), clock }
    }

    /// Makes the database and its containers, and brings those up to date that are there.
    ///
    /// # Errors
    /// `Denied` if the credential may not, `Rejected` if a container cannot be used as it is.
    pub async fn set_up(&self, throughput: Throughput) -> Result<Vec<Step>, StoreError> {
        setup::set_up(&self.account, throughput).await
    }

    /// The item of a document as it is now, `None` if it is not there or has expired.
    async fn find(
        &self,
        attempt: &Attempt,
        container: &ContainerClient,
        key: &Key,
    ) -> Result<Option<Item>, StoreError> {
        let read = self.read(attempt, container, key).await?;
        Ok(read.filter(|item| !item.has_expired((self.clock)())))
    }

    /// The item of a document, even if it should be gone by now.
    async fn read(
        &self,
        attempt: &Attempt,
        container: &ContainerClient,
        key: &Key,
    ) -> Result<Option<Item>, StoreError> {
        let options = ItemReadOptions::default().with_operation_options(options());
        let id = item_id(&key.id);
        match container.read_item(partition_key(key), &id, Some(options)).await {
            Ok(response) => response.into_model().map(Some).map_err(|error| attempt.failed(&error)),
            Err(error) if error::is_absent(&error) => Ok(None),
            Err(error) => Err(attempt.failed(&error)),
        }
    }
}

#[async_trait]
impl Documents for CosmosDocuments {
    async fn get(&self, collection: Collection, key: &Key) -> Result<Document, StoreError> {
        let attempt = Attempt::new("read", key);
        let work = async {
            let container = self.account.container(&attempt, collection).await?;
            let found = self.find(&attempt, &container, key).await?;
            found.map(|item| item.into_document(&key.partition)).ok_or_else(|| attempt.absent())
        };
        attempt.run(work).await
    }

    async fn put(
        &self,
        collection: Collection,
        key: &Key,
        body: &RawValue,
        condition: &Condition,
        keep: Option<Duration>,
    ) -> Result<ETag, StoreError> {
        let attempt = Attempt::new("write", key);
        let work = async {
            let item = Item::new(key, body, keep, (self.clock)())?;
            let container = self.account.container(&attempt, collection).await?;
            self.write(&attempt, &container, key, &item, condition).await
        };
        attempt.run(work).await
    }

    async fn delete(
        &self,
        collection: Collection,
        key: &Key,
        condition: &Condition,
    ) -> Result<(), StoreError> {
        let attempt = Attempt::new("delete", key);
        let work = async {
            let container = self.account.container(&attempt, collection).await?;
            if *condition == Condition::Absent {
                let found = self.find(&attempt, &container, key).await?;
                return Err(found.map_or_else(|| attempt.absent(), |_| attempt.taken()));
            }
            remove(&attempt, &container, key, condition).await
        };
        attempt.run(work).await
    }

    async fn list(
        &self,
        collection: Collection,
        query: &Query<'_>,
    ) -> Result<Page<Document>, StoreError> {
        let attempt = Attempt::new("list", query.partition);
        let work = async {
            let text = query::select(collection, query)?;
            let container = self.account.container(&attempt, collection).await?;
            let page = query::page(&attempt, &container, query, text).await?;
            Ok(page.keep(collection, query, (self.clock)()))
        };
        attempt.run(work).await
    }

    async fn purge(&self, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    /// Looks for a document that is never there, which shows that the container is and may be read.
    async fn probe(&self) -> Result<(), StoreError> {
        let attempt = Attempt::new("reach", self.account.name());
        let work = async {
            let container = self.account.container(&attempt, Collection::State).await?;
            self.read(&attempt, &container, &Key::new("probe", "probe")).await.map(drop)
        };
        attempt.run(work).await
    }
}

impl fmt::Debug for CosmosDocuments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CosmosDocuments").field("account", &self.account).finish_non_exhaustive()
    }
}
