//! The rules of every store, on the local disk.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lakehand::stores::local::{Clock, LocalBlobs, LocalDatabase};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::conformance;

/// A new lake; it goes with the directory.
pub(super) fn lake() -> (TempDir, LocalBlobs) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = LocalBlobs::open(folder.path()).unwrap();
    (folder, blobs)
}

/// The embedded store in a folder, on the real time.
pub(crate) fn database(lake: &Path) -> LocalDatabase {
    LocalDatabase::open(lake, Arc::new(OffsetDateTime::now_utc)).unwrap()
}

/// A clock that stands still until it is moved by whole seconds.
pub(super) fn still_clock() -> (Clock, impl Fn(Duration) + Sync) {
    let passed = Arc::new(AtomicU64::new(0));
    let start = OffsetDateTime::now_utc();
    let seconds = Arc::clone(&passed);
    let clock = move || start + Duration::from_secs(seconds.load(Ordering::SeqCst));
    let advance = move |by: Duration| {
        passed.fetch_add(by.as_secs(), Ordering::SeqCst);
    };
    (Arc::new(clock), advance)
}

mod blobs {
    use super::*;

    #[tokio::test]
    async fn reads_what_was_written() {
        let (_lake, store) = lake();
        conformance::blobs::reads_what_was_written(&store, "landing").await;
    }

    #[tokio::test]
    async fn reads_within_a_limit() {
        let (_lake, store) = lake();
        conformance::blobs::reads_within_a_limit(&store, "landing").await;
    }

    #[tokio::test]
    async fn keeps_empty_blobs() {
        let (_lake, store) = lake();
        conformance::blobs::keeps_empty_blobs(&store, "landing").await;
    }

    #[tokio::test]
    async fn misses_what_is_not_there() {
        let (_lake, store) = lake();
        conformance::blobs::misses_what_is_not_there(&store, "landing").await;
    }

    #[tokio::test]
    async fn writes_under_conditions() {
        let (_lake, store) = lake();
        conformance::blobs::writes_under_conditions(&store, "landing").await;
    }

    #[tokio::test]
    async fn deletes_under_conditions() {
        let (_lake, store) = lake();
        conformance::blobs::deletes_under_conditions(&store, "landing").await;
    }

    #[tokio::test]
    async fn copies_under_conditions() {
        let (_lake, store) = lake();
        conformance::blobs::copies_under_conditions(&store, "landing").await;
    }

    #[tokio::test]
    async fn copies_one_version() {
        let (_lake, store) = lake();
        conformance::blobs::copies_one_version(&store, "landing").await;
    }

    #[tokio::test]
    async fn copies_replace_attributes() {
        let (_lake, store) = lake();
        conformance::blobs::copies_replace_attributes(&store, "landing").await;
    }

    #[tokio::test]
    async fn copies_keep_what_is_not_given() {
        let (_lake, store) = lake();
        conformance::blobs::copies_keep_what_is_not_given(&store, "landing").await;
    }

    #[tokio::test]
    async fn refuses_impossible_copies() {
        let (_lake, store) = lake();
        conformance::blobs::refuses_impossible_copies(&store, "landing").await;
    }

    #[tokio::test]
    async fn versions_every_write() {
        let (_lake, store) = lake();
        conformance::blobs::versions_every_write(&store, "landing").await;
    }

    #[tokio::test]
    async fn lists_by_prefix() {
        let (_lake, store) = lake();
        conformance::blobs::lists_by_prefix(&store, "landing").await;
    }

    #[tokio::test]
    async fn keeps_folder_stubs() {
        let (_lake, store) = lake();
        conformance::blobs::keeps_folder_stubs(&store, "landing").await;
    }

    #[tokio::test]
    async fn creates_once() {
        let (_lake, store) = lake();
        conformance::blobs::creates_once(&store, "landing").await;
    }

    #[tokio::test]
    async fn copies_once() {
        let (_lake, store) = lake();
        conformance::blobs::copies_once(&store, "landing").await;
    }

    #[tokio::test]
    async fn increments_lose_nothing() {
        let (_lake, store) = lake();
        conformance::blobs::increments_lose_nothing(&store, "landing").await;
    }

    #[tokio::test]
    async fn keeps_names() {
        let (_lake, store) = lake();
        let sample = conformance::names::sample();
        conformance::names::keeps_names(&store, "landing", &sample).await;
    }
}

mod blocks {
    use super::*;

    #[tokio::test]
    async fn reads_ranges() {
        let (_lake, store) = lake();
        conformance::blocks::reads_ranges(&store, "landing").await;
    }

    #[tokio::test]
    async fn reads_one_version() {
        let (_lake, store) = lake();
        conformance::blocks::reads_one_version(&store, "landing").await;
    }

    #[tokio::test]
    async fn commits_blocks() {
        let (_lake, store) = lake();
        conformance::blocks::commits_blocks(&store, "landing").await;
    }

    #[tokio::test]
    async fn commits_nothing() {
        let (_lake, store) = lake();
        conformance::blocks::commits_nothing(&store, "landing").await;
    }

    #[tokio::test]
    async fn commits_one_block_last_staged() {
        let (_lake, store) = lake();
        conformance::blocks::commits_one_block_last_staged(&store, "landing").await;
    }

    #[tokio::test]
    async fn commits_under_conditions() {
        let (_lake, store) = lake();
        conformance::blocks::commits_under_conditions(&store, "landing").await;
    }

    #[tokio::test]
    async fn shows_nothing_before_the_commit() {
        let (_lake, store) = lake();
        conformance::blocks::shows_nothing_before_the_commit(&store, "landing").await;
    }

