//! The worker killed at each named step of a move, as the host kills it: without a goodbye. The
//! next delivery makes good what is missing, and nothing happens twice.

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt, sync::Arc};

use bytes::Bytes;
use lakehand::{
    routing::ledger::{Entry, Ledger, State},
    settings::{Connection, Environment},
    stores::{
        Condition, azure,
        blobs::{Attributes, Blobs},
        documents::{Collection, Documents, Query},
        local::{LocalBlobs, LocalDatabase, LocalKeyring},
        optional,
    },
};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::{azurite, routing::at, worker::Worker};

/// The steps at which a file that is protected on its way differs from a move.
const PROTECTING: [&str; 4] = ["protected", "kept", "recorded", "removed"];

const PEOPLE: &str = "id,email\n1,a@x.org\n";

/// The steps of a move, in order; debug builds die at them when told to.
const STEPS: [&str; 5] = ["matched", "copied", "verified", "recorded", "removed"];

/// An app root with a configuration, and the storage its worker uses.
struct Site {
    root: TempDir,
    blobs: Arc<dyn Blobs>,
    documents: Arc<dyn Documents>,
    settings: Vec<(String, String)>,
    landing: String,
}

impl Site {
    async fn new(account: Option<&str>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let lake = root.path().join("lake");
        let database = LocalDatabase::open(&lake, Arc::new(OffsetDateTime::now_utc)).unwrap();
        let mut settings = vec![
            ("LAKEHAND_LAKE".to_owned(), lake.display().to_string()),
            ("LAKEHAND_KEYRING".to_owned(), "keyring.json".to_owned()),
        ];
        let blobs: Arc<dyn Blobs> = match account {
            None => Arc::new(LocalBlobs::open(&lake).unwrap()),
            Some(account) => {
                settings.push(("LAKEHAND_STORAGE".to_owned(), account.to_owned()));
                let environment: Environment = settings.iter().cloned().collect();
                let connection =
                    Connection::read(&environment, "LAKEHAND_STORAGE", &mut Vec::new()).unwrap();
                azure::open(&connection).unwrap().0
            }
        };
        let landing = azurite::unique("landing");
        let site = Self { root, blobs, documents: database.documents(), settings, landing };
        for container in ["landing", "out", "quarantine", "restricted"] {
            site.blobs.create_container(&site.container(container)).await.unwrap();
        }
        std::fs::write(site.root.path().join("lakehand.toml"), site.configuration()).unwrap();
        let keyring = LocalKeyring::new(site.root.path().join("keyring.json"));
        keyring.init("pii", OffsetDateTime::now_utc()).unwrap();
        site
    }

    fn container(&self, kind: &str) -> String {
        self.landing.replace("landing", kind)
    }

    fn configuration(&self) -> String {
        let [landing, out, quarantine, restricted] =
            ["landing", "out", "quarantine", "restricted"].map(|k| self.container(k));
        format!(
            r#"
[landing]
containers = ["{landing}"]
quarantine = "{quarantine}/{{path}}"
settle = "1s"
parallel = 1

[[route]]
name = "sets"
from = "{landing}/sets/{{set}}/{{file...}}"
complete = ".done"
settle = "1s"
to = "{out}/{{set}}/{{file}}"

[[policy]]
name = "pii"
key = "pii"
columns = [{{ name = "email", method = "randomized" }}]

[[route]]
name = "people"
from = "{landing}/people/{{file}}"
protect = "pii"
original = "{restricted}/{{file}}"
to = "{out}/{{file}}"

[[route]]
name = "secrets"
from = "{landing}/secrets/{{file}}"
protect = "pii"
to = "{out}/{{file}}"

[[route]]
name = "tables"
from = "{landing}/{{file}}.csv"
to = "{out}/{{file}}.csv"
on_conflict = "version"
"#
        )
    }

    async fn worker(&self, crash_at: &str) -> Worker {
        let mut settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        settings.push(("LAKEHAND_CRASH_AT", crash_at));
        Worker::start(self.root.path(), &settings).await
    }

