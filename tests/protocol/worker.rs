//! The built binary as the host starts it: its environment, its port, its output, its end.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::wire::{Answer, Connection, chunk};

/// How long anything may take that is expected to happen.
const DEADLINE: Duration = Duration::from_secs(60);

/// Rules under which `landing/in/...` goes to `out/...` and all else to the quarantine.
const RULES: &str = r#"
[landing]
containers = ["landing"]
quarantine = "quarantine/{container}/{path}"
settle = "1s"

[[route]]
name = "in"
from = "landing/in/{file...}"
to = "out/{file}"
"#;

/// An app root with `lakehand.toml`, and a lake in it.
pub(super) struct App(TempDir);

/// A running worker. It is killed when it goes out of scope.
pub(super) struct Worker {
    child: Child,
    pub(super) port: u16,
    stdout: Lines,
    stderr: Lines,
}

/// How a worker ended and all that it printed.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<String>,
    pub(super) stderr: Vec<String>,
}

impl App {
    pub(super) fn new() -> Self {
        let app = Self(tempfile::tempdir().unwrap());
        app.write("lakehand.toml", RULES);
        fs::create_dir_all(app.path("lake/landing/in")).unwrap();
        app
    }

    /// A path below the app root. Blobs are at `lake/<container>/<name>`.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The content of a file below the app root, if it is there.
    pub(super) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Every file of a container, by its path on the disk, in order.
    pub(super) fn files(&self, container: &str) -> Vec<String> {
        let top = self.path("lake").join(container);
        let mut found = Vec::new();
        let mut folders = vec![top.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }

    /// Starts a worker on a free port and waits until it is ready.
    pub(super) fn start(&self) -> Worker {
        self.start_with(&[])
    }

    /// The same with more settings.
    pub(super) fn start_with(&self, settings: &[(&str, &str)]) -> Worker {
        self.start_by(&["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"], settings)
    }

    /// The same with the port only under these names. Another process may take the port before the
    /// worker does: then another port is tried.
    pub(super) fn start_by(&self, names: &[&str], settings: &[(&str, &str)]) -> Worker {
        for _ in 0..10 {
            let port = free_port().to_string();
            let ports: Vec<_> = names.iter().map(|name| (*name, port.as_str())).collect();
            let mut worker = self.spawn(&[&ports, settings].concat());
            worker.port = port.parse().unwrap();
            match worker.ready() {
                Ok(()) => return worker,
                Err(ended) if ended.stderr.concat().contains("cannot listen") => {}
                Err(ended) => panic!("the worker ended: {:?}", ended.stderr),
            }
        }
        panic!("no free port");
    }

    /// Starts a worker with the host's environment but for the ports.
    pub(super) fn spawn(&self, settings: &[(&str, &str)]) -> Worker {
        let id = "5cbd2bd3-3a1c-4e8d-a9a5-0c7f2a1f7c11";
        let root = self.0.path().to_str().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_lakehand"))
            .arg("serve")
            .env_clear()
            .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", id)
            .env("FUNCTIONS_HTTPWORKER_ID", id)
            .env("FUNCTIONS_APP_ROOT_PATH", root)
            .env("FUNCTIONS_WORKER_RUNTIME", "custom")
            .env("FUNCTIONS_EXTENSION_VERSION", "~4")
            .env("AzureWebJobsStorage", "UseDevelopmentStorage=true")
            .env("LAKEHAND_LAKE", self.path("lake"))
            .envs(settings.iter().copied())
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        Worker { child, port: 0, stdout, stderr }
    }

    /// Runs a worker that cannot start, to its end.
    pub(super) fn fail(&self, settings: &[(&str, &str)]) -> Ended {
        self.spawn(settings).ended()
    }
}

impl Worker {
    /// Asks `GET /` until it is answered, as the host does; or else says how the worker ended.
    pub(super) fn ready(&mut self) -> Result<(), Ended> {
        let mut alive = true;
        wait_for("the worker to be ready", || {
            alive = self.child.try_wait().unwrap().is_none();
            // On a port that was taken, somebody else may answer: the worker must have it.
            !alive || (self.is_answering() && self.printed("lakehand is listening"))
        });
        if alive { Ok(()) } else { Err(self.collect()) }
    }

