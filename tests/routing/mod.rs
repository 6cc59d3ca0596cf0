//! Routing on the local lake, called as the triggers call it, with faults put in where they hurt.

mod cosmos;
mod datasets;
mod delivery;
pub(crate) mod flaky;
mod names;
mod sweeping;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use lakehand::{
    config::{Active, Config, Surroundings},
    encryption::{
        keys::DataKeys,
        service::{Tools, memory::Memory},
    },
    routing::{
        Routing,
        arrival::arrive,
        ledger::{Entry, Ledger},
        outcome::Outcome,
    },
    settings::Environment,
    stores::{
        Condition, StoreError,
        blobs::{Attributes, BlobPath, Blobs},
        documents::Documents,
        local::{LocalBlobs, LocalDatabase, LocalKeyring},
        optional,
        queues::Queues,
    },
};
use tempfile::TempDir;
use time::OffsetDateTime;

use self::flaky::Flaky;

/// A lake with a landing container, and the rules of one test.
pub(crate) struct Lake {
    pub(crate) folder: TempDir,
    pub(crate) blobs: Arc<Flaky>,
    pub(crate) tools: Tools,
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) queues: Arc<dyn Queues>,
    pub(crate) active: Active,
    pub(crate) clock: fn() -> OffsetDateTime,
    pub(crate) deadline: Instant,
}

/// A clock by which everything has rested long since.
pub(crate) fn tomorrow() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::from_secs(86_400)
}

impl Lake {
    pub(crate) async fn new(config: &str) -> Self {
        Self::with_documents(config, None).await
    }

    /// A lake whose worker remembers elsewhere than in the embedded store.
    pub(crate) async fn with_documents(
        config: &str,
        documents: Option<Arc<dyn Documents>>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = LocalBlobs::open(folder.path()).unwrap();
        for container in ["landing", "processing", "quarantine"] {
            blobs.create_container(container).await.unwrap();
        }
        let database =
            LocalDatabase::open(folder.path(), Arc::new(OffsetDateTime::now_utc)).unwrap();
        let environment = Environment::new();
        let around =
            Surroundings { environment: &environment, landing: "landing", own_container: None };
        let config = Config::parse(config, &around).unwrap();
        let blobs = Arc::new(Flaky::new(Arc::new(blobs)));
        let keyring = LocalKeyring::new(folder.path().join("keyring.json"));
        keyring.init("pii", OffsetDateTime::now_utc()).unwrap();
        let documents = documents.unwrap_or_else(|| database.documents());
        let tools = Tools {
            blobs: Arc::clone(&blobs) as Arc<dyn Blobs>,
            documents: Arc::clone(&documents),
            keys: Some(Arc::new(DataKeys::new(Arc::new(keyring), Arc::clone(&documents)))),
            memory: Memory::new(16 << 20),
        };
        Self {
            folder,
            blobs,
            tools,
            documents,
            queues: database.queues(),
            active: Active { config, accounts: BTreeMap::new() },
            clock: tomorrow,
            deadline: Instant::now() + Duration::from_secs(600),
        }
    }

    pub(crate) fn keyring(&self) -> LocalKeyring {
        LocalKeyring::new(self.folder.path().join("keyring.json"))
    }

    pub(crate) fn routing(&self) -> Routing<'_> {
        Routing {
            active: &self.active,
            blobs: &*self.blobs,
            tools: &self.tools,
            ledger: Ledger {
                documents: &*self.documents,
                retention: Duration::from_secs(3_600),
                now: self.clock,
                invocation_id: Some("test"),
            },
            deadline: self.deadline,
        }
    }

    pub(crate) async fn arrive(&self, path: &str) -> Result<Outcome, StoreError> {
        arrive(&self.routing(), &at(path)).await
    }

    pub(crate) async fn write(&self, path: &str, content: &str) {
        self.write_with(path, content, &Attributes::default()).await;
    }

    pub(crate) async fn write_with(&self, path: &str, content: &str, attributes: &Attributes) {
        let path = at(path);
        self.blobs.inner.create_container(path.container()).await.unwrap();
        let content = Bytes::copy_from_slice(content.as_bytes());
        self.blobs.inner.write(&path, content, attributes, &Condition::Always).await.unwrap();
    }

    pub(crate) async fn read(&self, path: &str) -> Option<String> {
        let found = optional(self.blobs.inner.read(&at(path), 1 << 20).await).unwrap();
        found.map(|(content, _)| String::from_utf8(content.to_vec()).unwrap())
    }

    /// Every blob of a container, by name.
    pub(crate) async fn names(&self, container: &str) -> Vec<String> {
        let page = optional(self.blobs.inner.list(container, "", None).await).unwrap();
        let items = page.map(|page| page.items).unwrap_or_default();
        items.into_iter().map(|listed| listed.path.name().to_owned()).collect()
    }

    /// The ledger's last entry for a blob.
    pub(crate) async fn entry(&self, path: &str) -> Entry {
        self.routing().ledger.history(&at(path)).await.unwrap().remove(0)
    }

    pub(crate) async fn steps(&self, path: &str) -> Vec<String> {
        self.entry(path).await.steps.into_iter().map(|step| step.step).collect()
    }
}

pub(crate) fn at(path: &str) -> BlobPath {
    path.parse().unwrap()
}

pub(crate) fn repeated(destination: &str) -> Outcome {
    Outcome::Repeated(destination.to_owned())
}

pub(crate) fn delivered(route: &str, destination: &str) -> Outcome {
    Outcome::Delivered { route: route.to_owned(), destination: destination.to_owned() }
}
