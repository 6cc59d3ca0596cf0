//! Ending windows, and moving the mark.

use std::cmp::Ordering;

use time::OffsetDateTime;

use super::{Decision, conflict, given};
use crate::{
    error::{Error, Wrong},
    metadata::{
        http::{
            text::shortened,
            time::{read_time, write_time},
        },
        tables::{model::Mode, value::Value},
        windows::{
            model::{Mark, State, Status, Success, Window},
            requests::{Commit, Failure},
        },
    },
};

/// So many days are counted.
pub(super) const MOST_DAYS: usize = 35;

/// So much of a reason is kept, in bytes.
pub(super) const LONGEST_REASON: usize = 2_000;

/// Commits the window that is open. `Ok(None)` if it is not in the state.
///
/// # Errors
/// `Conflict` with the mark if it was ended otherwise, `Fields`.
pub fn commit(
    state: &State,
    id: &str,
    commit: &Commit,
    now: OffsetDateTime,
) -> Result<Option<Decision>, Error> {
    let Some(live) = state.live.as_ref().filter(|live| live.id == id) else {
        let last = state.last.as_ref().filter(|last| last.id == id);
        return last.map(|last| repeated(state, last)).transpose();
    };
    let rows_read = commit.rows()?;
    let reached = reached(live, commit, rows_read)?;
    let mark = state.mark.as_ref().map(|mark| &mark.value);
    let is_ahead = |value: &Value| {
        mark.is_none_or(|mark| {
            // A mark of another type was left by another watermark column.
            value.compare(mark).is_none_or(|order| order == Ordering::Greater)
        })
    };
    let reached = reached.filter(is_ahead);
    let mut next = state.clone();
    let window = Window {
        status: Status::Committed,
        rows_read: Some(rows_read),
        new_mark: reached.as_ref().map(|value| value.text().to_owned()),
        ..live.clone()
    };
    if let Some(value) = reached {
        let (window_id, run_id) = (Some(window.id.clone()), Some(window.run_id.clone()));
        let column = window.column.clone();
        next.mark = Some(Mark { value, column, set_at: write_time(now), window_id, run_id });
    }
    let window = close(&mut next, window, now);
    Ok(Some(Decision { next: Some(next), window }))
}

/// A commit of a window that has ended: the same answer again, or what is there now.
///
/// # Errors
/// `Conflict` with the mark.
pub fn repeated(state: &State, window: &Window) -> Result<Decision, Error> {
    if window.status == Status::Committed {
        return Ok(Decision { next: None, window: window.clone() });
    }
    let detail = format!(
        "this window has ended as {}; the mark stays where it is, and what the run read will be \
         read again",
        name_of(window.status)
    );
    Err(conflict(detail, Some(window), state))
}

/// How far a commit says that the table is read.
fn reached(window: &Window, commit: &Commit, rows_read: u64) -> Result<Option<Value>, Error> {
    let (Some(kind), true) = (window.kind, rows_read > 0) else { return Ok(None) };
    let max = given(commit.max.as_ref()).map(|max| Value::of_json(kind, max)).transpose();
    let max = max.map_err(|detail| Wrong::new("max", detail))?;
    let upper = window.upper.as_deref().map(|text| Value::parse(kind, text)).transpose();
    let upper = upper.map_err(|detail| Wrong::new("upper", detail))?;
    match (max, upper) {
        // What is above the bound was not read.
        (Some(max), Some(upper)) if max.compare(&upper) == Some(Ordering::Greater) => {
            Ok(Some(upper))
        }
        (Some(max), _) => Ok(Some(max)),
        (None, Some(upper)) => Ok(Some(upper)),
        (None, None) => {
            let detail = "is missing; the window has no upper bound, so only the highest value \
                          that was read can become the mark";
            Err(Wrong::new("max", detail).into())
        }
    }
}

