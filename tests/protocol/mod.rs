//! The protocol between the Functions host and the worker, from the host's side: literal bytes to
//! the built binary, on a local lake.
//!
//! Nothing here uses the worker's own reading and writing of the protocol; what the host sends and
//! expects is written down a second time, from the host's code (version 4).

mod blob_trigger;
mod event_trigger;
mod exits;
mod failures;
mod forwarded;
mod logs;
mod memory;
mod names;
mod startup;
mod timer_trigger;
mod wire;
mod worker;

use serde_json::Value;

use wire::Answer;

/// An invocation's id, as the host writes them.
const ID: &str = "0b1c9a51-7f0e-4f0c-8f3e-2d9f0a4b6c11";

/// Checks an answer as the host does that takes it for success, and returns the lines it logs.
///
/// A body that is empty or `null` would hang the invocation until the host kills the worker.
#[track_caller]
fn succeeded(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let reply = answer.object();
    assert_eq!(reply.as_object().unwrap().len(), 3, "{reply}");
    assert_eq!(reply["Outputs"], Value::Object(serde_json::Map::new()));
    assert_eq!(reply.get("ReturnValue"), Some(&Value::Null));
    let line = |line: &Value| line.as_str().expect("a line is a string").to_owned();
    reply["Logs"].as_array().expect("lines").iter().map(line).collect()
}

/// Checks the problem object that every failure carries, and returns its detail.
#[track_caller]
fn failed(answer: &Answer, status: u16, id: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    let media = answer.header("content-type").unwrap_or_default();
    assert!(media.starts_with("application/problem+json"), "{media}");
    let problem = answer.object();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["invocationId"], id, "{problem}");
    for field in ["type", "title", "detail"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    }
    problem["detail"].as_str().unwrap().to_owned()
}
