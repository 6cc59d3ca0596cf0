//! What can go wrong in a request, as the caller sees it: one closed list, the only place that
//! knows status codes.
//!
//! The public message and the cause are the same only where the caller can act on the cause.

use std::sync::Arc;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{config::Unusable, host::envelope::Malformed, routing::events, stores::StoreError};

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No Function has this address.
    #[error("there is nothing at {0}; see the README for the addresses")]
    NoSuchAddress(String),
    /// The address does not take this method.
    #[error("{0} does not work here; the Allow header lists the methods that do")]
    MethodNotAllowed(String),
    /// A parameter is missing or wrong.
    #[error("{name}: {reason}")]
    Parameter {
        /// Its name in the query or the body.
        name: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// What was asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// The host sent an envelope that cannot be read.
    #[error(transparent)]
    Envelope(#[from] Malformed),
    /// The host sent an event that cannot be read.
    #[error(transparent)]
    Event(#[from] events::Malformed),
    /// There is no valid configuration.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// A store failed; the same request may succeed later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect of ours.
    #[error("lakehand failed at this request; its log says why, under the invocation id")]
    Panicked,
}

impl Error {
    /// The status that says what the caller should do: 4xx correct the request, 503 repeat it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchAddress(_) | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Parameter { .. } | Self::Envelope(_) | Self::Event(_) => StatusCode::BAD_REQUEST,
            Self::Unusable(_) | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body: a problem object of RFC 9457.
    pub fn problem(&self, invocation_id: Option<&str>) -> Value {
        let status = self.status();
        let mut problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        if let Self::Parameter { name, reason } = self {
            problem["errors"] = json!([{ "field": name, "detail": reason }]);
        }
        if let Some(id) = invocation_id {
            problem["invocationId"] = json!(id);
        }
        problem
    }
}

/// Leaves the error for the boundary, which logs it once and writes the body.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}
