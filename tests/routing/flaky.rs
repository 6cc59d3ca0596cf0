//! A blob store that counts its calls and fails as told: before or after the effect.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use lakehand::stores::{
    Condition, ETag, Fault, Page, StoreError,
    blobs::{Attributes, BlobPath, Blobs, CopySource, CopyState, Lent, Listed, Properties},
};

/// What is to go wrong, by operation; each fault is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The operation does not happen.
    Before(Fault),
    /// It happens, and its answer is lost.
    After,
    /// A copy answers that it is pending, and stays so until [`Flaky::settle`] or [`Flaky::fail`].
    Pending,
    /// A copy succeeds, and somebody takes its target before the answer.
    Taken,
    /// Somebody replaces the source before the copy begins.
    Replaced,
    /// A copy to the second name of a version happens, and its answer is lost.
    Version,
}

#[derive(Debug)]
pub(crate) struct Flaky {
    pub(crate) inner: Arc<dyn Blobs>,
    troubles: Mutex<BTreeMap<&'static str, Trouble>>,
    pending: Mutex<Vec<BlobPath>>,
    failed: Mutex<Vec<BlobPath>>,
    calls: Mutex<Vec<&'static str>>,
}

impl Flaky {
    pub(crate) fn new(inner: Arc<dyn Blobs>) -> Self {
        Self {
            inner,
            troubles: Mutex::default(),
            pending: Mutex::default(),
            failed: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// Lets the next call of the operation go wrong.
    pub(crate) fn trouble(&self, operation: &'static str, trouble: Trouble) {
        self.troubles.lock().unwrap().insert(operation, trouble);
    }

    /// Ends every pending copy.
    pub(crate) fn settle(&self) {
        self.pending.lock().unwrap().clear();
    }

    /// Lets a blob look like the target of a copy that has not ended.
    pub(crate) fn pend(&self, path: BlobPath) {
        self.pending.lock().unwrap().push(path);
    }

    /// Every pending copy fails.
    pub(crate) fn fail(&self) {
        let pending = std::mem::take(&mut *self.pending.lock().unwrap());
        self.failed.lock().unwrap().extend(pending);
    }

    /// The calls so far; forgets them.
    pub(crate) fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn begin(&self, operation: &'static str) -> Result<Option<Trouble>, StoreError> {
        self.calls.lock().unwrap().push(operation);
        match self.troubles.lock().unwrap().remove(operation) {
            Some(Trouble::Before(fault)) => Err(StoreError::new(fault, operation, "it", "trouble")),
            other => Ok(other),
        }
    }

    fn is_pending(&self, path: &BlobPath) -> bool {
        self.pending.lock().unwrap().contains(path)
    }

    fn seen(&self, path: &BlobPath, mut properties: Properties) -> Properties {
        if self.is_pending(path) {
            properties.copy = Some(CopyState::Pending);
        }
        if self.failed.lock().unwrap().contains(path) {
            properties.copy = Some(CopyState::Failed("aborted".to_owned()));
        }
        properties
    }
}

fn end<T>(trouble: Option<Trouble>, result: Result<T, StoreError>) -> Result<T, StoreError> {
    match trouble {
        Some(Trouble::After | Trouble::Version) => {
            result?;
            Err(StoreError::new(Fault::Unavailable, "answer", "it", "the answer was lost"))
        }
        _ => result,
    }
}

#[async_trait]
impl Blobs for Flaky {
    async fn head(&self, path: &BlobPath) -> Result<Properties, StoreError> {
        let trouble = self.begin("head")?;
        end(trouble, self.inner.head(path).await).map(|properties| self.seen(path, properties))
    }

    async fn read(&self, path: &BlobPath, limit: u64) -> Result<(Bytes, Properties), StoreError> {
        let trouble = self.begin("read")?;
        end(trouble, self.inner.read(path, limit).await)
    }

    async fn write(
        &self,
        path: &BlobPath,
        content: Bytes,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        let trouble = self.begin("write")?;
        end(trouble, self.inner.write(path, content, attributes, condition).await)
    }

    async fn copy(
        &self,
        source: CopySource<'_>,
        version: &ETag,
        target: &BlobPath,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<CopyState, StoreError> {
        let trouble = self.begin("copy")?;
        if self.is_pending(target) {
            return Err(StoreError::new(Fault::AlreadyExists, "copy", target, "pending"));
        }
        if let (Some(Trouble::Replaced), CopySource::Here(source)) = (trouble, source) {
            let new = Bytes::from_static(b"replaced");
            self.inner.write(source, new, &Attributes::default(), &Condition::Always).await?;
        }
        let copied = self.inner.copy(source, version, target, attributes, condition).await;
        if let (Some(trouble @ (Trouble::Pending | Trouble::Version)), Err(_)) = (trouble, &copied)
        {
            // It is meant for the copy that does happen.
            self.trouble("copy", trouble);
        }
        if copied.is_ok() {
            self.failed.lock().unwrap().retain(|failed| failed != target);
        }
        if trouble == Some(Trouble::Taken) {
            self.inner.delete(target, &Condition::Always).await?;
        }
        if trouble == Some(Trouble::Pending) && copied.is_ok() {
            self.pending.lock().unwrap().push(target.clone());
            return Ok(CopyState::Pending);
        }
        end(trouble, copied)
    }

    async fn lend(&self, path: &BlobPath) -> Result<Lent, StoreError> {
        self.inner.lend(path).await
    }

    async fn delete(&self, path: &BlobPath, condition: &Condition) -> Result<(), StoreError> {
        let trouble = self.begin("delete")?;
        end(trouble, self.inner.delete(path, condition).await)
    }

    async fn list(
        &self,
        container: &str,
        prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<Listed>, StoreError> {
        let trouble = self.begin("list")?;
        let mut page = end(trouble, self.inner.list(container, prefix, token).await)?;
        for listed in &mut page.items {
            listed.properties = self.seen(&listed.path, listed.properties.clone());
        }
        Ok(page)
    }

    async fn create_container(&self, container: &str) -> Result<(), StoreError> {
        self.inner.create_container(container).await
    }

    async fn is_hierarchical(&self) -> Result<bool, StoreError> {
        self.inner.is_hierarchical().await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.inner.probe().await
    }
}
