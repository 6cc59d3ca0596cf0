//! The built worker on the real Azurite: other accounts, and rules that live in a blob.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use lakehand::{
    settings::{Connection, Environment},
    stores::{
        Condition, azure,
        blobs::{Attributes, Blobs},
        optional,
    },
};

use crate::{
    azurite::{self, ACCOUNTS},
    routing::at,
    worker::Worker,
};

/// The blobs of one of Azurite's accounts.
fn account(name: &str) -> (String, Arc<dyn Blobs>) {
    let setting = azurite::shared().connection_string(name);
    let environment = Environment::from([("ACCOUNT".to_owned(), setting.clone())]);
    let connection = Connection::read(&environment, "ACCOUNT", &mut Vec::new()).unwrap();
    (setting, azure::open(&connection).unwrap().0)
}

async fn write(blobs: &dyn Blobs, path: &str, content: &str) {
    let content = Bytes::copy_from_slice(content.as_bytes());
    blobs.write(&at(path), content, &Attributes::default(), &Condition::Always).await.unwrap();
}

async fn read(blobs: &dyn Blobs, path: &str) -> Option<Bytes> {
    optional(blobs.read(&at(path), 1_000).await).unwrap().map(|(content, _)| content)
}

fn lake(root: &Path) -> String {
    root.join("lake").display().to_string()
}

#[tokio::test]
async fn a_route_delivers_to_another_account() {
    let (home, blobs) = account(ACCOUNTS[0]);
    let (away, other) = account(ACCOUNTS[1]);
    let (landing, out) = (azurite::unique("landing"), azurite::unique("out"));
    let root = tempfile::tempdir().unwrap();
    let configuration = format!(
        r#"
[landing]
containers = ["{landing}"]

[[account]]
name = "archive"
connection = "%LAKEHAND_ARCHIVE%"

[[route]]
name = "away"
from = "{landing}/{{file...}}"
to = "{out}/{{file}}"
to_account = "archive"
"#
    );
    std::fs::write(root.path().join("lakehand.toml"), configuration).unwrap();
    blobs.create_container(&landing).await.unwrap();
    let name = "a b/%20+é仓.csv";
    write(&*blobs, &format!("{landing}/{name}"), "content").await;
    let lake = lake(root.path());
    let settings = [
        ("LAKEHAND_STORAGE", home.as_str()),
        ("LAKEHAND_ARCHIVE", away.as_str()),
        ("LAKEHAND_LAKE", lake.as_str()),
    ];
    let worker = Worker::start(root.path(), &settings).await;
    for turn in ["-> archive:", "already"] {
        let (status, answer) = worker.announce(&format!("{landing}/{name}")).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        assert!(answer["Logs"][0].as_str().unwrap().contains(turn), "{answer}");
    }
    assert_eq!(read(&*other, &format!("{out}/{name}")).await.as_deref(), Some(&b"content"[..]));
    assert_eq!(read(&*blobs, &format!("{landing}/{name}")).await, None);
}

/// Rules that send everything to one container.
fn rules(landing: &str, out: &str) -> String {
    format!(
        "[landing]\ncontainers = [\"{landing}\"]\n\n[[route]]\nname = \"all\"\nfrom = \"{landing}/{{file...}}\"\nto = \"{out}/{{file}}\"\n"
    )
}

#[tokio::test]
async fn rules_in_a_blob_change_without_a_deployment_and_a_bad_version_changes_nothing() {
    let (home, blobs) = account(ACCOUNTS[0]);
    let [landing, first, second, own] =
        ["landing", "first", "second", "rules"].map(azurite::unique);
    blobs.create_container(&landing).await.unwrap();
    blobs.create_container(&own).await.unwrap();
    let rules_at = format!("{own}/lakehand.toml");
    write(&*blobs, &rules_at, &rules(&landing, &first)).await;
    let root = tempfile::tempdir().unwrap();
    let (lake, config) = (lake(root.path()), format!("blob:{rules_at}"));
    let settings = [
        ("LAKEHAND_STORAGE", home.as_str()),
        ("LAKEHAND_LAKE", lake.as_str()),
        ("LAKEHAND_CONFIG", config.as_str()),
    ];
    let worker = Worker::start(root.path(), &settings).await;
    let mut turn = 0;
    let mut lands_in = async |wanted: &str| {
        turn += 1;
        let path = format!("{landing}/{turn}");
        write(&*blobs, &path, "1").await;
        worker.announce(&path).await.unwrap();
        read(&*blobs, &format!("{wanted}/{turn}")).await.is_some()
    };
    assert!(lands_in(&first).await);

    write(&*blobs, &rules_at, "[landing\n").await;
    until(async || worker.health().await == "degraded").await;
    assert!(lands_in(&first).await, "the last good rules stay in force");

    write(&*blobs, &rules_at, &rules(&landing, &own)).await;
    assert!(!lands_in(&own).await, "a route may not write where the rules are");

    write(&*blobs, &rules_at, &rules(&landing, &second)).await;
    until(async || lands_in(&second).await).await;
    assert_eq!(worker.health().await, "ok");
}

/// Asks again until it is so; the worker looks for new rules every few seconds.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_secs(60), "it never is so");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
