//! The numbers of `host.json` that the host keeps to, each open to an app setting.

use std::time::Duration;

use serde_json::Value;

use crate::{
    host::functions::HOST_JSON,
    settings::{Environment, Problem, parse_time_span},
};

/// What the host takes where nothing is said. Its schema does not know the key, so `host.json` does
/// not say it.
const INITIALIZATION: &str = "00:00:30";

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
            initialization: reader.span("customHandler/initializationTimeout", INITIALIZATION)?,
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
    fn span(&self, path: &str, default: &str) -> Result<Duration, Problem> {
        let text = self.text(path).unwrap_or_else(|| default.to_owned());
        parse_time_span(&text).ok_or_else(|| problem(path, "is not a time span", default))
    }

    fn number(&self, path: &str) -> Result<u32, Problem> {
        let number =
            self.text(path).and_then(|text| text.parse().ok()).filter(|number| *number > 0);
        number.ok_or_else(|| problem(path, "is not a whole number above 0", "5"))
    }

    fn text(&self, path: &str) -> Option<String> {
        if let Some(text) = self.environment.get(&setting(path)) {
            return Some(text.clone());
        }
        let value = self.host.pointer(&format!("/{path}"))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
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

    const SETTING: &str = "AzureFunctionsJobHost__customHandler__initializationTimeout";

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
        let set = |value: &str| Limits::read(&[(SETTING.to_owned(), value.to_owned())].into());
        assert_eq!(set("00:00:02").unwrap().initialization, Duration::from_secs(2));
        let problem = set("soon").unwrap_err().to_string();
        assert!(problem.contains(SETTING) && problem.contains("00:00:30"), "{problem}");
    }
}
