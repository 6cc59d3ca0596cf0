//! Files in, protected files out, and back: what requests, routes and the command line share.
//!
//! Reading order: [`mod@format`] finds the engine of a file; [`task`] gets rules, keys and envelope
//! ready for it; [`job`] does one blob, from looking at it (`choose`) to the
//! commit (`commit`), [`local`] one file of this machine; [`records`] keeps what a
//! file says of itself in three places; [`request`] and [`answer`] are the HTTP side, [`many`]
//! finds the files of a folder, [`proof`] and [`audit`] guard what is not for everybody; [`rewrap`]
//! changes how the keys of protected files are wrapped; [`memory`] is shared by all work.

pub mod answer;
pub mod audit;
mod choose;
mod commit;
pub mod failure;
pub mod format;
pub mod job;
pub mod local;
pub mod many;
pub mod memory;
mod places;
pub mod proof;
pub mod records;
pub mod request;
pub mod rewrap;
pub mod rules;
pub mod task;
mod thread;
pub mod written;

use std::sync::Arc;

use serde::Serialize;

use self::{failure::Failure, memory::Memory};
use super::{engine::Totals, keys::DataKeys};
use crate::stores::{blobs::Blobs, documents::Documents};

/// What the work is done with; a clone is the same.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The store of the sources.
    pub blobs: Arc<dyn Blobs>,
    /// Where envelopes and audit records are kept.
    pub documents: Arc<dyn Documents>,
    /// The data keys, if a setting says where key-encryption keys are.
    pub keys: Option<Arc<DataKeys>>,
    /// What all work on files may hold together, about.
    pub memory: Memory,
}

impl Tools {
    /// The data keys.
    ///
    /// # Errors
    /// [`Failure::NoKeys`] if no setting says where they are.
    pub fn keys(&self) -> Result<&DataKeys, Failure> {
        self.keys.as_deref().ok_or(Failure::NoKeys)
    }
}

/// What was done to one file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The file.
    pub source: String,
    /// What was made of it.
    pub destination: String,
    /// Its numbers.
    #[serde(flatten)]
    pub totals: Totals,
    /// How long it took.
    pub seconds: f64,
    /// The key-encryption key; none if no method has a key.
    pub key_id: Option<String>,
    /// Its version.
    pub key_version: Option<String>,
    /// Whether it was there already, made of the same source version by the same rules and keys.
    pub already_done: bool,
}