    async fn write(&self, name: &str, content: &'static str) {
        let path = at(&format!("{}/{name}", self.landing));
        let content = Bytes::from_static(content.as_bytes());
        self.blobs.write(&path, content, &Attributes::default(), &Condition::Always).await.unwrap();
    }

    /// Every blob of a container with its content.
    async fn content(&self, kind: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for listed in self.blobs.list(&self.container(kind), "", None).await.unwrap().items {
            if let Some((content, _)) =
                optional(self.blobs.read(&listed.path, 2_000).await).unwrap()
            {
                let content = String::from_utf8(content.to_vec()).unwrap();
                found.insert(listed.path.name().to_owned(), content);
            }
        }
        found
    }

    async fn entry(&self, name: &str) -> Entry {
        let ledger = Ledger {
            documents: &*self.documents,
            retention: std::time::Duration::from_secs(60),
            now: OffsetDateTime::now_utc,
            invocation_id: None,
        };
        let path = at(&format!("{}/{name}", self.landing));
        ledger.history(&path).await.unwrap().remove(0)
    }

    /// The store knows of one protection of a delivered file.
    async fn assert_one_record(&self, name: &str) {
        let file = format!("{}/{name}", self.container("out"));
        let page = self.documents.list(Collection::Envelopes, &Query::of(&file)).await.unwrap();
        assert_eq!(page.items.len(), 1, "{file}");
    }

    /// Nothing on the disk holds the plaintext but what the route keeps.
    fn assert_nothing_temporary(&self, context: &str) {
        let restricted = self.container("restricted");
        let mut folders = vec![self.root.path().join("lake")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.to_string_lossy().contains(&restricted) {
                    let content = std::fs::read(&path).unwrap();
                    let plain = content.windows(6).any(|window| window == b"@x.org");
                    assert!(!plain, "{context}: {}", path.display());
                }
            }
        }
    }

    /// Lets a worker die at a step of what this announcement starts.
    async fn crash(&self, step: &str, name: &str) {
        let mut worker = self.worker(step).await;
        let answer = worker.announce(&format!("{}/{name}", self.landing)).await;
        assert_eq!(answer, None, "{step}: the worker lived");
        assert_eq!(worker.ended().await.signal(), Some(9), "{step}");
    }

    async fn redeliver(&self, name: &str) {
        let worker = self.worker("").await;
        for _ in 0..2 {
            let (status, answer) =
                worker.announce(&format!("{}/{name}", self.landing)).await.unwrap();
            assert_eq!(status, 200, "{answer}");
        }
        worker.sweep().await.unwrap();
    }
}

fn content(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
}

async fn a_move_survives_a_kill(account: Option<&str>) {
    for step in STEPS {
        let site = Site::new(account).await;
        site.write("x.csv", "content").await;
        site.crash(step, "x.csv").await;
        let (left, arrived) = (site.content("landing").await, site.content("out").await);
        assert!(!left.is_empty() || !arrived.is_empty(), "{step}: the file is lost");
        site.redeliver("x.csv").await;
        assert_eq!(site.content("out").await, content(&[("x.csv", "content")]), "{step}");
        assert_eq!(site.content("landing").await, content(&[]), "{step}");
        assert_eq!(site.content("quarantine").await, content(&[]), "{step}");
        let entry = site.entry("x.csv").await;
        assert_eq!(entry.state, State::Delivered, "{step}");
        let steps: Vec<_> = entry.steps.iter().map(|step| step.step.as_str()).collect();
        assert_eq!(steps, ["delivered", "sourceRemoved"], "{step}");
    }
}

