//! What people look at to see whether all is well.

use std::{sync::Arc, time::Instant};

use axum::{Json, extract::State, http::HeaderMap};
use serde::Serialize;

use crate::{app::App, stores::StoreError};

/// The answer of `GET /api/health`.
#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
    version: &'static str,
}

/// `GET /api/health`: the version, and whether the worker is `ok` or `degraded`. Open to anyone,
/// so it says no more; `GET /api/status` says why.
pub async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    let usable = app.config.current().await.is_ok() && app.config.rejected().is_none();
    let status = if usable && app.documents.probe().await.is_ok() { "ok" } else { "degraded" };
    Json(Health { status, version: env!("CARGO_PKG_VERSION") })
}

/// The answer of `GET /api/status`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    status: &'static str,
    version: &'static str,
    configuration: Part,
    stores: Vec<Part>,
    authentication: &'static str,
}

/// How one part of the worker is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    name: &'static str,
    ok: bool,
    milliseconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// `GET /api/status`: which stores answer and how long they take, whether the configuration is
/// valid, and which proof the caller's request carried.
pub async fn status(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: axum::http::Uri,
) -> Json<Status> {
    let (blobs, queues, documents) = tokio::join!(
        measure("blobs", app.blobs.probe()),
        measure("queues", app.queues.probe()),
        measure("documents", app.documents.probe()),
    );
    let stores = vec![blobs, queues, documents];
    let configuration = configuration(&app).await;
    let ok = configuration.ok && stores.iter().all(|store| store.ok);
    Json(Status {
        status: if ok { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        configuration,
        stores,
        authentication: authentication(&headers, uri.query().unwrap_or_default()),
    })
}

async fn measure(name: &'static str, probe: impl Future<Output = Result<(), StoreError>>) -> Part {
    let started = Instant::now();
    let answer = probe.await;
    Part {
        name,
        ok: answer.is_ok(),
        milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        detail: answer.err().map(|error| error.to_string()),
    }
}

async fn configuration(app: &App) -> Part {
    let started = Instant::now();
    let current = app.config.current().await;
    let why = current.err().or_else(|| app.config.rejected());
    Part {
        name: "lakehand.toml",
        ok: why.is_none(),
        milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        detail: why.map(|why| why.to_string()),
    }
}

/// The proof that arrived, never its value. The host has checked a key before it comes here; the
/// principal header counts only where the platform's authentication is on.
fn authentication(headers: &HeaderMap, query: &str) -> &'static str {
    let mut names = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0));
    // The host finds the key under any case of the name.
    let key_in_query = names.any(|name| name.eq_ignore_ascii_case("code"));
    if headers.contains_key("x-ms-client-principal") {
        "platform authentication"
    } else if headers.contains_key("x-functions-key") || key_in_query {
        "function key"
    } else if headers.contains_key("authorization") {
        "bearer token"
    } else {
        "none"
    }
}
