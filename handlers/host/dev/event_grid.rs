//! Event Grid's side of the host: the webhook with its handshake, and the envelope of one event.

use std::collections::HashMap;

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode},
    response::{IntoResponse, Response},
};
use futures::future::join_all;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use url::Url;
use uuid::Uuid;

use super::{
    envelope::{Metadata, blob_url, envelope},
    front::refuse,
    worker::{Failure, Worker},
};
use crate::stores::blobs::{BlobPath, Properties};

/// A Function with an Event Grid trigger, ready to be given events.
#[derive(Clone, Debug)]
pub(super) struct EventFunction {
    /// The Function's name.
    pub(super) function: &'static str,
    /// Its binding's name.
    pub(super) binding: String,
    /// The worker that runs it.
    pub(super) worker: Worker,
}

impl EventFunction {
    /// Delivers one event of either schema. A failure is printed here.
    pub(super) async fn deliver(&self, event: Value) -> Result<(), Failure> {
        self.invoke(&self.envelope(event)).await
    }

    /// Delivers an envelope that is already one. A failure is printed here.
    pub(super) async fn invoke(&self, envelope: &Value) -> Result<(), Failure> {
        let result = self.worker.invoke(self.function, envelope).await;
        if let Err(failure) = &result {
            self.worker.report.event(&format!("{} failed: {failure}", self.function));
        }
        result
    }

    /// The envelope of one event; the host repeats its data in the metadata.
    pub(super) fn envelope(&self, event: Value) -> Value {
        let metadata = Metadata::default();
        let metadata = match event.get("data") {
            Some(data) => metadata.with("data", data.clone()),
            None => metadata,
        };
        envelope(self.function, &self.binding, event, metadata)
    }
}

/// The event that Storage would send for this blob.
pub(super) fn blob_created(account: &Url, path: &BlobPath, properties: &Properties) -> Value {
    let now = OffsetDateTime::now_utc().format(&Rfc3339);
    json!({
        "topic": "/subscriptions/local/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/local",
        "subject": format!("/blobServices/default/containers/{}/blobs/{}", path.container(), path.name()),
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": Uuid::new_v4().to_string(),
        "eventTime": now.expect("the current date is within RFC 3339"),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": {
            "api": "PutBlob",
            "eTag": properties.etag.as_str(),
            "contentType": properties.content_type,
            "contentLength": properties.length,
            "blobType": "BlockBlob",
            "url": blob_url(account, path),
        },
    })
}

/// `/runtime/webhooks/EventGrid?functionName=…`: the handshake, and deliveries.
pub(super) async fn webhook(
    State(function): State<EventFunction>,
    Query(query): Query<HashMap<String, String>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let named = query.get("functionName").map(String::as_str).unwrap_or_default();
    if named != function.function {
        let reason = format!(
            "no Event Grid function `{named}`; this app has functionName={}",
            function.function
        );
        return refuse(StatusCode::NOT_FOUND, &reason);
    }
    if method == Method::OPTIONS {
        return allow_origin(&headers);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "the body is not JSON");
    };
    match headers.get("aeg-event-type").and_then(|kind| kind.to_str().ok()) {
        Some("SubscriptionValidation") => validate(&body),
        Some("Notification") => notify(&function, body).await,
        Some("Unsubscribe") => StatusCode::ACCEPTED.into_response(),
        _ => refuse(
            StatusCode::BAD_REQUEST,
            "send the header aeg-event-type: SubscriptionValidation, Notification or Unsubscribe",
        ),
    }
}

/// The handshake of the CloudEvents schema.
fn allow_origin(headers: &HeaderMap) -> Response {
    let anyone = HeaderValue::from_static("*");
    let origin = headers.get("webhook-request-origin").cloned().unwrap_or(anyone);
    [("webhook-allowed-origin", origin)].into_response()
}

/// The handshake of the Event Grid schema.
fn validate(body: &Value) -> Response {
    match body.pointer("/0/data/validationCode") {
        Some(code) => Json(json!({ "validationResponse": code })).into_response(),
        None => refuse(StatusCode::BAD_REQUEST, "the event holds no data.validationCode"),
    }
}

