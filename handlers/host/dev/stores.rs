//! The stores that `dev` shares with its worker.

use std::sync::Arc;

use crate::{
    settings::Settings,
    stores::{Fault, StoreError, blobs::Blobs, documents::Documents, queues::Queues},
};

/// One of each kind.
#[derive(Clone, Debug)]
pub(super) struct Stores {
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) queues: Arc<dyn Queues>,
    pub(super) documents: Arc<dyn Documents>,
}

/// Opens them.
pub(super) fn open(_settings: &Settings) -> Result<Stores, StoreError> {
    Err(StoreError::new(Fault::Rejected, "open", "stores", "not yet"))
}
