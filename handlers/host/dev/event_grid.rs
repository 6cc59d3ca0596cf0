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