/// Runs every event of a delivery at once; one failure makes Event Grid send them all again.
async fn notify(function: &EventFunction, body: Value) -> Response {
    let events = match body {
        Value::Array(events) => events,
        event => vec![event],
    };
    if !events.iter().all(Value::is_object) {
        return refuse(StatusCode::BAD_REQUEST, "an event is a JSON object");
    }
    let results = join_all(events.into_iter().map(|event| function.deliver(event))).await;
    let failed = results.iter().filter(|result| result.is_err()).count();
    if failed == 0 {
        return StatusCode::ACCEPTED.into_response();
    }
    let reason = format!("{failed} of {} events failed", results.len());
    refuse(StatusCode::INTERNAL_SERVER_ERROR, &reason)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use axum::{body::Body, http::Request};
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{any, body_string_contains},
    };

    use super::*;

    /// A worker that fails events with `bad` in them.
    async fn worker() -> (MockServer, EventFunction) {
        let server = MockServer::start().await;
        Mock::given(body_string_contains("bad"))
            .respond_with(ResponseTemplate::new(503))
            .with_priority(1)
            .mount(&server)
            .await;
        let fine = ResponseTemplate::new(200).set_body_raw("{}", "application/json");
        Mock::given(any()).respond_with(fine).mount(&server).await;
        let worker = Worker::listening_on(server.address().port());
        let function =
            EventFunction { function: "route_event", binding: "event".to_owned(), worker };
        (server, function)
    }

    async fn send(function: &EventFunction, request: Request<Body>) -> (StatusCode, Value) {
        let (parts, body) = request.into_parts();
        let query = Query::try_from_uri(&parts.uri).unwrap();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let state = State(function.clone());
        let response = webhook(state, query, parts.method, parts.headers, body).await;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn post(kind: &str, body: &str) -> Request<Body> {
        Request::post("/runtime/webhooks/EventGrid?functionName=route_event")
            .header("aeg-event-type", kind)
            .body(Body::from(body.to_owned()))
            .unwrap()
    }

    #[tokio::test]
    async fn the_handshake_returns_the_code() {
        let (_server, function) = worker().await;
        let body = r#"[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]"#;
        let (status, answer) = send(&function, post("SubscriptionValidation", body)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer, json!({"validationResponse": "512d38b6"}));
        let (status, _) = send(&function, post("SubscriptionValidation", "[]")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn each_event_of_a_delivery_is_one_invocation() {
        let (server, function) = worker().await;
        let body = r#"[{"id":"1","data":{"url":"u"}},{"id":"2"}]"#;
        let (status, _) = send(&function, post("Notification", body)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let mut bodies: Vec<Value> = server
            .received_requests()
            .await
            .unwrap()
            .iter()
            .map(|request| request.body_json().unwrap())
            .collect();
        bodies.sort_by_key(|body| body["Data"]["event"]["id"].to_string());
        assert_eq!(bodies[0]["Data"], json!({"event": {"id": "1", "data": {"url": "u"}}}));
        assert_eq!(bodies[0]["Metadata"]["data"], json!({"url": "u"}));
        assert_eq!(bodies[0]["Metadata"]["sys"]["MethodName"], "route_event");
        assert_eq!(bodies[1]["Data"], json!({"event": {"id": "2"}}));
    }

    #[tokio::test]
    async fn one_failure_fails_the_delivery_but_stops_no_other_event() {
        let (server, function) = worker().await;
        let body = r#"[{"id":"bad"},{"id":"2"},{"id":"3"}]"#;
        let (status, _) = send(&function, post("Notification", body)).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(server.received_requests().await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_cloud_event_comes_alone_and_with_its_own_handshake() {
        let (server, function) = worker().await;
        let body = r#"{"specversion":"1.0","id":"1","type":"Microsoft.Storage.BlobCreated"}"#;
        let (status, _) = send(&function, post("Notification", body)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);

        let mut options = post("x", "");
        *options.method_mut() = Method::OPTIONS;
        let (status, _) = send(&function, options).await;
        assert_eq!(status, StatusCode::OK);
    }

    #[tokio::test]
    async fn everything_else_is_refused() {
        let (server, function) = worker().await;
        let table = [
            (post("Unsubscribe", "[]"), StatusCode::ACCEPTED),
            (post("Other", "[]"), StatusCode::BAD_REQUEST),
            (post("Notification", "{"), StatusCode::BAD_REQUEST),
            (post("Notification", "[1]"), StatusCode::BAD_REQUEST),
            (
                Request::post("/runtime/webhooks/EventGrid?functionName=other")
                    .body(Body::empty())
                    .unwrap(),
                StatusCode::NOT_FOUND,
            ),
        ];
        for (request, expected) in table {
            assert_eq!(send(&function, request).await.0, expected);
        }
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
