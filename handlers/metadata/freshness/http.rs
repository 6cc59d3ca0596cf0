//! `GET /api/freshness`.

use std::sync::Arc;

use axum::{extract::State, http::Uri};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use time::OffsetDateTime;

use super::{
    model::{Freshness, RunRate, Status},
    rules,
};
use crate::{
    app::App,
    config::Active,
    error::{Error, Wrong},
    metadata::{
        datasets::{model::Dataset, store::Datasets},
        http::{list::List, query::Parameters, token},
        months::Span,
        runs::store::Runs,
        tables::store::{Found, Place},
        windows::store::Windows,
    },
    routing::route::Route,
};

/// How many days are counted when nothing is said, and at most.
const DAYS: u32 = 30;

/// So many datasets of a route are looked at.
const MOST_DATASETS: usize = 2_000;

/// So many runs of a table are counted at most.
const MOST_RUNS: usize = 1_000;

/// So many tables are asked for at a time.
const PARALLEL: usize = 16;

#[derive(Debug, Serialize)]
struct Question {
    days: u32,
    id: Option<String>,
    status: Option<String>,
}

/// `GET /api/freshness`, table by table as `/api/tables` lists them, then the routes that collect
/// datasets.
///
/// # Errors
/// `Fields`, or the store's failure.
pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<List<Freshness>, Error> {
    let known = ["id", "dataset", "days", "status", "limit", "continuationToken"];
    let parameters = Parameters::read(&uri, &known)?;
    let question = read(&parameters)?;
    let limit = parameters.limit()?;
    let after = parameters.token().map(|text| token::open::<Place>(&question, text)).transpose()?;
    let active = app.config.current().await?;
    if let Some(id) = parameters.id("dataset")? {
        let found = of_dataset(&app, &active, id, question.days).await?;
        return Ok(List::new(vec![found], None));
    }
    let mut tables = app.tables(&active).all().await?;
    tables.retain(|found| {
        question.id.as_ref().is_none_or(|id| found.table.id == *id)
            && after.as_ref().is_none_or(|after| found.place() > *after)
    });
    let has_more = tables.len() > limit;
    tables.truncate(limit);
    let last = tables.last().map(Found::place).filter(|_| has_more);
    let now = OffsetDateTime::now_utc();
    let all = futures::stream::iter(tables).map(|found| with_runs(&app, found, question.days, now));
    let mut all: Vec<Freshness> = all.buffered(PARALLEL).try_collect().await?;
    if last.is_none() {
        all.extend(routes(&app, &active.config.routes, &question, now).await?);
    }
    let takes = |found: &Freshness| {
        let status = serde_json::to_value(found.status).unwrap_or_default();
        question.status.as_ref().is_none_or(|wanted| status == wanted.as_str())
    };
    let value = all.into_iter().filter(takes).collect();
    Ok(List::new(value, last.map(|last| token::seal(&question, last))))
}

/// What is late, of all that has a target.
///
/// # Errors
/// The store's failure.
pub async fn late(
    app: &App,
    active: &Active,
    now: OffsetDateTime,
) -> Result<Vec<Freshness>, Error> {
    let tables = app.tables(active).all().await?;
    let all = futures::stream::iter(tables).map(|found| one(app, found, 1, now));
    let mut all: Vec<Freshness> = all.buffered(PARALLEL).try_collect().await?;
    let question = Question { days: 1, id: None, status: None };
    all.extend(routes(app, &active.config.routes, &question, now).await?);
    all.retain(|found| found.status == Status::Late);
    Ok(all)
}

fn read(parameters: &Parameters) -> Result<Question, Error> {
    let days = parameters.parsed("days")?.unwrap_or(DAYS);
    if !(1..=DAYS).contains(&days) {
        return Err(Wrong::new("days", format!("must be a number from 1 to {DAYS}")).into());
    }
    let status = parameters.text("status").map(str::to_owned);
    let known = [Status::Fresh, Status::Idle, Status::Late, Status::Never];
    let known = known.map(|status| serde_json::to_value(status).unwrap_or_default());
    if status.as_ref().is_some_and(|status| known.iter().all(|known| known != status.as_str())) {
        return Err(Wrong::new("status", "must be one of fresh, idle, late, never").into());
    }
    Ok(Question { days, id: parameters.id("id")?.map(str::to_owned), status })
}

/// The routes that collect datasets: few, so that the last page has room for them.
async fn routes(
    app: &App,
    routes: &[Route],
    question: &Question,
    now: OffsetDateTime,
) -> Result<Vec<Freshness>, Error> {
    let mut all = Vec::new();
    for route in routes {
        let is_wanted = question.id.as_ref().is_none_or(|id| route.name == *id);
        if let Some(completion) = route.complete.as_ref().filter(|_| is_wanted) {
            let datasets = datasets(app, &route.name, now).await?;
            let found = rules::of_route(&route.name, completion, &datasets, question.days, now);
            all.push(found);
        }
    }
    Ok(all)
}

/// The newest datasets of a route.
async fn datasets(app: &App, route: &str, now: OffsetDateTime) -> Result<Vec<Dataset>, Error> {
    Ok(Datasets::new(&*app.documents).newest(route, MOST_DATASETS, now).await?)
}

/// One dataset, and how its runs ended.
async fn of_dataset(app: &App, active: &Active, id: &str, days: u32) -> Result<Freshness, Error> {
    let now = OffsetDateTime::now_utc();
    let dataset = Datasets::new(&*app.documents).find(id).await?.dataset;
    let routes = &active.config.routes;
    let route = routes.iter().find(|route| Some(&route.name) == dataset.route.as_ref());
    let completion = route.and_then(|route| route.complete.as_ref());
    let runs = runs(app, "dataset", id, days, now).await?;
    Ok(Freshness { runs: Some(runs), ..rules::of_dataset(&dataset, completion, days, now) })
}

async fn with_runs(
    app: &App,
    found: Found,
    days: u32,
    now: OffsetDateTime,
) -> Result<Freshness, Error> {
    let runs = runs(app, "table", &found.table.id, days, now).await?;
    Ok(Freshness { runs: Some(runs), ..one(app, found, days, now).await? })
}

async fn runs(
    app: &App,
    member: &'static str,
    id: &str,
    days: u32,
    now: OffsetDateTime,
) -> Result<RunRate, Error> {
    let span = Span::last(time::Duration::days(days.into()), now);
    let runs = Runs::of(&*app.documents).newest(member, id, span, MOST_RUNS).await?;
    Ok(rules::of_runs(&runs))
}

async fn one(app: &App, found: Found, days: u32, now: OffsetDateTime) -> Result<Freshness, Error> {
    let windows = Windows { documents: &*app.documents, table: &found.table.id };
    let (state, _) = windows.state().await?;
    Ok(rules::of_table(&found.table, &state, days, now))
}
