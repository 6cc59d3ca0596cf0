//! `/api/datasets` and one dataset below it.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{
    model::{Dataset, Status},
    rules,
    store::{Datasets, Found},
};
use crate::{
    app::App,
    error::{Error, Wrong},
    metadata::{
        http::{
            body, conditions::Preconditions, list::List, query::Parameters, text::check_id, token,
            versioned::Versioned,
        },
        months::Span,
        tables::http::{Deleted, of},
    },
    stores::documents::Filter,
};

type Id = Result<Path<String>, PathRejection>;
type MaybeId = Result<Option<Path<String>>, PathRejection>;

/// What a list of datasets is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Question {
    status: Option<Status>,
    container: Option<String>,
    route: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl Question {
    fn read(parameters: &Parameters) -> Result<(Self, Span), Error> {
        let text = |name| parameters.text(name).map(str::to_owned);
        let question = Self {
            status: parameters.parsed("status")?,
            container: text("container"),
            route: text("route"),
            from: text("from"),
            to: text("to"),
        };
        let (from, to) = (parameters.time("from")?, parameters.time("to")?);
        Ok((question, Span::new(from, to, OffsetDateTime::now_utc())?))
    }

    fn filters(&self) -> Vec<Filter<'_>> {
        let status = self.status.map(Status::name);
        let members = [
            ("status", status),
            ("container", self.container.as_deref()),
            ("route", self.route.as_deref()),
        ];
        let equals = |(name, value): (_, Option<_>)| Some(Filter::Equals(name, value?));
        members.into_iter().filter_map(equals).collect()
    }
}

fn datasets(app: &App) -> Datasets<'_> {
    Datasets::new(&*app.documents)
}

fn answer(Found { dataset, etag }: Found, is_new: bool) -> Response {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    (status, Versioned::new(dataset, &etag)).into_response()
}

/// `GET /api/datasets`, newest first; with `id`, the one dataset.
///
/// # Errors
/// `Fields`, `NotFound`, or the store's failure.
pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Error> {
    let known = ["id", "status", "container", "route", "from", "to", "limit", "continuationToken"];
    let parameters = Parameters::read(&uri, &known)?;
    if let Some(id) = parameters.id("id")? {
        return Ok(answer(datasets(&app).find(id).await?, false));
    }
    let (question, span) = Question::read(&parameters)?;
    let limit = parameters.limit()?;
    let place = parameters.token().map(|text| token::open(&question, text)).transpose()?;
    let page = datasets(&app).list(&question.filters(), span, limit, place).await;
    let (value, next) = page.map_err(token::refused)?;
    let next = next.map(|place| token::seal(&question, place));
    Ok(List::new(value, next).into_response())
}

/// `GET /api/datasets/{id}`.
///
/// # Errors
/// `NotFound`, or the store's failure.
pub async fn get(State(app): State<Arc<App>>, id: Id) -> Result<Versioned<Dataset>, Error> {
    let Found { dataset, etag } = datasets(&app).find(&of(id)?).await?;
    Ok(Versioned::new(dataset, &etag))
}

/// `POST /api/datasets`.
///
/// # Errors
/// `Fields`, `Conflict` if there is another dataset of that id, or the store's failure.
pub async fn create(State(app): State<Arc<App>>, uri: Uri, body: Body) -> Result<Response, Error> {
    let parameters = Parameters::read(&uri, &["id"])?;
    let mut body = body::object(body).await?;
    let id = match body.shift_remove("id") {
        None | Some(Value::Null) => parameters.text("id").map(str::to_owned),
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err(Wrong::new("id", "must be a string").into()),
    };
    let id = id.ok_or_else(|| Wrong::new("id", "is missing"))?;
    check_id("id", &id)?;
    let draft = rules::read_draft(body)?;
    let (found, is_new) = datasets(&app).create(&id, draft, OffsetDateTime::now_utc()).await?;
    Ok(answer(found, is_new))
}

