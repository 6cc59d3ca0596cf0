//! The configuration in force: read at the start, read again when its file or blob changes, and
//! kept as it was when the new version is not valid.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    settings::{ConfigSource, Connection, Environment},
    stores::{
        StoreError,
        blobs::{BlobPath, Blobs},
    },
};

use super::{Config, Problem, Surroundings};

/// How long a version is used before asking whether there is a newer one.
const RECHECK: Duration = Duration::from_secs(5);

/// The same for a file, which costs nothing to ask.
const RECHECK_FILE: Duration = Duration::from_secs(1);

/// The longest configuration that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// There is no valid configuration to work with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(String),
    /// It was read and is wrong.
    #[error("the configuration is not valid: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Problem>),
}

/// A configuration and the stores of the accounts that it names.
#[derive(Debug)]
pub struct Active {
    /// What the file says.
    pub config: Config,
    /// The stores of `[[account]]`, by name.
    pub accounts: BTreeMap<String, Arc<dyn Blobs>>,
}

/// Opens the store of another account; only `main` knows how.
pub type OpenAccount = fn(&Connection) -> Result<Arc<dyn Blobs>, StoreError>;

/// The configuration and where it comes from.
#[derive(Debug)]
pub struct LiveConfig {
    source: ConfigSource,
    environment: Environment,
    landing: String,
    blobs: Arc<dyn Blobs>,
    open_account: OpenAccount,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    config: Option<Arc<Active>>,
    /// Why the newest version is not the one in force.
    rejected: Option<Unusable>,
    version: Option<String>,
    checked: Option<Instant>,
}

impl State {
    /// The known version could be read: an earlier failure to read is over.
    fn readable(&mut self) {
        self.rejected.take_if(|why| matches!(why, Unusable::Unreadable(_)));
    }

    /// Leaves what is in force as it is, and says why, once.
    fn reject(&mut self, why: Unusable) {
        let reason = why.to_string();
        let known = self.rejected.replace(why).is_some_and(|known| known.to_string() == reason);
        match self.config {
            _ if known => {}
            Some(_) => tracing::error!(%reason, "the last good configuration stays in force"),
            None => tracing::error!(%reason, "there is no configuration to work with"),
        }
    }
}

impl LiveConfig {
    /// Names the source; nothing is read yet.
    pub fn new(
        source: ConfigSource,
        environment: Environment,
        landing: String,
        blobs: Arc<dyn Blobs>,
        open_account: OpenAccount,
    ) -> Self {
        Self { source, environment, landing, blobs, open_account, state: Mutex::default() }
    }

    /// The configuration in force, after looking for a newer version if the last look was some
    /// seconds ago.
    ///
    /// # Errors
    /// There has been no valid version yet.
    pub async fn current(&self) -> Result<Arc<Active>, Unusable> {
        if self.is_due() {
            self.refresh().await;
        }
        let state = self.lock();
        match (&state.config, &state.rejected) {
            (Some(config), _) => Ok(Arc::clone(config)),
            (None, Some(why)) => Err(why.clone()),
            (None, None) => Err(Unusable::Unreadable("it is being read; try again".to_owned())),
        }
    }

