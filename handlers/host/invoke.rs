//! From an envelope to the capability: decode once, call one function, answer.

use std::time::Instant;

use axum::body::Body;
use serde_json::Value;

use super::{envelope::Envelope, reply::Reply};
use crate::{
    alerts::watch::watch,
    app::App,
    config::Active,
    error::Error,
    routing::{
        arrival::arrive,
        events::{self, Event},
        outcome::Line,
        sweep::sweep,
    },
    stores::blobs::BlobPath,
};

/// Runs the Function that the host named; names are compared without regard to case.
///
/// # Errors
/// Any error asks the host for a retry, or for its poison queue.
pub async fn invoke(
    app: &App,
    function: &str,
    invocation_id: Option<&str>,
    body: Body,
) -> Result<Reply, Error> {
    let call = Call { app, active: &*app.config.current().await?, invocation_id };
    match function.to_ascii_lowercase().as_str() {
        "route_blob" => {
            let path = Envelope::read(body).await?.blob(&app.settings.landing)?;
            Ok(Reply::of([call.arrive(path).await?]))
        }
        "route_event" => call.events(&Envelope::read(body).await?.data("event")?).await,
        "route_queue" => call.events(&Envelope::read(body).await?.data("message")?).await,
        "sweep_landing" => {
            Envelope::read(body).await?;
            call.sweep().await
        }
        "drain_alerts" => {
            Envelope::read(body).await?;
            Ok(Reply::of(app.alarm(call.active)?.drain().await))
        }
        "watch" => {
            Envelope::read(body).await?;
            Ok(Reply::of(watch(app, call.active).await?))
        }
        _ => Err(Error::NoSuchAddress(format!("/{function}"))),
    }
}

/// One invocation.
struct Call<'a> {
    app: &'a App,
    active: &'a Active,
    invocation_id: Option<&'a str>,
}

impl Call<'_> {
    async fn arrive(&self, path: BlobPath) -> Result<Line, Error> {
        let started = Instant::now();
        let routing = self.app.routing(self.active, self.invocation_id);
        let outcome = arrive(&routing, &path).await?;
        Ok(Line { path, outcome, elapsed: started.elapsed() })
    }

    /// Handles every event of a delivery; one failure fails all, and the repeat is harmless.
    async fn events(&self, value: &Value) -> Result<Reply, Error> {
        let mut lines = Vec::new();
        for event in events::read(value)? {
            lines.push(match event {
                Event::Arrived(path) => self.arrive(path).await?.to_string(),
                Event::Other(kind) => format!("ignored: {kind} is no arrival of a file"),
            });
        }
        Ok(Reply::of(lines))
    }

    async fn sweep(&self) -> Result<Reply, Error> {
        let routing = self.app.routing(self.active, self.invocation_id);
        let swept = sweep(&routing, &*self.app.queues, &self.app.settings.queue).await;
        for error in &swept.failures {
            tracing::error!(%error, "the sweep failed at something; the next sweep tries again");
        }
        Ok(Reply::of(swept.lines))
    }
}