async fn a_dataset_survives_a_kill(account: Option<&str>) {
    for step in STEPS {
        let site = Site::new(account).await;
        site.write("sets/q1/a", "1").await;
        site.write("sets/q1/b", "2").await;
        site.write("sets/q1/.done", r#"{"files": [{"name": "a"}, {"name": "b"}]}"#).await;
        site.crash(step, "sets/q1/.done").await;
        let arrived = site.content("out").await;
        assert!(!arrived.contains_key("q1/.done"), "{step}: the marker came before its files");
        site.redeliver("sets/q1/.done").await;
        let names: Vec<_> = site.content("out").await.into_keys().collect();
        assert_eq!(names, ["q1/.done", "q1/a", "q1/b"], "{step}");
        assert_eq!(site.content("landing").await, content(&[]), "{step}");
    }
}

async fn a_quarantine_survives_a_kill(account: Option<&str>) {
    for step in STEPS {
        let site = Site::new(account).await;
        site.write("x.exe", "content").await;
        site.crash(step, "x.exe").await;
        site.redeliver("x.exe").await;
        assert_eq!(site.content("quarantine").await, content(&[("x.exe", "content")]), "{step}");
        assert_eq!(site.content("landing").await, content(&[]), "{step}");
        assert_eq!(site.entry("x.exe").await.state, State::Quarantined, "{step}");
    }
}

/// Protected exactly once; the plaintext is nowhere but where the route keeps it; and nothing that
/// was begun is left.
async fn a_protected_file_survives_a_kill(account: Option<&str>) {
    for (folder, originals) in [("people", &[("x.csv", PEOPLE)][..]), ("secrets", &[])] {
        for step in PROTECTING {
            if step == "kept" && originals.is_empty() {
                continue;
            }
            let site = Site::new(account).await;
            let name = format!("{folder}/x.csv");
            site.write(&name, PEOPLE).await;
            site.crash(step, &name).await;
            let begun = site.content("out").await["x.csv"].clone();
            site.redeliver(&name).await;
            let (context, out) = (format!("{folder} {step}"), site.content("out").await);
            let names: Vec<_> = out.keys().map(String::as_str).collect();
            assert_eq!(names, ["_lakehand/x.csv.json", "x.csv"], "{context}");
            assert!(out.values().all(|content| !content.contains("@x.org")), "{context}");
            assert_eq!(out["x.csv"], begun, "{context}: it was protected twice");
            assert_eq!(site.content("restricted").await, content(originals), "{context}");
            for empty in ["landing", "quarantine"] {
                assert_eq!(site.content(empty).await, content(&[]), "{context}");
            }
            assert_eq!(site.entry(&name).await.state, State::Delivered, "{context}");
            site.assert_one_record("x.csv").await;
            site.assert_nothing_temporary(&context);
        }
    }
}

#[tokio::test]
async fn on_the_local_lake_a_protected_file_survives_a_kill_at_every_step() {
    a_protected_file_survives_a_kill(None).await;
}

#[tokio::test]
async fn on_azurite_a_protected_file_survives_a_kill_at_every_step() {
    let account = azurite::shared().connection_string(azurite::ACCOUNTS[0]);
    a_protected_file_survives_a_kill(Some(&account)).await;
}

#[tokio::test]
async fn on_the_local_lake_a_move_survives_a_kill_at_every_step() {
    a_move_survives_a_kill(None).await;
}

#[tokio::test]
async fn on_the_local_lake_a_dataset_survives_a_kill_at_every_step() {
    a_dataset_survives_a_kill(None).await;
}

#[tokio::test]
async fn on_the_local_lake_a_quarantine_survives_a_kill_at_every_step() {
    a_quarantine_survives_a_kill(None).await;
}

#[tokio::test]
async fn on_azurite_a_move_survives_a_kill_at_every_step() {
    let account = azurite::shared().connection_string(azurite::ACCOUNTS[0]);
    a_move_survives_a_kill(Some(&account)).await;
}

#[tokio::test]
async fn on_azurite_a_dataset_survives_a_kill_at_every_step() {
    let account = azurite::shared().connection_string(azurite::ACCOUNTS[0]);
    a_dataset_survives_a_kill(Some(&account)).await;
}

/// A consumer takes the delivered file before the redelivery: it must not come back.
#[tokio::test]
async fn a_recorded_delivery_is_not_repeated_after_a_kill() {
    for step in ["recorded", "removed"] {
        let site = Site::new(None).await;
        site.write("x.csv", "content").await;
        site.crash(step, "x.csv").await;
        let target = at(&format!("{}/x.csv", site.container("out")));
        site.blobs.delete(&target, &Condition::Always).await.unwrap();
        site.redeliver("x.csv").await;
        assert_eq!(site.content("out").await, content(&[]), "{step}");
        assert_eq!(site.content("landing").await, content(&[]), "{step}");
    }
}