    /// Why the newest version is not in force, if that is so.
    pub fn rejected(&self) -> Option<Unusable> {
        self.lock().rejected.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a look is due; claims it, so that of many callers only one looks.
    fn is_due(&self) -> bool {
        let mut state = self.lock();
        let pause = match self.source {
            ConfigSource::File(_) => RECHECK_FILE,
            ConfigSource::Blob(_) => RECHECK,
        };
        let due = state.checked.is_none_or(|checked| checked.elapsed() >= pause);
        if due && state.config.is_some() {
            state.checked = Some(Instant::now());
        }
        due
    }

    async fn refresh(&self) {
        let known = self.lock().version.clone();
        let read = self.read(known.as_deref()).await;
        let mut state = self.lock();
        state.checked = Some(Instant::now());
        match read {
            Ok(None) => state.readable(),
            Ok(Some((version, text))) => self.adopt(&mut state, version, &text),
            Err(reason) => state.reject(Unusable::Unreadable(reason)),
        }
    }

    fn adopt(&self, state: &mut State, version: String, text: &str) {
        state.version = Some(version);
        match self.activate(text) {
            Ok(active) => {
                let routes = active.config.routes.len();
                tracing::info!(config.routes = routes, "a configuration is in force");
                state.config = Some(Arc::new(active));
                state.rejected = None;
            }
            Err(why) => {
                // What is not the text's fault may be over at the next look.
                if matches!(why, Unusable::Unreadable(_)) {
                    state.version = None;
                }
                state.reject(why);
            }
        }
    }

    fn activate(&self, text: &str) -> Result<Active, Unusable> {
        let config = Config::parse(text, &self.surroundings()).map_err(Unusable::Invalid)?;
        let mut accounts = BTreeMap::new();
        for (name, connection) in &config.accounts {
            let store = (self.open_account)(connection)
                .map_err(|error| Unusable::Unreadable(error.to_string()))?;
            accounts.insert(name.clone(), store);
        }
        Ok(Active { config, accounts })
    }

    fn surroundings(&self) -> Surroundings<'_> {
        let own_container = match &self.source {
            ConfigSource::Blob(path) => Some(path.container()),
            ConfigSource::File(_) => None,
        };
        Surroundings { environment: &self.environment, landing: &self.landing, own_container }
    }

    /// The version and the text, `None` if it is still the version that is known.
    async fn read(&self, known: Option<&str>) -> Result<Option<(String, String)>, String> {
        match &self.source {
            ConfigSource::File(path) => {
                let read = |error: std::io::Error| format!("{}: {error}", path.display());
                let metadata = tokio::fs::metadata(path).await.map_err(read)?;
                let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                let version = format!("{modified:?}/{}", metadata.len());
                if known == Some(&version) {
                    return Ok(None);
                }
                let text = tokio::fs::read_to_string(path).await.map_err(read)?;
                Ok(Some((version, text)))
            }
            ConfigSource::Blob(path) => {
                self.read_blob(path, known).await.map_err(|e| e.to_string())
            }
        }
    }

    async fn read_blob(
        &self,
        path: &BlobPath,
        known: Option<&str>,
    ) -> Result<Option<(String, String)>, StoreError> {
        if known.is_some() && known == Some(self.blobs.head(path).await?.etag.as_str()) {
            return Ok(None);
        }
        let (content, properties) = self.blobs.read(path, LIMIT).await?;
        let text = String::from_utf8_lossy(&content).into_owned();
        Ok(Some((properties.etag.as_str().to_owned(), text)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::stores::{Fault, local::LocalBlobs};

    const TEXT: &str = r#"
[[account]]
name = "archive"
connection = "%LAKEHAND_ARCHIVE%"

[[route]]
name = "all"
from = "landing/{file...}"
to = "out/{file}"
to_account = "archive"
"#;

    fn refuse(_: &Connection) -> Result<Arc<dyn Blobs>, StoreError> {
        Err(StoreError::new(Fault::Unavailable, "open", "archive", "no client"))
    }

    #[tokio::test]
    async fn an_account_that_cannot_be_opened_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lakehand.toml");
        std::fs::write(&file, TEXT).unwrap();
        let storage = "UseDevelopmentStorage=true".to_owned();
        let live = LiveConfig::new(
            ConfigSource::File(file),
            Environment::from([("LAKEHAND_ARCHIVE".to_owned(), storage)]),
            "landing".to_owned(),
            Arc::new(LocalBlobs::open(folder.path()).unwrap()),
            refuse,
        );
        for _ in 0..3 {
            live.refresh().await;
            let why = live.current().await.unwrap_err().to_string();
            assert!(why.contains("no client"), "{why}");
        }
    }
}
