//! The windows and the mark below `/api/tables/{id}`.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    answers::{End, MarkAnswer},
    emptied,
    model::{Purpose, State as Known, Window},
    requests::{Commit, Failure, Request, Setting},
    rules,
    store::{Done, Marked, Windows},
};
use crate::{
    app::App,
    error::{Error, Wrong},
    metadata::http::{
        body,
        conditions::Preconditions,
        list::{List, Written},
        query::Parameters,
        resource::of,
        token,
        versioned::Versioned,
    },
    stores::{
        ETag,
        documents::{Filter, ID},
    },
};

impl App {
    fn windows<'a>(&'a self, table: &'a str) -> Windows<'a> {
        Windows { documents: &*self.documents, table }
    }
}

/// `POST /api/tables/{id}/windows`.
///
/// # Errors
/// `Fields`, `NotFound`, `Conflict` with what is in the way, or the store's failure.
pub async fn open(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    body: Body,
) -> Result<Response, Error> {
    Parameters::read(&uri, &[])?;
    let id = of(path)?;
    let request: Request = body::typed(body::object(body).await?)?;
    rules::check(&request)?;
    let active = app.config.current().await?;
    let table = app.tables(&active).find(&id).await?.table;
    let now = OffsetDateTime::now_utc();
    let window_id = rules::window_id(now, Uuid::new_v4());
    let done = app.windows(&id).open(&table, &request, now, &window_id).await?;
    let status = if done.is_changed { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(done.window)).into_response())
}

/// `POST /api/tables/{id}/windows/{windowId}/commit`.
///
/// # Errors
/// `Fields`, `NotFound`, `Conflict` with the mark if the window ended otherwise, or the store's
/// failure.
pub async fn commit(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: Uri,
    body: Body,
) -> Result<Json<End>, Error> {
    Parameters::read(&uri, &[])?;
    let (id, window) = of(path)?;
    let commit: Commit = body::typed(body::object(body).await?)?;
    let active = app.config.current().await?;
    let done = app.windows(&id).commit(&window, &commit, OffsetDateTime::now_utc()).await?;
    let mut end = end(done);
    // Last, and again if the commit is repeated: a crash in between leaves nothing undone.
    if end.window.rows_read == Some(0) {
        let sinks = &active.config.sinks;
        end.emptied = Some(emptied::remove(&app.blobs, sinks, &end.window).await?);
    }
    Ok(Json(end))
}

/// `POST /api/tables/{id}/windows/{windowId}/fail`.
///
/// # Errors
/// `Fields`, `NotFound`, `Conflict` if the window was committed, or the store's failure.
pub async fn fail(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: Uri,
    body: Body,
) -> Result<Json<End>, Error> {
    Parameters::read(&uri, &[])?;
    let (id, window) = of(path)?;
    let failure: Failure = body::typed(body::object(body).await?)?;
    let done = app.windows(&id).fail(&window, &failure, OffsetDateTime::now_utc()).await?;
    Ok(Json(end(done)))
}

fn end(done: Done) -> End {
    let Done { state, window, is_changed } = done;
    let moved = window.new_mark.is_some();
    End { applied: is_changed, moved, mark: state.mark, emptied: None, window }
}

/// `GET /api/tables/{id}/windows/{windowId}`.
///
/// # Errors
/// `Fields`, `NotFound`, or the store's failure.
pub async fn get(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: Uri,
) -> Result<Json<Window>, Error> {
    Parameters::read(&uri, &[])?;
    let (id, window) = of(path)?;
    Ok(Json(app.windows(&id).find(&window).await?))
}

/// What a list of windows is asked for.
#[derive(Debug, Serialize)]
struct Question {
    table: String,
    purpose: String,
    status: Option<String>,
    run_id: Option<String>,
}

impl Question {
    fn read(table: &str, parameters: &Parameters) -> Result<Self, Error> {
        let purpose = parameters.text("purpose").unwrap_or("live");
        if !["live", "backfill"].contains(&purpose) {
            return Err(Wrong::new("purpose", "must be live or backfill").into());
        }
        let status = parameters.text("status");
        let known = ["open", "committed", "failed", "expired", "superseded"];
        if status.is_some_and(|status| !known.contains(&status)) {
            return Err(Wrong::new("status", format!("must be one of {}", known.join(", "))).into());
        }
        Ok(Self {
            table: table.to_owned(),
            purpose: purpose.to_owned(),
            status: status.map(str::to_owned),
            run_id: parameters.text("runId").map(str::to_owned),
        })
    }

