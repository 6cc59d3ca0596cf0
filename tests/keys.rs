//! Data keys over a keyring and the embedded store: made once, opened again, wrapped anew.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use futures::future::join_all;
use lakehand::{
    encryption::{
        cell::{DataKey, Opener, Protector},
        envelope::{Envelope, FILE_KEY, NAMED_KEY, ProtectedColumn, WrappedKey},
        keys::{DataKeys, FileKeys, KeyError},
        policy::{Method, Output, Planned, Rule},
    },
    stores::{
        Fault, StoreError,
        documents::{Collection, Documents, Key, Query},
        keys::{KeyProvider, Wrapped},
        local::{LocalDatabase, LocalKeyring},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

const TASKS: usize = 8;

/// A keyring that counts what it is asked to open.
#[derive(Debug)]
struct Counted {
    keyring: LocalKeyring,
    opened: AtomicUsize,
}

#[async_trait]
impl KeyProvider for Counted {
    async fn current(&self, name: &str) -> Result<String, StoreError> {
        self.keyring.current(name).await
    }

    async fn wrap(&self, name: &str, key: &DataKey) -> Result<Wrapped, StoreError> {
        self.keyring.wrap(name, key).await
    }

    async fn unwrap(&self, wrapped: &Wrapped) -> Result<DataKey, StoreError> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.keyring.unwrap(wrapped).await
    }
}

/// A folder with a keyring, which has a key `pii`, and a lake.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.keyring().init("pii", OffsetDateTime::now_utc()).unwrap();
        place
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("keyring.json")
    }

    fn keyring(&self) -> LocalKeyring {
        LocalKeyring::new(self.file())
    }

    fn rotate(&self) {
        self.keyring().rotate("pii", OffsetDateTime::now_utc()).unwrap();
    }

    fn disable(&self, version: &str) {
        let mut contents: Value = serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap();
        contents["keys"]["pii"]["versions"][version]["disabled"] = json!(true);
        fs::write(self.file(), contents.to_string()).unwrap();
    }

    fn documents(&self) -> Arc<dyn Documents> {
        documents(self.0.path())
    }

    /// As another process has them: nothing is cached.
    fn keys(&self) -> DataKeys {
        DataKeys::new(Arc::new(self.keyring()), self.documents())
    }
}

fn documents(lake: &Path) -> Arc<dyn Documents> {
    LocalDatabase::open(lake, Arc::new(OffsetDateTime::now_utc)).unwrap().documents()
}

fn planned(path: &str, method: Method) -> Planned {
    let rule = Rule { name: path.to_owned(), method, output: Output::Binary, bind: true };
    Planned { path: path.to_owned(), rule }
}

fn plan() -> Vec<Planned> {
    vec![planned("note", Method::Randomized), planned("email", Method::Deterministic)]
}

fn envelope(plan: &[Planned], keys: &FileKeys) -> Envelope {
    Envelope {
        version: 1,
        policy: "pii".to_owned(),
        source_etag: "0x8D".to_owned(),
        columns: plan.iter().map(ProtectedColumn::new).collect(),
        keys: keys.wrapped.clone(),
    }
}

