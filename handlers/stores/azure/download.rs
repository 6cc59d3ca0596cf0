//! Downloading blobs, or parts of them.

use std::num::NonZero;

use azure_storage_blob::{
    BlobClient,
    models::{BlobClientDownloadOptions, HttpRange},
};
use bytes::Bytes;

use super::attributes::properties;
use crate::stores::{ETag, blobs::Properties};

/// Downloads a blob in one request that asks for more than is allowed, and takes the body only if
/// there is no more. An empty blob takes a second request, as there is no range of nothing.
pub(super) async fn read_to(
    blob: &BlobClient,
    limit: u64,
) -> azure_core::Result<(Option<Bytes>, Option<Properties>)> {
    // Not just one byte: of an empty blob, Azurite then returns less than nothing.
    let most = limit.saturating_add(1).max(2);
    let options = BlobClientDownloadOptions {
        range: Some(HttpRange::new(0, most)),
        // One partition: further ones would run outside of this runtime.
        partition_size: usize::try_from(most).ok().and_then(NonZero::new),
        ..BlobClientDownloadOptions::default()
    };
    let result = blob.download(Some(options)).await?;
    let found = properties(&result.headers);
    let fits = found.as_ref().is_some_and(|found| found.length <= limit);
    Ok((if fits { Some(result.body.collect().await?) } else { None }, found))
}

/// Downloads a range of one version in one request; less than all of it where the blob ends.
pub(super) async fn read_part(
    blob: &BlobClient,
    version: &ETag,
    offset: u64,
    length: NonZero<u64>,
) -> azure_core::Result<Bytes> {
    let options = BlobClientDownloadOptions {
        if_match: Some(version.quoted().into()),
        // No blob is so long that the end of a range in it has no number.
        range: Some(HttpRange::new(offset.min(u64::MAX - length.get()), length.get())),
        partition_size: length.try_into().ok(),
        ..BlobClientDownloadOptions::default()
    };
    blob.download(Some(options)).await?.body.collect().await
}
