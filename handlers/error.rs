//! What can go wrong in a request, as the caller sees it: one closed list, the only place that
//! knows status codes.
//!
//! The public message and the cause are the same only where the caller can act on the cause.

use std::sync::Arc;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{
    config::Unusable,
    encryption::{
        keys::KeyError,
        service::failure::{Failure, Kind},
    },
    host::envelope::Malformed,
    routing::events,
    stores::{ETag, Fault, StoreError},
};

/// A field of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Wrong {
    /// Its path in the body, such as `watermark.type`, or the name of a parameter or header.
    pub field: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

impl Wrong {
    /// Says what is wrong with a field.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

impl From<Wrong> for Error {
    fn from(wrong: Wrong) -> Self {
        Self::Fields(vec![wrong])
    }
}

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
    /// Fields of the body, parameters or headers are wrong: all that were found.
    #[error("{}", together(.0))]
    Fields(Vec<Wrong>),
    /// The body is longer than this many bytes.
    #[error("the body is longer than {0} bytes, or its end is missing; send references, not data")]
    TooLarge(usize),
    /// What is there does not allow it.
    #[error("{detail}")]
    Conflict {
        /// What is in the way, and what would help.
        detail: String,
        /// More members of the problem, such as what is there now.
        more: Map<String, Value>,
    },
    /// There is another version than the request demands; this one, if there is any.
    #[error("{}", match .0 {
        Some(_) => "it has another version by now; read it again, then send the change with its etag",
        None => "it is not there, and the request says that it should be",
    })]
    Changed(Option<ETag>),
    /// A replacement that does not say what it replaces.
    #[error(
        "say which version this replaces, with If-Match or the parameter etag; a PATCH needs neither"
    )]
    Unconditional,
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
    /// An alert that no channel took, and no store: what became of it.
    #[error("no channel took the alert, and it could not be kept: send it again")]
    Untold(Map<String, Value>),
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
            Self::Fields(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Changed(_) => StatusCode::PRECONDITION_FAILED,
            Self::Unconditional => StatusCode::PRECONDITION_REQUIRED,
            Self::Untold(_) => StatusCode::BAD_GATEWAY,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A conflict with what is there now, as the member `current` of the problem.
    pub fn conflict(detail: impl Into<String>, current: impl Serialize) -> Self {
        let current = serde_json::to_value(current).unwrap_or_default();
        let more = Map::from_iter([("current".to_owned(), current)]);
        Self::Conflict { detail: detail.into(), more }
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
        let errors = self.errors();
        if !errors.is_empty() {
            problem["errors"] = json!(errors);
        }
        match self {
            Self::Changed(etag) => problem["etag"] = json!(etag.as_ref().map(ETag::as_str)),
            Self::Conflict { more, .. } | Self::Untold(more) => {
                for (name, value) in more {
                    problem[name] = value.clone();
                }
            }
            _ => {}
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
    /// The fields that are to blame, and why.
    fn errors(&self) -> Vec<Wrong> {
        match self {
            Self::Fields(wrong) => wrong.clone(),
            _ => self.field().map(|(name, reason)| Wrong::new(name, reason)).into_iter().collect(),
        }
    }

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

/// All problems in one line, the first ones if they are many: it is what people see in a pipeline.
fn together(wrong: &[Wrong]) -> String {
    let said = wrong.iter().take(5).map(|Wrong { field, detail }| format!("{field}: {detail}"));
    said.collect::<Vec<_>>().join("; ")
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
