//! The host inlines a blob's whole content. However large it is, the worker stays small.

use super::{
    ID, failed, succeeded,
    worker::{App, Worker, post},
};

/// How much memory a worker may ever hold, in KiB.
const MOST: u64 = 64 << 10;

fn stays_small(worker: &Worker) {
    match worker.peak_memory() {
        Some(peak) => assert!(peak < MOST, "the worker held {peak} KiB"),
        None => println!("skipped: this system does not say how much memory a process held"),
    }
}

#[test]
fn a_large_blob_is_not_held_in_memory() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/large.bin", "the content on the disk does not matter here");
    let mut connection = worker.connect();
    connection.send(post("route_blob", ID));
    connection.send_chunk(br#"{"Data":{"file":""#);
    let piece = b"QUJD".repeat(1 << 18);
    for _ in 0..300 {
        connection.send_chunk(&piece);
    }
    connection.send_chunk(br#""},"Metadata":{"path":"\"in/large.bin\"","sys":{}}}"#);
    connection.send_chunk(b"");
    succeeded(&connection.answer());
    assert_eq!(app.files("out"), ["large.bin"]);
    stays_small(&worker);
}

#[test]
fn much_metadata_is_refused_and_not_held_in_memory() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "x");
    let short = format!(r#""key":"{}","#, "v".repeat(1_000)).repeat(1_000);
    let long = format!(r#""key":"{}","#, "v".repeat(1_000_000));
    for (kind, filler) in [("short", short), ("long", long), ("spaces", " ".repeat(1 << 20))] {
        let mut connection = worker.connect();
        connection.send(post("route_blob", ID));
        connection.send_chunk(br#"{"Data":{"file":""},"Metadata":{"path":"\"in/x.csv\"","#);
        for _ in 0..64 {
            connection.send_chunk(filler.as_bytes());
        }
        connection.send_chunk(br#""sys":{}}}"#);
        connection.send_chunk(b"");
        let detail = failed(&connection.answer(), 400, ID);
        assert!(detail.contains("over 4 MiB"), "{kind}: {detail}");
    }
    assert_eq!(app.files("landing"), ["in/x.csv"]);
    stays_small(&worker);
}

#[test]
fn metadata_within_the_limit_is_read() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "x");
    let metadata = format!(r#""key":"{}","#, "v".repeat(1_000)).repeat(4_000);
    let envelope = format!(
        r#"{{"Data":{{"file":""}},"Metadata":{{{metadata}"path":"\"in/x.csv\"","sys":{{}}}}}}"#
    );
    succeeded(&worker.invoke("route_blob", ID, &envelope));
    assert_eq!(app.files("out"), ["x.csv"]);
}
