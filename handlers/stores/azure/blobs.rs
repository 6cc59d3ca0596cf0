//! [`Blobs`] in Azure Blob Storage.

use std::{
    fmt,
    num::NonZero,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use azure_core::http::Etag;
use azure_storage_blob::{
    BlobClient, BlobServiceClient, BlobServiceClientOptions,
    models::{
        AccessTier, BlobClientDeleteOptions, BlobClientSetMetadataOptions,
        BlobClientStartCopyFromUrlOptions, BlobContainerClientListBlobsOptions,
        BlobServiceClientGetAccountInfoResultHeaders, BlobServiceClientListContainersOptions,
        BlockBlobClientCommitBlockListOptions, BlockBlobClientUploadOptions,
        DeleteSnapshotsOptionType, ListBlobsIncludeItem,
    },
};
use bytes::Bytes;
use futures::TryStreamExt;
use time::OffsetDateTime;
use tokio::sync::{Mutex, OnceCell};

use super::{
    Access,
    attributes::{Labels, copy_status, properties},
    blocks,
    download::{read_part, read_to},
    error::Attempt,
    lend::{Lender, Loan},
    listing, service_url,
};
use crate::{
    settings::{Connection, Credential},
    stores::{
        Condition, ETag, Fault, Page, StoreError,
        blobs::{
            Attributes, BlobPath, Blobs, BlockId, CopySource, CopyState, Lent, Listed, Metadata,
            Properties,
        },
    },
};

/// The blob service of a storage account.
pub(super) struct AzureBlobs {
    account: String,
    service: BlobServiceClient,
    lender: Lender,
    hierarchical: OnceCell<bool>,
    /// Set when the service turned tags down although nobody may ask what kind of account it is.
    tagless: AtomicBool,
}

impl AzureBlobs {
    pub(super) fn new(connection: &Connection, access: &Access) -> azure_core::Result<Self> {
        let service = BlobServiceClient::new(
            service_url(&connection.blob, &connection.credential),
            access.token.clone(),
            Some(BlobServiceClientOptions {
                client_options: access.options.clone(),
                ..BlobServiceClientOptions::default()
            }),
        )?;
        let lender = match (&access.key, &connection.credential) {
            (Some(key), _) => Lender::Key(key.key.clone()),
            (None, Credential::Sas(signature)) => Lender::Signature(signature.clone()),
            _ => Lender::Identity(Mutex::default()),
        };
        Ok(Self {
            account: connection.account.clone(),
            service,
            lender,
            hierarchical: OnceCell::new(),
            tagless: AtomicBool::new(false),
        })
    }

    /// The client of one blob.
    ///
    /// # Errors
    /// `Rejected` for a name with a backslash: the service takes it for a slash, and so for another
    /// blob.
    fn blob(&self, attempt: &Attempt<'_>, path: &BlobPath) -> Result<BlobClient, StoreError> {
        if path.name().contains('\\') {
            return Err(attempt.rejected("Azure Storage has no backslash in names; rename it"));
        }
        Ok(self.service.blob_client(path.container(), path.name()))
    }

    /// The headers for the metadata and tags of a blob to be.
    async fn labels(
        &self,
        attempt: &Attempt<'_>,
        attributes: &Attributes,
    ) -> Result<Labels, StoreError> {
        let tagless = !attributes.tags.is_empty()
            && (self.tagless.load(Ordering::Relaxed) || self.is_hierarchical().await?);
        Labels::new(attributes, tagless).map_err(|reason| attempt.rejected(reason))
    }

    /// Azurite calls a blob changed that is not there at all, so this looks whether it is.
    async fn unless_gone<T>(
        &self,
        path: &BlobPath,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(|error| error.fault == Fault::Changed) {
            self.head(path).await?;
        }
        result
    }

    /// Takes note when an account turns out to have no tags: the next try does without them.
    fn learn(&self, error: StoreError) -> StoreError {
        if !error.detail.contains(NO_TAGS) || self.tagless.swap(true, Ordering::Relaxed) {
            return error;
        }
        StoreError { fault: Fault::Unavailable, ..error }
    }
}

/// The error code of an account with a hierarchical namespace that is given index tags.
const NO_TAGS: &str = "FeatureNotYetSupportedForHierarchicalNamespaceAccounts";

#[async_trait]
impl Blobs for AzureBlobs {
    async fn head(&self, path: &BlobPath) -> Result<Properties, StoreError> {
        let attempt = Attempt::new("head", path);
        let response = attempt.run(self.blob(&attempt, path)?.get_properties(None)).await?;
        properties(response.headers()).ok_or_else(|| attempt.garbled())
    }

    async fn read(&self, path: &BlobPath, limit: u64) -> Result<(Bytes, Properties), StoreError> {
        let attempt = Attempt::new("read", path);
        let (body, found) = attempt.run(read_to(&self.blob(&attempt, path)?, limit)).await?;
        let found = found.ok_or_else(|| attempt.garbled())?;
        match body {
            Some(body) if body.len() as u64 == found.length => Ok((body, found)),
            _ if found.length > limit => Err(attempt
                .rejected(format!("its {} bytes are more than the {limit} allowed", found.length))),
            _ => Err(attempt.garbled()),
        }
    }

    async fn read_range(
        &self,
        path: &BlobPath,
        version: &ETag,
        offset: u64,
        length: u64,
    ) -> Result<Bytes, StoreError> {
        let condition = Condition::Matches(version.clone());
        let attempt = Attempt::new("read", path).under(&condition);
        let blob = self.blob(&attempt, path)?;
        let Some(length) = NonZero::new(length) else { return Ok(Bytes::new()) };
        let read = attempt.run(read_part(&blob, version, offset, length)).await;
        let content = self.unless_gone(path, read).await?;
        if content.len() as u64 == length.get() {
            return Ok(content);
        }
        Err(attempt.rejected(format!("it ends before the {length} bytes from {offset} on do")))
    }

    async fn write(
        &self,
        path: &BlobPath,
        content: Bytes,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        let attempt = Attempt::new("write", path).under(condition);
        let labels = self.labels(&attempt, attributes).await?;
        let (if_match, if_none_match) = headers(condition);
        let options = BlockBlobClientUploadOptions {
            blob_content_type: attributes.content_type.clone(),
            blob_tags_string: labels.tags,
            if_match,
            if_none_match,
            metadata: labels.metadata,
            // One piece, whatever its size.
            partition_size: Some(NonZero::<u64>::MAX),
            tier: tier(attributes),
            ..BlockBlobClientUploadOptions::default()
        };
        let written =
            attempt.run(self.blob(&attempt, path)?.upload(content.into(), Some(options))).await;
        let etag = written.map_err(|error| self.learn(error))?.etag;
        etag.map(ETag::new).ok_or_else(|| attempt.garbled())
    }

    async fn stage(
        &self,
        path: &BlobPath,
        block: &BlockId,
        content: Bytes,
    ) -> Result<(), StoreError> {
        let attempt = Attempt::new("stage", path);
        if content.is_empty() {
            return Err(attempt.rejected("a block has at least one byte"));
        }
        let blob = self.blob(&attempt, path)?;
        blocks::stage(&attempt, &blob, &block.to_bytes(), content).await
    }

    async fn commit(
        &self,
        path: &BlobPath,
        blocks: &[BlockId],
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        let attempt = Attempt::new("commit", path).under(condition);
        let labels = self.labels(&attempt, attributes).await?;
        let (if_match, if_none_match) = headers(condition);
        let options = BlockBlobClientCommitBlockListOptions {
            blob_content_type: attributes.content_type.clone(),
            blob_tags_string: labels.tags,
            if_match,
            if_none_match,
            metadata: labels.metadata,
            tier: tier(attributes),
            ..BlockBlobClientCommitBlockListOptions::default()
        };
        let names = blocks.iter().map(|block| block.to_bytes().to_vec()).collect();
        let blob = self.blob(&attempt, path)?;
        blocks::commit(&attempt, &blob, names, options).await.map_err(|error| self.learn(error))
    }

    async fn discard(&self, _path: &BlobPath, _blocks: &[BlockId]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn replace_tail(
        &self,
        path: &BlobPath,
        version: &ETag,
        offset: u64,
        tail: Bytes,
        metadata: &Metadata,
    ) -> Result<ETag, StoreError> {
        let condition = Condition::Matches(version.clone());
        let attempt = Attempt::new("replace the end of", path).under(&condition);
        let labels = metadata_alone(&attempt, metadata)?;
        let blob = self.blob(&attempt, path)?;
        let replaced = blocks::replace_tail(&attempt, &blob, version, (offset, tail), labels).await;
        self.unless_gone(path, replaced).await
    }

    async fn set_metadata(
        &self,
        path: &BlobPath,
        version: &ETag,
        metadata: &Metadata,
    ) -> Result<ETag, StoreError> {
        let condition = Condition::Matches(version.clone());
        let attempt = Attempt::new("set the metadata of", path).under(&condition);
        let labels = metadata_alone(&attempt, metadata)?;
        let options = BlobClientSetMetadataOptions {
            if_match: Some(version.quoted().into()),
            ..BlobClientSetMetadataOptions::default()
        };
        let blob = self.blob(&attempt, path)?;
        let metadata = labels.metadata.unwrap_or_default();
        let set = attempt.run(blob.set_metadata(&metadata, Some(options))).await;
        let response = self.unless_gone(path, set).await?;
        blocks::etag(response.headers()).ok_or_else(|| attempt.garbled())
    }

    async fn copy(
        &self,
        source: CopySource<'_>,
        version: &ETag,
        target: &BlobPath,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<CopyState, StoreError> {
        let attempt = Attempt::new("copy to", target).under(condition).copying();
        if attributes.content_type.is_some() {
            return Err(attempt.rejected("a copy keeps the content type of its source"));
        }
        let source = match source {
            CopySource::Here(path) => self.blob(&attempt, path)?.url().to_string(),
            CopySource::Elsewhere(lent) => lent.url.to_string(),
        };
        let labels = self.labels(&attempt, attributes).await?;
        let (if_match, if_none_match) = headers(condition);
        let options = BlobClientStartCopyFromUrlOptions {
            blob_tags_string: labels.tags,
            if_match,
            if_none_match,
            metadata: labels.metadata,
            source_if_match: Some(version.quoted().into()),
            tier: tier(attributes),
            ..BlobClientStartCopyFromUrlOptions::default()
        };
        let copied = attempt
            .run(self.blob(&attempt, target)?.start_copy_from_url(source, Some(options)))
            .await;
        let response = copied.map_err(|error| self.learn(error))?;
        // Without a status the copy counts as pending: the source stays until the target is whole.
        Ok(copy_status(response.headers()).unwrap_or(CopyState::Pending))
    }

    async fn lend(&self, path: &BlobPath) -> Result<Lent, StoreError> {
        let attempt = Attempt::new("lend", path);
        let mut url = self.blob(&attempt, path)?.url().clone();
        let loan = Loan::new(&self.account, path, &url, OffsetDateTime::now_utc());
        let signature = attempt.run(self.lender.sign(&loan, &self.service)).await?;
        url.set_query(Some(&signature));
        Ok(Lent { url })
    }

    async fn delete(&self, path: &BlobPath, condition: &Condition) -> Result<(), StoreError> {
        let (if_match, if_none_match) = headers(condition);
        let options = BlobClientDeleteOptions {
            delete_snapshots: Some(DeleteSnapshotsOptionType::Include),
            if_match,
            if_none_match,
            ..BlobClientDeleteOptions::default()
        };
        let attempt = Attempt::new("delete", path).under(condition);
        let deleted = attempt.run(self.blob(&attempt, path)?.delete(Some(options))).await;
        self.unless_gone(path, deleted).await.map(drop)
    }

    async fn list(
        &self,
        container: &str,
        prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<Listed>, StoreError> {
        let attempt = Attempt::new("list", format!("{container}/{prefix}"));
        let options = BlobContainerClientListBlobsOptions {
            include: Some(vec![ListBlobsIncludeItem::Metadata, ListBlobsIncludeItem::Copy]),
            marker: token.map(str::to_owned),
            prefix: Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let client = self.service.blob_container_client(container);
        let page = async { client.list_blobs(Some(options))?.into_pages().try_next().await };
        let page = attempt.run(page).await?.ok_or_else(|| attempt.garbled())?;
        listing::page(container, page.body()).map_err(|error| attempt.failed(&error))
    }

    async fn create_container(&self, container: &str) -> Result<(), StoreError> {
        let client = self.service.blob_container_client(container);
        match Attempt::new("create container", container).run(client.create(None)).await {
            Err(error) if error.fault != Fault::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    async fn is_hierarchical(&self) -> Result<bool, StoreError> {
        let ask = async {
            let attempt = Attempt::new("ask the kind of", &self.account);
            match attempt.run(self.service.get_account_info(None)).await {
                Ok(info) => {
                    Ok(info.is_hierarchical_namespace_enabled().ok().flatten() == Some(true))
                }
                // Data roles need not hold this right; a hierarchical account shows by refusing tags.
                Err(error) if error.fault == Fault::Denied => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.hierarchical.get_or_try_init(|| ask).await.copied()
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let options = BlobServiceClientListContainersOptions {
            maxresults: Some(1),
            ..BlobServiceClientListContainersOptions::default()
        };
        let page =
            async { self.service.list_containers(Some(options))?.into_pages().try_next().await };
        Attempt::new("list containers of", &self.account).run(page).await.map(drop)
    }
}

/// The headers for metadata.
fn metadata_alone(attempt: &Attempt<'_>, metadata: &Metadata) -> Result<Labels, StoreError> {
    let attributes = Attributes { metadata: metadata.clone(), ..Attributes::default() };
    Labels::new(&attributes, false).map_err(|reason| attempt.rejected(reason))
}

/// `If-Match` and `If-None-Match` for a condition on the target.
fn headers(condition: &Condition) -> (Option<Etag>, Option<Etag>) {
    match condition {
        Condition::Always => (None, None),
        Condition::Absent => (None, Some("*".into())),
        Condition::Matches(etag) => (Some(etag.quoted().into()), None),
    }
}

fn tier(attributes: &Attributes) -> Option<AccessTier> {
    attributes.tier.as_deref().and_then(|tier| tier.parse().ok())
}

impl fmt::Debug for AzureBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureBlobs").field("account", &self.account).finish_non_exhaustive()
    }
}
