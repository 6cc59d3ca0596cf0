//! Azurite, which says on its output, if it is asked to, which requests reach it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lakehand::{
    settings::{Connection, Environment},
    stores::{azure, blobs::Blobs},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/azurite");

const ACCOUNT: &str = "lake";

/// The address of requests that only mark a place in the log.
const MARK: &str = "/mark/";

const PATIENCE: Duration = Duration::from_secs(60);

/// A running Azurite; it ends when this process does.
pub(crate) struct Azurite {
    child: Child,
    blob: String,
    queue: String,
    requests: Arc<AtomicU64>,
    lines: Receiver<String>,
}

impl Azurite {
    /// Starts one that keeps its data in a folder, or else in memory. Only with a log can its
    /// requests be counted.
    pub(crate) fn start(folder: Option<&Path>, log: bool) -> Self {
        assert!(
            Path::new(FOLDER).join("node_modules/azurite").is_dir(),
            "Azurite is not there; run: npm ci --prefix tests/azurite"
        );
        let mut command = Command::new("node");
        command.arg("serve.js").args(["--skipApiVersionCheck", "--disableTelemetry"]);
        command.args(["--blobPort=0", "--queuePort=0", "--tablePort=0"]);
        match folder {
            Some(folder) => command.arg("--location").arg(folder),
            None => command.arg("--inMemoryPersistence"),
        };
        if !log {
            command.arg("--silent");
        }
        let mut child = command
            .current_dir(FOLDER)
            .env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{}", key()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node must be on the PATH to run Azurite");
        let (sender, lines) = channel();
        let requests = Arc::<AtomicU64>::default();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn({
            let requests = Arc::clone(&requests);
            move || read(output, &requests, &sender)
        });
        let [blob, queue] = ["Blob", "Queue"].map(|service| address(&lines, service));
        Self { child, blob, queue, requests, lines }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How its account is reached.
    pub(crate) fn connection_string(&self) -> String {
        let (blob, queue, key) = (&self.blob, &self.queue, key());
        format!(
            "BlobEndpoint={blob}/{ACCOUNT};QueueEndpoint={queue}/{ACCOUNT};AccountName={ACCOUNT};AccountKey={key}"
        )
    }

    /// Its blobs, with containers for what lands and where it goes.
    pub(crate) async fn blobs(&self) -> Arc<dyn Blobs> {
        let environment = Environment::from([("LAKE".to_owned(), self.connection_string())]);
        let connection = Connection::read(&environment, "LAKE", &mut Vec::new()).unwrap();
        let (blobs, _) = azure::open(&connection).unwrap();
        for container in ["landing", "out"] {
            blobs.create_container(container).await.unwrap();
        }
        blobs
    }

    /// How many requests have reached it until now, by its own log.
    pub(crate) async fn requests(&self) -> u64 {
        // What it said before it says this is counted.
        reqwest::get(format!("{}{MARK}", self.blob)).await.unwrap();
        while !self.lines.recv_timeout(PATIENCE).unwrap().contains(MARK) {}
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Counts the lines about requests and passes on the others, and the marks.
fn read(output: impl BufRead, requests: &AtomicU64, others: &Sender<String>) {
    for line in output.lines().map_while(Result::ok) {
        if line.contains(" HTTP/1.1\" ") && !line.contains(MARK) {
            requests.fetch_add(1, Ordering::Relaxed);
        } else if others.send(line).is_err() {
            return;
        }
    }
}

fn key() -> String {
    STANDARD.encode("a key that only this measurement knows")
}

fn address(lines: &Receiver<String>, service: &str) -> String {
    let mark = format!("Azurite {service} service is successfully listening at ");
    loop {
        let line = lines.recv_timeout(PATIENCE).expect("Azurite does not listen");
        if let Some(address) = line.strip_prefix(&mark) {
            return address.to_owned();
        }
    }
}
