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
