//! `route_blob`: the envelopes of a blob trigger.

use super::{
    ID, failed,
    names::{NAMES, once, twice},
    succeeded,
    worker::{App, Worker},
};

/// What the host posts for a blob: its content in base64, scalars encoded twice, the ETag lost.
const ENVELOPE: &str = r#"{"Data":{"file":"aWQsbmFtZQoxLEFkYQo="},"Metadata":{"Uri":URI,"Properties":{"LastModified":"2023-05-31T13:28:51+00:00","CreatedOn":"2023-05-31T13:18:04+00:00","Metadata":{},"BlobType":0,"ContentLength":14,"ContentType":"text/csv","ETag":{},"ContentHash":"SK/c+G9WfXJNIQ3lT17FkA==","ContentEncoding":null,"AccessTier":"Hot","VersionId":null,"TagCount":0},"Metadata":{},"path":PATH,"sys":{"MethodName":"route_blob","UtcNow":"2023-05-31T13:55:02.1264382Z","RandGuid":"7a0b2b0e-7a58-4d9d-8d3e-4f4c1a4b1f8e"}}}"#;

/// The envelope of a blob with this name below `in/`, whose address ends so.
pub(super) fn envelope(name: &str, address: &str) -> String {
    let uri = format!("https://lake.blob.core.windows.net/landing/in/{address}");
    ENVELOPE.replace("URI", &twice(&uri)).replace("PATH", &twice(&format!("in/{name}")))
}

/// The same for a plain name.
pub(super) fn plain_envelope(name: &str) -> String {
    envelope(name, name)
}

/// Lands every name, has it moved by an envelope, and looks for it on the disk.
fn moves_every_name(envelope: impl Fn(&str, &str) -> String) {
    let app = App::new();
    let worker = app.start();
    for (name, address, disk) in NAMES {
        app.write(&format!("lake/landing/in/{disk}"), name);
        let lines = succeeded(&worker.invoke("route_blob", ID, &envelope(name, address)));
        let line = lines.first().expect("a line about the blob");
        assert!(line.starts_with(&format!("landing/in/{name} -> out/{name}  ")), "{lines:?}");
        assert_eq!(app.read(&format!("lake/out/{disk}")).as_deref(), Some(name));
        assert_eq!(app.files("landing"), [""; 0], "{name}");
    }
    assert_eq!(app.files("quarantine"), [""; 0]);
    assert_eq!(app.files("out").len(), NAMES.len());
}

#[test]
fn every_name_arrives_by_the_path_that_the_binding_captures() {
    moves_every_name(envelope);
}

#[test]
fn every_name_arrives_by_its_address_alone() {
    let sys = r#""sys":{"MethodName":"route_blob"}"#;
    for start in ["https://lake.blob.core.windows.net", "http://127.0.0.1:10000/devstoreaccount1"] {
        moves_every_name(|_, address| {
            let uri = twice(&format!("{start}/landing/in/{address}"));
            format!(r#"{{"Data":{{"file":"aGk="}},"Metadata":{{{sys},"Uri":{uri}}}}}"#)
        });
    }
}

#[test]
fn every_name_arrives_when_values_are_encoded_once() {
    moves_every_name(|name, _| {
        let path = once(&format!("in/{name}"));
        format!(r#"{{"Data":{{"file":"aGk="}},"Metadata":{{"path":{path}}}}}"#)
    });
}

#[test]
fn chunks_may_end_anywhere() {
    let app = App::new();
    let worker = app.start();
    let name = "é 仓 😀 \"quoted\" back\\slash.csv";
    for size in [1, 2, 3, 7, 64, 4096] {
        app.write(&format!("lake/landing/in/{size}/{name}"), name);
        let envelope = plain_envelope(&format!("{size}/{name}"));
        let answer = worker.invoke_in_pieces("route_blob", ID, envelope.as_bytes(), size);
        succeeded(&answer);
        assert_eq!(app.read(&format!("lake/out/{size}/{name}")).as_deref(), Some(name));
    }
}

#[test]
fn escapes_are_the_characters_they_stand_for() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/😀/é.csv", "x");
    let path = r#""\"in/\\ud83d\\ude00\/\u00e9.csv\"""#;
    let envelope = format!(r#"{{"Data":{{"file":""}},"Metadata":{{"path":{path}}}}}"#);
    succeeded(&worker.invoke_in_pieces("route_blob", ID, envelope.as_bytes(), 1));
    assert_eq!(app.files("out"), ["😀/é.csv"]);
}

#[test]
fn function_names_have_no_case() {
    let app = App::new();
    let worker = app.start();
    for function in ["Route_Blob", "ROUTE_BLOB"] {
        app.write(&format!("lake/landing/in/{function}"), "x");
        succeeded(&worker.invoke(function, ID, &plain_envelope(function)));
        assert!(app.read(&format!("lake/out/{function}")).is_some());
    }
}

#[test]
fn the_same_envelope_again_succeeds_and_changes_nothing() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "one");
    let first = succeeded(&worker.invoke("route_blob", ID, &plain_envelope("x.csv")));
    let again = succeeded(&worker.invoke("route_blob", ID, &plain_envelope("x.csv")));
    assert!(first[0].contains("-> out/x.csv") && again[0].contains("-> out/x.csv"), "{again:?}");
    assert_eq!(app.files("out"), ["x.csv"]);
    assert_eq!(steps(&worker, "landing/in/x.csv"), ["delivered", "sourceRemoved"]);
}

