//! The ports to the outside: blobs, queues, documents and keys, each a small trait with one adapter
//! for Azure and one for the local disk.
//!
//! A capability names only what is in this folder's own files; `azure` and `local` are chosen by
//! `main`, and their private errors arrive here as one [`StoreError`].

pub mod azure;
pub mod blobs;
pub mod documents;
pub mod keys;
pub mod local;
pub mod open;
pub mod queues;
pub mod tokens;

use std::fmt;

/// The version of a blob or document, opaque and without the quotes that HTTP puts around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ETag(String);

impl ETag {
    /// Takes the tag as a header or an event gives it, with or without quotes.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim_matches('"').to_owned())
    }

    /// The tag without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag as an HTTP header wants it.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What must be true of the target for a write or a delete to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there now.
    Always,
    /// Nothing is there yet (`If-None-Match: *`).
    Absent,
    /// Exactly this version is there (`If-Match`).
    Matches(ETag),
}

/// One page of a listing; `next` is the token of the page that follows, if there is one.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The entries of this page, in the store's order; may be empty although `next` is set.
    pub items: Vec<T>,
    /// The opaque token that continues the listing.
    pub next: Option<String>,
}

/// The few ways in which a store can fail, as far as callers act on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The blob, container, queue, message or document is not there.
    NotFound,
    /// [`Condition::Absent`] was asked for and something is there.
    AlreadyExists,
    /// [`Condition::Matches`] was asked for and another version, or nothing, is there.
    Changed,
    /// Blocks that were staged are gone, thrown away by a rival's commit or by age: the work that
    /// made them must be done again, after another look at what is there.
    Lost,
    /// The store knows who we are and refuses, or does not know us: an operator must act.
    Denied,
    /// The request can never succeed as it is: a bad name, an archived source.
    Rejected,
    /// Busy, unreachable or broken right now: the same request may succeed later.
    Unavailable,
}

/// A failed store operation: what was tried on what, and why it failed, free of secrets.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot {action} {subject}: {detail}")]
pub struct StoreError {
    /// How the caller should react.
    pub fault: Fault,
    /// The verb, such as `copy`.
    pub action: &'static str,
    /// The blob, queue or document in question.
    pub subject: String,
    /// The store's reason; never holds a key, a token or a query string.
    pub detail: String,
}

impl StoreError {
    /// Builds an error; `detail` must be free of secrets.
    pub fn new(
        fault: Fault,
        action: &'static str,
        subject: impl fmt::Display,
        detail: impl fmt::Display,
    ) -> Self {
        Self { fault, action, subject: subject.to_string(), detail: detail.to_string() }
    }

    /// Whether the same request may succeed later. Refused access counts: an operator grants the
    /// role, and the work must still be there.
    pub fn is_transient(&self) -> bool {
        matches!(self.fault, Fault::Unavailable | Fault::Denied)
    }
}

/// Turns "it is not there" into `None` and leaves every other failure a failure.
pub fn optional<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.fault == Fault::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
