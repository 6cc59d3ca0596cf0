//! The HTTP functions, as a forwarding host passes requests on.

use std::fs;

use serde_json::{Value, json};

use super::{
    ID,
    blob_trigger::plain_envelope,
    failed, succeeded,
    wire::Answer,
    worker::{App, Worker, wait_for},
};

/// The methods that `function.json` lists but for the ones that work.
const WRONG: [&str; 6] = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// A request without a body, as the host rebuilds it from its caller's.
pub(super) fn forward(method: &str, target: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!(
        "{method} {target} HTTP/1.1\r\n\
         Host: lake.azurewebsites.net\r\n\
         Accept: */*\r\n\
         X-Forwarded-For: 203.0.113.7:51234\r\n\
         X-Forwarded-Proto: https\r\n\
         {headers}\
         User-Agent: curl/8.5.0 Azure-Functions-Host/4.1037.0.0\r\n\
         X-Azure-Functions-InvocationId: {ID}\r\n\
         X-Azure-Functions-HostVersion: 4.1037.0.0\r\n\r\n"
    )
}

fn get(worker: &Worker, target: &str) -> Answer {
    worker.ask(&forward("GET", target, &[]))
}

#[track_caller]
fn object(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.object()
}

#[test]
fn health_says_ok_or_degraded_and_no_more() {
    let app = App::new();
    let worker = app.start();
    let healthy = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(object(&get(&worker, "/api/health")), healthy);

    app.write("lakehand.toml", "no configuration");
    let mut last = Value::Null;
    wait_for("the new version to be noticed", || {
        last = object(&get(&worker, "/api/health"));
        last["status"] == "degraded"
    });
    assert_eq!(last.as_object().unwrap().len(), 2, "{last}");
}

#[test]
fn status_says_which_stores_answer() {
    let app = App::new();
    let worker = app.start();
    let status = object(&get(&worker, "/api/status"));
    assert_eq!(status["status"], "ok");
    assert_eq!(status["configuration"]["ok"], true);
    let stores = status["stores"].as_array().unwrap();
    assert_eq!(stores.len(), 3);
    assert!(stores.iter().all(|store| store["ok"] == true && store["milliseconds"].is_u64()));

    // The lake can no longer be written to.
    fs::remove_dir_all(app.path("lake/.lakehand/tmp")).unwrap();
    app.write("lake/.lakehand/tmp", "a file");
    let status = object(&get(&worker, "/api/status"));
    assert_eq!(status["status"], "degraded");
    let failing: Vec<_> =
        status["stores"].as_array().unwrap().iter().filter(|store| store["ok"] == false).collect();
    assert_eq!(failing.len(), 1, "{status}");
    assert_eq!(failing[0]["name"], "blobs");
    assert!(failing[0]["detail"].as_str().unwrap().contains("tmp"));
}

#[test]
fn status_says_which_authentication_arrived() {
    let app = App::new();
    let worker = app.start();
    let table = [
        ("/api/status", "X-Nothing: 1", "none"),
        ("/api/status", "x-functions-key: Zm9vYmFy", "function key"),
        ("/api/status?code=Zm9vYmFy", "X-Nothing: 1", "function key"),
        ("/api/status?a=1&Code=Zm9vYmFy", "X-Nothing: 1", "function key"),
        ("/api/status?qrcode=1", "X-Nothing: 1", "none"),
        ("/api/status", "Authorization: Bearer eyJ0eXAi", "bearer token"),
        ("/api/status?code=Zm9vYmFy", "x-ms-client-principal: eyJhdXRo", "platform authentication"),
    ];
    for (target, header, wanted) in table {
        let status = object(&worker.ask(&forward("GET", target, &[header])));
        assert_eq!(status["authentication"], wanted, "{target} {header}");
    }
}

#[test]
fn trace_tells_the_story_of_a_blob() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/a b+é#.csv", "x");
    let envelope = plain_envelope("a b+é#.csv");
    succeeded(&worker.invoke("route_blob", ID, &envelope));
    let trace = object(&get(&worker, "/api/trace?blob=landing%2Fin%2Fa%20b%2B%C3%A9%23.csv"));
    assert_eq!(trace["blob"], "landing/in/a b+é#.csv");
    assert_eq!(trace["value"][0]["destination"], "out/a b+é#.csv");
    assert_eq!(trace["value"][0]["steps"][0]["invocationId"], ID);
}

