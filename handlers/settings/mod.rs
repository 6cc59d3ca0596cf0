//! App settings: read once from the environment, every problem reported together, by name.

mod connection;
mod cosmos;
mod environment;
mod keys;
mod proof;
mod secret;

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

pub use connection::{Connection, Credential};
pub use cosmos::Cosmos;
pub use environment::Environment;
pub use keys::{Keys, Vault};
pub use proof::{Guarded, SecondProof};
pub use secret::Secret;
use tracing_subscriber::EnvFilter;

use crate::{
    host::functions::{FUNCTIONS, HOST_JSON},
    stores::blobs::{BlobPath, is_container},
};

/// A setting that is missing or wrong, with an example of a right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name.
    pub setting: String,
    /// What is wrong with it; never its value where that may be secret.
    pub reason: String,
    /// A value that would do.
    pub example: String,
}

impl Problem {
    /// Builds a problem.
    pub fn new(
        setting: impl Into<String>,
        reason: impl Into<String>,
        example: impl Into<String>,
    ) -> Self {
        Self { setting: setting.into(), reason: reason.into(), example: example.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} (for example {}={})",
            self.setting, self.reason, self.setting, self.example
        )
    }
}

/// Where the blobs are.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In the local lake, a folder.
    Lake,
    /// In a storage account.
    Account(Box<Connection>),
}

/// Where `lakehand.toml` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// A file.
    File(PathBuf),
    /// A blob, read again when its ETag changes.
    Blob(BlobPath),
}

/// Everything the worker is told from outside.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The loopback port to listen on.
    pub port: u16,
    /// The folder with `host.json`.
    pub root: PathBuf,
    /// The folder of the embedded document store, and of the blobs when there is no account.
    pub lake: PathBuf,
    /// Where the blobs are.
    pub storage: Storage,
    /// The database of the documents; `None` is the embedded store.
    pub cosmos: Option<Box<Cosmos>>,
    /// Where the key-encryption keys are.
    pub keys: Keys,
    /// The container that the blob trigger watches.
    pub landing: String,
    /// The queue that Event Grid feeds.
    pub queue: String,
    /// Where `lakehand.toml` is.
    pub config: ConfigSource,
    /// How long a ledger entry is kept after its last change.
    pub ledger_retention: Duration,
    /// How long a run is kept after its last change.
    pub run_retention: Duration,
    /// How long an incident is kept after its last change.
    pub incident_retention: Duration,
    /// How long the host lets an invocation run; `None` is without limit.
    pub function_timeout: Option<Duration>,
    /// How many bytes all work on files may hold together, about.
    pub memory: usize,
    /// Who may decrypt.
    pub decryption: SecondProof,
    /// Who may wrap data keys anew.
    pub rewrapping: SecondProof,
    /// The Functions that the host starts, by name.
    pub functions: BTreeSet<&'static str>,
}

/// A setting that still holds the reference instead of the secret it refers to.
const UNRESOLVED: &str = "@Microsoft.KeyVault(";

impl Settings {
    /// Reads and checks every setting.
    ///
    /// # Errors
    /// All problems at once.
    pub fn read(environment: &Environment) -> Result<Self, Vec<Problem>> {
        let problems = unresolved(environment);
        let mut resolved = environment.clone();
        // What is wrong with these is said once: not again as what the reference is not.
        resolved.retain(|name, _| problems.iter().all(|problem| problem.setting != *name));
        let mut reader = Reader { environment: &resolved, problems };
        let root = reader.path("FUNCTIONS_APP_ROOT_PATH").unwrap_or_else(|| PathBuf::from("."));
        let storage = reader.storage();
        let keys = Keys::read(&resolved, &root, &mut reader.problems);
        let cosmos = Cosmos::read(&resolved, &mut reader.problems).map(Box::new);
        let settings = Self {
            port: reader.port(),
            lake: reader.lake(storage.is_some() || reader.blames("LAKEHAND_STORAGE")),
            storage: storage.map_or(Storage::Lake, |account| Storage::Account(Box::new(account))),
            cosmos,
            keys,
            landing: reader.container("LAKEHAND_LANDING", "landing"),
            queue: reader.container("LAKEHAND_QUEUE", "lakehand-events"),
            config: reader.config(&root),
            ledger_retention: reader.days("LAKEHAND_LEDGER_DAYS", 90),
            run_retention: reader.days("LAKEHAND_RUN_DAYS", 365),
            incident_retention: reader.days("LAKEHAND_INCIDENT_DAYS", 90),
            function_timeout: reader.function_timeout(&root),
            memory: reader.memory(),
            decryption: SecondProof::read(Guarded::Decrypt, &resolved, &mut reader.problems),
            rewrapping: SecondProof::read(Guarded::Keys, &resolved, &mut reader.problems),
            functions: functions(environment, &root),
            root,
        };
        reader.log();
        if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
    }
}

/// Names every setting of ours that the platform failed to resolve from Key Vault.
fn unresolved(environment: &Environment) -> Vec<Problem> {
    let ours =
        |name: &str| name.starts_with("LAKEHAND_") || name.starts_with("AzureWebJobsLAKEHAND_");
    environment
        .iter()
        .filter(|(name, value)| ours(name) && value.trim_start().starts_with(UNRESOLVED))
        .map(|(name, _)| {
            Problem::new(
                name,
                "the Key Vault reference was not resolved; check that the app's identity may read secrets and that the secret exists",
                "@Microsoft.KeyVault(SecretUri=https://VAULT.vault.azure.net/secrets/NAME)",
            )
        })
        .collect()
}

