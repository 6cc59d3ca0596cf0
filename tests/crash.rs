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
        documents::Documents,
        local::{LocalBlobs, LocalDatabase},
        optional,
    },
};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::{azurite, routing::at, worker::Worker};

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
        let mut settings = vec![("LAKEHAND_LAKE".to_owned(), lake.display().to_string())];
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
        for container in ["landing", "out", "quarantine"] {
            site.blobs.create_container(&site.container(container)).await.unwrap();
        }
        std::fs::write(site.root.path().join("lakehand.toml"), site.configuration()).unwrap();
        site
    }

    fn container(&self, kind: &str) -> String {
        self.landing.replace("landing", kind)
    }

    fn configuration(&self) -> String {
        let [landing, out, quarantine] =
            ["landing", "out", "quarantine"].map(|k| self.container(k));
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
            if let Some((content, _)) = optional(self.blobs.read(&listed.path, 100).await).unwrap()
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
