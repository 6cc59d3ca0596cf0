//! A file whose data key is wrapped anew while its key-encryption key stays in the vault.

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::{
    encryption::{
        envelope::{Envelope, FILE_KEY, ProtectedColumn, VERSION},
        keys::DataKeys,
        policy::{Method, Output, Planned, Rule},
        service::{
            Tools,
            audit::Caller,
            failure::Failure,
            format::Format,
            memory::Memory,
            records::{Record, sidecar},
            rewrap::{Rewrap, Rewrapped, State},
        },
    },
    routing::Source,
    stores::{
        Condition,
        blobs::{Attributes, BlobPath, Blobs},
        local::{LocalBlobs, LocalDatabase},
    },
};

struct Lake {
    _folder: TempDir,
    tools: Tools,
    path: BlobPath,
}

fn planned() -> Planned {
    let (name, path) = ("email".to_owned(), "email".to_owned());
    let rule = Rule { name, method: Method::Randomized, output: Output::Base64, bind: false };
    Planned { path, rule }
}

impl Lake {
    /// A text file that has nothing but its sidecar, as a copy has.
    async fn new(fake: &FakeVault) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database =
            LocalDatabase::open(folder.path(), Arc::new(OffsetDateTime::now_utc)).unwrap();
        let documents = database.documents();
        let blobs = LocalBlobs::open(folder.path()).unwrap();
        let keys = DataKeys::new(Arc::new(fake.client()), Arc::clone(&documents));
        let made = keys.for_file(NAME, &[planned()]).await.unwrap();
        let envelope = Envelope {
            version: VERSION,
            policy: String::new(),
            source_etag: String::new(),
            columns: vec![ProtectedColumn::new(&planned())],
            keys: made.wrapped,
        };
        let record = Record { id: "1".to_owned(), source: "x.csv".to_owned(), envelope };
        let path: BlobPath = "curated/x.csv".parse().unwrap();
        blobs.create_container("curated").await.unwrap();
        let (place, record) = (sidecar(&path).unwrap(), serde_json::to_vec(&record).unwrap());
        for (path, content) in [(&path, Bytes::from("email\nx\n")), (&place, record.into())] {
            let attributes = Attributes::default();
            blobs.write(path, content, &attributes, &Condition::Absent).await.unwrap();
        }
        let (blobs, memory): (Arc<dyn Blobs>, _) = (Arc::new(blobs), Memory::new(80 << 20));
        let tools = Tools { blobs, documents, keys: None, memory };
        Self { _folder: folder, tools, path }
    }

    async fn envelope(&self) -> Envelope {
        let place = sidecar(&self.path).unwrap();
        let (content, _) = self.tools.blobs.read(&place, 1 << 20).await.unwrap();
        serde_json::from_slice::<Record>(&content).unwrap().envelope
    }

    /// As a worker that has just started does it.
    async fn rewrap(&mut self, fake: &FakeVault) -> Result<Rewrapped, Failure> {
        let keys = DataKeys::new(Arc::new(fake.client()), Arc::clone(&self.tools.documents));
        self.tools.keys = Some(Arc::new(keys));
        let deadline = Instant::now() + Duration::from_secs(600);
        let rewrap =
            Rewrap { configured: vec![NAME.to_owned()], caller: Caller::default(), deadline };
        let properties = self.tools.blobs.head(&self.path).await.unwrap();
        let source = Source { path: self.path.clone(), properties };
        rewrap.blob(&self.tools, source, &Format::JsonLines).await
    }
}

#[tokio::test]
async fn the_old_version_can_be_disabled_afterwards() {
    let fake = FakeVault::start().await;
    let first = fake.rotate(NAME, 2048);
    let mut lake = Lake::new(&fake).await;
    let old = lake.envelope().await;
    assert_eq!(lake.rewrap(&fake).await.unwrap().state, State::Unchanged);
    let second = fake.rotate(NAME, 3072);
    let done = lake.rewrap(&fake).await.unwrap();
    assert_eq!((done.state, done.key_version.as_ref()), (State::Rewrapped, Some(&second)));
    let new = lake.envelope().await;
    assert_ne!(new.keys, old.keys);
    let opened = async |envelope: &Envelope| {
        let keys = DataKeys::new(Arc::new(fake.client()), Arc::clone(&lake.tools.documents));
        keys.open(envelope, &[NAME.to_owned()]).await
    };
    let before = opened(&old).await.unwrap();
    fake.disable(&first);
    assert_eq!(opened(&new).await.unwrap()[FILE_KEY], before[FILE_KEY]);
    assert!(opened(&old).await.is_err());
    assert_eq!(lake.rewrap(&fake).await.unwrap().state, State::Unchanged);
}

#[tokio::test]
async fn what_the_vault_refuses_changes_nothing() {
    let fake = FakeVault::start().await;
    let first = fake.rotate(NAME, 2048);
    let mut lake = Lake::new(&fake).await;
    let old = lake.envelope().await;
    let second = fake.rotate(NAME, 2048);
    for version in [&second, &first] {
        fake.disable(version);
        let Err(Failure::Key(error)) = lake.rewrap(&fake).await else { panic!() };
        assert!(error.to_string().contains(NAME), "{error}");
        assert_eq!(lake.envelope().await, old);
    }
    fake.rotate(NAME, 2048);
    let Err(Failure::Key(error)) = lake.rewrap(&fake).await else { panic!() };
    assert!(error.to_string().contains(&first), "{error}");
    assert_eq!(lake.envelope().await, old);
}
