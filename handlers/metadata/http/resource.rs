//! What the addresses of one resource have in common.

use axum::extract::{Path, rejection::PathRejection};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Wrong};

/// The answer to a deletion.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Deleted {
    /// What is gone.
    pub id: String,
    /// Always true.
    pub deleted: bool,
}

/// The parts of a path that an address has.
///
/// # Errors
/// `Fields` for bytes that are no text.
pub fn of<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Error> {
    path.map(|Path(parts)| parts).map_err(|error| Wrong::new("id", error.body_text()).into())
}
