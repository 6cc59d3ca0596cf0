//! `/api/tables` and one table below it.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    model::{Mode, Table},
    rules,
    sql::Dialect,
    store::{Found, Outcome, Place, Tables},
};
use crate::{
    app::App,
    config::Active,
    error::{Error, Wrong},
    metadata::{
        http::{
            body,
            conditions::Preconditions,
            list::{List, Written},
            query::Parameters,
            token,
            versioned::Versioned,
        },
        windows::{model::Mark, store::Windows},
    },
};

/// The answer to a deletion.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Deleted {
    /// What is gone.
    pub id: String,
    /// Always true.
    pub deleted: bool,
}

/// A table, and how far it is read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TableAnswer {
    /// The table.
    #[serde(flatten)]
    pub table: Table,
    /// How far it is read; null if nothing was read yet.
    #[schema(required)]
    pub mark: Option<Mark>,
}

/// The parts of a path that an address has.
///
/// # Errors
/// `Fields` for bytes that are no text.
pub fn of<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Error> {
    path.map(|Path(parts)| parts).map_err(|error| Wrong::new("id", error.body_text()).into())
}

impl App {
    /// The tables, with those of the configuration.
    pub fn tables<'a>(&'a self, active: &'a Active) -> Tables<'a> {
        Tables { documents: &*self.documents, file: &active.config.tables }
    }
}

/// What a list of tables is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Question {
    enabled: Option<bool>,
    batch: Option<String>,
    dialect: Option<String>,
    mode: Option<String>,
}

impl Question {
    fn read(parameters: &Parameters) -> Result<Self, Error> {
        let text = |name| parameters.text(name).map(str::to_owned);
        let question = Self {
            enabled: parameters.parsed("enabled")?,
            batch: text("batch"),
            dialect: text("dialect"),
            mode: text("mode"),
        };
        one_of::<Dialect>("dialect", question.dialect.as_deref())?;
        one_of::<Mode>("mode", question.mode.as_deref())?;
        Ok(question)
    }

    fn takes(&self, table: &Table) -> bool {
        let is = |wanted: &Option<String>, value: serde_json::Value| {
            wanted.as_ref().is_none_or(|wanted| value == wanted.as_str())
        };
        self.enabled.is_none_or(|enabled| enabled == table.spec.enabled)
            && is(&self.batch, table.spec.batch.as_deref().unwrap_or_default().into())
            && is(&self.dialect, serde_json::to_value(table.spec.dialect).unwrap_or_default())
            && is(&self.mode, serde_json::to_value(table.spec.mode).unwrap_or_default())
    }
}

fn one_of<T: serde::de::DeserializeOwned>(name: &str, text: Option<&str>) -> Result<(), Error> {
    let Some(text) = text else { return Ok(()) };
    let read = serde_json::from_value::<T>(text.into());
    read.map(drop).map_err(|error| Wrong::new(name, error.to_string()).into())
}

/// `GET /api/tables`, by batch, order and id; with `id`, the one table.
///
/// # Errors
/// `Fields`, `NotFound`, or the store's failure.
pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Error> {
    let known = ["id", "enabled", "batch", "dialect", "mode", "limit", "continuationToken"];
    let parameters = Parameters::read(&uri, &known)?;
    if let Some(id) = parameters.id("id")? {
        return Ok(one(&app, id).await?.into_response());
    }
    let question = Question::read(&parameters)?;
    let limit = parameters.limit()?;
    let active = app.config.current().await?;
    let tables: Vec<_> = app.tables(&active).all().await?;
    let after = parameters.token().map(|text| token::open(&question, text)).transpose()?;
    Ok(page(tables, &question, after, limit).into_response())
}

fn page(
    mut tables: Vec<Found>,
    question: &Question,
    after: Option<Place>,
    limit: usize,
) -> List<Box<RawValue>> {
    tables.retain(|found| {
        question.takes(&found.answer()) && after.as_ref().is_none_or(|after| found.place() > *after)
    });
    let mut written = Written::default();
    let answer = |found: &Found| Versioned::new(found.answer(), &found.etag);
    let count = tables.iter().take(limit).take_while(|found| written.add(&answer(found))).count();
    let last = count.checked_sub(1).filter(|_| count < tables.len());
    let next = last.map(|last| token::seal(question, tables[last].place()));
    List::new(written.into_items(), next)
}

