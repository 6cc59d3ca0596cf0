//! Key-encryption keys in a file that only its owner may read:
//!
//! ```json
//! {"keys": {"pii": {"current": 2, "versions": {
//!     "1": {"key": "<32 bytes, base64>", "created": "2026-11-30T21:34:25Z", "disabled": true},
//!     "2": {"key": "<32 bytes, base64>", "created": "2027-02-28T08:00:00Z", "disabled": false}
//! }}}}
//! ```
//!
//! Data keys are wrapped by AES-256-GCM with `name/version` as associated data. The file is read
//! again for each use, so that a rotation holds at once for all processes.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    failure::{Failure, blocking, on},
    lake::{Staged, is_absent},
};
use crate::{
    encryption::cell::{CellError, DataKey},
    stores::{
        Fault, StoreError,
        keys::{KeyProvider, Wrapped, is_key_name, shown},
    },
};

const ALGORITHM: &str = "A256GCM";

/// How long reading the file may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A file of key-encryption keys.
#[derive(Clone, Debug)]
pub struct LocalKeyring {
    path: PathBuf,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    keys: BTreeMap<String, Named>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    current: u32,
    versions: BTreeMap<u32, Version>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    #[serde(with = "text")]
    key: DataKey,
    #[serde(with = "time::serde::rfc3339")]
    created: OffsetDateTime,
    #[serde(default)]
    disabled: bool,
}

impl LocalKeyring {
    /// The keyring in this file; nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        // The folder of a bare file name is to be named, too.
        Self { path: std::path::absolute(&path).unwrap_or(path) }
    }

    /// Makes a key, and the file if it is not there.
    ///
    /// # Errors
    /// `AlreadyExists` if the keyring has a key of this name, `Rejected` if the name cannot be one
    /// or the file is damaged, `Denied` if others may read it.
    pub fn init(&self, name: &str, now: OffsetDateTime) -> Result<(), StoreError> {
        let made = self.change(|contents| {
            if !is_key_name(name) {
                let why = "name a key with 1 to 127 letters, digits and hyphens";
                return Err(Failure::new(Fault::Rejected, why));
            }
            if contents.keys.contains_key(name) {
                let why = "the keyring has it already; `lakehand keys rotate` makes a new version";
                return Err(Failure::new(Fault::AlreadyExists, why));
            }
            let versions = BTreeMap::from([(1, Version::new(now)?)]);
            contents.keys.insert(name.to_owned(), Named { current: 1, versions });
            Ok(())
        });
        made.map_err(|failure| failure.about("make key", shown(name)))
    }

    /// Makes a new version of a key, which wraps from now on, and returns its number. What was
    /// wrapped before still opens.
    ///
    /// # Errors
    /// `NotFound` if there is no such key, and as for [`init`](Self::init).
    pub fn rotate(&self, name: &str, now: OffsetDateTime) -> Result<u32, StoreError> {
        let made = self.change(|contents| {
            let named = contents.keys.get_mut(name).ok_or_else(|| self.no_such_key(name))?;
            let newest = named.versions.keys().next_back().copied().unwrap_or(0);
            named.current = newest.max(named.current) + 1;
            named.versions.insert(named.current, Version::new(now)?);
            Ok(named.current)
        });
        made.map_err(|failure| failure.about("rotate key", shown(name)))
    }

    fn no_such_key(&self, name: &str) -> Failure {
        Failure::new(
            Fault::NotFound,
            format!(
                "there is none in {file}; `lakehand keys init --keyring {file} --key {}` makes it",
                shown(name),
                file = self.path.display(),
            ),
        )
    }

    /// Reads the file, changes it, and puts it into its place in one step; nobody else changes it
    /// meanwhile.
    fn change<T>(
        &self,
        work: impl FnOnce(&mut Contents) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let lock = self.beside(".lock");
        let mut options = File::options();
        let held = options.create(true).append(true).mode(0o600).open(&lock).map_err(on(&lock))?;
        held.lock().map_err(on(&lock))?;
        let mut contents = match self.read() {
            Err(failure) if failure.fault == Fault::NotFound => Contents::default(),
            read => read?,
        };
        let value = work(&mut contents)?;
        self.write(&contents)?;
        Ok(value)
    }

    fn beside(&self, tail: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(tail);
        path.into()
    }

    fn write(&self, contents: &Contents) -> Result<(), Failure> {
        let text = Zeroizing::new(serde_json::to_vec_pretty(contents).expect("plain data is JSON"));
        let mut staged = Staged::secret(self.beside(&format!(".{}", Uuid::new_v4().simple())))?;
        staged.file.write_all(&text).map_err(on(&self.path))?;
        staged.finish()?;
        staged.move_to(&self.path)
    }

    fn read(&self) -> Result<Contents, Failure> {
        let mut file = match File::open(&self.path) {
            Err(error) if is_absent(&error) => {
                let why = format!("{}: there is no such keyring", self.path.display());
                return Err(Failure::new(Fault::NotFound, why));
            }
            opened => opened.map_err(on(&self.path))?,
        };
        let metadata = file.metadata().map_err(on(&self.path))?;
        refuse_if_open_to_others(&self.path, &metadata)?;
        let mut text = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
        file.read_to_end(&mut text).map_err(on(&self.path))?;
        // The parser's own message would quote what it found, and that may be a key.
        serde_json::from_slice(&text).map_err(|error| {
            let (path, line) = (self.path.display(), error.line());
            Failure::new(Fault::Rejected, format!("{path}: line {line} is not that of a keyring"))
        })
    }

    /// Finds a version of a key, the current one if none is given, and works with it.
    fn with<T>(
        &self,
        name: &str,
        version: Option<&str>,
        work: impl FnOnce(u32, &DataKey) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let contents = match self.read() {
            Err(failure) if failure.fault == Fault::NotFound => return Err(self.no_such_key(name)),
            read => read?,
        };
        let named = contents.keys.get(name).ok_or_else(|| self.no_such_key(name))?;
        let number = version.map_or(Some(named.current), |text| text.parse().ok());
        let found = number.and_then(|number| Some((number, named.versions.get(&number)?)));
        let Some((number, version)) = found else {
            let why = "the keyring has no such version; restore the keyring that has it";
            return Err(Failure::new(Fault::NotFound, why));
        };
        if version.disabled {
            let why = format!("version {number} is disabled in {}", self.path.display());
            return Err(Failure::new(Fault::Denied, why));
        }
        work(number, &version.key)
    }
}

