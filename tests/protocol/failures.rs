//! Invocations that fail: what the host hears, what the log says, and that the worker lives on.

use std::fs;

use super::{
    ID,
    blob_trigger::plain_envelope,
    failed, succeeded,
    wire::chunk,
    worker::{App, Ended, Worker, post, wait_for},
};

/// The host drops the body of a failure, so the worker's log must say what it was: once.
#[track_caller]
fn logged_once(ended: &Ended, id: &str) {
    let lines: Vec<_> = ended.stdout.iter().filter(|line| line.contains(id)).collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(ended.stderr, [""; 0]);
}

fn still_works(app: &App, worker: &Worker) {
    app.write("lake/landing/in/after.csv", "x");
    succeeded(&worker.invoke("route_blob", ID, &plain_envelope("after.csv")));
    assert_eq!(app.files("out"), ["after.csv"]);
}

#[test]
fn what_is_no_envelope_is_refused() {
    let app = App::new();
    let worker = app.start();
    let bodies = [
        ("route_blob", ""),
        ("route_blob", "null"),
        ("route_blob", "[]"),
        ("route_blob", "\"text\""),
        ("route_blob", "not JSON"),
        ("route_blob", "{\"Data\":{\"file\":\"aGk=\"},\"Metadata\":{\"path\":\"in"),
        ("route_blob", "{\"Data\":[],\"Metadata\":{}}"),
        ("route_blob", "{}"),
        ("route_blob", "{\"Data\":{\"file\":\"aGk=\"},\"Metadata\":{\"sys\":{}}}"),
        ("route_blob", "{\"Data\":{},\"Metadata\":{\"path\":{\"a\":1}}}"),
        ("route_blob", "{\"Data\":{},\"Metadata\":{\"path\":\"\\\"\\\"\"}}"),
        ("route_event", "{\"Data\":{},\"Metadata\":{}}"),
        ("route_queue", "{\"Data\":{\"event\":\"{}\"},\"Metadata\":{}}"),
        ("sweep_landing", "null"),
        ("sweep_landing", ""),
    ];
    for (function, body) in bodies {
        failed(&worker.invoke(function, ID, body), 400, ID);
    }
    let nested = "[".repeat(100_000);
    failed(&worker.invoke("route_queue", ID, &nested), 400, ID);
    failed(&worker.invoke("route_blob", ID, &"\"\\".repeat(100_000)), 400, ID);
    still_works(&app, &worker);
}

#[test]
fn bytes_that_are_no_utf_8_are_refused() {
    let app = App::new();
    let worker = app.start();
    let envelope = b"{\"Data\":{\"file\":\"\"},\"Metadata\":{\"path\":\"\\\"in/\xc3\x28\\\"\"}}";
    failed(&worker.invoke_in_pieces("route_blob", ID, envelope, 10), 400, ID);
    still_works(&app, &worker);
}

#[test]
fn a_body_that_is_cut_off_moves_nothing() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "x");
    let envelope = plain_envelope("x.csv");
    let whole = chunk(envelope.as_bytes());
    let length = post("route_blob", ID)
        .replace("Transfer-Encoding: chunked", &format!("Content-Length: {}", envelope.len() + 1));
    let bodies = [
        (post("route_blob", ID), &whole[..whole.len() / 2]),
        // Everything is there but the last chunk, which says so.
        (post("route_blob", ID), &whole[..]),
        (length, envelope.as_bytes()),
    ];
    for (head, body) in bodies {
        let mut connection = worker.connect();
        connection.send(head);
        connection.send(body);
        connection.cut_off();
        // A sender that is gone hears nothing; one that still listens hears no success.
        if let Ok(answer) = connection.try_answer(true) {
            assert!(!(200..300).contains(&answer.status), "{answer:?}");
        }
    }
    assert_eq!(app.files("landing"), ["in/x.csv"]);
    let answer = worker.invoke("route_blob", ID, &envelope);
    succeeded(&answer);
    assert_eq!(app.files("out"), ["x.csv"]);
}

#[test]
fn a_function_that_is_not_there_is_not_found() {
    let app = App::new();
    let worker = app.start();
    for function in ["route", "route_blob2", "health", "api", "%72oute_blob", "route_blob/"] {
        failed(&worker.invoke(function, ID, &plain_envelope("x.csv")), 404, ID);
    }
}

#[test]
fn a_container_that_cannot_be_read_asks_for_a_retry() {
    let app = App::new();
    let worker = app.start();
    fs::remove_dir_all(app.path("lake/landing")).unwrap();
    app.write("lake/landing", "a file where the container should be");
    let detail = failed(&worker.invoke("route_blob", ID, &plain_envelope("x.csv")), 503, ID);
    assert!(detail.contains("landing/in/x.csv"), "{detail}");

    fs::remove_file(app.path("lake/landing")).unwrap();
    still_works(&app, &worker);
    logged_once(&worker.end_by("TERM"), ID);
}

#[test]
fn a_configuration_that_is_not_valid_asks_for_a_retry_until_it_is() {
    let app = App::new();
    let rules = app.read("lakehand.toml").unwrap();
    app.write("lakehand.toml", "[[route]]\nname = 1\n");
    let worker = app.start();
    wait_for("the first reading", || worker.printed("\"ERROR\""));
    let detail = failed(&worker.invoke("route_blob", ID, &plain_envelope("x.csv")), 503, ID);
    assert!(detail.contains("2:8"), "the place in the file: {detail}");

    app.write("lakehand.toml", &rules);
    app.write("lake/landing/in/x.csv", "x");
    let retry = "7a0b2b0e-7a58-4d9d-8d3e-4f4c1a4b1f8e";
    wait_for("the new version to be in force", || {
        worker.invoke("route_blob", retry, &plain_envelope("x.csv")).status == 200
    });
    assert_eq!(app.files("out"), ["x.csv"]);
    logged_once(&worker.end_by("TERM"), ID);
}

#[test]
fn a_configuration_that_is_not_there_asks_for_a_retry() {
    let app = App::new();
    fs::remove_file(app.path("lakehand.toml")).unwrap();
    let worker = app.start();
    wait_for("the first reading", || worker.printed("\"ERROR\""));
    let detail = failed(&worker.invoke("route_blob", ID, &plain_envelope("x.csv")), 503, ID);
    assert!(detail.contains("lakehand.toml"), "the file's name: {detail}");
    logged_once(&worker.end_by("TERM"), ID);
}
