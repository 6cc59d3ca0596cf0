//! Who may read which rows, and what a commit does to the mark: pure decisions on one document.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::Value as Json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    bounds::{self, Span},
    model::{Commit, Failure, Mark, Request, State, Status, Success, Window},
};
use crate::{
    error::{Error, Wrong},
    metadata::{
        http::{
            text::{check_text, shortened},
            time::{read_time, write_time},
        },
        tables::{
            model::Mode,
            rules::Checked,
            sink::{self, Facts},
            value::Value,
        },
    },
};

/// How long a window is kept for its run.
pub const KEPT: Duration = Duration::hours(24);

/// So many days are counted.
const MOST_DAYS: usize = 35;

/// So much of a reason is kept, in bytes.
const LONGEST_REASON: usize = 2_000;

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

/// The id of a backfill: the same for the same run and the same bounds.
pub fn backfill_id(table: &Checked, request: &Request) -> String {
    let text = |json: &Option<Json>| json.as_ref().map(Json::to_string).unwrap_or_default();
    let parts = [&table.id, &request.run_id, &text(&request.from), &text(&request.to)];
    let name = parts.map(String::as_str).join("\n");
    format!("b{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).simple())
}

/// Opens a backfill.
///
/// # Errors
/// `Fields`, or `Conflict` for a table that is switched off.
pub fn open_backfill(
    table: &Checked,
    state: &State,
    request: &Request,
    now: OffsetDateTime,
) -> Result<Window, Error> {
    check_enabled(table, state)?;
    let span = bounds::backfill(table, request, now)?;
    window(table, state, request, span, &backfill_id(table, request), now)
}

/// Opens a window that moves the mark. `earlier` is the last window of the same run that is not in
/// the state any more; `id` is the new window's.
///
/// # Errors
/// `Conflict` with what is in the way, `Fields`.
pub fn open(
    table: &Checked,
    state: &State,
    request: &Request,
    earlier: Option<&Window>,
    now: OffsetDateTime,
    id: &str,
) -> Result<Decision, Error> {
    check_enabled(table, state)?;
    let run = request.run_id.as_str();
    if let Some(live) = state.live.as_ref().filter(|live| live.run_id == run) {
        return Ok(resume(state, live, now));
    }
    let own = state.last.as_ref().filter(|last| last.run_id == run).or(earlier);
    match own.map(|own| (own.status, own)) {
        Some((Status::Committed, own)) => return Ok(Decision { next: None, window: own.clone() }),
        Some((Status::Superseded, own)) => {
            let by = own.superseded_by.as_deref().unwrap_or("another run");
            let detail = format!("the window of this run was taken over by {by}");
            return Err(conflict(detail, Some(own), state));
        }
        // It ended without success: another try.
        _ => {}
    }
    let mut next = state.clone();
    if let Some(live) = &state.live {
        let over = take_over(live, request, now).ok_or_else(|| {
            let detail = format!(
                "the run {} reads this table until {}; wait for it, or send \"supersede\": true",
                live.run_id, live.expires_at
            );
            conflict(detail, Some(live), state)
        })?;
        close(&mut next, over, now);
    }
    let span = bounds::live(table, state, request, now)?;
    let window = window(table, state, request, span, id, now)?;
    next.live = Some(window.clone());
    Ok(Decision { next: Some(next), window })
}

fn check_enabled(table: &Checked, state: &State) -> Result<(), Error> {
    if table.spec.enabled {
        return Ok(());
    }
    let detail = format!("the table {} is switched off; set \"enabled\": true first", table.id);
    Err(conflict(detail, state.live.as_ref(), state))
}

/// The same window again; what had expired is kept for another day, since nobody else came.
fn resume(state: &State, live: &Window, now: OffsetDateTime) -> Decision {
    if !is_expired(live, now) {
        return Decision { next: None, window: live.clone() };
    }
    let window = Window { expires_at: write_time(now + KEPT), ..live.clone() };
    let next = State { live: Some(window.clone()), ..state.clone() };
    Decision { next: Some(next), window }
}

fn is_expired(window: &Window, now: OffsetDateTime) -> bool {
    // Texts of the same length in UTC compare as times do.
    window.expires_at <= write_time(now)
}

/// The other run's window as it ends, if it may be ended.
fn take_over(live: &Window, request: &Request, now: OffsetDateTime) -> Option<Window> {
    let status = match (is_expired(live, now), request.supersede) {
        (true, _) => Status::Expired,
        (false, true) => Status::Superseded,
        (false, false) => return None,
    };
    Some(Window { status, superseded_by: Some(request.run_id.clone()), ..live.clone() })
}

fn window(
    table: &Checked,
    state: &State,
    request: &Request,
    span: Span,
    id: &str,
    now: OffsetDateTime,
) -> Result<Window, Error> {
    let schema = table.schema();
    let facts = Facts {
        id: &table.id,
        schema: &schema,
        table: &table.spec.table,
        window_id: id,
        run_id: &request.run_id,
        opened: now,
    };
    let sink = table.spec.sink.as_deref().map(|sink| sink::render(sink, &facts)).transpose();
    let sink = sink.map_err(|reason| Wrong::new("sink", reason))?;
    let dialect = table.spec.dialect;
    let text = |value: &Option<Value>| value.as_ref().map(|value| value.text().to_owned());
    let literal = |value: &Option<Value>| value.as_ref().map(|value| dialect.literal(value));
    Ok(Window {
        id: id.to_owned(),
        table_id: table.id.clone(),
        run_id: request.run_id.clone(),
        purpose: span.purpose,
        mode: if span.kind.is_some() { Mode::Incremental } else { Mode::Full },
        status: Status::Open,
        first_run: span.is_first,
        kind: span.kind,
        lower_literal: literal(&span.lower),
        upper_literal: literal(&span.upper),
        is_empty: span.is_empty(),
        quoted: table.quoted(),
        query: span.query(table),
        max_query: table.max_query(),
        lower: text(&span.lower),
        upper: text(&span.upper),
        previous_mark: state.mark.as_ref().map(|mark| mark.value.text().to_owned()),
        sink,
        opened_at: write_time(now),
        expires_at: write_time(now + KEPT),
        closed_at: None,
        rows_read: None,
        new_mark: None,
        reason: None,
        superseded_by: None,
    })
}

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
        next.mark = Some(Mark { value, set_at: write_time(now), window_id, run_id });
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
fn close(state: &mut State, window: Window, now: OffsetDateTime) -> Window {
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

fn name_of(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Committed => "committed",
        Status::Failed => "failed",
        Status::Expired => "expired",
        Status::Superseded => "superseded",
    }
}

/// Whether a window is one of those that do not move the mark.
pub fn is_of_backfill(id: &str) -> bool {
    id.starts_with('b')
}

/// The id of a window that is opened now, before `random` makes it the only one.
pub fn window_id(now: OffsetDateTime, random: Uuid) -> String {
    let time: String = write_time(now).chars().filter(char::is_ascii_digit).collect();
    format!("{time}-{}", &random.simple().to_string()[..12])
}

/// Sets the mark by hand, or forgets it.
///
/// # Errors
/// `Conflict` while a window is open: its commit would be held against another mark.
pub fn set_mark(state: &State, value: Option<Value>, now: OffsetDateTime) -> Result<State, Error> {
    if let Some(live) = &state.live {
        let detail = format!(
            "the run {} has a window of this table open; end it with `fail` first",
            live.run_id
        );
        return Err(conflict(detail, Some(live), state));
    }
    let set_at = write_time(now);
    let mark = value.map(|value| Mark { value, set_at, window_id: None, run_id: None });
    Ok(State { mark, ..state.clone() })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
