//! Key-encryption keys: they wrap data keys and never leave their place.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::encryption::cell::DataKey;

/// A data key under a version of a key-encryption key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wrapped {
    /// The key-encryption key's name.
    pub name: String,
    /// Its version, in the provider's own words.
    pub version: String,
    /// How the data key is wrapped: `RSA-OAEP-256` in a vault, `A256GCM` in a keyring.
    pub algorithm: String,
    /// The wrapped data key.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, version {}", shown(&self.name), shown(&self.version))
    }
}

/// A name or version as a message may show it, whoever wrote it.
pub fn shown(name: &str) -> &str {
    if is_key_name(name) { name } else { "(not a name of a key)" }
}

/// Whether a text can name a key: Azure Key Vault's rule, which holds for keyrings too so that a
/// name is good for both.
pub fn is_key_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=127).contains(&name.len()) && name.bytes().all(plain)
}

/// A place of key-encryption keys.
///
/// Everything in a [`Wrapped`] may come from a hostile file: a provider checks it before use, and
/// callers ask only for names that are configured.
#[async_trait]
pub trait KeyProvider: Send + Sync + fmt::Debug {
    /// The version of a key that wraps now.
    ///
    /// # Errors
    /// `NotFound` if there is no such key, `Denied` if it is disabled or we may not see it.
    async fn current(&self, name: &str) -> Result<String, StoreError>;

    /// Wraps a data key under the current version.
    ///
    /// # Errors
    /// As for [`current`](Self::current); `Rejected` if the key cannot wrap.
    async fn wrap(&self, name: &str, key: &DataKey) -> Result<Wrapped, StoreError>;

    /// Opens a wrapped data key, under whichever version wrapped it.
    ///
    /// # Errors
    /// `NotFound` if there is no such key or version, `Denied` if it is disabled or we may not use
    /// it, `Rejected` if it was not wrapped by that key.
    async fn unwrap(&self, wrapped: &Wrapped) -> Result<DataKey, StoreError>;
}
