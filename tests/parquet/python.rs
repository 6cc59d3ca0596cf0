//! Other readers: pyarrow, DuckDB and Python's cryptography library.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use super::{Bytes, KEY};

/// `off` leaves out what needs Python.
const SETTING: &str = "LAKEHAND_TEST_PYTHON";

/// A running `tests/python/compare.py`.
pub(crate) struct Python {
    child: Child,
    answers: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

impl Python {
    /// None, and said so, if the setting is off.
    pub(crate) fn start() -> Option<Self> {
        if std::env::var(SETTING).is_ok_and(|value| value == "off") {
            println!("skipped: {SETTING} is off");
            return None;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/python/bin/python");
        assert!(python.exists(), "pyarrow is not there; run tests/run, which installs it");
        let mut child = Command::new(python)
            .arg(root.join("tests/python/compare.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Some(Self { child, answers, folder: tempfile::tempdir().unwrap() })
    }

    /// A file with types that only its Arrow schema knows.
    pub(crate) fn arrow_types(&self) -> Bytes {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = self.folder.path().join("arrow.parquet");
        let status = Command::new(root.join("target/python/bin/python"))
            .arg(root.join("tests/python/arrow_types.py"))
            .arg(&path)
            .status();
        assert!(status.unwrap().success());
        Bytes(std::fs::read(path).unwrap())
    }

    /// Compares a file with what it became when columns were protected, and opened again.
    ///
    /// # Errors
    /// What is different, or why it cannot be said.
    pub(crate) fn compare(
        &mut self,
        [old, new, opened]: [&Bytes; 3],
        changed: &[&str],
        duckdb: bool,
    ) -> Result<(), String> {
        let write = |name: &str, file: &Bytes| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, &file.0).unwrap();
            path
        };
        let key = KEY.map(|byte| format!("{byte:02x}")).concat();
        let job = json!({
            "old": write("old.parquet", old),
            "new": write("new.parquet", new),
            "opened": write("opened.parquet", opened),
            "changed": changed,
            "key": key,
            "duckdb": duckdb,
        });
        writeln!(self.child.stdin.as_mut().unwrap(), "{job}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).expect("the script answers");
        answer["error"].as_str().map_or(Ok(()), |error| Err(error.to_owned()))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