fn configured() -> Vec<String> {
    vec!["pii".to_owned()]
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, KeyError>, fault: Fault, says: &str) {
    match result {
        Err(KeyError::Store(error)) => {
            assert_eq!(error.fault, fault, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_named_key_is_made_once() {
    let place = Place::new();
    let stores = [Arc::new(place.keys()), Arc::new(place.keys())];
    let tasks = (0..TASKS)
        .flat_map(|_| stores.clone())
        .map(|keys| tokio::spawn(async move { keys.named("pii").await.unwrap() }));
    let keys: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(keys.len(), 2 * TASKS);
    for (key, wrapped) in &keys {
        assert_eq!((key, wrapped), (&keys[0].0, &keys[0].1));
    }
    assert_eq!(keys[0].1.data_key_version, Some(1));
    let stored = place.documents().list(Collection::Keys, &Query::of("pii")).await.unwrap();
    assert_eq!(stored.items.len(), 1);
    let (again, _) = place.keys().named("pii").await.unwrap();
    assert_eq!(again, keys[0].0);
}

#[tokio::test]
async fn a_new_version_is_an_act_of_its_own() {
    let place = Place::new();
    let keys = place.keys();
    let (first, wrapped) = keys.named("pii").await.unwrap();
    assert_eq!(keys.new_version("pii").await.unwrap(), 2);
    let (second, newest) = place.keys().named("pii").await.unwrap();
    assert_ne!(first, second);
    assert_eq!((wrapped.data_key_version, newest.data_key_version), (Some(1), Some(2)));
    for version in 3..=11 {
        assert_eq!(keys.new_version("pii").await.unwrap(), version);
    }
    assert_eq!(place.keys().named("pii").await.unwrap().1.data_key_version, Some(11));
}

#[tokio::test]
async fn a_new_version_is_made_once() {
    let place = Place::new();
    let stores = [Arc::new(place.keys()), Arc::new(place.keys())];
    let tasks = (0..TASKS)
        .flat_map(|_| stores.clone())
        .map(|keys| tokio::spawn(async move { keys.new_version("pii").await }));
    let mut made = Vec::new();
    for result in join_all(tasks).await {
        match result.unwrap() {
            Ok(version) => made.push(version),
            refused => assert_refused(refused, Fault::AlreadyExists, "pii"),
        }
    }
    let distinct: BTreeSet<_> = made.iter().copied().collect();
    assert_eq!(distinct.len(), made.len(), "{made:?}");
    assert!(distinct.into_iter().eq(1..=u32::try_from(made.len()).unwrap()), "{made:?}");
}

#[tokio::test]
async fn a_file_opens_by_its_envelope_alone() {
    let place = Place::new();
    let plan = plan();
    let keys = place.keys().for_file("pii", &plan).await.unwrap();
    let mut cells = Vec::new();
    for planned in &plan {
        let mut cell = Vec::new();
        Protector::new(planned, &keys.columns).unwrap().protect(b"Ada", &mut cell).unwrap();
        cells.push(cell);
    }
    let text = serde_json::to_string(&envelope(&plan, &keys)).unwrap();
    let envelope: Envelope = serde_json::from_str(&text).unwrap();
    place.keys().new_version("pii").await.unwrap();
    let opened = place.keys().open(&envelope, &configured()).await.unwrap();
    for (column, cell) in envelope.columns.iter().zip(&cells) {
        let mut plain = Vec::new();
        Opener::new(column, &opened).unwrap().open(cell, &mut plain).unwrap();
        assert_eq!(plain, b"Ada", "{}", column.path);
    }
    let another = place.keys().for_file("pii", &plan).await.unwrap();
    assert_ne!(another.wrapped[FILE_KEY], keys.wrapped[FILE_KEY], "each file has its own");
    assert_eq!(another.wrapped[NAMED_KEY].data_key_version, Some(2));
}

#[tokio::test]
async fn only_the_keys_that_are_needed_are_made() {
    let place = Place::new();
    let names = async |method| {
        let keys = place.keys().for_file("pii", &[planned("a", method)]).await.unwrap();
        keys.wrapped.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(names(Method::Redact).await, [""; 0]);
    assert_eq!(names(Method::Randomized).await, [FILE_KEY]);
    let stored = place.documents().list(Collection::Keys, &Query::of("pii")).await.unwrap();
    assert!(stored.items.is_empty());
    assert_eq!(names(Method::Token).await, [NAMED_KEY]);
}

#[tokio::test]
async fn a_key_that_is_not_configured_is_never_asked_for() {
    let place = Place::new();
    place.keyring().init("finance", OffsetDateTime::now_utc()).unwrap();
    let plan = plan();
    let keys = place.keys().for_file("finance", &plan).await.unwrap();
    let mut mixed = envelope(&plan, &place.keys().for_file("pii", &plan).await.unwrap());
    mixed.keys.insert(FILE_KEY.to_owned(), keys.wrapped[FILE_KEY].clone());
    let provider = Arc::new(Counted { keyring: place.keyring(), opened: AtomicUsize::new(0) });
    let asking = DataKeys::new(provider.clone(), place.documents());
    for envelope in [envelope(&plan, &keys), mixed] {
        let error = asking.open(&envelope, &configured()).await.unwrap_err();
        assert!(matches!(&error, KeyError::NotConfigured { name, .. } if name == "finance"));
        assert!(error.to_string().contains("`finance`") && error.to_string().contains("pii"));
    }
    let wrapped = &keys.wrapped[FILE_KEY];
    let error = asking.rewrap(wrapped, &configured()).await.unwrap_err();
    assert!(matches!(error, KeyError::NotConfigured { .. }), "{error}");
    let hostile = WrappedKey { name: "https://evil.example/\n".to_owned(), ..wrapped.clone() };
    let error = asking.rewrap(&hostile, &configured()).await.unwrap_err();
    assert!(!error.to_string().contains("evil"), "{error}");
    assert_eq!(provider.opened.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_envelope_that_makes_no_sense() {
    let place = Place::new();
    let plan = plan();
    let keys = place.keys().for_file("pii", &plan).await.unwrap();
    let mut missing = envelope(&plan, &keys);
    missing.columns[0].key = Some("other".to_owned());
    let error = place.keys().open(&missing, &configured()).await.unwrap_err();
    assert!(matches!(&error, KeyError::Missing(column) if column == "note"), "{error}");
    missing.columns[0].key = None;
    let error = place.keys().open(&missing, &configured()).await.unwrap_err();
    assert!(matches!(error, KeyError::Missing(_)), "{error}");
    let mut damaged = envelope(&plan, &keys);
    damaged.keys.get_mut(FILE_KEY).unwrap().wrapped = "?".to_owned();
    let error = place.keys().open(&damaged, &configured()).await.unwrap_err();
    assert!(matches!(error, KeyError::Damaged(_)), "{error}");
    let mut swapped = envelope(&plan, &keys);
    swapped.keys.get_mut(FILE_KEY).unwrap().wrapped = "AAAA".to_owned();
    let refused = place.keys().open(&swapped, &configured()).await;
    assert_refused(refused, Fault::Rejected, "pii, version 1");
}

#[tokio::test]
async fn what_is_disabled_or_unknown_fails_closed() {
    let place = Place::new();
    let plan = plan();
    let keys = place.keys().for_file("pii", &plan).await.unwrap();
    let envelope = envelope(&plan, &keys);
    place.disable("1");
    let refused = place.keys().open(&envelope, &configured()).await;
    assert_refused(refused, Fault::Denied, "pii, version 1: version 1 is disabled");
    let refused = place.keys().for_file("pii", &plan).await;
    assert_refused(refused, Fault::Denied, "key pii: version 1 is disabled");
    let refused = place.keys().for_file("other", &plan).await;
    assert_refused(refused, Fault::NotFound, "key other");
}

#[tokio::test]
async fn a_provider_is_asked_once_for_a_while() {
    let place = Place::new();
    let keys = place.keys().for_file("pii", &plan()).await.unwrap();
    let provider = Arc::new(Counted { keyring: place.keyring(), opened: AtomicUsize::new(0) });
    let cached = DataKeys::new(provider.clone(), place.documents());
    for _ in 0..3 {
        cached.open(&envelope(&plan(), &keys), &configured()).await.unwrap();
        cached.named("pii").await.unwrap();
    }
    assert_eq!(provider.opened.load(Ordering::SeqCst), 2, "the file's own key and the named one");
}

#[tokio::test]
async fn rotation_wraps_anew_and_changes_no_key() {
    let place = Place::new();
    let plan = plan();
    let keys = place.keys().for_file("pii", &plan).await.unwrap();
    let (named, _) = place.keys().named("pii").await.unwrap();
    let old = envelope(&plan, &keys);
    let before = place.keys().open(&old, &configured()).await.unwrap();
    let same = place.keys().rewrap(&old.keys[FILE_KEY], &configured()).await.unwrap();
    assert_eq!(same, old.keys[FILE_KEY], "there is nothing to do yet");
    assert_eq!(place.keys().rewrap_named("pii").await.unwrap(), 0);

    place.rotate();
    let mut new = old.clone();
    for key in new.keys.values_mut() {
        *key = place.keys().rewrap(key, &configured()).await.unwrap();
        assert_eq!(key.version, "2");
    }
    assert_eq!(new.keys[NAMED_KEY].data_key_version, Some(1));
    assert_eq!(place.keys().rewrap_named("pii").await.unwrap(), 1);
    assert_eq!(place.keys().rewrap_named("pii").await.unwrap(), 0);

    place.disable("1");
    assert_eq!(place.keys().open(&new, &configured()).await.unwrap(), before);
    assert_eq!(place.keys().named("pii").await.unwrap().0, named);
    let refused = place.keys().open(&old, &configured()).await;
    assert_refused(refused, Fault::Denied, "version 1 is disabled");
}

#[tokio::test]
async fn only_wrapped_keys_are_stored() {
    let place = Place::new();
    let (key, wrapped) = place.keys().named("pii").await.unwrap();
    let address = Key::new("pii", "0000000001");
    let stored = place.documents().get(Collection::Keys, &address).await.unwrap();
    assert_eq!(stored.body.get(), serde_json::to_string(&wrapped).unwrap());
    let bytes = wrapped.wrapped().unwrap().bytes;
    assert!(!bytes.windows(32).any(|window| window == key.expose()));
    assert_eq!(bytes.len(), 12 + 32 + 16);
}
