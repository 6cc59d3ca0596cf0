//! The adapters for Azure Storage, on the real Azurite.

use std::{collections::BTreeSet, sync::Arc};

use lakehand::stores::{azure, blobs::Blobs, queues::Queues};

use crate::{
    azurite::{self, ACCOUNTS, unique},
    conformance::{blobs, blocks, names, queues, streams},
};

/// The services that a connection string describes.
pub(super) fn open(connection_string: &str) -> (Arc<dyn Blobs>, Arc<dyn Queues>) {
    azure::open(&azurite::connection(connection_string)).unwrap()
}

/// The blobs of the first account, by its key.
pub(super) fn lake() -> Arc<dyn Blobs> {
    open(&azurite::shared().connection_string(ACCOUNTS[0])).0
}

/// The queues of the first account, by its key.
pub(super) fn queue_service() -> Arc<dyn Queues> {
    open(&azurite::shared().connection_string(ACCOUNTS[0])).1
}

#[tokio::test]
async fn reads_what_was_written() {
    blobs::reads_what_was_written(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn reads_within_a_limit() {
    blobs::reads_within_a_limit(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn keeps_empty_blobs() {
    blobs::keeps_empty_blobs(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn misses_what_is_not_there() {
    blobs::misses_what_is_not_there(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn writes_under_conditions() {
    blobs::writes_under_conditions(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn deletes_under_conditions() {
    blobs::deletes_under_conditions(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn copies_under_conditions() {
    blobs::copies_under_conditions(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn copies_one_version() {
    blobs::copies_one_version(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn copies_replace_attributes() {
    blobs::copies_replace_attributes(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn copies_keep_what_is_not_given() {
    blobs::copies_keep_what_is_not_given(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn refuses_impossible_copies() {
    blobs::refuses_impossible_copies(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn versions_every_write() {
    blobs::versions_every_write(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn lists_by_prefix() {
    blobs::lists_by_prefix(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn keeps_folder_stubs() {
    blobs::keeps_folder_stubs(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn creates_once() {
    blobs::creates_once(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn copies_once() {
    blobs::copies_once(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn increments_lose_nothing() {
    blobs::increments_lose_nothing(&*lake(), &unique("lake")).await;
}

#[tokio::test]
async fn keeps_names() {
    // Azure has no backslash in names.
    let sample: BTreeSet<String> =
        names::sample().into_iter().filter(|name| !name.contains('\\')).collect();
    names::keeps_names(&*lake(), &unique("names"), &sample).await;
}

#[tokio::test]
async fn blocks_reads_ranges() {
    blocks::reads_ranges(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_reads_one_version() {
    blocks::reads_one_version(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_commits_blocks() {
    blocks::commits_blocks(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_commits_nothing() {
    blocks::commits_nothing(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_commits_one_block_last_staged() {
    blocks::commits_one_block_last_staged(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_commits_under_conditions() {
    blocks::commits_under_conditions(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_shows_nothing_before_the_commit() {
    blocks::shows_nothing_before_the_commit(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_refuses_impossible_blocks() {
    blocks::refuses_impossible_blocks(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_throws_rivals_blocks_away() {
    blocks::throws_rivals_blocks_away(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_commits_once() {
    blocks::commits_once(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_discards() {
    blocks::discards(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_replaces_the_tail() {
    blocks::replaces_the_tail(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_replaces_the_tail_of_one_version() {
    blocks::replaces_the_tail_of_one_version(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn blocks_sets_metadata() {
    blocks::sets_metadata(&*lake(), &unique("blocks")).await;
}

#[tokio::test]
async fn streams_reads_like_a_file() {
    streams::reads_like_a_file(lake(), &unique("streams")).await;
}

#[tokio::test]
async fn streams_reads_what_changed_as_failure() {
    streams::reads_what_changed_as_failure(lake(), &unique("streams")).await;
}

#[tokio::test]
async fn streams_writes_like_a_file() {
    streams::writes_like_a_file(lake(), &unique("streams")).await;
}

#[tokio::test]
async fn streams_replaces_a_footer() {
    streams::replaces_a_footer(lake(), &unique("streams")).await;
}

#[tokio::test]
async fn streams_keeps_rivals_apart() {
    streams::keeps_rivals_apart(lake(), &unique("streams")).await;
}

#[tokio::test]
async fn queues_receives_what_was_sent() {
    queues::receives_what_was_sent(&*queue_service(), &unique("queue")).await;
}

#[tokio::test]
async fn queues_receives_in_order() {
    queues::receives_in_order(&*queue_service(), &unique("queue")).await;
}

#[tokio::test]
async fn queues_shows_again_after_its_time() {
    queues::shows_again_after_its_time(&*queue_service(), &unique("queue")).await;
}

#[tokio::test]
async fn queues_shows_again_when_released() {
    queues::shows_again_when_released(&*queue_service(), &unique("queue")).await;
}

#[tokio::test]
async fn queues_refuses_old_receipts() {
    queues::refuses_old_receipts(&*queue_service(), &unique("queue")).await;
}

#[tokio::test]
async fn queues_misses_what_is_not_there() {
    queues::misses_what_is_not_there(&*queue_service(), &unique("queue")).await;
}

#[tokio::test]
async fn queues_delivers_once_while_hidden() {
    queues::delivers_once_while_hidden(&*queue_service(), &unique("queue")).await;
}
