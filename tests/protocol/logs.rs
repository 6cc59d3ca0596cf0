//! What the worker prints: the host takes each line of stdout into its own log.

use std::os::unix::fs::symlink;

use serde_json::Value;

use super::{
    ID,
    blob_trigger::plain_envelope,
    event_trigger::queue_envelope,
    failed,
    forwarded::forward,
    names::{once, twice},
    succeeded,
    timer_trigger::sweep,
    worker::{App, Ended},
};

/// The lines of stdout, each of which must be one JSON object without anything to steer a terminal.
fn entries(ended: &Ended) -> Vec<Value> {
    let entry = |line: &String| {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        let value: Value = serde_json::from_str(line).unwrap_or(Value::Null);
        assert!(value.is_object(), "no JSON object: {line:?}");
        value
    };
    ended.stdout.iter().map(entry).collect()
}

/// An invocation's id for each number.
fn id(number: usize) -> String {
    format!("{number:08x}-7f0e-4f0c-8f3e-2d9f0a4b6c11")
}

#[test]
fn each_line_of_an_invocation_has_its_id() {
    let app = App::new();
    let worker = app.start();
    let broken = "{\"Data\":{}";
    for number in 0..8 {
        failed(&worker.invoke("route_blob", &id(number), broken), 400, &id(number));
    }
    // A symbolic link is warned of by the thread that lists the directory.
    symlink("/etc/hostname", app.path("lake/landing/link")).unwrap();
    sweep(&worker, &id(8));
    let entries = entries(&worker.end_by("TERM"));
    for number in 0..9 {
        let of_invocation = |entry: &&Value| entry["span"]["invocation.id"] == id(number);
        let mine: Vec<_> = entries.iter().filter(of_invocation).collect();
        assert_eq!(mine.len(), 1, "{entries:#?}");
        let level = if number < 8 { "ERROR" } else { "WARN" };
        assert_eq!(mine[0]["level"], level);
    }
    let mine = entries.iter().filter(|entry| entry.get("span").is_some());
    assert_eq!(mine.count(), 9, "{entries:#?}");
}

#[test]
fn a_hostile_name_cannot_forge_a_line() {
    let app = App::new();
    let worker = app.start();
    let forged = "in/x\n{\"level\":\"ERROR\",\"message\":\"forged\"}\r\n\u{1b}[31mred";
    let path = twice(forged);
    let blob = format!(r#"{{"Data":{{"file":""}},"Metadata":{{"path":{path}}}}}"#);
    failed(&worker.invoke("route_blob", ID, &blob), 400, ID);
    let subject = once(&format!("/blobServices/default/containers/landing/blobs/{forged}"));
    let event = format!(r#"{{"eventType":"Microsoft.Storage.BlobCreated","subject":{subject}}}"#);
    failed(&worker.invoke("route_queue", ID, &queue_envelope(&event)), 400, ID);
    let kind = queue_envelope(&format!(r#"{{"eventType":{}}}"#, once(forged)));
    succeeded(&worker.invoke("route_queue", ID, &kind));
    failed(&worker.ask(&forward("GET", "/api/trace?blob=x%0A%7B%7D%1B", &[])), 400, ID);

    let ended = worker.end_by("TERM");
    let forged = entries(&ended).into_iter().filter(|entry| entry["message"] == "forged");
    assert_eq!(forged.count(), 0);
    assert_eq!(ended.stderr, [""; 0]);
}

#[test]
fn keys_and_tokens_are_in_no_line_and_no_answer() {
    let app = App::new();
    let worker = app.start_with(&[("LAKEHAND_LOG", "trace")]);
    let headers = [
        "x-functions-key: SECRET-key",
        "Authorization: Bearer SECRET-token",
        "Cookie: AppServiceAuthSession=SECRET-cookie",
        "x-ms-client-principal: SECRET-principal",
    ];
    for method in ["GET", "POST"] {
        for target in ["/", "/api/health", "/api/status", "/api/trace", "/api/x", "/route_blob"] {
            for query in ["code=SECRET-code", "blob=landing%2Fx&code=SECRET-code"] {
                let request = forward(method, &format!("{target}?{query}"), &headers);
                let answer = worker.ask(&request);
                assert!(!answer.text().contains("SECRET"), "{target}: {}", answer.text());
            }
        }
    }
    let ended = worker.end_by("TERM");
    assert!(ended.stdout.len() > 10, "the log is on");
    assert!(!ended.text().contains("SECRET"), "{}", ended.text());
    entries(&ended);
}

#[test]
fn a_worker_that_starts_works_and_ends_prints_nothing_to_stderr() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "x");
    succeeded(&worker.invoke("route_blob", ID, &plain_envelope("x.csv")));
    let ended = worker.end_by("TERM");
    assert_eq!(ended.stderr, [""; 0]);
    assert!(!entries(&ended).is_empty());
}
