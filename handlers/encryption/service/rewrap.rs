//! Data keys wrapped anew under the current version of their key-encryption key, so that an old
//! version can be disabled. Data stays as it is: the data keys are the same.
//!
//! Everything is opened and wrapped before anything is written, so that a key that is unknown,
//! disabled or not configured leaves all as it was.

use std::time::Instant;

use serde::Serialize;

use super::{
    Tools,
    audit::{Caller, Deed},
    failure::{Failure, Kind},
    format::Format,
    places::Places,
};
use crate::{
    encryption::{envelope::WrappedKeys, streams::BlobSource},
    routing::Source,
    stores::{Fault, StoreError, optional},
};

/// How often a race may be lost.
const TRIES: usize = 4;

/// What the parts of a blob take that are held, and its footer in several forms, in bytes.
const MEMORY: usize = BlobSource::MEMORY + (8 << 20);

/// Who wraps what anew, and until when.
#[derive(Clone, Debug)]
pub struct Rewrap {
    /// The key-encryption keys that may be used.
    pub configured: Vec<String>,
    /// Who asks.
    pub caller: Caller,
    /// When to give up.
    pub deadline: Instant,
}

/// What became of a file, or of a named data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Its keys are under the current version now.
    Rewrapped,
    /// They were already.
    Unchanged,
    /// It has none.
    Unprotected,
}

/// What was done to one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rewrapped {
    /// The file.
    pub source: String,
    /// What became of it.
    pub state: State,
    /// The key-encryption key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Its version, the current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_version: Option<String>,
}

impl Rewrapped {
    /// What to answer for a file with these keys.
    pub fn new(source: impl ToString, state: State, keys: &WrappedKeys) -> Self {
        let key = keys.values().next();
        Self {
            source: source.to_string(),
            state,
            key_id: key.map(|key| key.name.clone()),
            key_version: key.map(|key| key.version.clone()),
        }
    }
}

/// What was done to the versions of a named data key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedRewrapped {
    key_id: String,
    key_version: String,
    rewrapped: usize,
}

impl Rewrap {
    /// Wraps the data keys of a blob anew, in every place that holds them. A repeat after a failure
    /// goes on where that ended.
    ///
    /// # Errors
    /// See [`Failure`]; that of a key comes before anything is written.
    pub async fn blob(
        &self,
        tools: &Tools,
        source: Source,
        format: &Format,
    ) -> Result<Rewrapped, Failure> {
        if source.properties.tier.as_deref() == Some("Archive") {
            let reason = "it is archived; give it another tier first, which takes hours";
            return Err(Failure::refused(Kind::Taken, "source", reason));
        }
        let (mut source, mut is_recorded) = (source, false);
        for _ in 0..TRIES {
            match self.attempt(tools, &source, format, &mut is_recorded).await {
                Err(Failure::SourceChanged(_)) => {}
                Err(Failure::Store(error)) if is_race(&error) => {}
                done => return done,
            }
            let there = optional(tools.blobs.head(&source.path).await)?;
            let gone = || Failure::SourceChanged(source.path.clone());
            source = Source { properties: there.ok_or_else(gone)?, ..source };
        }
        Err(Failure::Rival(source.path.to_string()))
    }

    async fn attempt(
        &self,
        tools: &Tools,
        source: &Source,
        format: &Format,
        is_recorded: &mut bool,
    ) -> Result<Rewrapped, Failure> {
        let share = tools.memory.take(MEMORY, self.deadline).await?;
        let places = Places::read(tools, source, format, &share).await?;
        let Some(envelope) = places.envelopes().next() else {
            return Ok(Rewrapped::new(&source.path, State::Unprotected, &WrappedKeys::new()));
        };
        let keys = tools.keys()?;
        let anew = keys.rewrap_all(&envelope.keys, &self.configured).await?;
        if places.envelopes().all(|envelope| envelope.keys == anew) {
            return Ok(Rewrapped::new(&source.path, State::Unchanged, &anew));
        }
        for other in places.envelopes().filter(|other| other.keys != envelope.keys) {
            keys.check_same(&other.keys, &anew, &self.configured).await?;
        }
        if Instant::now() >= self.deadline {
            return Err(Failure::TooSlow);
        }
        if !*is_recorded {
            let deed = Deed::of("rewrap", &self.caller, &source.path, envelope);
            let destination = versions(&anew);
            Deed { destination, ..deed }.record(&*tools.documents).await?;
            *is_recorded = true;
        }
        places.renew(&anew, share).await?;
        Ok(Rewrapped::new(&source.path, State::Rewrapped, &anew))
    }

    /// Wraps all versions of a named data key anew.
    ///
    /// # Errors
    /// As for [`blob`](Self::blob); what was done until then stays done.
    pub async fn named(&self, tools: &Tools, key: &str) -> Result<NamedRewrapped, Failure> {
        let keys = tools.keys()?;
        let key_version = keys.current(key).await?;
        let deed = Deed {
            action: "rewrap",
            caller: &self.caller,
            subject: key.to_owned(),
            destination: Some(format!("{key}, version {key_version}")),
            columns: Vec::new(),
            keys: vec![key.to_owned()],
        };
        deed.record(&*tools.documents).await?;
        let rewrapped = keys.rewrap_named(key).await?;
        Ok(NamedRewrapped { key_id: key.to_owned(), key_version, rewrapped })
    }
}

/// The versions under which keys are, in words.
pub fn versions(keys: &WrappedKeys) -> Option<String> {
    let mut versions: Vec<_> =
        keys.values().filter_map(|key| Some(key.wrapped()?.to_string())).collect();
    versions.dedup();
    (!versions.is_empty()).then(|| versions.join("; "))
}

fn is_race(error: &StoreError) -> bool {
    matches!(error.fault, Fault::Changed | Fault::NotFound | Fault::Lost | Fault::AlreadyExists)
}
