//! Work that waits, where waiting keeps nobody else waiting.

use super::failure::Failure;
use crate::{
    encryption::engine::EngineError,
    stores::{Fault, StoreError, blobs::BlobPath},
};

/// Runs work on a blob on a thread of its own.
///
/// # Errors
/// What the work fails at.
pub(super) async fn on_thread<T: Send + 'static>(
    path: &BlobPath,
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Failure> {
    let unfinished = |error| StoreError::new(Fault::Unavailable, "work on", path, error);
    let done = tokio::task::spawn_blocking(work).await.map_err(unfinished)?;
    done.map_err(|error| Failure::of_engine(error, path))
}
