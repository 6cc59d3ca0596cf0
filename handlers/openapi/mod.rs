//! `GET /api/openapi.json`: every address of the worker, with its schemas from the types themselves.
//!
//! [`operations`] is the list, in the order of the route table; [`document`] turns it into OpenAPI.

mod alerts;
pub mod document;
mod encryption;
mod metadata;
pub mod operations;

use axum::Json;
use utoipa::openapi::OpenApi;

/// The document.
pub fn describe() -> OpenApi {
    document::write(operations::all())
}

/// `GET /api/openapi.json`.
pub async fn get() -> Json<OpenApi> {
    Json(describe())
}
