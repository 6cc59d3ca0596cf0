#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use tempfile::TempDir;
use time::{OffsetDateTime, macros::datetime};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, body_string_contains},
};

use super::{super::stop::Stopper, *};
use crate::stores::local::LocalDatabase;

/// A trigger on a queue in a lake, and a worker that fails messages with `bad` in them.
async fn scene() -> (TempDir, MockServer, QueueTrigger) {
    let lake = tempfile::tempdir().unwrap();
    let server = MockServer::start().await;
    let bad = Mock::given(body_string_contains("bad")).respond_with(ResponseTemplate::new(500));
    bad.with_priority(1).mount(&server).await;
    let fine = ResponseTemplate::new(200).set_body_raw("{}", "application/json");
    Mock::given(any()).respond_with(fine).mount(&server).await;
    let clock = Arc::new(OffsetDateTime::now_utc);
    let queues = LocalDatabase::open(lake.path(), clock).unwrap().queues();
    queues.create("events").await.unwrap();
    let trigger = QueueTrigger {
        function: "route_queue",
        binding: "message".to_owned(),
        queue: "events".to_owned(),
        tries: 5,
        worker: Worker::listening_on(server.address().port()),
        queues,
    };
    (lake, server, trigger)
}

fn message(text: &str) -> Message {
    Message {
        id: "52d53c5f".to_owned(),
        receipt: "MThG".to_owned(),
        text: text.to_owned(),
        dequeue_count: 1,
        inserted: datetime!(2025-02-18 03:06:19 UTC),
        expires: datetime!(2025-02-25 03:06:19 UTC),
        next_visible: datetime!(2025-02-18 03:16:20.7 UTC),
    }
}

#[tokio::test]
async fn the_envelope_is_the_hosts() {
    let (_lake, _server, trigger) = scene().await;
    let mut envelope = trigger.envelope(&message("hello!!"));
    assert_eq!(envelope["Metadata"]["sys"]["MethodName"], "route_queue");
    envelope["Metadata"].as_object_mut().unwrap().remove("sys");
    let expected = json!({
        "Data": {"message": "\"hello!!\""},
        "Metadata": {
            "DequeueCount": "1",
            "ExpirationTime": "2025-02-25T03:06:19+00:00",
            "Id": "\"52d53c5f\"",
            "InsertionTime": "2025-02-18T03:06:19+00:00",
            "NextVisibleTime": "2025-02-18T03:16:20+00:00",
            "PopReceipt": "\"MThG\"",
        },
    });
    assert_eq!(envelope, expected);
}

#[tokio::test]
async fn the_members_of_a_json_object_override_the_hosts_metadata() {
    let (_lake, _server, trigger) = scene().await;
    let envelope = trigger.envelope(&message(r#"{"id":"mine","data":{"url":"u"}}"#));
    assert_eq!(
        envelope["Data"]["message"],
        json!(r#""{\"id\":\"mine\",\"data\":{\"url\":\"u\"}}""#)
    );
    assert_eq!(envelope["Metadata"]["Id"], "\"mine\"");
    assert_eq!(envelope["Metadata"]["data"], json!({"url": "u"}));
    let list = trigger.envelope(&message(r#"[{"id":"mine"}]"#));
    assert_eq!(list["Metadata"]["Id"], "\"52d53c5f\"");
}

#[tokio::test]
async fn a_bad_message_is_tried_five_times_and_set_aside_and_the_others_are_done() {
    let (_lake, server, trigger) = scene().await;
    for text in ["good", "bad", "better"] {
        trigger.queues.send("events", text).await.unwrap();
    }
    let queues = Arc::clone(&trigger.queues);
    let (stopper, stop) = Stopper::new();
    let running = tokio::spawn(trigger.run(stop));
    let poison = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let taken = queues.receive("events-poison", 32, HIDDEN).await;
            match taken.unwrap_or_default().pop() {
                Some(message) => return message,
                None => sleep(Duration::from_millis(10)).await,
            }
        }
    });
    assert_eq!(poison.await.unwrap().text, "bad");
    stopper.stop();
    running.await.unwrap();

    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1 + 5 + 1);
    assert!(requests.iter().all(|request| request.url.path() == "/route_queue"));
    assert!(queues.receive("events", 32, HIDDEN).await.unwrap().is_empty());
}
