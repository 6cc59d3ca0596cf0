//! From a cell back to the value.

use std::{collections::BTreeMap, fmt, sync::Arc};

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{CellError, DataKey, NONCE, Unready};
use crate::encryption::{envelope::ProtectedColumn, policy::Output};

/// What opens the cells of one column. Cloning is cheap.
#[derive(Clone)]
pub struct Opener {
    cipher: Arc<LessSafeKey>,
    associated: Arc<[u8]>,
    output: Output,
}

impl Opener {
    /// Prepares the work on one column with the opened data keys of its file's envelope.
    ///
    /// # Errors
    /// The method cannot be taken back, or the column's key is not there.
    pub fn new(
        column: &ProtectedColumn,
        keys: &BTreeMap<String, DataKey>,
    ) -> Result<Self, Unready> {
        if !column.method.is_reversible() {
            return Err(Unready::NotReversible(column.path.clone()));
        }
        let key = column.key.as_ref().and_then(|name| keys.get(name));
        let key = key.ok_or_else(|| Unready::NoSuchKey(column.path.clone()))?;
        let associated = if column.bind { column.path.as_bytes() } else { &[] };
        Self::with_key(key.expose(), associated, column.output)
    }

    /// Opens what Spark's `aes_encrypt(…, 'GCM')` made with a key of 16, 24 or 32 bytes.
    ///
    /// # Errors
    /// [`Unready::KeyLength`].
    pub fn with_key(key: &[u8], associated: &[u8], output: Output) -> Result<Self, Unready> {
        let cipher = Arc::new(cipher(key)?);
        Ok(Self { cipher, associated: associated.into(), output })
    }

    /// Appends the value of a cell.
    ///
    /// # Errors
    /// [`CellError::NotOpened`], whatever is wrong; `out` is as before.
    pub fn open(&self, cell: &[u8], out: &mut Vec<u8>) -> Result<(), CellError> {
        let start = out.len();
        let opened = self
            .append(cell, out)
            .and_then(|()| open_within(&self.cipher, &self.associated, &mut out[start..]));
        out.truncate(start + opened.unwrap_or(0));
        opened.map(drop).ok_or(CellError::NotOpened)
    }

    /// Appends the bytes of a cell.
    fn append(&self, cell: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if self.output == Output::Binary {
            out.extend_from_slice(cell);
            return Some(());
        }
        let start = out.len();
        out.resize(start + base64::decoded_len_estimate(cell.len()), 0);
        let length = STANDARD.decode_slice(cell, &mut out[start..]).ok()?;
        out.truncate(start + length);
        Some(())
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("output", &self.output).finish_non_exhaustive()
    }
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, Unready> {
    let algorithm = match key.len() {
        16 => &AES_128_GCM,
        // Spark writes it when it is given such a key.
        24 => &AES_192_GCM,
        _ => &AES_256_GCM,
    };
    let key = UnboundKey::new(algorithm, key).map_err(|_| Unready::KeyLength)?;
    Ok(LessSafeKey::new(key))
}

/// Puts the value where the cell begins, and returns its length.
fn open_within(cipher: &LessSafeKey, associated: &[u8], cell: &mut [u8]) -> Option<usize> {
    let nonce = Nonce::assume_unique_for_key(*cell.first_chunk::<NONCE>()?);
    let opened = cipher.open_within(nonce, Aad::from(associated), cell, NONCE..);
    opened.ok().map(|value| value.len())
}
