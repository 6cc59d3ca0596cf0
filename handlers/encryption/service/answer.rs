//! `POST /api/encrypt`, `POST /api/decrypt` and `POST /api/keys/rewrap`.

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
use time::OffsetDateTime;

use super::{
    Report, Tools,
    failure::{Failure, Kind, Refusal},
    job::{Change, Job},
    many::{Found, Selection},
    proof,
    request::{Body, Lineage, Request, Rewrapping},
    rewrap::{NamedRewrapped, Rewrap, Rewrapped, State as Wrapping},
    task::needs_key,
};
use crate::{
    app::App,
    config::Config,
    encryption::{engine::Totals, envelope::WrappedKeys},
    error::Error,
    host::boundary::InvocationId,
    metadata::{datasets::store::Datasets, http::body::LONGEST},
    routing::{
        Source,
        outcome::counted,
        pattern::Captures,
        template::{Facts, version_name},
    },
    stores::blobs::Attributes,
};

/// How long a request may take: the front end of Azure ends it after 230 seconds, whatever the
/// host allows.
const BUDGET: Duration = Duration::from_secs(200);

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
    if needs_key(&policy) {
        app.tools.keys()?;
    }
    let request = body.common(config, destinations).map_err(Failure::from)?;
    let lineage = body.lineage().map_err(Failure::from)?;
    let name = policy.name.clone();
    let deadline = Instant::now() + BUDGET;
    let answer = run(&app.tools, config, &request, &Change::Protect(policy), deadline).await?;
    remember(&app, lineage, &name, &answer).await?;
    Ok(answer)
}

/// Tells the dataset that a request names what was done; repeated, it is told nothing new.
async fn remember(
    app: &App,
    lineage: Lineage,
    policy: &str,
    Answer { totals, files, .. }: &Answer,
) -> Result<(), Error> {
    let Some(dataset) = lineage.dataset else { return Ok(()) };
    let (files, rows) = (counted(files.len() as u64, "file"), counted(totals.rows, "row"));
    let by = if policy.is_empty() { String::new() } else { format!(" by policy {policy}") };
    let reason = format!("protected {files} of {rows}{by}");
    let now = OffsetDateTime::now_utc();
    let datasets = Datasets::new(&*app.documents);
    Ok(datasets.remark(&dataset, "encryption", reason, lineage.run_id, now).await?)
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
    app.tools.keys()?;
    let destinations = ("decrypted", config.reach.decrypted.as_slice());
    let request = body.common(config, destinations).map_err(Failure::from)?;
    let change = Change::Open { columns, configured: config.keys(), caller };
    run(&app.tools, config, &request, &change, Instant::now() + BUDGET).await
}

/// What was done to keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wrappings {
    rewrapped: usize,
    unchanged: usize,
    unprotected: usize,
    seconds: f64,
    skipped: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<NamedRewrapped>,
    files: Vec<Rewrapped>,
}

/// Wraps the keys that a request names anew, for those who prove that they may.
///
/// # Errors
/// Why nothing, or not everything, was done.
pub async fn rewrap(
    State(app): State<Arc<App>>,
    Extension(InvocationId(id)): Extension<InvocationId>,
    headers: HeaderMap,
    body: RawBody,
) -> Result<Json<Wrappings>, Error> {
    let started = Instant::now();
    let proven = proof::prove(&app.settings.rewrapping, &headers, id.as_deref());
    let caller = proven.map_err(Failure::from)?;
    let active = app.config.current().await?;
    let config = &active.config;
    let request = read(body).await?.rewrapping(config).map_err(Failure::from)?;
    let (tools, configured) = (&app.tools, config.keys());
    tools.keys()?;
    let rewrap = Rewrap { configured, caller, deadline: started + BUDGET };
    let key = match &request.key {
        Some(key) => Some(rewrap.named(tools, key).await?),
        None => None,
    };
    let Found { sources, skipped } = match &request.selection {
        Some(selection) => selection.find(tools).await?,
        None => Found::default(),
    };
    let is_one = matches!(request.selection, Some(Selection::One(_)));
    let files = rewrap_files(tools, &rewrap, &request, sources, config.reach.parallel);
    let files = whole(files.await, is_one)?;
    let count = |state| files.iter().filter(|file| file.state == state).count();
    Ok(Json(Wrappings {
        rewrapped: count(Wrapping::Rewrapped),
        unchanged: count(Wrapping::Unchanged),
        unprotected: count(Wrapping::Unprotected),
        seconds: started.elapsed().as_secs_f64(),
        skipped,
        key,
        files,
    }))
}

/// Works on each file by itself. One that is named must be protected; a folder may have others.
async fn rewrap_files(
    tools: &Tools,
    rewrap: &Rewrap,
    request: &Rewrapping,
    sources: Vec<Source>,
    parallel: usize,
) -> Vec<(String, Result<Rewrapped, Failure>)> {
    let is_named = matches!(request.selection, Some(Selection::One(_)));
    let one = |source: Source| async move {
        let name = source.path.to_string();
        let done = match request.format_of(&source.path) {
            Ok(_) if Instant::now() >= rewrap.deadline => Err(Failure::TooSlow),
            Ok(format) => rewrap.blob(tools, source, &format).await,
            Err(refusal) if is_named => Err(refusal.into()),
            Err(_) => Ok(Rewrapped::new(&name, Wrapping::Unprotected, &WrappedKeys::new())),
        };
        let done = match done {
            Ok(done) if is_named && done.state == Wrapping::Unprotected => {
                let reason = "nothing says that it is protected";
                Err(Failure::refused(Kind::Unfit, "source", reason))
            }
            done => done,
        };
        (name, done)
    };
    futures::stream::iter(sources).map(one).buffered(parallel).collect().await
}

async fn read(body: RawBody) -> Result<Body, Error> {
    let bytes = body::to_bytes(body, LONGEST).await.map_err(|_| Error::TooLarge(LONGEST))?;
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
    let files = whole(done.collect().await, is_one)?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Json(Answer { totals: sum(&files), seconds, skipped, files }))
}

/// What became of all files, if all went well.
fn whole<T: Serialize>(
    done: Vec<(String, Result<T, Failure>)>,
    is_one: bool,
) -> Result<Vec<T>, Error> {
    match done.iter().all(|(_, done)| done.is_ok()) {
        true => Ok(done.into_iter().filter_map(|(_, done)| done.ok()).collect()),
        false => Err(failed(done, is_one)),
    }
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
fn failed<T: Serialize>(done: Vec<(String, Result<T, Failure>)>, is_one: bool) -> Error {
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