#[test]
fn the_same_envelope_many_times_at_once_has_one_effect() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "one");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                succeeded(&worker.invoke("route_blob", ID, &plain_envelope("x.csv")));
            });
        }
    });
    assert_eq!(app.files("out"), ["x.csv"]);
    assert_eq!([app.files("landing"), app.files("quarantine")].concat(), [""; 0]);
    assert_eq!(steps(&worker, "landing/in/x.csv"), ["delivered", "sourceRemoved"]);
}

#[test]
fn a_late_event_about_a_blob_that_is_gone_succeeds() {
    let app = App::new();
    let worker = app.start();
    let lines = succeeded(&worker.invoke("route_blob", ID, &plain_envelope("never.csv")));
    assert!(lines[0].contains("is gone"), "{lines:?}");
    assert_eq!([app.files("out"), app.files("quarantine")].concat(), [""; 0]);
}

#[test]
fn a_blob_that_no_route_takes_is_quarantined_and_the_reason_is_said() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/stray.csv", "x");
    let uri = "https://lake.blob.core.windows.net/landing/stray.csv";
    let envelope = ENVELOPE.replace("URI", &twice(uri)).replace("PATH", &twice("stray.csv"));
    let lines = succeeded(&worker.invoke("route_blob", ID, &envelope));
    assert!(lines[0].contains("quarantine/landing/stray.csv  quarantined: no route"), "{lines:?}");
    assert_eq!(app.read("lake/quarantine/landing/stray.csv").as_deref(), Some("x"));
    assert_eq!(app.files("landing"), [""; 0]);
}

#[test]
fn a_name_with_control_characters_is_refused() {
    let app = App::new();
    let worker = app.start();
    for name in ["in/a\nb", "in/a\r\n{\"level\":\"ERROR\"}", "in/\u{1b}[31m", "in/\0", "in/\u{85}"]
    {
        let envelope = ENVELOPE.replace("URI", "null").replace("PATH", &twice(name));
        let detail = failed(&worker.invoke("route_blob", ID, &envelope), 400, ID);
        assert!(detail.contains("no control characters"), "{detail}");
    }
}

#[test]
fn a_name_cannot_lead_out_of_the_lake() {
    let app = App::new();
    let worker = app.start();
    app.write("secret.txt", "outside of the lake");
    for name in ["in/../../../secret.txt", "../../secret.txt", "in/./x", ".."] {
        let envelope = ENVELOPE.replace("URI", "null").replace("PATH", &twice(name));
        failed(&worker.invoke("route_blob", ID, &envelope), 400, ID);
    }
    assert_eq!([app.files("out"), app.files("quarantine")].concat(), [""; 0]);
}

/// The steps that the ledger knows of the only version of a blob.
pub(super) fn steps(worker: &Worker, blob: &str) -> Vec<String> {
    let request = format!("GET /api/trace?blob={blob} HTTP/1.1\r\nHost: lake\r\n\r\n");
    let trace = worker.ask(&request).object();
    assert_eq!(trace["count"], 1, "{trace}");
    let steps = trace["value"][0]["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["step"].as_str().unwrap().to_owned()).collect()
}
