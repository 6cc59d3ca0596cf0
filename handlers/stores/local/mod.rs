//! The adapters for the local disk: a *lake*, one folder that holds everything.
//!
//! ```text
//! lake/<container>/<blob>          plain files, to be dropped and looked at by hand
//! lake/.lakehand/properties/...    what a store knows of a blob besides its bytes
//! lake/.lakehand/lakehand.db       documents and queues (SQLite)
//! lake/.lakehand/tmp/              what is being written
//! lake/.lakehand/lock              held while a change is decided and made visible
//! ```
//!
//! Several worker processes may share a lake; conditions hold between them. The lake must lie on
//! one disk of this machine that tells upper from lower case, not on a network share: the lock and
//! SQLite's log need one kernel.

mod blobs;
mod blocks;
mod contents;
mod database;
mod documents;
mod failure;
mod find;
mod install;
mod keyring;
mod lake;
mod listing;
mod names;
mod properties;
mod queues;
mod readers;
mod writer;

use std::path::Path;

use super::blobs::BlobPath;

pub use self::{
    blobs::LocalBlobs,
    database::{Clock, LocalDatabase},
    keyring::LocalKeyring,
};

/// The blob that a file of a lake stands for by its place, `<container>/…` below the lake's folder;
/// `None` if it stands for none.
pub fn blob_at(place: &Path) -> Option<BlobPath> {
    let mut parts = place.components();
    let container = parts.next()?.as_os_str().to_str()?;
    BlobPath::new(container, names::decode(parts.as_path())?).ok()
}
