//! The built worker as a process, fed as the Functions host feeds it.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

/// One route for everything, five files at a time, and a sweep that takes what it sees.
const CONFIGURATION: &str = r#"
[landing]
containers = ["landing"]
quarantine = "quarantine/{path}"
settle = "0s"
parallel = 5

[[route]]
name = "all"
from = "landing/{file...}"
to = "out/{file}"
"#;

/// A running worker; killed when dropped.
pub(crate) struct Worker {
    child: Child,
    port: u16,
    address: String,
    client: reqwest::Client,
    /// From just before its start to the first 200.
    pub(crate) started_in: Duration,
}

impl Worker {
    /// Starts `lakehand serve` in an app root that also holds its lake, on an account or on the
    /// lake, and waits for its first 200.
    pub(crate) fn start(root: &Path, account: Option<&str>) -> Self {
        std::fs::write(root.join("lakehand.toml"), CONFIGURATION).unwrap();
        let port = free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lakehand"));
        command
            .arg("serve")
            .env_clear()
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("FUNCTIONS_APP_ROOT_PATH", root)
            .env("LAKEHAND_LAKE", root.join("lake"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(account) = account {
            command.env("LAKEHAND_STORAGE", account);
        }
        let began = Instant::now();
        let child = command.spawn().unwrap();
        let started_in = first_answer(port, began);
        let address = format!("http://127.0.0.1:{port}");
        Self { child, port, address, client: reqwest::Client::new(), started_in }
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Announces a blob of the landing container as Event Grid does, and expects a 200.
    pub(crate) async fn announce(&self, name: &str) -> Value {
        let event = json!({
            "id": "831e1650-001e-001b-66ab-eeb76e069631",
            "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake",
            "subject": format!("/blobServices/default/containers/landing/blobs/{name}"),
            "eventType": "Microsoft.Storage.BlobCreated",
            "eventTime": "2026-01-31T12:00:00.0000000Z",
            "dataVersion": "",
            "metadataVersion": "1",
            "data": {"api": "PutBlob", "contentType": "text/csv", "blobType": "BlockBlob"},
        });
        let envelope = json!({"Data": {"event": event}, "Metadata": {}});
        self.post("route_event", envelope.to_string()).await
    }

    /// Fires the timer of the sweep.
    pub(crate) async fn sweep(&self) -> Value {
        let envelope = json!({"Data": {"timer": {"IsPastDue": false}}, "Metadata": {}});
        self.post("sweep_landing", envelope.to_string()).await
    }

    /// Posts an envelope to a Function, and expects a 200.
    pub(crate) async fn post(&self, function: &str, body: impl Into<reqwest::Body>) -> Value {
        let request = self.client.post(format!("{}/{function}", self.address));
        let request = request
            .header("content-type", "application/json")
            .header("x-azure-functions-invocationid", "4c2a1bd7-6f39-4d4e-8a52-1d6b2f1a7c11");
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nothing listens on now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks again and again until the worker says that it is ready.
fn first_answer(port: u16, began: Instant) -> Duration {
    loop {
        if is_ready(port).unwrap_or(false) {
            return began.elapsed();
        }
        assert!(began.elapsed() < PATIENCE, "the worker does not listen");
        thread::sleep(Duration::from_micros(100));
    }
}

fn is_ready(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(&status == b"HTTP/1.1 200")
}
