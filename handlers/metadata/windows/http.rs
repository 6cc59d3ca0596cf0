//! The windows and the mark below `/api/tables/{id}`.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    answers::{End, MarkAnswer},
    emptied,
    model::{Purpose, State as Known, Window},
    requests::{Commit, Failure, Request, Setting},
    rules,
    store::{Done, Windows},
};
use crate::{
    app::App,
    error::{Error, Wrong},
    metadata::{
        http::{
            body, conditions::Preconditions, list::List, query::Parameters, token,
            versioned::Versioned,
        },
        tables::{http::of, value::Value},
    },
    stores::{ETag, documents::Filter},
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
/// `NotFound`, or the store's failure.
pub async fn get(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Window>, Error> {
    let (id, window) = of(path)?;
    Ok(Json(app.windows(&id).find(&window).await?))
}

/// So many windows fit into an answer, however long their queries are.
const MOST: usize = 100;

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
/// `Fields`, `NotFound`, or the store's failure.
pub async fn list(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<List<Window>, Error> {
    let id = of(path)?;
    let known = ["purpose", "status", "runId", "limit", "continuationToken"];
    let parameters = Parameters::read(&uri, &known)?;
    let question = Question::read(&id, &parameters)?;
    let limit = parameters.limit()?.min(MOST);
    let place: Option<Place> =
        parameters.token().map(|text| token::open(&question, text)).transpose()?;
    let active = app.config.current().await?;
    app.tables(&active).find(&id).await?;
    let windows = app.windows(&id);
    let (state, _) = windows.state().await?;
    let of_state: Vec<Window> = [state.live, state.last].into_iter().flatten().collect();
    let is_known = |window: &Window| of_state.iter().any(|known| known.id == window.id);
    let Place { skip, token } = place.unwrap_or_default();
    let taken = of_state.iter().filter(|window| question.takes(window));
    let mut value: Vec<Window> = taken.skip(skip).take(limit).cloned().collect();
    let skip = skip + value.len();
    if value.len() == limit {
        let next = token::seal(&question, Place { skip, token: None });
        return Ok(List::new(value, Some(next)));
    }
    let page = windows.page(&question.filters(), limit - value.len(), token.as_deref()).await;
    let page = page.map_err(token::refused)?;
    value.extend(page.items.into_iter().filter(|window| !is_known(window)));
    // Those of the state are never asked for again, whatever it holds by then.
    let next = page.next.map(|token| Place { skip: usize::MAX, token: Some(token) });
    Ok(List::new(value, next.map(|place| token::seal(&question, place))))
}

/// Where a list of windows goes on.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    /// How many windows of the table's state are listed already.
    skip: usize,
    /// The store's token for the others.
    token: Option<String>,
}

/// `GET /api/tables/{id}/mark`.
///
/// # Errors
/// `NotFound`, or the store's failure.
pub async fn mark(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Versioned<MarkAnswer>, Error> {
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
        json => {
            let value = Value::of_json(watermark.kind, json)
                .and_then(|value| table.spec.dialect.check_value(&value).map(|()| value));
            Some(value.map_err(|detail| Wrong::new("value", detail))?)
        }
    };
    preconditions.require_version()?;
    let now = OffsetDateTime::now_utc();
    let none = ETag::new("none");
    let decide = |state: &Known, etag: Option<&ETag>| {
        preconditions.check(Some(etag.unwrap_or(&none)))?;
        rules::set_mark(state, &watermark.column, value.clone(), now)
    };
    let (state, etag) = app.windows(&id).set(decide).await?;
    Ok(mark_of(id, state, etag))
}
