//! `route_event` and `route_queue`: events, by themselves and as queue messages.

use super::{
    ID, failed,
    names::{NAMES, once},
    succeeded,
    worker::App,
};

/// An event in the Event Grid schema.
const EVENT: &str = r#"{"topic":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake","subject":SUBJECT,"eventType":"Microsoft.Storage.BlobCreated","id":"831e1650-001e-001b-66ab-eeb76e069631","data":{"api":"PutBlob","clientRequestId":"6d79dbfb-0e37-4fc4-981f-442c9ca65760","requestId":"831e1650-001e-001b-66ab-eeb76e000000","eTag":"0x8D4BCC2E4835CD0","contentType":"text/csv","contentLength":3,"blobType":"BlockBlob","url":URL,"sequencer":"00000000000004420000000000028963","storageDiagnostics":{"batchId":"b68529f3-68cd-4744-baa4-3c0498ec19f0"}},"dataVersion":"","metadataVersion":"1","eventTime":"2023-10-12T20:13:49.640002Z"}"#;

/// The same in the CloudEvents 1.0 schema.
const CLOUD_EVENT: &str = r#"{"source":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake","subject":SUBJECT,"type":"Microsoft.Storage.BlobCreated","time":"2023-10-12T20:13:49.640002Z","id":"831e1650-001e-001b-66ab-eeb76e069631","data":{"api":"FlushWithClose","clientRequestId":"6d79dbfb-0e37-4fc4-981f-442c9ca65760","requestId":"831e1650-001e-001b-66ab-eeb76e000000","eTag":"0x8D4BCC2E4835CD0","contentType":"text/csv","contentLength":3,"contentOffset":0,"blobType":"BlockBlob","url":URL,"sequencer":"00000000000004420000000000028963","identity":"444dcbd0","storageDiagnostics":{"batchId":"b68529f3-68cd-4744-baa4-3c0498ec19f0"}},"specversion":"1.0"}"#;

/// The base64 text of an event about `landing/in/x.csv`.
const BASE64: &str = "eyJ0b3BpYyI6Ii9zdWJzY3JpcHRpb25zL3MvcmVzb3VyY2VHcm91cHMvZy9wcm92aWRlcnMvTWljcm9zb2Z0LlN0b3JhZ2Uvc3RvcmFnZUFjY291bnRzL2xha2UiLCJzdWJqZWN0IjoiL2Jsb2JTZXJ2aWNlcy9kZWZhdWx0L2NvbnRhaW5lcnMvbGFuZGluZy9ibG9icy9pbi94LmNzdiIsImV2ZW50VHlwZSI6Ik1pY3Jvc29mdC5TdG9yYWdlLkJsb2JDcmVhdGVkIiwiaWQiOiI4MzFlMTY1MC0wMDFlLTAwMWItNjZhYi1lZWI3NmUwNjk2MzEiLCJkYXRhIjp7ImFwaSI6IlB1dEJsb2IiLCJjb250ZW50TGVuZ3RoIjozLCJibG9iVHlwZSI6IkJsb2NrQmxvYiIsInVybCI6Imh0dHBzOi8vbGFrZS5ibG9iLmNvcmUud2luZG93cy5uZXQvbGFuZGluZy9pbi94LmNzdiJ9LCJkYXRhVmVyc2lvbiI6IiIsIm1ldGFkYXRhVmVyc2lvbiI6IjEiLCJldmVudFRpbWUiOiIyMDIzLTEwLTEyVDIwOjEzOjQ5LjY0MDAwMloifQ==";

/// An event about a blob below `landing/in/`; the subject holds its name, the URL its address.
pub(super) fn event(schema: &str, name: &str, address: &str) -> String {
    let subject = format!("/blobServices/default/containers/landing/blobs/in/{name}");
    let url = format!("https://lake.blob.core.windows.net/landing/in/{address}");
    schema.replace("SUBJECT", &once(&subject)).replace("URL", &once(&url))
}

