//! The worker as its host sees it: a state, and a port to post invocations to.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{future::select_ok, stream};
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

impl State {
    fn port(self) -> Option<u16> {
        match self {
            Self::Ready(port) => Some(port),
            Self::Starting | Self::Gone => None,
        }
    }
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

/// One or more worker processes that can be invoked, in turn. A clone speaks to the same ones.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    processes: Arc<[watch::Receiver<State>]>,
    turn: Arc<AtomicUsize>,
    client: Client,
    /// Where this worker's events and failures are printed.
    pub(super) report: Report,
    patience: Duration,
    deadline: Duration,
}

impl Worker {
    /// The processes behind these states. Invocations wait `patience` for one to become ready and
    /// `deadline` for its answer.
    pub(super) fn new(
        processes: impl Into<Arc<[watch::Receiver<State>]>>,
        report: Report,
        patience: Duration,
        deadline: Duration,
    ) -> Self {
        let (processes, turn) = (processes.into(), Arc::default());
        Self { processes, turn, client: loopback_client(), report, patience, deadline }
    }

    /// Each process by itself, as an instance that takes its own messages.
    pub(super) fn instances(&self) -> impl Iterator<Item = Self> {
        let alone = |process: &watch::Receiver<State>| Self {
            processes: [process.clone()].into(),
            ..self.clone()
        };
        self.processes.iter().map(alone)
    }

    /// The port of the next process in turn that listens, as soon as one does.
    pub(super) async fn port(&self) -> Result<u16, Failure> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.processes.len();
        let (before, after) = self.processes.split_at(turn);
        let in_turn = || after.iter().chain(before);
        if let Some(port) = in_turn().find_map(|state| state.borrow().port()) {
            return Ok(port);
        }
        let first = select_ok(in_turn().map(|state| Box::pin(listening(state.clone()))));
        match timeout(self.patience, first).await {
            Ok(Ok((port, _))) => Ok(port),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::NotReady),
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
        for process in self.processes.iter() {
            let mut state = process.clone();
            let noticed = state.wait_for(|state| *state != State::Ready(port));
            let _ = timeout(NOTICE, noticed).await;
        }
    }
}

/// The port of one process, as soon as it listens; fails when it has been given up.
async fn listening(mut state: watch::Receiver<State>) -> Result<u16, Failure> {
    let settled = state.wait_for(|state| *state != State::Starting).await;
    settled.ok().and_then(|state| state.port()).ok_or(Failure::NotReady)
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

#[cfg(test)]
impl Worker {
    /// A worker that listens already.
    pub(super) fn listening_on(port: u16) -> Self {
        let (_, state) = watch::channel(State::Ready(port));
        let deadline = Duration::from_secs(10);
        Self::new([state], Report { verbose: false }, deadline, deadline)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

    use super::*;

    async fn answer(template: ResponseTemplate) -> Result<(), Failure> {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(template).mount(&server).await;
        Worker::listening_on(server.address().port()).invoke("f", &json!({})).await
    }

    fn text(status: u16, body: &str, media_type: &str) -> ResponseTemplate {
        ResponseTemplate::new(status).set_body_raw(body, media_type)
    }

    #[tokio::test]
    async fn answers_are_taken_by_the_hosts_rules() {
        const JSON: &str = "application/json";
        let full = r#"{"Outputs":{},"Logs":["a"],"ReturnValue":null}"#;
        let table = [
            ("full", text(200, full, JSON), true),
            ("empty object", text(202, "{}", "application/json; charset=utf-8"), true),
            ("no logs", text(200, r#"{"Logs":null,"x":1}"#, "text/json"), true),
            ("a server's error", text(503, full, JSON), false),
            ("a redirect", text(302, full, JSON), false),
            ("no content", ResponseTemplate::new(204), false),
            ("empty", text(200, "", JSON), false),
            ("null", text(200, " null", JSON), false),
            ("an array", text(200, "[1]", JSON), false),
            ("plain text", text(200, full, "text/plain"), false),
            ("logs that are no texts", text(200, r#"{"Logs":[1]}"#, JSON), false),
        ];
        for (case, template, accepted) in table {
            assert_eq!(answer(template).await.is_ok(), accepted, "{case}");
        }
    }

    #[tokio::test]
    async fn an_invocation_is_posted_as_the_host_posts_it() {
        let server = MockServer::start().await;
        let template = text(200, "{}", "application/json");
        Mock::given(any()).respond_with(template).mount(&server).await;
        let worker = Worker::listening_on(server.address().port());
        worker.invoke("Route_Blob", &json!({"Data": {}, "Metadata": {}})).await.unwrap();

        let request = server.received_requests().await.unwrap().remove(0);
        assert_eq!((request.method.as_str(), request.url.path()), ("POST", "/Route_Blob"));
        assert_eq!(request.headers["content-type"], "application/json; charset=utf-8");
        assert_eq!(request.headers["transfer-encoding"], "chunked");
        assert!(!request.headers.contains_key("content-length"));
        let id = request.headers[INVOCATION_ID].to_str().unwrap();
        assert!(Uuid::parse_str(id).is_ok(), "{id}");
        assert_eq!(request.body, br#"{"Data":{},"Metadata":{}}"#);
    }

    #[tokio::test]
    async fn an_invocation_waits_for_the_worker() {
        let server = MockServer::start().await;
        let template = text(200, "{}", "application/json");
        Mock::given(any()).respond_with(template).mount(&server).await;
        let (sender, state) = watch::channel(State::Starting);
        let second = Duration::from_secs(10);
        let worker = Worker::new([state], Report { verbose: false }, second, second);
        let invocation = tokio::spawn(async move { worker.invoke("f", &json!({})).await });
        tokio::task::yield_now().await;
        assert!(!invocation.is_finished());
        sender.send_replace(State::Ready(server.address().port()));
        invocation.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn processes_take_turns_and_a_dead_one_is_passed_over() {
        let states = [State::Ready(1), State::Starting, State::Ready(3), State::Gone];
        let (senders, states): (Vec<_>, Vec<_>) = states.map(watch::channel).into_iter().unzip();
        let second = Duration::from_secs(10);
        let worker = Worker::new(states, Report { verbose: false }, second, second);
        let mut ports = Vec::new();
        for _ in 0..4 {
            ports.push(worker.port().await.unwrap());
        }
        assert_eq!(ports, [1, 3, 3, 1]);
        senders[0].send_replace(State::Gone);
        senders[2].send_replace(State::Starting);
        let waiting = tokio::spawn(async move { worker.port().await });
        senders[1].send_replace(State::Ready(2));
        assert_eq!(waiting.await.unwrap().unwrap(), 2, "the first that listens");
    }

    #[tokio::test]
    async fn a_worker_given_up_fails_at_once() {
        let (_sender, state) = watch::channel(State::Gone);
        let second = Duration::from_secs(10);
        let worker = Worker::new([state], Report { verbose: false }, second, second);
        let result = worker.invoke("f", &json!({})).await;
        assert!(matches!(result, Err(Failure::NotReady)), "{result:?}");
    }
}
