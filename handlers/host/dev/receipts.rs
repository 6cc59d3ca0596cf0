//! Receipts: which version of which blob has been delivered, so that it is delivered once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::json;

use crate::stores::{
    Condition, ETag, StoreError,
    blobs::BlobPath,
    documents::{Collection, Documents, Key, body_of},
    optional,
};

/// The receipts of one landing container. They stay, as the host's do; remove one to have its blob
/// delivered again.
#[derive(Debug)]
pub(super) struct Receipts {
    documents: Arc<dyn Documents>,
    /// The last delivered version of each blob that is still there.
    latest: Mutex<HashMap<BlobPath, ETag>>,
}

impl Receipts {
    /// The receipts in a store.
    pub(super) fn new(documents: Arc<dyn Documents>) -> Self {
        Self { documents, latest: Mutex::default() }
    }

    /// Whether this process knows of the receipt already.
    pub(super) fn remembers(&self, path: &BlobPath, version: &ETag) -> bool {
        self.latest().get(path) == Some(version)
    }

    /// Whether this version has been delivered.
    pub(super) async fn has(&self, path: &BlobPath, version: &ETag) -> Result<bool, StoreError> {
        if self.remembers(path, version) {
            return Ok(true);
        }
        let stored = self.documents.get(Collection::Receipts, &key(path, version)).await;
        let found = optional(stored)?.is_some();
        if found {
            self.remember(path, version);
        }
        Ok(found)
    }

    /// Records that this version has been delivered.
    pub(super) async fn write(&self, path: &BlobPath, version: &ETag) -> Result<(), StoreError> {
        // Remembered first: a store that fails must not start a second delivery by this process.
        self.remember(path, version);
        let key = key(path, version);
        let body = body_of(&key, &json!({"blob": path, "etag": version.as_str()}))?;
        self.documents
            .put(Collection::Receipts, &key, &body, &Condition::Always, None)
            .await
            .map(drop)
    }

    /// Forgets the blobs that are no longer there; the store keeps their receipts.
    pub(super) fn forget_all_but(&self, present: &HashMap<BlobPath, ETag>) {
        self.latest().retain(|path, _| present.contains_key(path));
    }

    fn remember(&self, path: &BlobPath, version: &ETag) {
        self.latest().insert(path.clone(), version.clone());
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<BlobPath, ETag>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(path: &BlobPath, version: &ETag) -> Key {
    Key::new(path.to_string(), version.as_str())
}
