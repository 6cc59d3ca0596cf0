//! [`Blobs`] on a lake.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    failure::{Failure, blocking},
    lake::Lake,
};
use crate::stores::{
    Condition, ETag, Fault, Page, StoreError,
    blobs::{
        Attributes, BlobPath, Blobs, BlockId, CopySource, CopyState, Lent, Listed, Metadata,
        Properties,
    },
};

/// How long an operation may take that moves little.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long a copy may take, whatever its size.
const COPY_DEADLINE: Duration = Duration::from_secs(3600);

/// Blobs in a page of a listing.
const PAGE: usize = 1000;

/// The blobs of a local lake.
#[derive(Debug)]
pub struct LocalBlobs {
    lake: Arc<Lake>,
}

impl LocalBlobs {
    /// Opens the lake in this folder, which is made if it is not there.
    ///
    /// # Errors
    /// `Denied` if the folder cannot be made or read.
    pub fn open(lake: &Path) -> Result<Self, StoreError> {
        let opened = Lake::open(lake).map_err(|failure| failure.about("open", lake.display()))?;
        opened.remove_leftovers();
        Ok(Self { lake: Arc::new(opened) })
    }

    async fn run<T: Send + 'static>(
        &self,
        action: &'static str,
        path: &BlobPath,
        work: impl FnOnce(&Lake, &BlobPath) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (lake, blob) = (Arc::clone(&self.lake), path.clone());
        blocking(action, path, DEADLINE, move || work(&lake, &blob)).await
    }

    /// Like [`run`](Self::run), for work that moves as many bytes as a blob has.
    async fn run_long<T: Send + 'static>(
        &self,
        action: &'static str,
        path: &BlobPath,
        work: impl FnOnce(&Lake, &BlobPath) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (lake, blob) = (Arc::clone(&self.lake), path.clone());
        blocking(action, path, COPY_DEADLINE, move || work(&lake, &blob)).await
    }
}

#[async_trait]
impl Blobs for LocalBlobs {
    async fn head(&self, path: &BlobPath) -> Result<Properties, StoreError> {
        self.run("look at", path, |lake, blob| lake.need(blob).map(|found| found.properties()))
            .await
    }

    async fn read(&self, path: &BlobPath, limit: u64) -> Result<(Bytes, Properties), StoreError> {
        self.run("read", path, move |lake, blob| lake.read(blob, limit)).await
    }

    async fn read_range(
        &self,
        path: &BlobPath,
        version: &ETag,
        offset: u64,
        length: u64,
    ) -> Result<Bytes, StoreError> {
        let version = version.clone();
        let work =
            move |lake: &Lake, blob: &BlobPath| lake.read_range(blob, &version, offset, length);
        self.run("read", path, work).await
    }

    async fn write(
        &self,
        path: &BlobPath,
        content: Bytes,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        let (attributes, condition) = (attributes.clone(), condition.clone());
        let work =
            move |lake: &Lake, blob: &BlobPath| lake.write(blob, &content, &attributes, &condition);
        self.run("write", path, work).await
    }

    async fn stage(
        &self,
        path: &BlobPath,
        block: &BlockId,
        content: Bytes,
    ) -> Result<(), StoreError> {
        let block = *block;
        self.run("stage", path, move |lake, blob| lake.stage_block(blob, block, &content)).await
    }

    async fn commit(
        &self,
        path: &BlobPath,
        blocks: &[BlockId],
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        let (blocks, attributes) = (blocks.to_vec(), attributes.clone());
        let condition = condition.clone();
        let work =
            move |lake: &Lake, blob: &BlobPath| lake.commit(blob, &blocks, &attributes, &condition);
        self.run_long("commit", path, work).await
    }

    async fn discard(&self, path: &BlobPath, blocks: &[BlockId]) -> Result<(), StoreError> {
        let blocks = blocks.to_vec();
        self.run("discard", path, move |lake, blob| lake.discard(blob, &blocks)).await
    }

    async fn replace_tail(
        &self,
        path: &BlobPath,
        version: &ETag,
        offset: u64,
        tail: Bytes,
        metadata: &Metadata,
    ) -> Result<ETag, StoreError> {
        let (version, metadata) = (version.clone(), metadata.clone());
        let work = move |lake: &Lake, blob: &BlobPath| {
            lake.replace_tail(blob, &version, (offset, &tail), &metadata)
        };
        self.run_long("replace the end of", path, work).await
    }

    async fn set_metadata(
        &self,
        path: &BlobPath,
        version: &ETag,
        metadata: &Metadata,
    ) -> Result<ETag, StoreError> {
        let (version, metadata) = (version.clone(), metadata.clone());
        let work = move |lake: &Lake, blob: &BlobPath| lake.set_metadata(blob, &version, &metadata);
        self.run("set the metadata of", path, work).await
    }

    async fn copy(
        &self,
        source: CopySource<'_>,
        version: &ETag,
        target: &BlobPath,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<CopyState, StoreError> {
        let reject = |detail| Err(StoreError::new(Fault::Rejected, "copy to", target, detail));
        let CopySource::Here(source) = source else {
            return reject("a local lake cannot copy from a storage account");
        };
        if attributes.content_type.is_some() {
            return reject("a copy keeps the content type of its source");
        }
        let lake = Arc::clone(&self.lake);
        let subject = format!("{source} to {target}");
        let (source, version, target) = (source.clone(), version.clone(), target.clone());
        let (attributes, condition) = (attributes.clone(), condition.clone());
        let work = move || lake.copy((&source, &version), &target, &attributes, &condition);
        blocking("copy", &subject, COPY_DEADLINE, work).await?;
        Ok(CopyState::Success)
    }

    async fn lend(&self, path: &BlobPath) -> Result<Lent, StoreError> {
        let detail = "a storage account cannot read from a local lake";
        Err(StoreError::new(Fault::Rejected, "lend", path, detail))
    }

    async fn delete(&self, path: &BlobPath, condition: &Condition) -> Result<(), StoreError> {
        let condition = condition.clone();
        self.run("delete", path, move |lake, blob| lake.delete(blob, &condition)).await
    }

    async fn list(
        &self,
        container: &str,
        prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<Listed>, StoreError> {
        let (lake, name) = (Arc::clone(&self.lake), container.to_owned());
        let (prefix, token) = (prefix.to_owned(), token.map(str::to_owned));
        let work = move || lake.list(&name, &prefix, token.as_deref(), PAGE);
        blocking("list", container, DEADLINE, work).await
    }

    async fn create_container(&self, container: &str) -> Result<(), StoreError> {
        let (lake, name) = (Arc::clone(&self.lake), container.to_owned());
        blocking("create", container, DEADLINE, move || lake.create_container(&name)).await
    }

    async fn is_hierarchical(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Shows that we may write by beginning to.
    async fn probe(&self) -> Result<(), StoreError> {
        let lake = Arc::clone(&self.lake);
        blocking("reach", "the lake", DEADLINE, move || lake.stage().map(drop)).await
    }
}
