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

use crate::{
    config::Unusable,
    encryption::{
        keys::KeyError,
        service::failure::{Failure, Kind},
    },
    host::envelope::Malformed,
    routing::events,
    stores::{Fault, StoreError},
};

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
    /// A Function that is not started, so that nobody has checked the caller's key.
    #[error("the function `{0}` is off; the README says how to switch it on")]
    FunctionOff(&'static str),
    /// Files were not protected or opened.
    #[error("{failure}")]
    Encryption {
        /// Why the first one was not.
        failure: Box<Failure>,
        /// What became of each, a list of objects; null for one file.
        files: Value,
    },
    /// A defect of ours.
    #[error("lakehand failed at this request; its log says why, under the invocation id")]
    Panicked,
}

impl Error {
    /// The status that says what the caller should do: 4xx correct the request, 503 repeat it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchAddress(_) | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::FunctionOff(_) => StatusCode::FORBIDDEN,
            Self::Encryption { failure, .. } => status_of(failure),
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
        if let Some((name, reason)) = self.field() {
            problem["errors"] = json!([{ "field": name, "detail": reason }]);
        }
        if let Self::Encryption { files: Value::Array(files), .. } = self {
            problem["files"] = json!(files);
        }
        if let Some(id) = invocation_id {
            problem["invocationId"] = json!(id);
        }
        problem
    }
}

impl Error {
    /// The field that is to blame, and why.
    fn field(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Parameter { name, reason } => Some((name, reason.clone())),
            Self::Encryption { failure, .. } => match &**failure {
                Failure::Refused(refusal) => Some((refusal.field, refusal.reason.clone())),
                Failure::TooLarge(reason) => Some(("source", reason.clone())),
                Failure::SourceChanged(_) => Some(("source", failure.to_string())),
                Failure::Key(_) | Failure::NoKeys => Some(("key", failure.to_string())),
                Failure::Store(_) | Failure::TooSlow | Failure::Rival(_) => None,
            },
            _ => None,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Encryption { failure: Box::new(failure), files: Value::Null }
    }
}

fn status_of(failure: &Failure) -> StatusCode {
    match failure {
        Failure::Refused(refusal) => match refusal.kind {
            Kind::Wrong => StatusCode::BAD_REQUEST,
            Kind::Denied => StatusCode::FORBIDDEN,
            Kind::Missing => StatusCode::NOT_FOUND,
            Kind::Taken => StatusCode::CONFLICT,
            Kind::Unfit => StatusCode::UNPROCESSABLE_ENTITY,
        },
        Failure::TooLarge(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Failure::SourceChanged(_) => StatusCode::CONFLICT,
        Failure::NoKeys => StatusCode::BAD_REQUEST,
        Failure::Key(KeyError::Store(error)) => match error.fault {
            Fault::NotFound | Fault::Rejected => StatusCode::BAD_REQUEST,
            Fault::Denied => StatusCode::FORBIDDEN,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        },
        Failure::Key(KeyError::Cell(_)) => StatusCode::SERVICE_UNAVAILABLE,
        Failure::Key(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Failure::TooSlow => StatusCode::GATEWAY_TIMEOUT,
        Failure::Store(_) | Failure::Rival(_) => StatusCode::SERVICE_UNAVAILABLE,
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