    fn filters(&self) -> Vec<Filter<'_>> {
        let fields = [("status", &self.status), ("runId", &self.run_id)];
        let given = fields
            .iter()
            .filter_map(|(name, value)| value.as_deref().map(|value| Filter::Equals(name, value)));
        [Filter::Equals("purpose", &self.purpose)].into_iter().chain(given).collect()
    }

    fn takes(&self, window: &Window) -> bool {
        let status = serde_json::to_value(window.status).unwrap_or_default();
        self.purpose == "live"
            && window.purpose == Purpose::Live
            && self.status.as_ref().is_none_or(|wanted| status == wanted.as_str())
            && self.run_id.as_ref().is_none_or(|wanted| *wanted == window.run_id)
    }
}

/// `GET /api/tables/{id}/windows`, newest first.
///
/// # Errors
/// `Fields`, `NotFound` if there is no such table, or the store's failure.
pub async fn list(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<List<Box<RawValue>>, Error> {
    let id = of(path)?;
    let known = ["purpose", "status", "runId", "limit", "continuationToken"];
    let parameters = Parameters::read(&uri, &known)?;
    let question = Question::read(&id, &parameters)?;
    let limit = parameters.limit()?;
    let after =
        parameters.token().map(|text| token::open::<String>(&question, text)).transpose()?;
    let active = app.config.current().await?;
    app.tables(&active).find(&id).await?;
    let (found, has_more) = newest(&app.windows(&id), &question, after.as_deref(), limit).await?;
    let mut written = Written::default();
    let count = found.iter().take(limit).take_while(|window| written.add(window)).count();
    // The id of the last one is the place: it stays, whatever is opened and closed meanwhile.
    let last = count.checked_sub(1).filter(|_| has_more || count < found.len());
    let next = last.map(|last| token::seal(&question, &found[last].id));
    Ok(List::new(written.into_items(), next))
}

/// The windows with the greatest ids below one, those of the state among them, and whether there may
/// be more.
async fn newest(
    windows: &Windows<'_>,
    question: &Question,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Window>, bool), Error> {
    let (state, _) = windows.state().await?;
    let of_state: Vec<Window> = [state.live, state.last].into_iter().flatten().collect();
    let mut filters = question.filters();
    filters.extend(after.map(|after| Filter::Below(ID, after)));
    let page = windows.page(&filters, limit, None).await.map_err(token::refused)?;
    let end = page.next.as_ref().and(page.items.last()).map(|window| window.id.clone());
    let is_known = |window: &Window| of_state.iter().any(|known| known.id == window.id);
    let mut found: Vec<Window> = page.items.into_iter().filter(|it| !is_known(it)).collect();
    let is_next = |window: &Window| {
        after.is_none_or(|after| window.id.as_str() < after)
            && end.as_ref().is_none_or(|end| window.id >= *end)
    };
    found.extend(of_state.into_iter().filter(|it| question.takes(it) && is_next(it)));
    found.sort_by(|a, b| b.id.cmp(&a.id));
    Ok((found, end.is_some()))
}

/// `GET /api/tables/{id}/mark`.
///
/// # Errors
/// `Fields`, `NotFound`, or the store's failure.
pub async fn mark(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Versioned<MarkAnswer>, Error> {
    Parameters::read(&uri, &[])?;
    let id = of(path)?;
    let active = app.config.current().await?;
    app.tables(&active).find(&id).await?;
    let (state, etag) = app.windows(&id).state().await?;
    Ok(mark_of(id, state, etag))
}

fn mark_of(table_id: String, state: Known, etag: Option<ETag>) -> Versioned<MarkAnswer> {
    let answer = MarkAnswer { table_id, mark: state.mark, live: state.live };
    Versioned::new(answer, &etag.unwrap_or_else(|| ETag::new("none")))
}

/// `PUT /api/tables/{id}/mark`, and POST: sets the mark by hand, forward or back, or forgets it. The
/// request names the version that it has seen.
///
/// # Errors
/// `Fields`, `Unconditional`, `Changed`, `Conflict` while a window is open, or the store's failure.
pub async fn set_mark(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Versioned<MarkAnswer>, Error> {
    let id = of(path)?;
    let parameters = Parameters::read(&uri, &["etag"])?;
    let preconditions = Preconditions::read(&headers, parameters.text("etag"))?;
    let setting: Setting = body::typed(body::object(body).await?)?;
    let active = app.config.current().await?;
    let table = app.tables(&active).find(&id).await?.table;
    let watermark = table.incremental().ok_or_else(|| {
        Wrong::new("value", "has no meaning: all of this table is read, every time")
    })?;
    let value = match &setting.value {
        serde_json::Value::Null => None,
        json => Some(table.value(watermark.kind, json).map_err(|e| Wrong::new("value", e))?),
    };
    preconditions.require_version()?;
    let now = OffsetDateTime::now_utc();
    let none = ETag::new("none");
    let decide = |state: &Known, etag: Option<&ETag>| {
        preconditions.check(Some(etag.unwrap_or(&none)))?;
        rules::set_mark(state, &watermark.column, value.clone(), now)
    };
    let Marked { state, etag, .. } = app.windows(&id).set(decide).await?;
    Ok(mark_of(id, state, etag))
}