    fn is_answering(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.port) else { return false };
        let sent = connection.try_send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        sent.is_ok() && connection.try_answer(true).is_ok_and(|answer| answer.status == 200)
    }

    pub(super) fn connect(&self) -> Connection {
        Connection::open(self.port).unwrap()
    }

    /// Sends a request, a HEAD request excepted, and reads the answer.
    pub(super) fn ask(&self, request: &str) -> Answer {
        let mut connection = self.connect();
        connection.send(request);
        connection.answer()
    }

    /// Posts an envelope as the host does, in one chunk.
    pub(super) fn invoke(&self, function: &str, id: &str, envelope: &str) -> Answer {
        self.invoke_in_pieces(function, id, envelope.as_bytes(), usize::MAX)
    }

    /// Posts an envelope in chunks of so many bytes.
    pub(super) fn invoke_in_pieces(
        &self,
        function: &str,
        id: &str,
        envelope: &[u8],
        size: usize,
    ) -> Answer {
        let mut request = post(function, id).into_bytes();
        for piece in envelope.chunks(size).chain([&[][..]]) {
            request.extend(chunk(piece));
        }
        let mut connection = self.connect();
        connection.send(request);
        connection.answer()
    }

    /// The most memory that the process ever held, in KiB; `None` where the system does not say.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        crate::worker::peak_memory(self.child.id())
    }

    /// Whether a line of its output so far contains the text.
    pub(super) fn printed(&self, text: &str) -> bool {
        self.stdout.kept.lock().unwrap().iter().any(|line| line.contains(text))
    }

    /// Sends a signal and waits for the end.
    pub(super) fn end_by(self, signal: &str) -> Ended {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap();
        assert!(sent.success(), "the worker has ended already");
        self.ended()
    }

    /// Waits for the end.
    pub(super) fn ended(mut self) -> Ended {
        wait_for("the worker to end", || self.child.try_wait().unwrap().is_some());
        self.collect()
    }

    fn collect(&mut self) -> Ended {
        let status = self.child.wait().unwrap();
        Ended { status, stdout: self.stdout.all(), stderr: self.stderr.all() }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A test that ended it, or failed, has nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Everything that it printed.
    pub(super) fn text(&self) -> String {
        [&self.stdout[..], &self.stderr[..]].concat().join("\n")
    }
}

/// The head of a request with an envelope, as the host writes it.
pub(super) fn post(function: &str, id: &str) -> String {
    format!(
        "POST /{function} HTTP/1.1\r\n\
         Host: 127.0.0.1\r\n\
         X-Azure-Functions-InvocationId: {id}\r\n\
         X-Azure-Functions-HostVersion: 4.1037.0.0\r\n\
         User-Agent: Azure-Functions-Host/4.1037.0.0\r\n\
         Transfer-Encoding: chunked\r\n\
         Content-Type: application/json; charset=utf-8\r\n\r\n"
    )
}

/// A port that is free now.
pub(super) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until something is so; a panic says what was not.
pub(super) fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The lines of a stream, read as they come.
struct Lines {
    kept: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let kept = Arc::<Mutex<Vec<String>>>::default();
        let keep = Arc::clone(&kept);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                keep.lock().unwrap().push(String::from_utf8(line).expect("UTF-8"));
            }
        });
        Self { kept, reader: Some(reader) }
    }

    /// All lines, once the stream has ended.
    fn all(&mut self) -> Vec<String> {
        self.reader.take().expect("asked once").join().unwrap();
        std::mem::take(&mut *self.kept.lock().unwrap())
    }
}
