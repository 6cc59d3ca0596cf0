//! The metadata API: through real workers on a real lake.

mod between;
mod datasets;
mod examples;
mod marks;
mod months;
mod pipelines;
mod runs;
mod stores;
mod tables;
mod windows;

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::worker::Worker;

/// Tables of the configuration, and where empty files may be removed.
const RULES: &str = r#"
[landing]
containers = ["landing"]

[[route]]
name = "drives"
from = "landing/drives/{dataset}/{file...}"
complete = ".done"
settle = "1s"
freshness = "1d"
slo = 0.5
to = "processing/{dataset}/{file}"

[[route]]
name = "all"
from = "landing/{file...}"
to = "processing/{file}"

[ingestion]
sinks = ["bronze"]

[[table]]
name = "sales.orders"
mode = "incremental"
watermark = { column = "updated_at", type = "datetime2(7)", lag = "5m" }
time_zone = "Europe/Berlin"
freshness = "1h"
slo = 0.99
order = 3
batch = "nightly"
sink = "bronze/{schema}/{table}/{windowId}"

[[table]]
name = "ledger"
schema = "acc"
dialect = "postgresql"
batch = "nightly"
order = 1
sink = "bronze/{id}/{windowId}"
"#;

/// A running worker with a lake of its own.
pub(crate) struct Site {
    root: TempDir,
    pub(crate) worker: Worker,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("lakehand.toml"), RULES).unwrap();
        let worker = start(root.path()).await;
        Self { root, worker }
    }

    /// Another worker on the same lake, as another instance of the app.
    pub(crate) async fn another(&self) -> Worker {
        start(self.root.path()).await
    }

    /// Kills the worker and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.worker.kill();
        self.worker = start(self.root.path()).await;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("lake").join(name)
    }

    pub(crate) async fn get(&self, address: &str) -> (u16, Value) {
        self.worker.call("GET", address, &[], &Value::Null).await
    }

    pub(crate) async fn post(&self, address: &str, body: Value) -> (u16, Value) {
        self.worker.call("POST", address, &[], &body).await
    }

    /// Posts what must succeed.
    pub(crate) async fn done(&self, address: &str, body: Value) -> Value {
        let (status, answer) = self.post(address, body).await;
        assert!(status < 300, "{address}: {status} {answer}");
        answer
    }

    /// A table `counter` with the watermark 0.
    pub(crate) async fn counter(&self) {
        let watermark = json!({"column": "n", "type": "bigint", "start": "0"});
        let table = json!({"id": "counter", "table": "counter", "watermark": watermark});
        self.done("tables", table).await;
    }
}

async fn start(root: &std::path::Path) -> Worker {
    let lake = root.join("lake").display().to_string();
    Worker::start(root, &[("LAKEHAND_LAKE", lake.as_str())]).await
}

/// The texts that a path picks from every item of a list.
pub(crate) fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    each_of(&list["value"], member)
}

/// The texts that a path picks from every item of an array.
pub(crate) fn each_of<'a>(items: &'a Value, member: &str) -> Vec<&'a str> {
    items.as_array().unwrap().iter().map(|it| it[member].as_str().unwrap()).collect()
}
