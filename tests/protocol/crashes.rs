//! The host kills the worker when it likes, and delivers the event again.

use std::os::unix::process::ExitStatusExt;

use super::{
    ID,
    blob_trigger::{plain_envelope, steps},
    succeeded,
    wire::chunk,
    worker::{App, post},
};

/// The steps of a move at which a debug build can be told to die, and whether the source and the
/// copy are there then.
const STEPS: [(&str, bool, bool); 5] = [
    ("matched", true, false),
    ("copied", true, true),
    ("verified", true, true),
    ("recorded", true, true),
    ("removed", false, true),
];

#[test]
fn a_worker_killed_at_any_step_of_a_move_loses_nothing_and_repeats_nothing() {
    for (step, source, copy) in STEPS {
        let app = App::new();
        app.write("lake/landing/in/x.csv", "content");
        let worker = app.start_with(&[("LAKEHAND_CRASH_AT", step)]);
        let mut connection = worker.connect();
        connection.send(post("route_blob", ID));
        connection.send(chunk(plain_envelope("x.csv").as_bytes()));
        connection.send(chunk(b""));
        assert!(connection.try_answer(true).is_err(), "{step}: a dead worker answered");
        assert_eq!(worker.ended().status.signal(), Some(9), "{step}");
        assert_eq!(app.read("lake/landing/in/x.csv").is_some(), source, "{step}: the source");
        assert_eq!(app.read("lake/out/x.csv").is_some(), copy, "{step}: the copy");

        let worker = app.start();
        let lines = succeeded(&worker.invoke("route_blob", ID, &plain_envelope("x.csv")));
        assert!(lines[0].contains("-> out/x.csv"), "{step}: {lines:?}");
        assert_eq!(app.read("lake/out/x.csv").as_deref(), Some("content"), "{step}");
        assert_eq!(app.files("out"), ["x.csv"], "{step}");
        assert_eq!([app.files("landing"), app.files("quarantine")].concat(), [""; 0], "{step}");
        assert_eq!(steps(&worker, "landing/in/x.csv"), ["delivered", "sourceRemoved"], "{step}");
    }
}

#[test]
fn a_worker_killed_while_it_reads_an_envelope_has_done_nothing() {
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
