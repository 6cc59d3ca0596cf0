//! Blobs in parts: writing block by block, and changing one end.

use azure_core::http::{
    Etag,
    headers::{HeaderName, Headers},
};
use azure_storage_blob::{
    BlobClient,
    models::{
        BlobClientGetPropertiesOptions, BlobTags, BlockBlobClientCommitBlockListOptions,
        BlockBlobClientStageBlockOptions, BlockListType, BlockLookupList,
    },
};
use bytes::Bytes;
use md5::{Digest, Md5};
use uuid::Uuid;

use super::{
    attributes::{Labels, encode_tags},
    error::Attempt,
};
use crate::stores::{ETag, StoreError};

/// The name of a block as the service takes it, before it is put into base64.
type Name = Vec<u8>;

/// Stages one block with its MD5, which the service compares with what arrived.
pub(super) async fn stage(
    attempt: &Attempt<'_>,
    blob: &BlobClient,
    name: &[u8],
    content: Bytes,
) -> Result<(), StoreError> {
    let bytes = content.clone();
    // Milliseconds for a block: too long for a thread that others wait for.
    let digest = tokio::task::spawn_blocking(move || Md5::digest(&bytes).to_vec()).await;
    let options = BlockBlobClientStageBlockOptions {
        transactional_content_md5: digest.ok(),
        ..BlockBlobClientStageBlockOptions::default()
    };
    let length = content.len() as u64;
    let client = blob.block_blob_client();
    attempt.run(client.stage_block(name, length, content.into(), Some(options))).await.map(drop)
}

/// Commits blocks in this order, the last staged one where a name occurs twice.
pub(super) async fn commit(
    attempt: &Attempt<'_>,
    blob: &BlobClient,
    names: Vec<Name>,
    options: BlockBlobClientCommitBlockListOptions<'_>,
) -> Result<ETag, StoreError> {
    let list = BlockLookupList { latest: Some(names), ..BlockLookupList::default() };
    let client = blob.block_blob_client();
    let committed = async { client.commit_block_list(list.try_into()?, Some(options)).await };
    let response = attempt.run(committed).await?;
    etag(response.headers()).ok_or_else(|| attempt.garbled())
}

/// Replaces the blocks from `offset` on by one.
pub(super) async fn replace_tail(
    attempt: &Attempt<'_>,
    blob: &BlobClient,
    version: &ETag,
    (offset, tail): (u64, Bytes),
    labels: Labels,
) -> Result<ETag, StoreError> {
    let mut options = as_it_is(attempt, blob, version).await?;
    options.metadata = labels.metadata;
    let mut names = blocks_before(attempt, blob, offset).await?;
    if !tail.is_empty() {
        let name = new_name(&names);
        stage(attempt, blob, &name, tail).await?;
        names.push(name);
    }
    commit(attempt, blob, names, options).await
}

/// What a commit must say of a version for it to stay as it is: a block list brings all with it
/// but the content.
async fn as_it_is(
    attempt: &Attempt<'_>,
    blob: &BlobClient,
    version: &ETag,
) -> Result<BlockBlobClientCommitBlockListOptions<'static>, StoreError> {
    let if_match: Option<Etag> = Some(version.quoted().into());
    let options = BlobClientGetPropertiesOptions {
        if_match: if_match.clone(),
        ..BlobClientGetPropertiesOptions::default()
    };
    let found = attempt.run(blob.get_properties(Some(options))).await?;
    let text = |name| found.headers().get_optional_string(&HeaderName::from_static(name));
    let tier = text("x-ms-access-tier").filter(|_| text("x-ms-access-tier-inferred").is_none());
    if tier.as_deref() == Some("Archive") {
        return Err(attempt.rejected("it is archived; move it to another tier first"));
    }
    let tags = match text("x-ms-tag-count").as_deref() {
        None | Some("0") => None,
        Some(_) => Some(tags(attempt, blob).await?),
    };
    Ok(BlockBlobClientCommitBlockListOptions {
        blob_cache_control: text("cache-control"),
        blob_content_disposition: text("content-disposition"),
        blob_content_encoding: text("content-encoding"),
        blob_content_language: text("content-language"),
        blob_content_type: text("content-type"),
        blob_tags_string: tags,
        if_match,
        tier: tier.and_then(|tier| tier.parse().ok()),
        ..BlockBlobClientCommitBlockListOptions::default()
    })
}

/// The tags of a blob, as a header wants them.
async fn tags(attempt: &Attempt<'_>, blob: &BlobClient) -> Result<String, StoreError> {
    let tags: BlobTags = attempt.run(async { blob.get_tags(None).await?.into_model() }).await?;
    let tags = tags.blob_tag_set.unwrap_or_default();
    let pairs = tags.iter().filter_map(|tag| Some((tag.key.as_ref()?, tag.value.as_ref()?)));
    Ok(encode_tags(pairs))
}

/// The names of the committed blocks that make up the first bytes of a blob. If it changes after
/// this look, the commit fails.
async fn blocks_before(
    attempt: &Attempt<'_>,
    blob: &BlobClient,
    offset: u64,
) -> Result<Vec<Name>, StoreError> {
    let client = blob.block_blob_client();
    let list = async { client.get_block_list(BlockListType::Committed, None).await?.into_model() };
    let blocks = attempt.run(list).await?.committed_blocks.unwrap_or_default();
    let (mut names, mut end) = (Vec::new(), 0);
    for block in blocks {
        if end >= offset {
            break;
        }
        let (Some(name), Some(size)) = (block.name, block.size) else {
            return Err(attempt.garbled());
        };
        end += u64::try_from(size).map_err(|_| attempt.garbled())?;
        names.push(name);
    }
    if end == offset {
        return Ok(names);
    }
    Err(attempt.rejected(format!(
        "no block begins at byte {offset}; only a blob whose writer cut one there can be changed \
         from there on: write the whole blob again"
    )))
}

/// A name for a further block: of the same length as the others, as the service demands, and none
/// of theirs.
fn new_name(names: &[Name]) -> Name {
    let length = names.first().map_or(16, Vec::len);
    loop {
        let random = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
        let name: Name = random.iter().flat_map(|part| part.into_bytes()).take(length).collect();
        if !names.contains(&name) {
            return name;
        }
    }
}

/// The version that an answer names.
pub(super) fn etag(headers: &Headers) -> Option<ETag> {
    headers.get_optional_str(&HeaderName::from_static("etag")).map(ETag::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_others() {
        assert_eq!(new_name(&[]).len(), 16);
        assert_eq!(new_name(&[vec![0; 64], vec![1; 64]]).len(), 64);
        // All but one of the names of a byte are taken.
        let taken: Vec<Name> = (0..255).map(|byte| vec![byte]).collect();
        assert_eq!(new_name(&taken), [255]);
    }
}
