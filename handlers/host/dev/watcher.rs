//! The watcher: offers a file of the local lake as soon as its writer closes it or moves it in.
//!
//! What it misses (files in a directory that was moved in, systems without such news), the scan
//! finds a moment later.

use std::path::{Path, PathBuf};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind, RenameMode},
};

use super::arrivals::Arrivals;
use crate::stores::local::blob_at;

/// Watches a container of a lake for as long as the result lives.
///
/// # Errors
/// The system does not watch this folder.
pub(super) fn watch(
    lake: &Path,
    container: &str,
    arrivals: Arrivals,
) -> notify::Result<RecommendedWatcher> {
    // Some systems report the path behind a symbolic link.
    let lake = lake.canonicalize()?;
    let folder = lake.join(container);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let finished = event.ok().and_then(finished);
        let blob = finished.and_then(|file| blob_at(file.strip_prefix(&lake).ok()?));
        if let Some(blob) = blob {
            arrivals.offer_now(blob);
        }
    })?;
    watcher.watch(&folder, RecursiveMode::Recursive)?;
    Ok(watcher)
}

/// The file that is complete now, if this is what the event says.
fn finished(mut event: Event) -> Option<PathBuf> {
    let complete = matches!(
        event.kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(RenameMode::To))
    );
    event.paths.pop().filter(|_| complete)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{fs, time::Duration};

    use futures::StreamExt;
    use notify::event::{CreateKind, DataChange};
    use tokio::time::timeout;

    use super::*;
    use crate::stores::blobs::BlobPath;

    #[test]
    fn a_file_is_complete_when_it_is_closed_or_moved_in() {
        let table = [
            (EventKind::Create(CreateKind::File), false),
            (EventKind::Modify(ModifyKind::Data(DataChange::Any)), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), false),
            (EventKind::Modify(ModifyKind::Name(RenameMode::From)), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), true),
            (EventKind::Modify(ModifyKind::Name(RenameMode::To)), true),
        ];
        for (kind, complete) in table {
            let event = Event::new(kind).add_path("x".into());
            assert_eq!(finished(event).is_some(), complete, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn files_in_the_container_are_offered_by_their_blobs_names() {
        let lake = tempfile::tempdir().unwrap();
        let landing = lake.path().join("landing");
        fs::create_dir_all(landing.join("%!")).unwrap();
        let (arrivals, mut line) = Arrivals::new();
        let _watcher = watch(lake.path(), "landing", arrivals).unwrap();
        fs::write(lake.path().join("outside.csv"), "x").unwrap();
        fs::rename(lake.path().join("outside.csv"), landing.join("moved in.csv")).unwrap();
        fs::write(landing.join("%!/written.csv"), "x").unwrap();
        for expected in ["moved in.csv", "/written.csv"] {
            let offered = timeout(Duration::from_secs(30), line.next()).await.unwrap();
            assert_eq!(offered, Some(BlobPath::new("landing", expected).unwrap()));
        }
    }

    #[test]
    fn a_folder_that_is_not_there_cannot_be_watched() {
        let lake = tempfile::tempdir().unwrap();
        assert!(watch(lake.path(), "landing", Arrivals::new().0).is_err());
    }
}