/// Ends the window that is open without success. `Ok(None)` if it is not in the state.
///
/// # Errors
/// `Conflict` if it was committed.
pub fn fail(
    state: &State,
    id: &str,
    failure: &Failure,
    now: OffsetDateTime,
) -> Result<Option<Decision>, Error> {
    let Some(live) = state.live.as_ref().filter(|live| live.id == id) else {
        let last = state.last.as_ref().filter(|last| last.id == id);
        return last.map(|last| failed_again(state, last)).transpose();
    };
    let mut next = state.clone();
    let window = close(&mut next, failed(live, failure), now);
    Ok(Some(Decision { next: Some(next), window }))
}

fn failed(window: &Window, failure: &Failure) -> Window {
    let reason = failure.why().map(|reason| shortened(reason, LONGEST_REASON));
    Window { status: Status::Failed, reason, ..window.clone() }
}

/// A failure of a window that has ended: there is nothing left to do, unless it was a success.
///
/// # Errors
/// `Conflict`.
pub fn failed_again(state: &State, window: &Window) -> Result<Decision, Error> {
    match window.status {
        Status::Committed => {
            let detail = "this window was committed; it cannot fail any more";
            Err(conflict(detail, Some(window), state))
        }
        _ => Ok(Decision { next: None, window: window.clone() }),
    }
}

/// A backfill that ends; `None` if it has ended already as it shall.
///
/// # Errors
/// `Conflict` if it has ended otherwise.
pub fn end_backfill(
    state: &State,
    window: &Window,
    end: Result<&Commit, &Failure>,
    now: OffsetDateTime,
) -> Result<Option<Window>, Error> {
    let closed_at = Some(write_time(now));
    match (window.status, end) {
        (Status::Open, Ok(commit)) => Ok(Some(Window {
            status: Status::Committed,
            rows_read: Some(commit.rows()?),
            closed_at,
            ..window.clone()
        })),
        (Status::Open, Err(failure)) => Ok(Some(Window { closed_at, ..failed(window, failure) })),
        (_, Ok(_)) => repeated(state, window).map(|_| None),
        (_, Err(_)) => failed_again(state, window).map(|_| None),
    }
}

/// Puts a window that has ended in its place, and counts it.
pub(super) fn close(state: &mut State, window: Window, now: OffsetDateTime) -> Window {
    let window = Window { closed_at: Some(write_time(now)), ..window };
    let opened = read_time(&window.opened_at).unwrap_or(now);
    let seconds = u64::try_from((now - opened).whole_seconds()).unwrap_or(0);
    let day = state.days.entry(write_time(now)[..10].to_owned()).or_default();
    if window.status == Status::Committed {
        let rows = window.rows_read.unwrap_or(0);
        day.committed += 1;
        day.rows += rows;
        day.seconds += seconds;
        day.full += u64::from(window.mode == Mode::Full || window.first_run);
        let at = write_time(now);
        let before = state.success.take().and_then(|success| success.with_rows_at);
        let with_rows_at = if rows > 0 { Some(at.clone()) } else { before };
        state.success = Some(Success { at, rows, seconds, with_rows_at });
    } else {
        day.failed += 1;
    }
    while state.days.len() > MOST_DAYS {
        state.days.pop_first();
    }
    state.live = None;
    state.last = Some(window.clone());
    window
}

/// Whether a window is one of those that do not move the mark.
pub fn is_of_backfill(id: &str) -> bool {
    id.starts_with('b')
}

/// Sets the mark by hand, or forgets it.
///
/// # Errors
/// `Conflict` while a window is open: its commit would be held against another mark.
pub fn set_mark(
    state: &State,
    column: &str,
    value: Option<Value>,
    now: OffsetDateTime,
) -> Result<State, Error> {
    if let Some(live) = &state.live {
        let detail = format!(
            "the run {} has a window of this table open; end it with `fail` first",
            live.run_id
        );
        return Err(conflict(detail, Some(live), state));
    }
    let set_at = write_time(now);
    let column = Some(column.to_owned());
    let mark = value.map(|value| Mark { value, column, set_at, window_id: None, run_id: None });
    Ok(State { mark, ..state.clone() })
}

fn name_of(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Committed => "committed",
        Status::Failed => "failed",
        Status::Expired => "expired",
        Status::Superseded => "superseded",
    }
}
