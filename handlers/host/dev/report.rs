//! What `lakehand dev` prints: one line per event, with the time in UTC, as every log has it.

use std::{
    fmt::Display,
    io::{self, Write},
};

use serde_json::{Map, Value};
use time::{OffsetDateTime, macros::format_description};

/// Members of a log line that say nothing on a terminal.
const UNTOLD: [&str; 7] = ["timestamp", "level", "target", "message", "fields", "span", "spans"];

/// The printer; `verbose` also prints the worker's log below warnings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    /// Whether to print every line of the worker's log.
    pub(super) verbose: bool,
}

impl Report {
    /// Prints one event.
    pub(super) fn event(self, line: &str) {
        print(&stamped(OffsetDateTime::now_utc(), line));
    }

    /// Prints a text as it is.
    pub(super) fn text(self, text: &str) {
        print(text);
    }

    /// Prints a line of the worker's error output as it is.
    pub(super) fn worker_error(self, line: &str) {
        // Nobody reads it any more: no reason to stop working.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

/// A trouble that comes again and again, told once until it is over or changes.
#[derive(Debug)]
pub(super) struct Complaint {
    report: Report,
    last: Option<String>,
}

impl Complaint {
    /// Nothing to complain about yet.
    pub(super) fn new(report: Report) -> Self {
        Self { report, last: None }
    }

    /// Takes the outcome of one more try.
    pub(super) fn about<T>(&mut self, outcome: Result<T, impl Display>) {
        let trouble = outcome.err().map(|trouble| trouble.to_string());
        if let Some(trouble) = trouble.as_ref().filter(|_| trouble != self.last) {
            self.report.event(trouble);
        }
        self.last = trouble;
    }
}

/// The worker's log, as far as it is worth a line; a warning that comes again at once is not.
#[derive(Debug)]
pub(super) struct WorkerLog {
    report: Report,
    last: String,
}

impl WorkerLog {
    /// The log of a worker that has said nothing yet.
    pub(super) fn new(report: Report) -> Self {
        Self { report, last: String::new() }
    }

    /// Prints a line of the worker's standard output; what is no log entry is printed as it is.
    pub(super) fn line(&mut self, line: &str) {
        match serde_json::from_str::<Map<String, Value>>(line) {
            Ok(entry) if entry.contains_key("level") => self.entry(&entry),
            _ => print(line),
        }
    }

    fn entry(&mut self, entry: &Map<String, Value>) {
        let all = self.report.verbose;
        let Some(told) = tell(entry, all).filter(|told| all || *told != self.last) else { return };
        self.report.event(&told);
        self.last = told;
    }
}

fn print(line: &str) {
    // As above: the reader may have left.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

fn stamped(now: OffsetDateTime, line: &str) -> String {
    let clock = now.format(format_description!("[hour]:[minute]:[second]Z"));
    format!("{}  {line}", clock.expect("every time has these parts"))
}

/// One log entry on one line, `None` for one below warnings unless all are wanted.
fn tell(entry: &Map<String, Value>, all: bool) -> Option<String> {
    let level = entry.get("level").and_then(Value::as_str).unwrap_or_default();
    if !all && !matches!(level, "WARN" | "ERROR") {
        return None;
    }
    let fields = entry.get("fields").and_then(Value::as_object).unwrap_or(entry);
    let mut told = level.to_owned();
    if let Some(message) = fields.get("message") {
        told = format!("{told} {}", plain(message));
    }
    for (name, value) in fields.iter().filter(|(name, _)| !UNTOLD.contains(&name.as_str())) {
        told = format!("{told} {name}={}", plain(value));
    }
    Some(told)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn told(entry: Value, all: bool) -> Option<String> {
        tell(entry.as_object().unwrap(), all)
    }

    #[test]
    fn log_entries_nested_and_flat_read_the_same() {
        let nested = json!({"timestamp": "t", "level": "WARN", "target": "x",
            "fields": {"message": "kept the last good one", "line": 3, "file": "lakehand.toml"}});
        let flat = json!({"timestamp": "t", "level": "WARN", "target": "x",
            "message": "kept the last good one", "line": 3, "file": "lakehand.toml"});
        let expected = "WARN kept the last good one line=3 file=lakehand.toml";
        assert_eq!(told(nested, false).unwrap(), expected);
        assert_eq!(told(flat, false).unwrap(), expected);
    }

    #[test]
    fn chatter_is_told_only_when_wanted() {
        let entry = json!({"level": "INFO", "message": "copied"});
        assert_eq!(told(entry.clone(), false), None);
        assert_eq!(told(entry, true).unwrap(), "INFO copied");
    }

    #[test]
    fn lines_carry_the_time() {
        assert_eq!(stamped(datetime!(2026-01-02 03:04:05 UTC), "x"), "03:04:05Z  x");
    }
}
