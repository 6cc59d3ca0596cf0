//! Data keys: made, wrapped, opened and wrapped anew.
//!
//! Every file has a data key of its own, for `randomized`. `deterministic` and `token` use a data
//! key with a name, so that values of different files can be compared: its versions are documents,
//! each made once and by one process, whoever else tries. Both kinds are only ever stored wrapped
//! by the key-encryption key of a [`KeyProvider`].

mod cache;

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use super::{
    cell::{CellError, ColumnKeys, DataKey},
    envelope::{Envelope, FILE_KEY, NAMED_KEY, ProtectedColumn, WrappedKey, WrappedKeys},
    policy::Planned,
};
use crate::stores::{
    Condition, Fault, Page, StoreError,
    documents::{Collection, Document, Documents, Key, Query, body_of, typed},
    keys::{KeyProvider, shown},
};
use cache::KeyCache;

/// How many documents are listed at a time.
const PAGE: usize = 100;

/// Why there is no data key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The provider or the document store failed; the error names the key.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file names a key that is not configured here; it is not looked for anywhere.
    #[error("the file's key `{}` is not configured here; {}", shown(.name), configured_hint(.configured))]
    NotConfigured {
        /// The name in the file.
        name: String,
        /// The names that are configured.
        configured: Vec<String>,
    },
    /// A wrapped data key is not base64.
    #[error("the data key under `{}` is not base64: the file's envelope is damaged", shown(.0))]
    Damaged(String),
    /// A column names a data key that its file does not have.
    #[error("column `{0}` names a data key that the file does not have")]
    Missing(String),
    /// Two places hold different data keys for the same file, so that neither may take the other's
    /// place.
    #[error("what is known of the file's data key under `{}` differs from place to place; restore the file and its sidecar", shown(.0))]
    Differs(String),
    /// No key can be made.
    #[error(transparent)]
    Cell(#[from] CellError),
}

fn configured_hint(configured: &[String]) -> String {
    match configured {
        [] => "no policy names a key".to_owned(),
        names => format!("the policies name: {}", names.join(", ")),
    }
}

/// What protects one file.
#[derive(Clone, Debug, Default)]
pub struct FileKeys {
    /// The keys, for the columns' protectors.
    pub columns: ColumnKeys,
    /// The same keys wrapped, for the file's envelope.
    pub wrapped: WrappedKeys,
}

/// Data keys under the key-encryption keys of one provider.
#[derive(Debug)]
pub struct DataKeys {
    provider: Arc<dyn KeyProvider>,
    documents: Arc<dyn Documents>,
    cache: KeyCache,
}

impl DataKeys {
    /// Keeps named data keys in the document store. One for a process: it has the cache.
    pub fn new(provider: Arc<dyn KeyProvider>, documents: Arc<dyn Documents>) -> Self {
        Self { provider, documents, cache: KeyCache::default() }
    }

    /// The keys that the planned columns of one file need: a new one of its own, and the newest
    /// version of the named one. `name` is that of the key-encryption key and of the named data
    /// key.
    ///
    /// # Errors
    /// The provider's, above all if the key is unknown or disabled, or the document store's.
    pub async fn for_file(&self, name: &str, plan: &[Planned]) -> Result<FileKeys, KeyError> {
        let needed: Vec<_> = plan.iter().filter_map(|it| ProtectedColumn::new(it).key).collect();
        let (mut file, mut named, mut wrapped) = (None, None, BTreeMap::new());
        if needed.iter().any(|key| key == FILE_KEY) {
            let (key, under) = self.make(name, None).await?;
            file = Some(key);
            wrapped.insert(FILE_KEY.to_owned(), under);
        }
        if needed.iter().any(|key| key == NAMED_KEY) {
            let (key, under) = self.named(name).await?;
            named = Some(key);
            wrapped.insert(NAMED_KEY.to_owned(), under);
        }
        Ok(FileKeys { columns: ColumnKeys::new(file, named), wrapped })
    }