async fn one(app: &App, id: &str) -> Result<Versioned<TableAnswer>, Error> {
    let active = app.config.current().await?;
    let found = app.tables(&active).find(id).await?;
    let (state, _) = Windows { documents: &*app.documents, table: id }.state().await?;
    let answer = TableAnswer { table: found.answer(), mark: state.mark };
    Ok(Versioned::new(answer, &found.etag))
}

/// `GET /api/tables/{id}`.
///
/// # Errors
/// `NotFound`, or the store's failure.
pub async fn get(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Versioned<TableAnswer>, Error> {
    Parameters::read(&uri, &[])?;
    one(&app, &of(path)?).await
}

/// `POST /api/tables`.
///
/// # Errors
/// `Fields`, `Conflict` if there is another table of that id, or the store's failure.
pub async fn create(State(app): State<Arc<App>>, uri: Uri, body: Body) -> Result<Response, Error> {
    let parameters = Parameters::read(&uri, &["id"])?;
    let mut body = body::object(body).await?;
    let said = match body.get("id") {
        None | Some(serde_json::Value::Null) => parameters.text("id").map(str::to_owned),
        Some(serde_json::Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(Wrong::new("id", "must be a string").into()),
    };
    body.shift_remove("id");
    let spec = rules::spec_of(body)?;
    let id = said.unwrap_or_else(|| rules::default_id(&spec));
    let active = app.config.current().await?;
    let created = app.tables(&active).create(&id, spec, OffsetDateTime::now_utc()).await?;
    Ok(answer(&created.0, created.1 == Outcome::Created))
}

fn answer(found: &Found, is_new: bool) -> Response {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    (status, Versioned::new(found.answer(), &found.etag)).into_response()
}

/// What all changes of one table read of a request.
async fn change(
    headers: &HeaderMap,
    uri: &Uri,
    body: Body,
) -> Result<(Preconditions, serde_json::Map<String, serde_json::Value>), Error> {
    let parameters = Parameters::read(uri, &["etag"])?;
    let preconditions = Preconditions::read(headers, parameters.text("etag"))?;
    Ok((preconditions, body::object(body).await?))
}

/// `PUT /api/tables/{id}`: all of a table, new or in the place of the version that the request names.
///
/// # Errors
/// `Fields`, `Unconditional`, `Changed`, `Conflict`, or the store's failure.
pub async fn replace(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Error> {
    let id = of(path)?;
    let (preconditions, body) = change(&headers, &uri, body).await?;
    rules::check(&id)?;
    if body.get("id").is_some_and(|other| *other != id.as_str()) {
        let detail = format!("is another one than {id:?}, which the address names");
        return Err(Wrong::new("id", detail).into());
    }
    let spec = rules::spec_of(body)?;
    let active = app.config.current().await?;
    let tables = app.tables(&active);
    let now = OffsetDateTime::now_utc();
    let Some(found) = tables.look(&id).await? else {
        preconditions.check(None)?;
        let (found, outcome) = tables.create(&id, spec, now).await?;
        return Ok(answer(&found, outcome == Outcome::Created));
    };
    if found.table.spec != spec {
        preconditions.check(Some(&found.etag))?;
        preconditions.require_version()?;
    }
    let found = tables.change(&id, &preconditions, now, |_| Ok(spec.clone())).await?;
    Ok(answer(&found, false))
}

/// `PATCH /api/tables/{id}`, and POST for those who can send nothing else: a merge patch.
///
/// # Errors
/// `Fields`, `NotFound`, `Changed`, `Conflict` for a table of the file, or the store's failure.
pub async fn patch(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Error> {
    let id = of(path)?;
    let (preconditions, patch) = change(&headers, &uri, body).await?;
    let active = app.config.current().await?;
    let now = OffsetDateTime::now_utc();
    let change = |spec: &_| rules::patched(spec, &patch);
    let found = app.tables(&active).change(&id, &preconditions, now, change).await?;
    Ok(answer(&found, false))
}

/// `DELETE /api/tables/{id}`, and `POST /api/tables/{id}/delete`.
///
/// # Errors
/// `NotFound`, `Changed`, `Conflict` for a table of the file, or the store's failure.
pub async fn delete(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<axum::Json<Deleted>, Error> {
    let id = of(path)?;
    let parameters = Parameters::read(&uri, &["etag"])?;
    let preconditions = Preconditions::read(&headers, parameters.text("etag"))?;
    let active = app.config.current().await?;
    app.tables(&active).delete(&id, &preconditions).await?;
    Ok(axum::Json(Deleted { id, deleted: true }))
}
