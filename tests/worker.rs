//! The built worker as a process of its own, started as the host starts it.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// How long a worker may take to listen or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running worker; killed when dropped.
pub(crate) struct Worker {
    child: Child,
    address: String,
}

impl Worker {
    /// Starts `lakehand serve` in an app root with these settings beside the host's own, and waits
    /// until it answers.
    pub(crate) async fn start(root: &Path, settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        let child = Command::new(env!("CARGO_BIN_EXE_lakehand"))
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("FUNCTIONS_APP_ROOT_PATH", root)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let worker = Self { child, address: format!("http://127.0.0.1:{port}") };
        worker.wait_until_ready().await;
        worker
    }

    async fn wait_until_ready(&self) {
        let started = Instant::now();
        while reqwest::get(&self.address).await.is_err() {
            assert!(started.elapsed() < PATIENCE, "the worker does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Announces a blob as Event Grid does; `None` if the worker died over it.
    pub(crate) async fn announce(&self, path: &str) -> Option<(u16, Value)> {
        let (container, name) = path.split_once('/').unwrap();
        let subject = format!("/blobServices/default/containers/{container}/blobs/{name}");
        let event = json!({"eventType": "Microsoft.Storage.BlobCreated", "subject": subject,
            "data": {"api": "PutBlob"}});
        self.post("route_event", &json!({"Data": {"event": event}, "Metadata": {}})).await
    }

    /// Fires the timer of the sweep.
    pub(crate) async fn sweep(&self) -> Option<(u16, Value)> {
        let timer = json!({"Data": {"timer": {"IsPastDue": false}}, "Metadata": {}});
        self.post("sweep_landing", &timer).await
    }

    /// What `GET /api/health` says.
    pub(crate) async fn health(&self) -> String {
        let answer = reqwest::get(format!("{}/api/health", self.address)).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        answer["status"].as_str().unwrap().to_owned()
    }

    /// The whole of an address below `/api`.
    pub(crate) fn address(&self, address: &str) -> String {
        format!("{}/api/{address}", self.address)
    }

    /// Calls an address below `/api`, as the host passes a request on.
    pub(crate) async fn call(
        &self,
        method: &str,
        address: &str,
        headers: &[(&'static str, &str)],
        body: &Value,
    ) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut request =
            reqwest::Client::new().request(method, format!("{}/api/{address}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }

    /// Whether the worker dies over a request.
    pub(crate) async fn dies_at(
        &self,
        address: &str,
        headers: &[(&'static str, &str)],
        body: &Value,
    ) -> bool {
        let mut request = reqwest::Client::new().post(format!("{}/api/{address}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.to_string()).send().await.is_err()
    }

    /// Invokes a Function; `None` if the worker died over it.
    pub(crate) async fn post(&self, function: &str, envelope: &Value) -> Option<(u16, Value)> {
        let request = reqwest::Client::new().post(format!("{}/{function}", self.address));
        let request = request.header("content-type", "application/json");
        let answer = request.body(envelope.to_string()).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, serde_json::from_slice(&answer.bytes().await.ok()?).unwrap()))
    }

    /// The most memory that the process ever held, in KiB; `None` where the system does not say.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        peak_memory(self.child.id())
    }

    /// Waits for the process to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "the worker does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Worker {
    /// Ends the process at once, as a machine that is lost does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The most memory that a process ever held, in KiB; `None` where the system does not say.
pub(crate) fn peak_memory(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix(" kB")?.parse().ok()
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
