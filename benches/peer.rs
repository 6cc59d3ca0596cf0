//! The same job in Python: `peer.py`, in an environment of its own.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use crate::{machine::version, python};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The versions of Azurite and of the peer.
pub(crate) fn versions() -> String {
    let package = include_str!("../tests/azurite/package.json");
    let package: Value = serde_json::from_str(package).unwrap();
    let azurite = package["dependencies"]["azurite"].as_str().unwrap();
    let sdk = REQUIREMENTS.lines().next().unwrap_or_default();
    let (node, python) = (version("node"), version(&python()));
    format!("Azurite {azurite} on Node {node}, {python} with {sdk}")
}

fn python() -> String {
    python::with("peer", REQUIREMENTS)
}

/// A running `peer.py`; it ends when its input does.
pub(crate) struct Peer {
    child: Child,
    jobs: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it on a storage account.
    pub(crate) fn start(connection_string: &str) -> Self {
        let mut child = Command::new(python())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer.py"))
            .env("LAKEHAND_STORAGE", connection_string)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let jobs = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, jobs, answers }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it do a job.
    pub(crate) fn run(&mut self, job: &Value) {
        writeln!(self.jobs, "{job}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, "done\n", "the Python script failed");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