/// The id, from the path or the parameter, and what all changes of one dataset read of a request.
async fn change(
    id: MaybeId,
    headers: &HeaderMap,
    uri: &Uri,
    body: Body,
) -> Result<(String, Preconditions, Map<String, Value>), Error> {
    let (id, preconditions) = target(id, headers, uri)?;
    Ok((id, preconditions, body::object(body).await?))
}

fn target(id: MaybeId, headers: &HeaderMap, uri: &Uri) -> Result<(String, Preconditions), Error> {
    let id = id.map_err(|error| Wrong::new("id", error.body_text()))?;
    let known: &[&str] = if id.is_some() { &["etag"] } else { &["etag", "id"] };
    let parameters = Parameters::read(uri, known)?;
    let id = match id {
        Some(Path(id)) => id,
        None => parameters.id("id")?.ok_or_else(|| Wrong::new("id", "is missing"))?.to_owned(),
    };
    check_id("id", &id)?;
    Ok((id, Preconditions::read(headers, parameters.text("etag"))?))
}

/// `PUT /api/datasets/{id}`: all of a dataset, new or in the place of the version that is named.
///
/// # Errors
/// `Fields`, `Unconditional`, `Changed`, `Conflict`, or the store's failure.
pub async fn replace(
    State(app): State<Arc<App>>,
    id: MaybeId,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Error> {
    let (id, preconditions, body) = change(id, &headers, &uri, body).await?;
    let draft = rules::read_draft(body)?;
    let (datasets, now) = (datasets(&app), OffsetDateTime::now_utc());
    let Some(there) = datasets.look(&id).await? else {
        preconditions.check(None)?;
        let (found, is_new) = datasets.create(&id, draft, now).await?;
        return Ok(answer(found, is_new));
    };
    if there.dataset.facts != draft.facts() {
        preconditions.check(Some(&there.etag))?;
        preconditions.require_version()?;
    }
    let found = datasets.change(&id, &preconditions, now, |_| Ok(draft.clone())).await?;
    Ok(answer(found, false))
}

/// `PATCH /api/datasets/{id}`: a JSON Merge Patch.
///
/// # Errors
/// `Fields`, `NotFound`, `Changed`, `Conflict` if its status cannot follow, or the store's failure.
pub async fn patch(
    State(app): State<Arc<App>>,
    id: MaybeId,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Error> {
    let (id, preconditions, patch) = change(id, &headers, &uri, body).await?;
    merge(&app, &id, &preconditions, &patch).await
}

async fn merge(
    app: &App,
    id: &str,
    preconditions: &Preconditions,
    patch: &Map<String, Value>,
) -> Result<Response, Error> {
    let change = |dataset: &_| rules::patched(dataset, patch);
    let now = OffsetDateTime::now_utc();
    Ok(answer(datasets(app).change(id, preconditions, now, change).await?, false))
}

async fn remove(
    app: &App,
    id: String,
    preconditions: &Preconditions,
) -> Result<Json<Deleted>, Error> {
    datasets(app).delete(&id, preconditions).await?;
    Ok(Json(Deleted { id, deleted: true }))
}

/// `POST /api/datasets/{id}`, for those who can send nothing else: a merge patch, or a removal where
/// the parameter `delete` asks for it. An address below would be the id of another dataset.
///
/// # Errors
/// Those of [`patch`] and [`delete`].
pub async fn post(
    State(app): State<Arc<App>>,
    id: Id,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Error> {
    let parameters = Parameters::read(&uri, &["etag", "delete"])?;
    let id = of(id)?;
    check_id("id", &id)?;
    let preconditions = Preconditions::read(&headers, parameters.text("etag"))?;
    if parameters.parsed::<bool>("delete")? == Some(true) {
        return Ok(remove(&app, id, &preconditions).await?.into_response());
    }
    merge(&app, &id, &preconditions, &body::object(body).await?).await
}

/// `DELETE /api/datasets/{id}`.
///
/// # Errors
/// `NotFound`, `Changed`, or the store's failure.
pub async fn delete(
    State(app): State<Arc<App>>,
    id: MaybeId,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Deleted>, Error> {
    let (id, preconditions) = target(id, &headers, &uri)?;
    remove(&app, id, &preconditions).await
}