    #[tokio::test]
    async fn refuses_impossible_blocks() {
        let (_lake, store) = lake();
        conformance::blocks::refuses_impossible_blocks(&store, "landing").await;
    }

    #[tokio::test]
    async fn throws_rivals_blocks_away() {
        let (_lake, store) = lake();
        conformance::blocks::throws_rivals_blocks_away(&store, "landing").await;
    }

    #[tokio::test]
    async fn commits_once() {
        let (_lake, store) = lake();
        conformance::blocks::commits_once(&store, "landing").await;
    }

    #[tokio::test]
    async fn discards() {
        let (_lake, store) = lake();
        conformance::blocks::discards(&store, "landing").await;
    }

    #[tokio::test]
    async fn replaces_the_tail() {
        let (_lake, store) = lake();
        conformance::blocks::replaces_the_tail(&store, "landing").await;
    }

    #[tokio::test]
    async fn replaces_the_tail_of_one_version() {
        let (_lake, store) = lake();
        conformance::blocks::replaces_the_tail_of_one_version(&store, "landing").await;
    }

    #[tokio::test]
    async fn sets_metadata() {
        let (_lake, store) = lake();
        conformance::blocks::sets_metadata(&store, "landing").await;
    }
}

mod streams {
    use super::*;

    #[tokio::test]
    async fn reads_like_a_file() {
        let (_lake, store) = lake();
        conformance::streams::reads_like_a_file(Arc::new(store), "landing").await;
    }

    #[tokio::test]
    async fn reads_what_changed_as_failure() {
        let (_lake, store) = lake();
        conformance::streams::reads_what_changed_as_failure(Arc::new(store), "landing").await;
    }

    #[tokio::test]
    async fn writes_like_a_file() {
        let (_lake, store) = lake();
        conformance::streams::writes_like_a_file(Arc::new(store), "landing").await;
    }

    #[tokio::test]
    async fn replaces_a_footer() {
        let (_lake, store) = lake();
        conformance::streams::replaces_a_footer(Arc::new(store), "landing").await;
    }

    #[tokio::test]
    async fn keeps_rivals_apart() {
        let (_lake, store) = lake();
        conformance::streams::keeps_rivals_apart(Arc::new(store), "landing").await;
    }
}

mod documents {
    use super::*;

    #[tokio::test]
    async fn gets_what_was_put() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::gets_what_was_put(&*store, "sales").await;
    }

    #[tokio::test]
    async fn puts_under_conditions() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::puts_under_conditions(&*store, "sales").await;
    }

    #[tokio::test]
    async fn deletes_under_conditions() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::deletes_under_conditions(&*store, "sales").await;
    }

    #[tokio::test]
    async fn keeps_any_key() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::keeps_any_key(&*store, "sales").await;
    }

    #[tokio::test]
    async fn lists_in_pages() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::lists_in_pages(&*store, "sales").await;
    }

    #[tokio::test]
    async fn lists_what_filters_let_through() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::lists_what_filters_let_through(&*store, "sales").await;
    }

    #[tokio::test]
    async fn filters_by_text_alone() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::filters_by_text_alone(&*store, "sales").await;
    }

    #[tokio::test]
    async fn continues_where_it_was() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::continues_where_it_was(&*store, "sales").await;
    }

    #[tokio::test]
    async fn keeps_short_and_long_keys() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::keeps_short_and_long_keys(&*store, "sales").await;
    }

    #[tokio::test]
    async fn refuses_what_is_too_large() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::refuses_what_is_too_large(&*store, "sales").await;
    }

    #[tokio::test]
    async fn refuses_foreign_tokens() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::refuses_foreign_tokens(&*store, "sales").await;
    }

    #[tokio::test]
    async fn creates_once() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::creates_once(&*store, "sales").await;
    }

    #[tokio::test]
    async fn increments_lose_nothing() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).documents();
        conformance::documents::increments_lose_nothing(&*store, "sales").await;
    }

    #[tokio::test]
    async fn forgets_what_expired() {
        let lake = tempfile::tempdir().unwrap();
        let (clock, advance) = still_clock();
        let store = LocalDatabase::open(lake.path(), clock).unwrap().documents();
        conformance::documents::forgets_what_expired(&*store, "sales", async |by| advance(by))
            .await;
    }
}

mod queues {
    use super::*;

    #[tokio::test]
    async fn receives_what_was_sent() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).queues();
        conformance::queues::receives_what_was_sent(&*store, "events").await;
    }

    #[tokio::test]
    async fn receives_in_order() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).queues();
        conformance::queues::receives_in_order(&*store, "events").await;
    }

    #[tokio::test]
    async fn shows_again_after_its_time() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).queues();
        conformance::queues::shows_again_after_its_time(&*store, "events").await;
    }

    #[tokio::test]
    async fn shows_again_when_released() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).queues();
        conformance::queues::shows_again_when_released(&*store, "events").await;
    }

    #[tokio::test]
    async fn refuses_old_receipts() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).queues();
        conformance::queues::refuses_old_receipts(&*store, "events").await;
    }

    #[tokio::test]
    async fn misses_what_is_not_there() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).queues();
        conformance::queues::misses_what_is_not_there(&*store, "events").await;
    }

    #[tokio::test]
    async fn delivers_once_while_hidden() {
        let lake = tempfile::tempdir().unwrap();
        let store = database(lake.path()).queues();
        conformance::queues::delivers_once_while_hidden(&*store, "events").await;
    }
}
