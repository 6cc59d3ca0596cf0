//! Data keys, and what is drawn from them.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::{
    hkdf, hmac,
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroizing;

use super::{CellError, NONCE, Opener, protect::seal};
use crate::encryption::policy::Output;

/// A key of 256 bits; wipes itself and never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// Takes the bytes over.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key, of the system's random bytes.
    ///
    /// # Errors
    /// [`CellError::NoRandomness`].
    pub fn generate() -> Result<Self, CellError> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *bytes).map_err(|_| CellError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// Takes a copy of bytes that may be as many as a key has, or not.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Puts another key into a cell under this one.
    ///
    /// # Errors
    /// [`CellError::NoRandomness`].
    pub fn wrap(&self, other: &Self, associated: &[u8]) -> Result<Vec<u8>, CellError> {
        let mut nonce = [0; NONCE];
        SystemRandom::new().fill(&mut nonce).map_err(|_| CellError::NoRandomness)?;
        let mut cell = Vec::new();
        seal(&self.cipher(), nonce, associated, other.expose(), &mut cell)?;
        Ok(cell)
    }

    /// Takes another key out of its cell.
    ///
    /// # Errors
    /// [`CellError::NotOpened`].
    pub fn unwrap(&self, cell: &[u8], associated: &[u8]) -> Result<Self, CellError> {
        let opener = Opener::with_key(self.expose(), associated, Output::Binary);
        let mut bytes = Zeroizing::new(Vec::with_capacity(cell.len()));
        opener.map_err(|_| CellError::NotOpened)?.open(cell, &mut bytes)?;
        Self::from_slice(&bytes).ok_or(CellError::NotOpened)
    }

    pub(super) fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, self.expose());
        LessSafeKey::new(key.expect("32 bytes are a key of AES-256"))
    }

    /// A key for HMAC-SHA-256, separate from all others; `bound` is the path of a bound column.
    pub(super) fn derive(&self, purpose: &str, bound: &str) -> hmac::Key {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(self.expose());
        let info = [purpose.as_bytes(), bound.as_bytes()];
        let derived = secret.expand(&info, hmac::HMAC_SHA256);
        derived.expect("32 bytes are less than HKDF can give").into()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

/// The data keys with which the columns of one file are protected. Make them once for a file: all
/// columns, and all clones, count the cells under the file's key together.
#[derive(Clone, Debug, Default)]
pub struct ColumnKeys {
    pub(super) file: Option<Arc<FileKey>>,
    pub(super) named: Option<DataKey>,
}

impl ColumnKeys {
    /// Takes the file's own key, for `randomized`, and a named one, for `deterministic` and
    /// `token`, as far as the columns need them.
    pub fn new(file: Option<DataKey>, named: Option<DataKey>) -> Self {
        let counted = |key: DataKey| FileKey { cipher: key.cipher(), used: Arc::default() };
        Self { file: file.map(counted).map(Arc::new), named }
    }
}

/// A file's key, ready, and how many nonces were drawn for it.
#[derive(Debug)]
pub(super) struct FileKey {
    pub(super) cipher: LessSafeKey,
    pub(super) used: Arc<AtomicU64>,
}
