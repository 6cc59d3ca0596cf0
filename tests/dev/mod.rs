//! `lakehand dev` from the outside: files dropped into a real lake, real processes, real signals.

mod running;

use std::{fs, net::TcpListener};

use futures::StreamExt;
use serde_json::{Value, json};

use lakehand::stores::{
    Condition, azure,
    blobs::{Attributes, BlobPath},
};

use crate::azurite::{self, ACCOUNTS, unique};
use running::{RULES, Site, runs, send_signal, wait_for};

/// Settings that switch off all but one way for a file to be noticed.
const NO_BLOB: &str = "AzureWebJobs.route_blob.Disabled";
const NO_SWEEP: &str = "AzureWebJobs.sweep_landing.Disabled";

fn blob_created(name: &str) -> Value {
    json!({
        "id": "1", "topic": "t", "eventType": "Microsoft.Storage.BlobCreated",
        "subject": format!("/blobServices/default/containers/landing/blobs/{name}"),
        "eventTime": "2026-01-02T03:04:05Z", "dataVersion": "", "metadataVersion": "1",
        "data": {
            "api": "PutBlob", "contentLength": 3, "blobType": "BlockBlob",
            "url": format!("https://lake.blob.core.windows.net/landing/{name}"),
        },
    })
}

#[test]
fn each_file_arrives_where_its_rule_says() {
    let site = Site::new();
    let dev = site.start(&[]);
    dev.prints("Drop files into lake/landing");
    site.drop_file("landing/sales/x.csv", "a,b");
    site.drop_file("landing/sales/2026/é 仓库 100%20+#[1].csv", "odd");
    site.drop_file("landing/contracts/acme.pdf", "signed");
    site.drop_file("landing/unknown.xyz", "?");

    site.arrives("processing/sales/x.csv", "a,b");
    site.arrives("processing/sales/2026/é 仓库 100%20+#[1].csv", "odd");
    site.arrives("archive/acme.pdf", "signed");
    site.arrives("quarantine/landing/unknown.xyz", "?");
    site.leaves("landing/sales/x.csv");
    site.leaves("landing/unknown.xyz");
    assert_eq!(site.files("landing/contracts"), ["acme.pdf"], "a copy leaves its source");
    let line = dev.prints("landing/sales/x.csv -> processing/sales/x.csv");
    assert!(line.contains("route tables"), "{line}");
}

#[test]
fn files_moved_in_and_files_that_were_there_arrive_too() {
    let site = Site::new();
    site.drop_file("landing/early/x.csv", "before");
    let dev = site.start(&[]);
    site.arrives("processing/early/x.csv", "before");
    let outside = site.write("outside/day/y.csv", "inside a folder");
    fs::rename(outside.parent().unwrap(), site.path("lake/landing/day")).unwrap();
    site.arrives("processing/day/y.csv", "inside a folder");
    dev.prints("landing/day/y.csv -> processing/day/y.csv");
}

#[test]
fn a_dataset_waits_for_its_marker_which_goes_last() {
    let site = Site::new();
    let dev = site.start(&[]);
    site.drop_file("landing/drives/d1/a.bin", "a");
    site.drop_file("landing/drives/d1/deep/b.bin", "b");
    dev.prints("landing/drives/d1/a.bin");
    assert!(site.files("processing/d1").is_empty());
    site.drop_file("landing/drives/d1/d1.DONE", "");
    site.arrives("processing/d1/Original/d1.DONE", "");
    let mut files = site.files("processing/d1/Original");
    files.sort();
    assert_eq!(files, ["a.bin", "d1.DONE", "deep/b.bin"]);
}

#[test]
fn a_killed_worker_is_started_again_and_nothing_is_lost() {
    let site = Site::new();
    let dev = site.start(&[]);
    let first = dev.workers();
    assert_eq!(first.len(), 1);
    send_signal(first[0], "KILL");
    site.drop_file("landing/sales/x.csv", "kept");
    dev.prints("the worker was killed; starting it again");
    site.arrives("processing/sales/x.csv", "kept");
    assert_ne!(dev.workers(), first);
}

