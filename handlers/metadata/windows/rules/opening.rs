//! Opening windows.

use serde_json::Value as Json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Decision, conflict, ending::close};
use crate::{
    error::{Error, Wrong},
    metadata::{
        http::time::write_time,
        tables::{
            model::Mode,
            rules::Checked,
            sink::{self, Facts, Sink},
            value::Value,
        },
        windows::{
            bounds::{self, Span},
            model::{State, Status, Window},
            requests::Request,
        },
    },
};

/// How long a window is kept for its run.
pub(super) const KEPT: Duration = Duration::hours(24);

/// The id of a backfill: the same for the same run and the same bounds.
pub fn backfill_id(table: &Checked, request: &Request) -> String {
    let text = |json: &Option<Json>| json.as_ref().map(Json::to_string).unwrap_or_default();
    let parts = [&table.id, &request.run_id, &text(&request.from), &text(&request.to)];
    let name = parts.map(String::as_str).join("\n");
    format!("b{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).simple())
}

/// The id of a window that is opened now, before `random` makes it the only one.
pub fn window_id(now: OffsetDateTime, random: Uuid) -> String {
    let time: String = write_time(now).chars().filter(char::is_ascii_digit).collect();
    format!("{time}-{}", &random.simple().to_string()[..12])
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
        column: table
            .watermark
            .as_ref()
            .filter(|_| span.kind.is_some())
            .map(|it| it.column.clone()),
        lower_literal: literal(&span.lower),
        upper_literal: literal(&span.upper),
        is_empty: span.is_empty(),
        is_capped: span.is_capped,
        quoted: table.quoted(),
        query: span.query(table),
        max_query: table.max_query(),
        lower: text(&span.lower),
        upper: text(&span.upper),
        previous_mark: state.mark.as_ref().map(|mark| mark.value.text().to_owned()),
        sink: sink_of(table, &request.run_id, id, now)?,
        opened_at: write_time(now),
        expires_at: write_time(now + KEPT),
        closed_at: None,
        rows_read: None,
        new_mark: None,
        reason: None,
        superseded_by: None,
    })
}

/// Where the files of a window go.
fn sink_of(
    table: &Checked,
    run_id: &str,
    window_id: &str,
    opened: OffsetDateTime,
) -> Result<Option<Sink>, Error> {
    let Some(sink) = &table.spec.sink else { return Ok(None) };
    let (schema, name) = (table.schema(), table.spec.table.as_str());
    let facts = Facts { id: &table.id, schema: &schema, table: name, window_id, run_id, opened };
    sink::render(sink, &facts).map(Some).map_err(|reason| Wrong::new("sink", reason).into())
}
