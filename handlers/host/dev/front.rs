//! What `dev` serves: `/api` for the worker, the Event Grid webhook, and a word about itself.

use axum::{
    Json, Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    event_grid::{EventFunction, webhook},
    forward::{Forward, forward},
    stop::Stop,
    worker::Worker,
};
use crate::host::functions::FUNCTIONS;

/// The path of the Event Grid webhook.
pub(super) const WEBHOOK: &str = "/runtime/webhooks/EventGrid";

/// The routes; without `events` there is no webhook.
pub(super) fn front(worker: &Worker, events: Option<EventFunction>) -> Router {
    let api = any(forward).with_state(Forward::new(worker.clone()));
    let router = Router::new()
        .route("/", get(about))
        .route("/api", api.clone())
        .route("/api/", api.clone())
        .route("/api/{*path}", api);
    let router = match events {
        Some(events) => router.route(WEBHOOK, any(webhook).with_state(events)),
        None => router,
    };
    router.fallback(nothing)
}

/// Serves until it is time to stop; requests that have begun are finished.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: Stop) {
    let ended = async move { stop.asked().await };
    axum::serve(listener, router)
        .with_graceful_shutdown(ended)
        .await
        .expect("axum retries every failure to accept");
}

/// An answer of the host itself, not of the worker.
pub(super) fn refuse(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}

async fn about() -> Json<Value> {
    let functions: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({ "name": "lakehand dev", "version": version, "functions": functions }))
}

async fn nothing(request: Request) -> Response {
    let reason = format!(
        "nothing at {}; the Functions are under /api, Event Grid delivers to {WEBHOOK}",
        request.uri().path()
    );
    refuse(StatusCode::NOT_FOUND, &reason)
}
