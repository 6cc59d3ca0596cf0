//! The same job in Python: `peer.py`, in an environment of its own.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// Where the environment with the SDK is, next to what Cargo builds.
const ENVIRONMENT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/peer");

/// The Python of that environment, which is made at the first use.
pub(crate) fn python() -> String {
    let folder = PathBuf::from(ENVIRONMENT);
    let python = folder.join("bin/python").display().to_string();
    let wanted = include_str!("requirements.txt");
    let made = folder.join("requirements.txt");
    if std::fs::read_to_string(&made).is_ok_and(|found| found == wanted) {
        return python;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/requirements.txt");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(source));
    std::fs::write(made, wanted).unwrap();
    python
}

fn run(command: &mut Command) {
    let status = command.status().expect("python3 must be on the PATH, with its venv module");
    assert!(status.success(), "{command:?}: {status}");
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
