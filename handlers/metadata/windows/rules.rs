//! Who may read which rows, and what a commit does to the mark: pure decisions on one document.

mod ending;
mod opening;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

use serde::Serialize;
use serde_json::Value as Json;

pub use self::{
    ending::{commit, end_backfill, fail, failed_again, is_of_backfill, repeated, set_mark},
    opening::{backfill_id, open, open_backfill, window_id},
};
use super::{
    model::{Mark, State, Window},
    requests::Request,
};
use crate::{
    error::{Error, Wrong},
    metadata::http::text::check_text,
};

/// What to do.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The state to write; `None` if nothing changes.
    pub next: Option<State>,
    /// The window in question, as it is after that.
    pub window: Window,
}

/// What is in the way of a request.
#[derive(Serialize)]
struct Current<'a> {
    window: Option<&'a Window>,
    mark: Option<&'a Mark>,
}

fn conflict(detail: impl Into<String>, window: Option<&Window>, state: &State) -> Error {
    Error::conflict(detail, Current { window, mark: state.mark.as_ref() })
}

/// Checks what has nothing to do with the table's state.
///
/// # Errors
/// `Fields`.
pub fn check(request: &Request) -> Result<(), Error> {
    if request.run_id.is_empty() {
        return Err(Wrong::new("runId", "is empty").into());
    }
    Ok(check_text("runId", &request.run_id, 200)?)
}

/// Whether a backfill is asked for.
pub fn is_backfill(request: &Request) -> bool {
    given(request.from.as_ref()).is_some() || given(request.to.as_ref()).is_some()
}

/// What an expression gave. One that has no value gives null or an empty text; a Lookup activity
/// gives a row, without the column if that is null.
pub(super) fn given(json: Option<&Json>) -> Option<&Json> {
    match json? {
        Json::Null => None,
        Json::String(text) if text.is_empty() => None,
        Json::Object(row) if row.is_empty() => None,
        Json::Object(row) => given(row.get("upper")),
        json => Some(json),
    }
}
