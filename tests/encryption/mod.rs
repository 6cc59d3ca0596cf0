//! Column encryption from end to end: requests, routes and commands, on the local lake and on
//! Azurite.

mod commands;
mod decrypting;
mod memory;
mod notebook;
mod parquet_files;
mod requests;
pub(crate) mod rewrapping;
mod routes;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use lakehand::{
    settings::{Connection, Environment},
    stores::{
        Condition, azure,
        blobs::{Attributes, Blobs},
        documents::{Collection, Documents, Query, typed},
        local::{LocalBlobs, LocalDatabase, LocalKeyring},
        optional,
    },
};
use serde_json::Value;
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::{
    azurite::{self, ACCOUNTS},
    routing::at,
    worker::Worker,
};

pub(crate) const SECRET: &str = "correct horse battery staple";

pub(crate) const PEOPLE: &str =
    "id,email,note\r\n1,a@x.org,\r\n2,\"b@x.org\",\"hi, you\"\r\n3,,x\r\n";

/// A running worker with rules, keys and a store.
pub(crate) struct Site {
    pub(crate) root: TempDir,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) worker: Worker,
    /// What all containers' names end with.
    suffix: String,
    settings: Vec<(String, String)>,
}

impl Site {
    pub(crate) async fn local() -> Self {
        Self::new(false, &[]).await
    }

    pub(crate) async fn azure() -> Self {
        Self::new(true, &[]).await
    }

    pub(crate) async fn new(is_azure: bool, more: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let suffix = azurite::unique("");
        let lake = root.path().join("lake").display().to_string();
        let account = is_azure.then(|| azurite::shared().connection_string(ACCOUNTS[0]));
        let blobs: Arc<dyn Blobs> = match &account {
            None => Arc::new(LocalBlobs::open(Path::new(&lake)).unwrap()),
            Some(account) => {
                let environment = Environment::from([("ACCOUNT".to_owned(), account.clone())]);
                let found = Connection::read(&environment, "ACCOUNT", &mut Vec::new()).unwrap();
                azure::open(&found).unwrap().0
            }
        };
        blobs.create_container(&format!("processing{suffix}")).await.unwrap();
        std::fs::write(root.path().join("lakehand.toml"), rules(&suffix)).unwrap();
        let keyring = LocalKeyring::new(root.path().join("keyring.json"));
        keyring.init("pii", OffsetDateTime::now_utc()).unwrap();
        let mut settings = vec![("LAKEHAND_LAKE", lake.as_str())];
        if !more.iter().any(|(name, _)| *name == "LAKEHAND_KEYRING") {
            settings.push(("LAKEHAND_KEYRING", "keyring.json"));
        }
        if let Some(account) = &account {
            settings.push(("LAKEHAND_STORAGE", account));
        }
        settings.extend(more);
        let worker = Worker::start(root.path(), &settings).await;
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let settings = settings.into_iter().map(own).collect();
        Self { root, blobs, worker, suffix, settings }
    }

    /// Starts the worker anew, with these settings beside the ones it had; it knows no key any more.
    pub(crate) async fn restart(&mut self, more: &[(&str, &str)]) {
        let own = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let settings: Vec<_> = own.chain(more.iter().copied()).collect();
        self.worker = Worker::start(self.root.path(), &settings).await;
    }

    pub(crate) fn keyring(&self) -> LocalKeyring {
        LocalKeyring::new(self.root.path().join("keyring.json"))
    }

    pub(crate) fn documents(&self) -> Arc<dyn Documents> {
        let lake = self.root.path().join("lake");
        LocalDatabase::open(&lake, Arc::new(OffsetDateTime::now_utc)).unwrap().documents()
    }

    /// Every audit record of this month.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        let now = OffsetDateTime::now_utc();
        let month = format!("{:04}-{:02}", now.year(), u8::from(now.month()));
        let page = self.documents().list(Collection::Audit, &Query::of(&month)).await.unwrap();
        page.items.into_iter().map(|document| typed(document).unwrap().body).collect()
    }

    /// A path with the container's real name.
    pub(crate) fn real(&self, path: &str) -> String {
        match path.split_once('/') {
            Some((container, name)) => format!("{container}{}/{name}", self.suffix),
            None => format!("{path}{}", self.suffix),
        }
    }

    pub(crate) async fn write(&self, path: &str, content: impl Into<Bytes>) {
        let attributes = Attributes::default();
        let path = at(&self.real(path));
        self.blobs.write(&path, content.into(), &attributes, &Condition::Always).await.unwrap();
    }

    pub(crate) async fn read(&self, path: &str) -> Option<String> {
        let found = self.blobs.read(&at(&self.real(path)), 1 << 20).await;
        let (content, _) = optional(found).unwrap()?;
        Some(String::from_utf8(content.to_vec()).unwrap())
    }

    pub(crate) async fn names(&self, container: &str) -> Vec<String> {
        let page = optional(self.blobs.list(&self.real(container), "", None).await).unwrap();
        let items = page.map(|page| page.items).unwrap_or_default();
        items.into_iter().map(|listed| listed.path.name().to_owned()).collect()
    }

    pub(crate) async fn encrypt(&self, mut body: Value) -> (u16, Value) {
        self.make_real(&mut body);
        self.worker.call("POST", "encrypt", &[], &body).await
    }

    pub(crate) async fn decrypt(&self, secret: &str, mut body: Value) -> (u16, Value) {
        self.make_real(&mut body);
        let headers = [("x-lakehand-decrypt", secret)];
        self.worker.call("POST", "decrypt", &headers, &body).await
    }

    pub(crate) async fn rewrap(&self, mut body: Value) -> (u16, Value) {
        self.make_real(&mut body);
        let headers = [("x-lakehand-keys", SECRET)];
        self.worker.call("POST", "keys/rewrap", &headers, &body).await
    }

    fn make_real(&self, body: &mut Value) {
        for field in ["source", "destination", "rejects"] {
            if let Some(path) = body[field].as_str() {
                let start = if path.starts_with('/') { "/" } else { "" };
                body[field] = format!("{start}{}", self.real(path.trim_start_matches('/'))).into();
            } else if let Some(fields) = body.as_object_mut() {
                fields.retain(|name, value| name != field || !value.is_null());
            }
        }
    }
}

fn rules(suffix: &str) -> String {
    format!(
        r#"
[landing]
containers = ["landing{suffix}"]

[encryption]
sources = ["processing{suffix}", "curated{suffix}"]
destinations = ["curated{suffix}"]
decrypted = ["restricted{suffix}"]
rewrapped = ["curated{suffix}"]
parallel = 2

[[policy]]
name = "pii"
key = "pii"
columns = [
    {{ name = "email", method = "randomized" }},
    {{ name = "note", method = "deterministic", bind = "column" }},
]

[[policy]]
name = "lost"
key = "no-such-key"
columns = [{{ name = "email", method = "randomized" }}]
"#
    )
}
