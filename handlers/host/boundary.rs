//! The edge between the host and the worker: what holds for every request.
//!
//! Each request runs in a span with its invocation id; an error is logged here, once, and gets its
//! body; a panic is an answer like any other; and a body that nobody read is read to its end,
//! because a proxying host takes an early answer for a broken connection.

use std::{
    any::Any,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, BodyDataStream, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::error::Error;

/// The host's id of an invocation.
#[derive(Clone, Debug, Default)]
pub struct InvocationId(pub Option<Arc<str>>);

/// The header that carries it. A forwarding host adds its own after one that a caller sent, and
/// writes both into one line, between them a comma.
const INVOCATION_ID: &str = "x-azure-functions-invocationid";

/// How long an unread body is read on, and no longer.
const DRAIN: Duration = Duration::from_secs(60);

/// Puts the boundary around every route.
pub fn around(routes: Router) -> Router {
    routes.layer(CatchPanicLayer::custom(panicked)).layer(middleware::from_fn(guard))
}

/// Runs one request inside the boundary.
async fn guard(mut request: Request, next: Next) -> Response {
    let id = invocation_id(request.headers());
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("invocation", invocation.id = id.0.as_deref(), http.path = path);
    request.extensions_mut().insert(id.clone());
    let unread = share_body(&mut request);
    async move {
        let response = next.run(request).await;
        drain(unread).await;
        finish(response, &id)
    }
    .instrument(span)
    .await
}

fn invocation_id(headers: &HeaderMap) -> InvocationId {
    let last = headers.get_all(INVOCATION_ID).iter().next_back();
    let text = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    let text = text.map(str::trim);
    let text = text.filter(|text| text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic()));
    InvocationId(text.map(Arc::from))
}

/// Turns a panic into an answer; the panic hook has logged it.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Error::Panicked.into_response()
}

/// Writes an error's body and logs it.
fn finish(mut response: Response, id: &InvocationId) -> Response {
    let Some(error) = response.extensions_mut().remove::<Arc<Error>>() else { return response };
    let status = response.status();
    // The host retries an invocation that it got no success for, and drops the reason.
    let fails_invocation = matches!(*error, Error::Envelope(_) | Error::Event(_));
    if status.is_server_error() || fails_invocation {
        tracing::error!(error = %error, http.status = status.as_u16(), "the request failed");
    } else {
        tracing::info!(error = %error, http.status = status.as_u16(), "the request is refused");
    }
    let mut answer = (status, Json(error.problem(id.0.as_deref()))).into_response();
    let media = HeaderValue::from_static("application/problem+json; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, media);
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

/// A request body that the handler reads and the boundary can finish.
#[derive(Clone)]
struct Shared(Arc<Mutex<BodyDataStream>>);

impl Stream for Shared {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.poll_next_unpin(context)
    }
}

fn share_body(request: &mut Request) -> Shared {
    let body = std::mem::take(request.body_mut());
    let shared = Shared(Arc::new(Mutex::new(body.into_data_stream())));
    *request.body_mut() = Body::from_stream(shared.clone());
    shared
}

async fn drain(mut unread: Shared) {
    let rest = async { while let Some(Ok(_)) = unread.next().await {} };
    if tokio::time::timeout(DRAIN, rest).await.is_err() {
        tracing::warn!("a request's body did not end; it is cut off");
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use axum::routing::post;
    use serde_json::Value;
    use tokio::net::TcpListener;

    use super::*;

    async fn breaks() -> Response {
        panic!("a defect")
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_with_the_invocation_id() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/route_blob", listener.local_addr().unwrap());
        let routes = around(Router::new().route("/route_blob", post(breaks)));
        let server = tokio::spawn(axum::serve(listener, routes).into_future());
        let request = reqwest::Client::new().post(address).header(INVOCATION_ID, "7a0b2b0e");
        let response = request.body("unread").send().await.unwrap();
        assert_eq!(response.status(), 500);
        let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(problem["invocationId"], "7a0b2b0e");
        assert!(!problem["detail"].as_str().unwrap().contains("a defect"), "{problem}");
        server.abort();
    }
}
