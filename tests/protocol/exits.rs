//! How the worker ends: the host starts it again after any exit code but 0, and counts all but 200
//! as failures.

use std::{
    net::{Ipv4Addr, TcpListener},
    os::unix::process::ExitStatusExt,
};

use super::{
    ID,
    blob_trigger::plain_envelope,
    forwarded::forward,
    succeeded,
    wire::chunk,
    worker::{App, post},
};

#[test]
fn an_end_that_was_asked_for_asks_for_another_start() {
    for signal in ["TERM", "INT"] {
        let app = App::new();
        let worker = app.start();
        // An open connection must not keep it.
        let mut idle = worker.connect();
        idle.send(forward("GET", "/", &[]));
        assert_eq!(idle.answer().status, 200);
        let unused = worker.connect();
        let ended = worker.end_by(signal);
        assert_eq!(ended.status.code(), Some(200), "{signal}");
        drop((idle, unused));
    }
}

#[test]
fn a_port_that_is_taken_is_a_failure() {
    let app = App::new();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = app.fail(&[("FUNCTIONS_CUSTOMHANDLER_PORT", &port)]);
    assert!(!matches!(ended.status.code(), None | Some(0 | 200)), "{:?}", ended.status);
    assert!(ended.stderr.concat().contains(&port), "{:?}", ended.stderr);
}

#[test]
fn a_worker_that_is_killed_over_an_envelope_has_done_nothing() {
    let app = App::new();
    app.write("lake/landing/in/x.csv", "content");
    let worker = app.start();
    let mut connection = worker.connect();
    connection.send(post("route_blob", ID));
    connection.send(chunk(&plain_envelope("x.csv").as_bytes()[..40]));
    assert_eq!(worker.end_by("KILL").status.signal(), Some(9));
    assert_eq!(app.files("landing"), ["in/x.csv"]);

    let worker = app.start();
    succeeded(&worker.invoke("route_blob", ID, &plain_envelope("x.csv")));
    assert_eq!(app.files("out"), ["x.csv"]);
}