#[test]
fn trace_says_what_is_wrong_with_a_question() {
    let app = App::new();
    let worker = app.start();
    let table = [
        ("/api/trace", 400),
        ("/api/trace?blob=", 400),
        ("/api/trace?blob=landing", 400),
        ("/api/trace?blob=landing%2F%0Ax", 400),
        ("/api/trace?blob=%FF%FE", 400),
        ("/api/trace?blob=landing%2Fa&blob=landing%2Fb", 400),
        ("/api/trace?blob=landing%2Funknown", 404),
    ];
    for (target, status) in table {
        failed(&get(&worker, target), status, ID);
    }
}

#[test]
fn what_is_not_there_is_not_found_by_any_method() {
    let app = App::new();
    let worker = app.start();
    for target in ["/api/nothing", "/api/health/more", "/api", "/api/", "/favicon.ico"] {
        for method in WRONG.iter().chain(&["GET"]) {
            failed(&worker.ask(&forward(method, target, &[])), 404, ID);
        }
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let app = App::new();
    let worker = app.start();
    for target in ["/api/health", "/api/status", "/api/trace", "/"] {
        for method in WRONG {
            let answer = worker.ask(&forward(method, target, &[]));
            assert!(failed(&answer, 405, ID).starts_with(method));
            assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method} {target}");
        }
    }
}

#[test]
fn head_is_answered_without_a_body_and_the_connection_goes_on() {
    let app = App::new();
    let worker = app.start();
    let mut connection = worker.connect();
    for (target, status) in [("/", 200), ("/api/health", 200), ("/api/trace", 400), ("/api/x", 404)]
    {
        connection.send(forward("HEAD", target, &[]));
        assert_eq!(connection.answer_to_head().status, status, "{target}");
        connection.send(forward("GET", target, &[]));
        assert_eq!(connection.answer().status, status, "{target}");
    }
}

/// A proxying host takes an answer before the end of its request for a broken connection.
#[test]
fn a_large_body_that_nobody_wants_is_read_to_its_end() {
    let app = App::new();
    let worker = app.start();
    let mut connection = worker.connect();
    let body = vec![b'x'; 20 << 20];
    let length = format!("Content-Length: {}", body.len());
    for (method, target, status) in
        [("PUT", "/api/status", 405), ("POST", "/api/nothing", 404), ("DELETE", "/api/trace", 405)]
    {
        connection.send(forward(method, target, &[&length, "Content-Type: text/csv"]));
        connection.send(&body);
        failed(&connection.answer(), status, ID);
    }
    connection.send(forward("GET", "/api/health", &[]));
    assert_eq!(connection.answer().status, 200, "the connection is still of use");
}

/// The host adds its own id after one that its caller sent: as another header line, or after a
/// comma in the same one.
#[test]
fn the_last_invocation_id_is_the_hosts() {
    let app = App::new();
    let worker = app.start();
    let header = "X-Azure-Functions-InvocationId";
    let forged = format!("{header}: 11111111-1111-1111-1111-111111111111");
    failed(&worker.ask(&forward("GET", "/api/nothing", &[&forged])), 404, ID);

    let joined =
        forward("GET", "/api/nothing", &[]).replace(header, &format!("{forged}, {ID}\r\nX"));
    failed(&worker.ask(&joined), 404, ID);
    assert!(!worker.printed("11111111"), "a caller's id is in the log");
}

#[test]
fn a_caller_cannot_forge_an_invocation() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "x");
    let envelope = plain_envelope("x.csv");
    let headers =
        [&format!("Content-Length: {}", envelope.len()), "Content-Type: application/json"];
    for target in [
        "/api/route_blob",
        "/api/Route_Blob",
        "/api/../route_blob",
        "/api/%2e%2e/route_blob",
        "/api//route_blob",
        "//route_blob",
        "/api/route_blob?functionName=route_blob",
        "/route_blob/",
        "/api%2Froute_blob",
    ] {
        let request = forward("POST", target, &headers) + &envelope;
        failed(&worker.ask(&request), 404, ID);
    }
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let request = forward(method, "/route_blob", &headers) + &envelope;
        failed(&worker.ask(&request), 404, ID);
    }
    assert_eq!(app.files("landing"), ["in/x.csv"]);
}
