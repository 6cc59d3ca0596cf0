//! The application: its stores, and the whole route table on one page.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension, Json, Router,
    body::Body,
    extract::{Request, State},
    http::{Method, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    alerts::{deliver::Exit, http as alerts},
    config::{Active, LiveConfig},
    encryption::service::{Tools, answer},
    error::Error,
    host::{
        boundary::{self, InvocationId},
        functions::{FUNCTIONS, Function},
        invoke::invoke,
    },
    metadata::{
        datasets::http as datasets,
        freshness::http as freshness,
        runs::http as runs,
        tables::{exchange::http as exchange, http as tables},
        windows::http as windows,
    },
    openapi, ops,
    routing::{Routing, ledger::Ledger, trace},
    settings::Settings,
    stores::{blobs::Blobs, documents::Documents, queues::Queues},
};

/// Everything a request may need.
#[derive(Debug)]
pub struct App {
    /// What the worker was told from outside.
    pub settings: Settings,
    /// The rules in force.
    pub config: LiveConfig,
    /// The landing account, or the local lake.
    pub blobs: Arc<dyn Blobs>,
    /// Its queues.
    pub queues: Arc<dyn Queues>,
    /// What the worker remembers.
    pub documents: Arc<dyn Documents>,
    /// What columns are protected and opened with.
    pub tools: Tools,
    /// The way to the channels of alerts.
    pub exit: Exit,
}

/// The longest that an invocation starts new work, whatever the host allows: a dataset that needs
/// more goes on with the next sweep.
const BUDGET: Duration = Duration::from_secs(240);

impl App {
    /// What routing works with during one invocation that starts now.
    pub fn routing<'a>(
        &'a self,
        active: &'a Active,
        invocation_id: Option<&'a str>,
    ) -> Routing<'a> {
        let ledger = self.ledger(invocation_id);
        let half = self.settings.function_timeout.map_or(BUDGET, |timeout| timeout / 2);
        let deadline = Instant::now() + half.min(BUDGET);
        Routing { active, blobs: &*self.blobs, tools: &self.tools, ledger, deadline }
    }

    /// The ledger, for notes and for questions.
    pub fn ledger<'a>(&'a self, invocation_id: Option<&'a str>) -> Ledger<'a> {
        Ledger {
            documents: &*self.documents,
            retention: self.settings.ledger_retention,
            now: OffsetDateTime::now_utc,
            invocation_id,
        }
    }
}

/// The route table.
pub fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/", get(ready))
        .route("/api/health", get(ops::health))
        .route("/api/status", get(ops::status))
        .route("/api/trace", get(trace::get))
        .route("/api/openapi.json", get(openapi::get))
        .route("/api/encrypt", post(answer::encrypt))
        .route("/api/decrypt", post(answer::decrypt))
        .route("/api/keys/rewrap", post(answer::rewrap))
        .route(
            "/api/datasets",
            get(datasets::list)
                .post(datasets::create)
                .put(datasets::replace)
                .patch(datasets::patch)
                .delete(datasets::delete),
        )
        .route(
            "/api/datasets/{*id}",
            get(datasets::get)
                .put(datasets::replace)
                .patch(datasets::patch)
                .post(datasets::post)
                .delete(datasets::delete),
        )
        .route("/api/runs", get(runs::list).post(runs::report))
        .route("/api/runs/{*id}", get(runs::get))
        .route("/api/alerts", get(alerts::list).post(alerts::take))
        .route("/api/alerts/preview", post(alerts::preview))
        .route("/api/alerts/silences", get(alerts::silences).post(alerts::silence))
        .route("/api/alerts/silences/{id}", delete(alerts::end_silence))
        .route("/api/alerts/silences/{id}/end", post(alerts::end_silence))
        .route("/api/alerts/{id}", get(alerts::get))
        .route("/api/alerts/{id}/acknowledge", post(alerts::acknowledge))
        .route("/api/alerts/{id}/resolve", post(alerts::resolve))
        .route("/api/freshness", get(freshness::list))
        .route("/api/tables", get(tables::list).post(tables::create))
        .route("/api/tables/import", post(exchange::import))
        .route("/api/tables/export", get(exchange::export))
        .route(
            "/api/tables/{id}",
            get(tables::get)
                .put(tables::replace)
                .patch(tables::patch)
                .post(tables::patch)
                .delete(tables::delete),
        )
        .route("/api/tables/{id}/delete", post(tables::delete))
        .route(
            "/api/tables/{id}/mark",
            get(windows::mark).put(windows::set_mark).post(windows::set_mark),
        )
        .route("/api/tables/{id}/windows", get(windows::list).post(windows::open))
        .route("/api/tables/{id}/windows/{window}", get(windows::get))
        .route("/api/tables/{id}/windows/{window}/commit", post(windows::commit))
        .route("/api/tables/{id}/windows/{window}/fail", post(windows::fail))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(function_or_nothing)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), only_started))
        .with_state(app);
    boundary::around(routes)
}

/// The host's question whether the worker is up; asked again now and then to measure latency.
async fn ready() -> Response {
    Json(json!({ "status": "ready" })).into_response()
}

async fn method_not_allowed(method: Method) -> Error {
    Error::MethodNotAllowed(method.to_string())
}

/// Answers no address whose Function the host does not start: the request then came by way of the
/// Function that takes every address and asks for no key.
async fn only_started(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let address = request.uri().path().strip_prefix("/api/");
    let is_at = |function: &&Function| address.is_some_and(|address| function.takes(address));
    match FUNCTIONS.iter().find(is_at) {
        Some(function) if !app.settings.functions.contains(function.name) => {
            Error::FunctionOff(function.name).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Only the host posts outside `/api`, to the name of a Function.
async fn function_or_nothing(
    State(app): State<Arc<App>>,
    Extension(InvocationId(id)): Extension<InvocationId>,
    method: Method,
    uri: Uri,
    body: Body,
) -> Response {
    let function = uri.path().strip_prefix('/').filter(|name| !name.contains('/'));
    match function {
        Some(function) if method == Method::POST => {
            invoke(&app, function, id.as_deref(), body).await.into_response()
        }
        _ => Error::NoSuchAddress(uri.path().to_owned()).into_response(),
    }
}
