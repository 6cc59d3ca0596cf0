//! HTTP triggers: requests under `/api` go to the worker as they are, streamed both ways, in the
//! manner of the host's proxy mode.

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use reqwest::Client;

use super::{
    front::refuse,
    worker::{Failure, INVOCATION_ID, Worker, connection, invocation_headers, loopback_client},
};

/// The second header that carries the invocation's id in proxy mode.
const CORRELATION_ID: &str = "x-ms-invocation-id";

/// Headers that concern one connection, not the message (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The way from the front to the worker.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    worker: Worker,
    /// Without a deadline: the worker has its own.
    client: Client,
}

/// Forwards one request.
pub(super) async fn forward(State(forward): State<Forward>, request: Request) -> Response {
    let line = format!("{} {}", request.method(), request.uri().path());
    match forward.send(request).await {
        Ok(response) => response,
        Err(failure) => {
            forward.worker.report.event(&format!("{line} failed: {failure}"));
            refuse(StatusCode::INTERNAL_SERVER_ERROR, &failure.to_string())
        }
    }
}

impl Forward {
    /// The way to this worker.
    pub(super) fn new(worker: Worker) -> Self {
        Self { worker, client: loopback_client() }
    }

    async fn send(&self, request: Request) -> Result<Response, Failure> {
        let port = self.worker.port().await?;
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut headers = end_to_end(parts.headers);
        let own = invocation_headers();
        headers.insert(CORRELATION_ID, own[INVOCATION_ID].clone());
        headers.extend(own);
        let mut outgoing = self
            .client
            .request(parts.method, format!("http://127.0.0.1:{port}{target}"))
            .headers(headers);
        if !body.is_end_stream() {
            outgoing = outgoing.body(reqwest::Body::wrap_stream(body.into_data_stream()));
        }
        Ok(incoming(outgoing.send().await.map_err(connection)?))
    }
}

/// Leaves out what belongs to the connection, and what `Connection` itself names.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    headers
}

fn incoming(response: reqwest::Response) -> Response {
    let status = response.status();
    let headers = end_to_end(response.headers().clone());
    (status, headers, Body::from_stream(response.bytes_stream())).into_response()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tokio::net::TcpListener;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

    use super::{
        super::{front, stop::Stopper, worker::HOST_VERSION},
        *,
    };

    #[test]
    fn headers_of_the_connection_stay_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("transfer-encoding", "chunked"),
            ("host", "localhost:7071"),
            ("content-length", "3"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let kept = end_to_end(headers);
        let mut names: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-length", "host"]);
    }

    /// Sends a request through the front to a worker, and returns what either end saw.
    async fn through(
        template: ResponseTemplate,
        request: impl FnOnce(&Client, &str) -> reqwest::RequestBuilder,
    ) -> (wiremock::Request, reqwest::Response) {
        let worker = MockServer::start().await;
        Mock::given(any()).respond_with(template).mount(&worker).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = front::front(&Worker::listening_on(worker.address().port()), None);
        let (_stopper, stop) = Stopper::new();
        tokio::spawn(front::serve(listener, router, stop));
        let response = request(&loopback_client(), &base).send().await.unwrap();
        (worker.received_requests().await.unwrap().remove(0), response)
    }

    #[tokio::test]
    async fn a_request_arrives_as_it_was_sent() {
        let template = ResponseTemplate::new(418)
            .insert_header("x-own", "1")
            .set_body_raw("short", "text/plain");
        let (seen, answer) = through(template, |client, base| {
            client
                .patch(format!("{base}/api/trace/a%2Fb?blob=a%20b&blob=c"))
                .header(INVOCATION_ID, "forged")
                .header("x-functions-key", "k")
                .header("host", "lake.example")
                .body("content")
        })
        .await;
        assert_eq!(seen.method.as_str(), "PATCH");
        let target = &seen.url[url::Position::BeforePath..];
        assert_eq!(target, "/api/trace/a%2Fb?blob=a%20b&blob=c");
        assert_eq!(seen.body, b"content");
        assert_eq!(seen.headers["x-functions-key"], "k");
        assert_eq!(seen.headers["host"], "lake.example");
        assert_eq!(seen.headers["content-length"], "7");
        assert!(!seen.headers.contains_key("transfer-encoding"));
        let ids: Vec<_> = seen.headers.get_all(INVOCATION_ID).iter().collect();
        assert_eq!(ids, [&seen.headers[CORRELATION_ID]]);
        assert_ne!(ids[0], "forged");
        assert!(seen.headers.contains_key(HOST_VERSION));

        assert_eq!(answer.status(), 418);
        assert_eq!(answer.headers()["x-own"], "1");
        assert_eq!(answer.text().await.unwrap(), "short");
    }

    #[tokio::test]
    async fn a_request_without_a_body_stays_without_one() {
        let (seen, answer) = through(ResponseTemplate::new(302), |client, base| {
            client.get(format!("{base}/api/health"))
        })
        .await;
        assert!(!seen.headers.contains_key("transfer-encoding"));
        assert!(!seen.headers.contains_key("content-length"));
        assert_eq!(answer.status(), 302, "redirects are not followed");
    }

    #[tokio::test]
    async fn a_chunked_body_stays_chunked() {
        let (seen, _) = through(ResponseTemplate::new(200), |client, base| {
            let chunks = futures::stream::iter(["a", "b"].map(Ok::<_, std::io::Error>));
            client.post(format!("{base}/api/x")).body(reqwest::Body::wrap_stream(chunks))
        })
        .await;
        assert_eq!(seen.headers["transfer-encoding"], "chunked");
        assert_eq!(seen.body, b"ab");
    }

    #[tokio::test]
    async fn a_dead_worker_is_an_error_of_the_host() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let forwarding = Forward::new(Worker::listening_on(free));
        let request = Request::get("/api/health").body(Body::empty()).unwrap();
        let response = forward(State(forwarding), request).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