fn refuse_if_open_to_others(path: &Path, metadata: &fs::Metadata) -> Result<(), Failure> {
    if metadata.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    let file = path.display();
    let why =
        format!("{file}: others may read it; make new keys if they did, or `chmod 600 {file}`");
    Err(Failure::new(Fault::Denied, why))
}

impl Version {
    fn new(created: OffsetDateTime) -> Result<Self, Failure> {
        let key = DataKey::generate().map_err(failed)?;
        Ok(Self { key, created, disabled: false })
    }
}

fn failed(error: CellError) -> Failure {
    Failure::new(Fault::Unavailable, error.to_string())
}

#[async_trait]
impl KeyProvider for LocalKeyring {
    async fn current(&self, name: &str) -> Result<String, StoreError> {
        let (keyring, wanted) = (self.clone(), name.to_owned());
        let work = move || keyring.with(&wanted, None, |number, _| Ok(number.to_string()));
        blocking("find key", shown(name), DEADLINE, work).await
    }

    async fn wrap(&self, name: &str, key: &DataKey) -> Result<Wrapped, StoreError> {
        let (keyring, wanted, key) = (self.clone(), name.to_owned(), key.clone());
        let work = move || {
            keyring.with(&wanted, None, |number, own| {
                let bytes = own.wrap(&key, &associated(&wanted, number)).map_err(failed)?;
                let (version, algorithm) = (number.to_string(), ALGORITHM.to_owned());
                Ok(Wrapped { name: wanted.clone(), version, algorithm, bytes })
            })
        };
        blocking("wrap a data key with key", shown(name), DEADLINE, work).await
    }

    async fn unwrap(&self, wrapped: &Wrapped) -> Result<DataKey, StoreError> {
        let (keyring, wanted) = (self.clone(), wrapped.clone());
        let work = move || {
            let Wrapped { name, version, algorithm, bytes } = &wanted;
            if algorithm != ALGORITHM {
                let why = "it was not wrapped by a keyring; set LAKEHAND_KEY_VAULT instead";
                return Err(Failure::new(Fault::Rejected, why));
            }
            keyring.with(name, Some(version), |number, own| {
                own.unwrap(bytes, &associated(name, number)).map_err(|_| {
                    let why = "it was wrapped by another key of that name, or is damaged";
                    Failure::new(Fault::Rejected, why)
                })
            })
        };
        blocking("open a data key with key", wrapped, DEADLINE, work).await
    }
}

fn associated(name: &str, version: u32) -> Vec<u8> {
    format!("{name}/{version}").into_bytes()
}

/// A key as base64 text.
mod text {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use zeroize::Zeroizing;

    use crate::encryption::cell::DataKey;

    pub(super) fn serialize<S: Serializer>(key: &DataKey, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(STANDARD.encode(key.expose())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DataKey, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        let bytes = STANDARD.decode(text.as_bytes()).map(Zeroizing::new);
        let key = bytes.ok().and_then(|bytes| DataKey::from_slice(&bytes));
        key.ok_or_else(|| D::Error::custom("a key is 32 bytes in base64"))
    }
}