    /// The version of a key-encryption key that wraps now.
    ///
    /// # Errors
    /// The provider's.
    pub async fn current(&self, name: &str) -> Result<String, KeyError> {
        Ok(self.provider.current(name).await?)
    }

    /// The newest version of a named data key; version 1 is made if there is none.
    ///
    /// # Errors
    /// As for [`for_file`](Self::for_file).
    pub async fn named(&self, name: &str) -> Result<(DataKey, WrappedKey), KeyError> {
        let stored = match self.versions(name).await?.pop() {
            Some(newest) => newest,
            None => match self.make_version(name, 1).await {
                Err(KeyError::Store(error)) if error.fault == Fault::AlreadyExists => {
                    typed(self.documents.get(Collection::Keys, &address(name, 1)).await?)?
                }
                made => return made,
            },
        };
        check_configured(&stored.body, &[name.to_owned()])?;
        Ok((self.unwrap(&stored.body).await?, stored.body))
    }

    /// Makes a new version of a named data key and returns its number. What is protected from now
    /// on does not compare equal with what was protected before.
    ///
    /// # Errors
    /// As for [`for_file`](Self::for_file); `AlreadyExists` if somebody else made it at the same
    /// time.
    pub async fn new_version(&self, name: &str) -> Result<u32, KeyError> {
        let newest = self.versions(name).await?.pop();
        let version = newest.and_then(|newest| newest.body.data_key_version).unwrap_or(0) + 1;
        self.make_version(name, version).await.map(|_| version)
    }

    /// Opens the data keys that an envelope's reversible columns need, by their names in it. The
    /// names of key-encryption keys in it are only compared with the configured ones.
    ///
    /// # Errors
    /// [`KeyError::NotConfigured`] before anything is asked of anybody, then the provider's.
    pub async fn open(
        &self,
        envelope: &Envelope,
        configured: &[String],
    ) -> Result<BTreeMap<String, DataKey>, KeyError> {
        let mut needed = BTreeMap::new();
        for column in envelope.columns.iter().filter(|column| column.method.is_reversible()) {
            let found = column.key.as_ref().and_then(|name| envelope.keys.get_key_value(name));
            let (name, key) = found.ok_or_else(|| KeyError::Missing(column.path.clone()))?;
            check_configured(key, configured)?;
            needed.insert(name, key);
        }
        let mut opened = BTreeMap::new();
        for (name, key) in needed {
            opened.insert(name.clone(), self.unwrap(key).await?);
        }
        Ok(opened)
    }

    /// Wraps all data keys of a file anew, as [`rewrap`](Self::rewrap) does.
    ///
    /// # Errors
    /// [`KeyError::NotConfigured`] before anything is asked of anybody, then the provider's.
    pub async fn rewrap_all(
        &self,
        keys: &WrappedKeys,
        configured: &[String],
    ) -> Result<WrappedKeys, KeyError> {
        for key in keys.values() {
            check_configured(key, configured)?;
        }
        let mut anew = WrappedKeys::new();
        for (name, key) in keys {
            anew.insert(name.clone(), self.rewrap(key, configured).await?);
        }
        Ok(anew)
    }

    /// Makes sure that two wrappings are of the same data keys, so that one may replace the other.
    ///
    /// # Errors
    /// [`KeyError::Differs`], [`KeyError::NotConfigured`], or the provider's.
    pub async fn check_same(
        &self,
        some: &WrappedKeys,
        others: &WrappedKeys,
        configured: &[String],
    ) -> Result<(), KeyError> {
        for (name, key) in some {
            check_configured(key, configured)?;
            let differs = || KeyError::Differs(key.name.clone());
            let other = others.get(name).ok_or_else(differs)?;
            check_configured(other, configured)?;
            if key != other && self.unwrap(key).await? != self.unwrap(other).await? {
                return Err(differs());
            }
        }
        Ok(())
    }

