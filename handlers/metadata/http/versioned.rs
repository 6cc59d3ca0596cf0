//! Answers that carry a version, in the header and in the body: activities see no headers.

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::stores::ETag;

/// A resource and its version.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Versioned<T> {
    /// The resource.
    #[serde(flatten)]
    pub resource: T,
    /// Its version, to be sent as `If-Match` or as the parameter `etag`.
    pub etag: String,
}

impl<T> Versioned<T> {
    /// Puts a version to a resource.
    pub fn new(resource: T, etag: &ETag) -> Self {
        Self { resource, etag: etag.as_str().to_owned() }
    }
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let tag = HeaderValue::try_from(ETag::new(&self.etag).quoted());
        let mut response = Json(self).into_response();
        if let Ok(tag) = tag {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}