#[test]
fn several_workers_share_one_lake_and_the_others_go_on_without_a_killed_one() {
    let site = Site::new();
    let dev = site.start(&["--workers", "3"]);
    let first = dev.workers();
    assert_eq!(first.len(), 3);
    send_signal(first[1], "KILL");
    for number in 0..30 {
        site.drop_file(&format!("landing/sales/{number}.csv"), format!("{number}"));
    }
    for number in 0..30 {
        site.arrives(&format!("processing/sales/{number}.csv"), format!("{number}"));
    }
    dev.prints(" was killed; starting it again");
    wait_for("a third worker", || dev.workers().len() == 3);
    assert_eq!(dev.end("INT").code(), Some(0));
    assert!(!first.into_iter().any(runs));
}

#[test]
fn a_worker_that_fails_three_times_ends_it_with_the_hosts_words() {
    let timeout = "AzureFunctionsJobHost__customHandler__initializationTimeout";
    let site = Site::new().with(timeout, "00:00:00");
    let output = site.command(&["--port", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("Exceeded http worker restart retry count"), "{message}");
    assert!(message.contains("Initializing HttpWorker timed out"), "{message}");
}

#[test]
fn signals_end_it_cleanly_and_its_worker_with_it() {
    for signal in ["INT", "TERM"] {
        let site = Site::new();
        let dev = site.start(&[]);
        let worker = dev.workers()[0];
        assert!(runs(worker));
        assert_eq!(dev.end(signal).code(), Some(0), "{signal}");
        assert!(!runs(worker), "{signal}");
    }
}

#[test]
fn a_worker_never_outlives_it() {
    let site = Site::new();
    let dev = site.start(&[]);
    let worker = dev.workers()[0];
    assert_eq!(dev.end("KILL").code(), None);
    wait_for("the worker to end", || !runs(worker));
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = site.command(&["--port", &port.to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&format!("127.0.0.1:{port}")), "{message}");
    assert!(message.contains("--port"), "{message}");
}

#[test]
fn settings_are_read_from_the_file_and_their_faults_named() {
    let site = Site::new();
    let settings = r#"{"Values": {"LAKEHAND_LANDING": "arrivals", "LAKEHAND_LAKE": "lake"}}"#;
    site.write("local.settings.json", settings);
    site.write(
        "lakehand.toml",
        RULES.replace("landing", "arrivals").replace("[arrivals]", "[landing]"),
    );
    let dev = site.start(&[]);
    site.drop_file("arrivals/sales/x.csv", "x");
    site.arrives("processing/sales/x.csv", "x");
    drop(dev);

    site.write("local.settings.json", "{\n  \"Values\": {\"LAKEHAND_LANDING\": 1}\n}");
    let output = site.command(&["--port", "0"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("local.settings.json, line 2"), "{message}");
    assert!(!output.status.success());
}

#[test]
fn a_folder_without_rules_is_refused_with_the_way_out() {
    let site = Site::new();
    fs::remove_file(site.path("lakehand.toml")).unwrap();
    let output = site.command(&["--port", "0"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("LAKEHAND_CONFIG"), "{message}");
    assert_eq!(output.status.code(), Some(1));
    assert!(!site.path("lake").exists());
}

#[test]
fn five_failures_poison_a_blob_and_the_sweep_brings_it_back() {
    let site = Site::new();
    site.write("lakehand.toml", "[[route]]\nname = 1\n");
    let dev = site.start(&[]);
    site.drop_file("landing/sales/x.csv", "late");
    dev.prints("try 5 of 5");
    dev.prints("went to webjobs-blobtrigger-poison");
    assert_eq!(dev.count("of 5: the worker answered 503"), 5, "{}", dev.output());
    assert_eq!(site.files("landing"), ["sales/x.csv"]);
    site.write("lakehand.toml", RULES);
    site.arrives("processing/sales/x.csv", "late");
}

#[test]
fn a_blob_too_long_to_travel_goes_by_its_name() {
    let site = Site::without(&[NO_SWEEP]);
    let dev = site.start(&[]);
    let content = vec![7; (32 << 20) + 1];
    site.drop_file("landing/big/x.bin", &content);
    dev.prints("landing/big/x.bin  is over 32 MiB and goes to route_event by name");
    site.arrives("processing/big/x.bin", &content);
}

#[test]
fn recorded_events_are_replayed_and_repetition_is_harmless() {
    let site = Site::without(&[NO_BLOB, NO_SWEEP]);
    site.drop_file("landing/sales/x.csv", "x");
    site.drop_file("landing/sales/y.csv", "y");
    let event = blob_created("sales/x.csv");
    let cloud = json!({
        "specversion": "1.0", "id": "2", "type": "Microsoft.Storage.BlobCreated", "source": "s",
        "time": "2026-01-02T03:04:05Z", "subject": "/blobServices/default/containers/landing/blobs/sales/y.csv",
        "data": {"api": "PutBlob", "contentLength": 1, "url": "https://lake.blob.core.windows.net/landing/sales/y.csv"},
    });
    let envelope = json!({"Data": {"event": event}, "Metadata": {}});
    site.write("events.json", json!([event, event, cloud]).to_string());
    site.write("envelope.json", envelope.to_string());
    let dev = site.start(&["--replay", "events.json", "--replay", "envelope.json"]);
    dev.prints("replayed events.json: 3 sent, 0 failed");
    dev.prints("replayed envelope.json: 1 sent, 0 failed");
    site.arrives("processing/sales/x.csv", "x");
    site.arrives("processing/sales/y.csv", "y");
    assert_eq!(site.files("processing"), ["sales/x.csv", "sales/y.csv"]);
    assert!(site.files("landing").is_empty());
}

#[test]
fn a_replay_that_cannot_be_read_is_named_before_anything_starts() {
    let site = Site::new();
    site.write("event.json", "{");
    let arguments = ["--port", "0", "--replay", "event.json"];
    let output = site.command(&arguments).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("cannot replay event.json"), "{message}");
    assert!(!output.status.success());
    assert!(!site.path("lake").exists());
}

#[tokio::test]
async fn event_grid_delivers_to_the_webhook() {
    let site = Site::without(&[NO_BLOB, NO_SWEEP]);
    let dev = site.start(&[]);
    site.drop_file("landing/sales/x.csv", "x");
    let delivery = json!([blob_created("sales/x.csv"), blob_created("sales/x.csv")]);
    let response = reqwest::Client::new()
        .post(dev.url("/runtime/webhooks/EventGrid?functionName=route_event"))
        .header("aeg-event-type", "Notification")
        .body(delivery.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    site.arrives("processing/sales/x.csv", "x");
    assert_eq!(site.files("processing"), ["sales/x.csv"]);
}

#[tokio::test]
async fn the_functions_answer_under_api_with_bodies_of_any_length() {
    let site = Site::new();
    let dev = site.start(&[]);
    let client = reqwest::Client::new();
    let health = client.get(dev.url("/api/health")).send().await.unwrap();
    assert_eq!(health.status(), 200);

    let piece = vec![1_u8; 1 << 20];
    let pieces = futures::stream::iter(vec![piece; 20]).map(Ok::<_, std::io::Error>);
    let body = reqwest::Body::wrap_stream(pieces);
    let answer = client.post(dev.url("/api/no/such/thing")).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let problem: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert!(problem.is_object(), "{problem}");

    let about = client.get(dev.url("/")).send().await.unwrap().bytes().await.unwrap();
    let about: Value = serde_json::from_slice(&about).unwrap();
    assert!(about["functions"].as_array().unwrap().contains(&json!("route_blob")), "{about}");
}

#[tokio::test]
async fn blobs_in_an_account_arrive_by_the_scan() {
    let account = azurite::shared().connection_string(ACCOUNTS[0]);
    let (blobs, _) = azure::open(&azurite::connection(&account)).unwrap();
    let [landing, processing] = ["landing", "processing"].map(unique);
    let site = Site::without(&[NO_SWEEP])
        .with("LAKEHAND_STORAGE", &account)
        .with("LAKEHAND_LANDING", &landing)
        .with("LAKEHAND_QUEUE", &unique("events"))
        .with("LAKEHAND_LAKE", "lake");
    let rules = format!(
        r#"
        [landing]
        containers = ["{landing}"]
        quarantine = "{processing}/odd/{{path}}"
        [[route]]
        name = "all"
        from = "{landing}/{{file...}}"
        to = "{processing}/{{file}}"
        "#
    );
    site.write("lakehand.toml", rules);
    blobs.create_container(&processing).await.unwrap();
    let dev = site.start(&[]);
    dev.prints(&format!("Upload blobs to the container {landing}"));
    let name = "sales/a b%20+é.csv";
    let source = BlobPath::new(&landing, name).unwrap();
    let target = BlobPath::new(&processing, name).unwrap();
    let attributes = Attributes::default();
    blobs.write(&source, "a,b".into(), &attributes, &Condition::Always).await.unwrap();
    dev.prints(&format!("{source} -> {target}"));
    assert_eq!(blobs.read(&target, 100).await.unwrap().0, "a,b");
    assert!(blobs.head(&source).await.is_err());
}
