//! The worker as its host sees it: a state, and a port to post invocations to.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures::stream;
use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

use super::report::Report;

/// The header that carries the id of an invocation.
pub(super) const INVOCATION_ID: &str = "x-azure-functions-invocationid";
/// The header that carries the version of the host.
pub(super) const HOST_VERSION: &str = "x-azure-functions-hostversion";
/// The version of the host whose protocol this is.
const SPOKEN_VERSION: HeaderValue = HeaderValue::from_static("4.1037.0.0");
/// How long a lost connection waits for the end of the process to be noticed.
const NOTICE: Duration = Duration::from_millis(500);

/// Where the worker process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not listening yet, or not again.
    Starting,
    /// Listening on this port.
    Ready(u16),
    /// Given up.
    Gone,
}

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The worker answered with a status outside 200 to 299; the host drops the body.
    #[error("the worker answered {0}")]
    Status(StatusCode),
    /// The worker's answer breaks the protocol.
    #[error("the worker's answer breaks the host's protocol: {0}")]
    Answer(String),
    /// No answer.
    #[error("no answer from the worker: {0}")]
    Connection(String),
    /// The worker did not become ready in time.
    #[error("the worker is not running")]
    NotReady,
}

/// A worker that can be invoked. A clone speaks to the same process.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    state: watch::Receiver<State>,
    client: Client,
    /// Where this worker's events and failures are printed.
    pub(super) report: Report,
    patience: Duration,
    deadline: Duration,
}

impl Worker {
    /// A worker in the given state. Invocations wait `patience` for it to become ready and
    /// `deadline` for its answer.
    pub(super) fn new(
        state: watch::Receiver<State>,
        report: Report,
        patience: Duration,
        deadline: Duration,
    ) -> Self {
        Self { state, client: loopback_client(), report, patience, deadline }
    }

    /// The port, as soon as the worker listens on it.
    pub(super) async fn port(&self) -> Result<u16, Failure> {
        let mut state = self.state.clone();
        let settled = timeout(self.patience, state.wait_for(|state| *state != State::Starting));
        match settled.await {
            Ok(Ok(state)) => match *state {
                State::Ready(port) => Ok(port),
                State::Starting | State::Gone => Err(Failure::NotReady),
            },
            Ok(Err(_)) | Err(_) => Err(Failure::NotReady),
        }
    }

    /// Runs one invocation and prints the lines that the worker returned.
    pub(super) async fn invoke(&self, function: &str, envelope: &Value) -> Result<(), Failure> {
        let port = self.port().await?;
        let answer = self.post(port, function, envelope.to_string().into()).await;
        if let Err(Failure::Connection(_)) = answer {
            self.notice_end(port).await;
        }
        for line in answer? {
            self.report.event(&line);
        }
        Ok(())
    }

    /// Posts the envelope in chunks and without a length, as the host does.
    async fn post(
        &self,
        port: u16,
        function: &str,
        envelope: Bytes,
    ) -> Result<Vec<String>, Failure> {
        let body = stream::iter([Ok::<_, Infallible>(envelope)]);
        let request = self
            .client
            .post(format!("http://127.0.0.1:{port}/{function}"))
            .headers(invocation_headers())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .timeout(self.deadline)
            .body(reqwest::Body::wrap_stream(body));
        let response = request.send().await.map_err(connection)?;
        read_answer(response).await
    }

    /// Waits for a dead process to be noticed, so that the next try waits for its successor
    /// instead of running against the same closed port.
    async fn notice_end(&self, port: u16) {
        let mut state = self.state.clone();
        let noticed = state.wait_for(|state| *state != State::Ready(port));
        let _ = timeout(NOTICE, noticed).await;
    }
}

/// A client for the loopback interface: no proxy, no redirects followed.
pub(super) fn loopback_client() -> Client {
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().expect("a client without certificates of its own can be built")
}

/// The headers that the host adds to every invocation.
pub(super) fn invocation_headers() -> HeaderMap {
    let id = HeaderValue::from_str(&Uuid::new_v4().to_string()).expect("a UUID is ASCII");
    let mut headers = HeaderMap::new();
    headers.insert(INVOCATION_ID, id);
    headers.insert(HOST_VERSION, SPOKEN_VERSION);
    headers
}

/// The error's own words and its cause's, without the address.
pub(super) fn connection(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Failure::Connection(cause.to_string())
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Logs", alias = "logs", default)]
    logs: Option<Vec<String>>,
}

/// Accepts an answer by the host's rules.
async fn read_answer(response: Response) -> Result<Vec<String>, Failure> {
    if !response.status().is_success() {
        return Err(Failure::Status(response.status()));
    }
    let content_type = response.headers().get(CONTENT_TYPE).cloned();
    let body = response.bytes().await.map_err(connection)?;
    if !content_type.as_ref().is_some_and(is_json) {
        return Err(Failure::Answer("its content type is not application/json".to_owned()));
    }
    // The host takes these two for no answer at all and waits for one until functionTimeout.
    if body.is_empty() || body.trim_ascii() == b"null" {
        return Err(Failure::Answer(
            "it is empty, so in Azure the invocation would hang until functionTimeout".to_owned(),
        ));
    }
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|error| Failure::Answer(error.to_string()))?;
    Ok(answer.logs.unwrap_or_default())
}

fn is_json(content_type: &HeaderValue) -> bool {
    let text = content_type.to_str().unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    ["application/json", "text/json"].iter().any(|json| media_type.eq_ignore_ascii_case(json))
}
