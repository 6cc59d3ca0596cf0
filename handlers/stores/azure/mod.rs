//! The adapters for Azure Storage.

use std::sync::Arc;

use super::{Fault, StoreError, blobs::Blobs, queues::Queues};
use crate::settings::Connection;

/// Opens the services of a storage account.
///
/// # Errors
/// Not yet.
pub fn open(connection: &Connection) -> Result<(Arc<dyn Blobs>, Arc<dyn Queues>), StoreError> {
    Err(StoreError::new(Fault::Rejected, "open", &connection.setting, "not yet"))
}