/// What the host posts for one event; `data` it sends twice.
fn event_envelope(event: &str) -> String {
    let sys = r#"{"MethodName":"route_event","UtcNow":"2023-10-12T20:13:50.1264382Z","RandGuid":"7a0b2b0e-7a58-4d9d-8d3e-4f4c1a4b1f8e"}"#;
    let data = serde_json::from_str::<serde_json::Value>(event).unwrap()["data"].to_string();
    format!(r#"{{"Data":{{"event":{event}}},"Metadata":{{"data":{data},"sys":{sys}}}}}"#)
}

/// What the host posts for a queue message, whose value is given as it travels. The message's own
/// fields come along and take the place of what the host knows.
pub(super) fn queue_envelope(message: &str) -> String {
    format!(
        r#"{{"Data":{{"message":{message}}},"Metadata":{{"DequeueCount":"1","ExpirationTime":"2025-02-25T03:06:19+00:00","Id":"\"831e1650-001e-001b-66ab-eeb76e069631\"","InsertionTime":"2025-02-18T03:06:19+00:00","NextVisibleTime":"2025-02-18T03:16:20+00:00","PopReceipt":"\"MThGZWIyMDI1MDM6MDY6MjA0Yjdm\"","eventType":"\"Microsoft.Storage.BlobCreated\"","path":"\"in/other.csv\"","sys":{{"MethodName":"route_queue","UtcNow":"2025-02-18T03:06:20.7562691Z","RandGuid":"e59556b5-6a4c-4c5b-9b5f-3f1f0a2b7c11"}}}}}}"#
    )
}

/// Lands every name, has it moved by an event, and looks for it on the disk.
fn moves_every_name(function: &str, envelope: impl Fn(&str, &str) -> String) {
    let app = App::new();
    let worker = app.start();
    for (name, address, disk) in NAMES {
        app.write(&format!("lake/landing/in/{disk}"), name);
        let lines = succeeded(&worker.invoke(function, ID, &envelope(name, address)));
        assert!(lines[0].starts_with(&format!("landing/in/{name} -> out/{name}  ")), "{lines:?}");
        assert_eq!(app.read(&format!("lake/out/{disk}")).as_deref(), Some(name));
        assert_eq!(app.files("landing"), [""; 0], "{name}");
    }
    assert_eq!(app.files("quarantine"), [""; 0]);
}

#[test]
fn every_name_arrives_by_an_event_of_either_schema() {
    for schema in [EVENT, CLOUD_EVENT] {
        moves_every_name("route_event", |name, address| {
            event_envelope(&event(schema, name, address))
        });
    }
}

#[test]
fn every_name_arrives_by_a_queue_message_encoded_three_times() {
    moves_every_name("route_queue", |name, address| {
        queue_envelope(&once(&once(&event(EVENT, name, address))))
    });
}

#[test]
fn a_queue_message_is_read_however_it_is_encoded() {
    let plain = event(CLOUD_EVENT, "x.csv", "x.csv");
    let messages = [
        ("an object", plain.clone()),
        ("JSON text", once(&plain)),
        ("JSON text, encoded again", once(&once(&plain))),
        ("base64", once(BASE64)),
        ("base64, encoded again", once(&once(BASE64))),
        ("a list as text", once(&once(&format!("[{plain}]")))),
    ];
    for (kind, message) in messages {
        let app = App::new();
        let worker = app.start();
        app.write("lake/landing/in/x.csv", kind);
        succeeded(&worker.invoke("route_queue", ID, &queue_envelope(&message)));
        assert_eq!(app.read("lake/out/x.csv").as_deref(), Some(kind));
    }
}

#[test]
fn a_batch_of_events_is_a_list_in_a_string() {
    let app = App::new();
    let worker = app.start();
    let names = ["x.csv", "é 仓库.csv"];
    for name in names {
        app.write(&format!("lake/landing/in/{name}"), name);
    }
    let addresses = ["x.csv", "%C3%A9%20%E4%BB%93%E5%BA%93.csv"];
    let events = [event(EVENT, names[0], addresses[0]), event(CLOUD_EVENT, names[1], addresses[1])];
    let many = once(&format!("[{}]", events.join(",")));
    let envelope = format!(r#"{{"Data":{{"event":{many}}},"Metadata":{{"sys":{{}}}}}}"#);
    let lines = succeeded(&worker.invoke("Route_Event", ID, &envelope));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(app.files("out"), names);
}

#[test]
fn what_announces_no_content_is_ignored() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "still being written");
    let created = event(EVENT, "x.csv", "x.csv");
    for (what, change) in [
        ("CreateFile", created.replace("PutBlob", "CreateFile")),
        ("BlobDeleted", created.replace("BlobCreated", "BlobDeleted")),
        ("BlobTierChanged", created.replace("BlobCreated", "BlobTierChanged")),
        ("not a landing container", created.replace("/landing/", "/elsewhere/")),
        ("$logs", created.replace("/landing/", "/$logs/")),
    ] {
        let lines = succeeded(&worker.invoke("route_event", ID, &event_envelope(&change)));
        assert!(lines[0].contains(what) && lines[0].contains("ignored"), "{lines:?}");
    }
    assert_eq!(app.files("landing"), ["in/x.csv"]);
    assert_eq!(app.files("out"), [""; 0]);
}

#[test]
fn the_same_event_again_and_late_succeeds_and_changes_nothing() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "x");
    let events = [event(EVENT, "x.csv", "x.csv"), event(CLOUD_EVENT, "x.csv", "x.csv")];
    for event in events.iter().chain(&events) {
        succeeded(&worker.invoke("route_event", ID, &event_envelope(event)));
        succeeded(&worker.invoke("route_queue", ID, &queue_envelope(&once(&once(event)))));
    }
    assert_eq!(app.files("out"), ["x.csv"]);
    assert_eq!(app.files("quarantine"), [""; 0]);
}

#[test]
fn what_is_no_event_fails_and_says_why() {
    let app = App::new();
    let worker = app.start();
    for message in ["\"\\\"hello!!\\\"\"", "\"4\"", "null", "[1]", "{}", "\"\\\"abcd\\\"\""] {
        let detail = failed(&worker.invoke("route_queue", ID, &queue_envelope(message)), 400, ID);
        assert!(detail.starts_with("not a storage event: "), "{message}: {detail}");
    }
}
