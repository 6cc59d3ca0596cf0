//! The numbers of `host.json` that the host keeps to, each open to an app setting.

use std::time::Duration;

use serde_json::Value;

use crate::{
    host::functions::HOST_JSON,
    settings::{Environment, Problem, parse_time_span},
};

/// How long and how often the host tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// How long a worker may take to listen.
    pub(super) initialization: Duration,
    /// How often a queue message is tried.
    pub(super) queue_tries: u32,
    /// How often a blob is tried.
    pub(super) blob_tries: u32,
    /// How many blobs are worked on at once.
    pub(super) blobs_at_once: usize,
}

impl Limits {
    /// Reads `host.json`, and over it the settings named
    /// `AzureFunctionsJobHost__section__key`.
    ///
    /// # Errors
    /// A setting that is not a value of its kind.
    pub(super) fn read(environment: &Environment) -> Result<Self, Problem> {
        let host = serde_json::from_str(HOST_JSON).expect("host.json is read by a test");
        let reader = Reader { environment, host };
        Ok(Self {
            initialization: reader.span("customHandler/initializationTimeout")?,
            queue_tries: reader.number("extensions/queues/maxDequeueCount")?,
            blob_tries: reader.number("extensions/blobs/poisonBlobThreshold")?,
            blobs_at_once: reader.number("extensions/blobs/maxDegreeOfParallelism")? as usize,
        })
    }
}

struct Reader<'a> {
    environment: &'a Environment,
    host: Value,
}

impl Reader<'_> {
    fn span(&self, path: &str) -> Result<Duration, Problem> {
        let text = self.text(path);
        parse_time_span(&text).ok_or_else(|| problem(path, "is not a time span", "00:00:30"))
    }

    fn number(&self, path: &str) -> Result<u32, Problem> {
        let number = self.text(path).parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| problem(path, "is not a whole number above 0", "5"))
    }

    fn text(&self, path: &str) -> String {
        if let Some(text) = self.environment.get(&setting(path)) {
            return text.clone();
        }
        match self.host.pointer(&format!("/{path}")) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        }
    }
}

fn setting(path: &str) -> String {
    format!("AzureFunctionsJobHost__{}", path.replace('/', "__"))
}

fn problem(path: &str, reason: &str, example: &str) -> Problem {
    Problem::new(setting(path), reason, example)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const INITIALIZATION: &str = "AzureFunctionsJobHost__customHandler__initializationTimeout";

    #[test]
    fn host_json_says_what_the_readme_promises() {
        let limits = Limits::read(&Environment::new()).unwrap();
        let expected = Limits {
            initialization: Duration::from_secs(30),
            queue_tries: 5,
            blob_tries: 5,
            blobs_at_once: 4,
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn a_setting_wins_over_host_json() {
        let set =
            |value: &str| Limits::read(&[(INITIALIZATION.to_owned(), value.to_owned())].into());
        assert_eq!(set("00:00:02").unwrap().initialization, Duration::from_secs(2));
        let problem = set("soon").unwrap_err().to_string();
        assert!(problem.contains(INITIALIZATION) && problem.contains("00:00:30"), "{problem}");
    }
}
