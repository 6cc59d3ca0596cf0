//! Documents: small JSON objects by collection, partition and id, with versions for
//! compare-and-set; the semantics of an Azure Cosmos DB container.

mod query;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

pub use query::{Filter, ID, Order, Query};

use super::{Condition, ETag, Fault, Page, StoreError};

/// The largest body, as JSON in UTF-8, in bytes: Cosmos DB takes items of 2 MB, and there are a
/// few members around the body.
pub const LARGEST: usize = 1_900_000;

/// The kinds of documents, one Cosmos DB container or one name in the embedded store each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// One document per blob version that arrived: its steps and where it went.
    Ledger,
    /// One document per dataset that a route collects: its delivery under way.
    Deliveries,
    /// What there is: one document per dataset, by the month of its creation.
    Datasets,
    /// What happened: one document per run, by the month of its creation.
    Runs,
    /// The tables that pipelines read, all in one partition.
    Tables,
    /// Where reading stopped: marks and extraction windows, by table.
    Windows,
    /// Pointers to documents that are partitioned by something else than their id.
    Index,
    /// Cursors and other small state of the worker.
    State,
    /// What `lakehand dev` has already delivered, by ETag.
    Receipts,
    /// Wrapped data keys that have a name: one document per version.
    Keys,
    /// What protected files say of themselves, for files that lose it: by destination.
    Envelopes,
    /// Who had what decrypted, revealed, rotated or wrapped anew: by month.
    Audit,
    /// What went wrong: one document per incident, by the month in which it first did.
    Incidents,
    /// Messages that their channels did not take yet, all in one partition.
    Outbox,
    /// For a time, some incidents are not told of: all in one partition.
    Silences,
}

impl Collection {
    /// Every collection, in the order of the declaration; whoever adds one there adds it here.
    pub const ALL: [Self; 15] = [
        Self::Ledger,
        Self::Deliveries,
        Self::Datasets,
        Self::Runs,
        Self::Tables,
        Self::Windows,
        Self::Index,
        Self::State,
        Self::Receipts,
        Self::Keys,
        Self::Envelopes,
        Self::Audit,
        Self::Incidents,
        Self::Outbox,
        Self::Silences,
    ];

    /// The top-level members of the body by which lists of this collection are filtered: what a
    /// store indexes beside the id.
    pub fn filtered_by(self) -> &'static [&'static str] {
        match self {
            Self::Datasets => &["status", "container", "route"],
            Self::Runs => &["status", "pipeline", "factory", "table", "dataset", "parent"],
            Self::Windows => &["purpose", "runId", "status"],
            Self::Incidents => &["pending", "status", "pipeline"],
            Self::Outbox => &["nextAt"],
            _ => &[],
        }
    }

    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Deliveries => "deliveries",
            Self::Datasets => "datasets",
            Self::Runs => "runs",
            Self::Tables => "tables",
            Self::Windows => "windows",
            Self::Index => "index",
            Self::State => "state",
            Self::Receipts => "receipts",
            Self::Keys => "keys",
            Self::Envelopes => "envelopes",
            Self::Audit => "audit",
            Self::Incidents => "incidents",
            Self::Outbox => "outbox",
            Self::Silences => "silences",
        }
    }
}

/// The address of a document in its collection. Any text is allowed in both parts; a store that
/// forbids some characters encodes them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Documents that are listed together share a partition.
    pub partition: String,
    /// Unique in the partition.
    pub id: String,
}

impl Key {
    /// Builds a key.
    pub fn new(partition: impl Into<String>, id: impl Into<String>) -> Self {
        Self { partition: partition.into(), id: id.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.partition, self.id)
    }
}

/// A JSON object in its text: what a store keeps, without a look inside.
pub type Body = Box<RawValue>;

/// A stored document.
#[derive(Clone, Debug)]
pub struct Document<T = Body> {
    /// Its address.
    pub key: Key,
    /// Its version.
    pub etag: ETag,
    /// Its content, a JSON object.
    pub body: T,
}

/// A store of documents.
///
/// Writes are atomic and durable when they return, and conditions hold across processes.
#[async_trait]
pub trait Documents: Send + Sync + fmt::Debug {
    /// Reads one document.
    ///
    /// # Errors
    /// `NotFound` if it is not there or has expired.
    async fn get(&self, collection: Collection, key: &Key) -> Result<Document, StoreError>;

    /// Creates or replaces a document under a condition and returns its new version. With `keep`,
    /// the document expires so long after this write; an expired document counts as absent.
    ///
    /// Numbers are kept as JSON in the manner of JavaScript, exact up to 2^53.
    ///
    /// # Errors
    /// `AlreadyExists` or `Changed` if the condition does not hold, `Rejected` if the body is larger
    /// than [`LARGEST`].
    async fn put(
        &self,
        collection: Collection,
        key: &Key,
        body: &RawValue,
        condition: &Condition,
        keep: Option<Duration>,
    ) -> Result<ETag, StoreError>;

    /// Removes a document.
    ///
    /// # Errors
    /// `NotFound` if it is not there, `Changed` if the condition does not hold.
    async fn delete(
        &self,
        collection: Collection,
        key: &Key,
        condition: &Condition,
    ) -> Result<(), StoreError>;

    /// One page of the documents that a query asks for, by id.
    ///
    /// # Errors
    /// `Rejected` if the token is not one of this query's.
    async fn list(
        &self,
        collection: Collection,
        query: &Query<'_>,
    ) -> Result<Page<Document>, StoreError>;

    /// Removes expired documents, at most `limit`, and returns how many; does nothing where the
    /// store expires them by itself.
    ///
    /// # Errors
    /// The store's failure.
    async fn purge(&self, limit: usize) -> Result<usize, StoreError>;

    /// Asks for an answer, any answer.
    ///
    /// # Errors
    /// Why it does not answer.
    async fn probe(&self) -> Result<(), StoreError>;
}

/// Reads a document as its own type, `None` if it is not there.
///
/// # Errors
/// The store's failure, or `Rejected` if the document has another shape.
pub async fn read<T: DeserializeOwned>(
    store: &dyn Documents,
    collection: Collection,
    key: &Key,
) -> Result<Option<Document<T>>, StoreError> {
    super::optional(store.get(collection, key).await)?.map(typed).transpose()
}

/// Gives a document its own type.
///
/// # Errors
/// `Rejected` if the document has another shape.
pub fn typed<T: DeserializeOwned>(document: Document) -> Result<Document<T>, StoreError> {
    let Document { key, etag, body } = document;
    match serde_json::from_str(body.get()) {
        Ok(body) => Ok(Document { key, etag, body }),
        Err(error) => Err(StoreError::new(Fault::Rejected, "read", key, error)),
    }
}

/// Checks that a body is not larger than every store keeps.
///
/// # Errors
/// `Rejected` if it is.
pub(in crate::stores) fn check_size(key: &Key, body: &RawValue) -> Result<(), StoreError> {
    let length = body.get().len();
    if length <= LARGEST {
        return Ok(());
    }
    let detail = format!("it has {length} bytes, and a document has at most {LARGEST}");
    Err(StoreError::new(Fault::Rejected, "write", key, detail))
}

/// Turns a record into the JSON object that a store keeps.
///
/// # Errors
/// `Rejected` if the record cannot be written as JSON.
pub fn body_of<T: Serialize>(key: &Key, record: &T) -> Result<Body, StoreError> {
    to_raw_value(record).map_err(|error| StoreError::new(Fault::Rejected, "write", key, error))
}
