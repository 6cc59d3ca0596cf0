//! The SMTP server of these tests: a Python process.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde::Deserialize;

/// A mail that the server took.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Taken {
    pub(super) to: Vec<String>,
    pub(super) data: String,
    pub(super) tls: bool,
}

/// The server, ended when dropped.
pub(super) struct Server {
    pub(super) port: u16,
    process: Child,
    lines: BufReader<ChildStdout>,
}

/// The interpreter that tests/run set up, `None` if Python is left out.
pub(super) fn python() -> Option<PathBuf> {
    if std::env::var("LAKEHAND_TEST_PYTHON").is_ok_and(|value| value == "off") {
        println!("skipped: LAKEHAND_TEST_PYTHON is off");
        return None;
    }
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python"))
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/delivery").join(name)
}

impl Server {
    /// Starts a server that does these things; it listens when this returns.
    pub(super) fn start(python: &Path, acts: &[&str]) -> Self {
        let mut process = Command::new(python)
            .arg(script("mail_server.py"))
            .args(acts)
            .stdout(Stdio::piped())
            // It tells at length of every client that breaks off, which is what some tests do.
            .stderr(Stdio::null())
            .spawn()
            .expect(
                "Python is there; tests/run installs it, LAKEHAND_TEST_PYTHON=off leaves it out",
            );
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("the server prints its port");
        Self { port, process, lines }
    }

    /// What it took; ends it.
    pub(super) fn taken(mut self) -> Vec<Taken> {
        self.end();
        let lines: Vec<_> = self.lines.by_ref().lines().map(Result::unwrap).collect();
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Writes a certificate for `localhost` and its key, and returns both paths.
pub(super) fn certificate(python: &Path, folder: &Path) -> (String, String) {
    let path = |name| folder.join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let made = Command::new(python).arg(script("certificate.py")).args([&cert, &key]).status();
    assert!(made.unwrap().success());
    (cert, key)
}
