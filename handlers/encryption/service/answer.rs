//! `POST /api/encrypt` and `POST /api/decrypt`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension, Json,
    body::{self, Body as RawBody},
    extract::State,
    http::HeaderMap,
};
use futures::StreamExt;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Report, Tools,
    failure::{Failure, Kind, Refusal},
    job::{Change, Job},
    many::Found,
    proof,
    request::{Body, Request},
};
use crate::{
    app::App,
    config::Config,
    encryption::engine::Totals,
    error::Error,
    host::boundary::InvocationId,
    routing::{
        Source,
        pattern::Captures,
        template::{Facts, version_name},
    },
    stores::blobs::Attributes,
};

/// How long a request may take: the front end of Azure ends it after 230 seconds, whatever the
/// host allows.
const BUDGET: Duration = Duration::from_secs(200);

/// The longest body, in bytes.
const LONGEST: usize = 1 << 20;

/// What was done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    #[serde(flatten)]
    totals: Totals,
    seconds: f64,
    skipped: usize,
    files: Vec<Report>,
}

/// Protects what a request names.
///
/// # Errors
/// Why nothing, or not everything, was done.
pub async fn encrypt(State(app): State<Arc<App>>, body: RawBody) -> Result<Json<Answer>, Error> {
    let active = app.config.current().await?;
    let body = read(body).await?;
    let config = &active.config;
    let destinations = ("destinations", config.reach.destinations.as_slice());
    let policy = body.policy(config).map_err(Failure::from)?;
    let request = body.common(config, destinations).map_err(Failure::from)?;
    run(&app.tools, config, &request, &Change::Protect(policy), Instant::now() + BUDGET).await
}

/// Opens what a request names, for those who prove that they may.
///
/// # Errors
/// Why nothing, or not everything, was done.
pub async fn decrypt(
    State(app): State<Arc<App>>,
    Extension(InvocationId(id)): Extension<InvocationId>,
    headers: HeaderMap,
    body: RawBody,
) -> Result<Json<Answer>, Error> {
    let proven = proof::prove(&app.settings.decryption, &headers, id.as_deref());
    let caller = proven.map_err(Failure::from)?;
    let active = app.config.current().await?;
    let body = read(body).await?;
    let config = &active.config;
    let columns = body.columns().map_err(Failure::from)?;
    let destinations = ("decrypted", config.reach.decrypted.as_slice());
    let request = body.common(config, destinations).map_err(Failure::from)?;
    let change = Change::Open { columns, configured: config.keys(), caller };
    run(&app.tools, config, &request, &change, Instant::now() + BUDGET).await
}

async fn read(body: RawBody) -> Result<Body, Error> {
    let refused = |reason: String| Failure::refused(Kind::Wrong, "body", reason);
    let bytes = body::to_bytes(body, LONGEST).await.map_err(|error| refused(error.to_string()))?;
    Ok(Body::read(&bytes).map_err(Failure::from)?)
}

/// Works on each file by itself, so many at a time; a file that fails keeps no other from being
/// done.
///
/// # Errors
/// The failure of the first file that failed, with what became of all.
pub async fn run(
    tools: &Tools,
    config: &Config,
    request: &Request,
    change: &Change,
    deadline: Instant,
) -> Result<Json<Answer>, Error> {
    let started = Instant::now();
    let Found { sources, skipped } = request.selection.find(tools).await?;
    let is_one = sources.len() == 1;
    let one = |source: Source| async move {
        let name = source.path.to_string();
        let done = match job(config, request, change, source, deadline) {
            Ok(_) if Instant::now() >= deadline => Err(Failure::TooSlow),
            Ok(job) => job.run(tools).await,
            Err(refusal) => Err(refusal.into()),
        };
        (name, done)
    };
    let done = futures::stream::iter(sources).map(one).buffered(config.reach.parallel);
    let done: Vec<_> = done.collect().await;
    if done.iter().all(|(_, done)| done.is_ok()) {
        let files: Vec<_> = done.into_iter().filter_map(|(_, done)| done.ok()).collect();
        let seconds = started.elapsed().as_secs_f64();
        return Ok(Json(Answer { totals: sum(&files), seconds, skipped, files }));
    }
    Err(failed(done, is_one))
}

fn job(
    config: &Config,
    request: &Request,
    change: &Change,
    source: Source,
    deadline: Instant,
) -> Result<Job, Refusal> {
    let destination = request.destination_of(&source.path, config)?;
    let captures = Captures::default();
    let properties = &source.properties;
    let (etag, landed) = (&properties.etag, properties.last_modified);
    let facts = Facts { captures: &captures, source: &source.path, etag, landed };
    let content_type = properties.content_type.clone();
    Ok(Job {
        elsewhere: None,
        spare: version_name(&destination, &facts).ok(),
        destination,
        on_conflict: request.on_conflict,
        is_resumed: false,
        attributes: Attributes { content_type, ..Attributes::default() },
        format: request.format_of(&source.path)?,
        change: change.clone(),
        rejects: request.rejects_of(&source.path)?,
        deadline,
        source,
    })
}

fn sum(files: &[Report]) -> Totals {
    let mut sum = Totals::default();
    for Report { totals, .. } in files {
        sum.rows += totals.rows;
        sum.cells += totals.cells;
        sum.nulls += totals.nulls;
        sum.rejected += totals.rejected;
        sum.bytes_in += totals.bytes_in;
        sum.bytes_out += totals.bytes_out;
    }
    sum
}

/// The first failure; of many files, with what became of each.
fn failed(done: Vec<(String, Result<Report, Failure>)>, is_one: bool) -> Error {
    let (mut first, mut files) = (None, Vec::new());
    for (source, done) in done {
        match done {
            Ok(report) => files.push(json!(report)),
            Err(failure) => {
                files.push(json!({ "source": source, "error": failure.to_string() }));
                first.get_or_insert(failure);
            }
        }
    }
    let failure = first.expect("one of them failed");
    let files = if is_one { Value::Null } else { Value::Array(files) };
    Error::Encryption { failure: Box::new(failure), files }
}
