//! `/api/runs` and one run below it.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    model::{Run, Status},
    report,
    store::Runs,
};
use crate::{
    app::App,
    error::Error,
    metadata::{
        http::{body, list::List, query::Parameters, token, versioned::Versioned},
        months::Span,
        tables::http::of,
    },
    stores::documents::Filter,
};

/// What a list of runs is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Question {
    status: Option<Status>,
    pipeline: Option<String>,
    factory: Option<String>,
    table: Option<String>,
    dataset: Option<String>,
    parent: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl Question {
    fn read(parameters: &Parameters) -> Result<(Self, Span), Error> {
        let text = |name| parameters.text(name).map(str::to_owned);
        let question = Self {
            status: parameters.parsed("status")?,
            pipeline: text("pipeline"),
            factory: text("factory"),
            table: text("table"),
            dataset: text("dataset"),
            parent: text("parent"),
            from: text("from"),
            to: text("to"),
        };
        let (from, to) = (parameters.time("from")?, parameters.time("to")?);
        Ok((question, Span::new(from, to, OffsetDateTime::now_utc())?))
    }

    fn filters(&self) -> Vec<Filter<'_>> {
        let members = [
            ("status", self.status.map(Status::name)),
            ("pipeline", self.pipeline.as_deref()),
            ("factory", self.factory.as_deref()),
            ("table", self.table.as_deref()),
            ("dataset", self.dataset.as_deref()),
            ("parent", self.parent.as_deref()),
        ];
        let equals = |(name, value): (_, Option<_>)| Some(Filter::Equals(name, value?));
        members.into_iter().filter_map(equals).collect()
    }
}

/// `GET /api/runs`, newest first; with `id`, the one run.
///
/// # Errors
/// `Fields`, `NotFound`, or the store's failure.
pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Error> {
    let known = [
        "id",
        "status",
        "pipeline",
        "factory",
        "table",
        "dataset",
        "parent",
        "from",
        "to",
        "limit",
        "continuationToken",
    ];
    let parameters = Parameters::read(&uri, &known)?;
    if let Some(id) = parameters.id("id")? {
        return Ok(app.runs().find(id).await?.into_response());
    }
    let (question, span) = Question::read(&parameters)?;
    let limit = parameters.limit()?;
    let place = parameters.token().map(|text| token::open(&question, text)).transpose()?;
    let page = app.runs().list(&question.filters(), span, limit, place).await;
    let (value, next) = page.map_err(token::refused)?;
    let next = next.map(|place| token::seal(&question, place));
    Ok(List::new(value, next).into_response())
}

/// `GET /api/runs/{id}`.
///
/// # Errors
/// `NotFound`, or the store's failure.
pub async fn get(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Versioned<Run>, Error> {
    Parameters::read(&uri, &[])?;
    app.runs().find(&of(id)?).await
}

/// `POST /api/runs`: an event of a run, or a record of one that has ended; also of OpenLineage.
///
/// # Errors
/// `Fields`, or the store's failure.
pub async fn report(State(app): State<Arc<App>>, uri: Uri, body: Body) -> Result<Response, Error> {
    Parameters::read(&uri, &[])?;
    let (id, event) = report::read(body::object(body).await?)?;
    let (run, is_new) = app.runs().take(&id, &event, OffsetDateTime::now_utc()).await?;
    if run.resource.status == Status::Succeeded {
        close_incidents(&app, &run.resource).await;
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, run).into_response())
}

/// Closes the open incidents of a pipeline that went well. The run is recorded already, and a report
/// of it must not fail for them: what is not closed now is closed by the next success.
async fn close_incidents(app: &App, run: &Run) {
    let Some(pipeline) = run.facts.pipeline.as_deref() else { return };
    let Ok(active) = app.config.current().await else { return };
    if active.config.alerts.channels.is_empty() {
        return;
    }
    let closed = match app.alarm(&active) {
        Ok(alarm) => alarm.succeeded(pipeline, run.facts.factory.as_deref()).await,
        Err(error) => return tracing::warn!(%error, "incidents cannot be closed"),
    };
    if let Err(error) = closed {
        tracing::warn!(%error, "incidents cannot be closed");
    }
}

impl App {
    /// The runs.
    pub fn runs(&self) -> Runs<'_> {
        Runs::new(&*self.documents, self.settings.run_retention)
    }
}