struct Reader<'a> {
    environment: &'a Environment,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    fn problem(&mut self, name: &str, reason: impl Into<String>, example: &str) {
        self.problems.push(Problem::new(name, reason, example));
    }

    /// Whether a problem with this setting, or with one of its parts, is known already.
    fn blames(&self, name: &str) -> bool {
        self.problems.iter().any(|problem| problem.setting.contains(name))
    }

    fn storage(&mut self) -> Option<Connection> {
        const NAME: &str = "LAKEHAND_STORAGE";
        if self.blames(NAME) {
            return None;
        }
        Connection::read(self.environment, NAME, &mut self.problems)
    }

    fn port(&mut self) -> u16 {
        let names = ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"];
        let Some((name, text)) = names.iter().find_map(|n| Some((*n, self.text(n)?))) else {
            return 7071;
        };
        text.parse().unwrap_or_else(|_| {
            self.problem(name, "is not a TCP port from 0 to 65535", "7071");
            0
        })
    }

    fn lake(&mut self, account: bool) -> PathBuf {
        match self.path("LAKEHAND_LAKE") {
            Some(folder) => folder,
            None if account => std::env::temp_dir().join("lakehand"),
            None => {
                self.problem(
                    "LAKEHAND_STORAGE",
                    "is missing: name a storage account here, or a local folder in LAKEHAND_LAKE",
                    "UseDevelopmentStorage=true",
                );
                PathBuf::new()
            }
        }
    }

    /// What is logged is set up before the settings are read; here a wrong filter is only named.
    fn log(&mut self) {
        const NAME: &str = "LAKEHAND_LOG";
        let filter = self.text(NAME).map(str::parse::<EnvFilter>);
        if let Some(Err(error)) = filter {
            self.problem(NAME, format!("is no filter: {error}"), "info,azure=error");
        }
    }

    fn container(&mut self, name: &str, default: &str) -> String {
        let value = self.text(name).unwrap_or(default).to_owned();
        if !is_container(&value) {
            self.problem(
                name,
                "is not a name that Azure Storage allows: use 3 to 63 lower-case letters, digits and single hyphens",
                default,
            );
        }
        value
    }

    fn config(&mut self, root: &Path) -> ConfigSource {
        let Some(text) = self.text("LAKEHAND_CONFIG") else {
            return ConfigSource::File(root.join("lakehand.toml"));
        };
        let Some(address) = text.strip_prefix("blob:") else {
            return ConfigSource::File(root.join(text));
        };
        match address.parse() {
            Ok(path) => ConfigSource::Blob(path),
            Err(_) => {
                let reason = "does not name a blob: write blob:container/name";
                self.problem("LAKEHAND_CONFIG", reason, "blob:rules/lakehand.toml");
                ConfigSource::File(PathBuf::new())
            }
        }
    }

    fn days(&mut self, name: &str, default: u32) -> Duration {
        let days = match self.text(name).map(str::parse::<u32>) {
            None => default,
            Some(Ok(days)) if days > 0 => days,
            Some(_) => {
                self.problem(name, "is not a whole number of days above 0", &default.to_string());
                default
            }
        };
        Duration::from_secs(u64::from(days) * 86_400)
    }

    /// Less would not hold the parts of blobs that are on their way, and a page of a common Parquet
    /// file.
    fn memory(&mut self) -> usize {
        const NAME: &str = "LAKEHAND_MEMORY";
        let parsed = self.text(NAME).map(|text| text.parse::<usize>().ok());
        let megabytes = match parsed {
            None => 128,
            Some(Some(megabytes)) if (80..=1 << 20).contains(&megabytes) => megabytes,
            Some(_) => {
                self.problem(NAME, "is not a whole number of MiB from 80 on", "128");
                128
            }
        };
        megabytes << 20
    }

    fn function_timeout(&mut self, root: &Path) -> Option<Duration> {
        const NAME: &str = "AzureFunctionsJobHost__functionTimeout";
        let text = self.text(NAME).map(str::to_owned).or_else(|| host_json_timeout(root));
        let text = text.unwrap_or_else(|| "00:05:00".to_owned());
        if text == "-1" {
            return None;
        }
        parse_time_span(&text).or_else(|| {
            self.problem(NAME, "is not a time span", "00:10:00");
            None
        })
    }
}

/// The worker must know: a Function that the host does not start leaves its address to the one that
/// takes every address, which asks for no key.
fn functions(environment: &Environment, root: &Path) -> BTreeSet<&'static str> {
    let host_json = std::fs::read_to_string(root.join("host.json"));
    let host_json = host_json.as_deref().unwrap_or(HOST_JSON);
    let enabled = FUNCTIONS.iter().filter(|it| it.is_enabled(host_json, environment));
    enabled.map(|function| function.name).collect()
}

fn host_json_timeout(root: &Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join("host.json")).ok()?;
    let host: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(host.get("functionTimeout")?.as_str()?.to_owned())
}

/// Reads `hh:mm:ss` or `d.hh:mm:ss`, the form of .NET's `TimeSpan`.
pub fn parse_time_span(text: &str) -> Option<Duration> {
    let (days, clock) = match text.split_once('.') {
        Some((days, clock)) if clock.contains(':') => (days.parse::<u64>().ok()?, clock),
        _ => (0, text),
    };
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let parts: Vec<u64> = clock.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hours, minutes, seconds] = parts[..] else { return None };
    (hours < 24 && minutes < 60 && seconds < 60)
        .then(|| Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds))
}