    /// Wraps a data key anew under the current version of its key-encryption key; the data key
    /// stays the same. One that is wrapped so already is returned as it is. What was wrapped is
    /// opened once by the provider, for the old wrapping will be gone.
    ///
    /// # Errors
    /// [`KeyError::NotConfigured`], or the provider's.
    pub async fn rewrap(
        &self,
        key: &WrappedKey,
        configured: &[String],
    ) -> Result<WrappedKey, KeyError> {
        check_configured(key, configured)?;
        if self.provider.current(&key.name).await? == key.version {
            return Ok(key.clone());
        }
        let opened = self.unwrap(key).await?;
        let wrapped = self.provider.wrap(&key.name, &opened).await?;
        if self.provider.unwrap(&wrapped).await? != opened {
            return Err(KeyError::Differs(key.name.clone()));
        }
        self.cache.put(wrapped.clone(), opened, Instant::now());
        Ok(WrappedKey::new(wrapped, key.data_key_version))
    }

    /// Wraps all versions of a named data key anew, and returns how many were not yet under the
    /// current version of their key-encryption key.
    ///
    /// # Errors
    /// The provider's or the document store's; what was done until then stays done.
    pub async fn rewrap_named(&self, name: &str) -> Result<usize, KeyError> {
        let mut changed = 0;
        for stored in self.versions(name).await? {
            let anew = self.rewrap(&stored.body, &[name.to_owned()]).await?;
            if anew != stored.body {
                let (body, matches) =
                    (body_of(&stored.key, &anew)?, Condition::Matches(stored.etag));
                self.documents.put(Collection::Keys, &stored.key, &body, &matches, None).await?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    /// All versions of a named data key, the newest last.
    async fn versions(&self, name: &str) -> Result<Vec<Document<WrappedKey>>, KeyError> {
        let (mut versions, mut token) = (Vec::new(), None);
        loop {
            let query = Query { limit: PAGE, token: token.as_deref(), ..Query::of(name) };
            let Page { items, next } = self.documents.list(Collection::Keys, &query).await?;
            for document in items {
                versions.push(typed(document)?);
            }
            token = next;
            if token.is_none() {
                return Ok(versions);
            }
        }
    }

    /// Makes one version of a named data key, unless somebody else has.
    async fn make_version(
        &self,
        name: &str,
        version: u32,
    ) -> Result<(DataKey, WrappedKey), KeyError> {
        let (key, wrapped) = self.make(name, Some(version)).await?;
        let address = address(name, version);
        let body = body_of(&address, &wrapped)?;
        self.documents.put(Collection::Keys, &address, &body, &Condition::Absent, None).await?;
        Ok((key, wrapped))
    }

    async fn make(
        &self,
        name: &str,
        version: Option<u32>,
    ) -> Result<(DataKey, WrappedKey), KeyError> {
        let key = DataKey::generate()?;
        let wrapped = self.provider.wrap(name, &key).await?;
        self.cache.put(wrapped.clone(), key.clone(), Instant::now());
        Ok((key, WrappedKey::new(wrapped, version)))
    }

    async fn unwrap(&self, key: &WrappedKey) -> Result<DataKey, KeyError> {
        let wrapped = key.wrapped().ok_or_else(|| KeyError::Damaged(key.name.clone()))?;
        if let Some(key) = self.cache.get(&wrapped, Instant::now()) {
            return Ok(key);
        }
        let key = self.provider.unwrap(&wrapped).await?;
        self.cache.put(wrapped, key.clone(), Instant::now());
        Ok(key)
    }
}

fn check_configured(key: &WrappedKey, configured: &[String]) -> Result<(), KeyError> {
    if configured.contains(&key.name) {
        return Ok(());
    }
    Err(KeyError::NotConfigured { name: key.name.clone(), configured: configured.to_vec() })
}

/// The document of a version; ids sort by number.
fn address(name: &str, version: u32) -> Key {
    Key::new(name, format!("{version:010}"))
}
