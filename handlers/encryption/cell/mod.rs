//! One value: protected, and opened again.
//!
//! A cell is AES-256-GCM in the layout that Spark's `aes_encrypt(…, 'GCM')` has: nonce (12 bytes),
//! ciphertext as long as the value, tag (16 bytes); or the same as base64 text.
//!
//! Keys that are derived from a named data key, by HKDF-SHA-256 (RFC 5869) without a salt:
//!
//! | for | info |
//! |---|---|
//! | nonces of `deterministic` | `lakehand deterministic nonce v1`, and the column's path if bound |
//! | `token` | `lakehand token v1`, and the column's path if bound |
//!
//! The path is part of the derivation and not of the hashed text, because there it could be
//! mistaken for the beginning of a value, and two values under one nonce would be readable.

mod key;
mod nonces;
mod open;
mod protect;
#[cfg(test)]
mod tests;

pub use key::{ColumnKeys, DataKey};
pub use open::Opener;
pub use protect::Protector;

/// Bytes of a nonce, before the ciphertext.
const NONCE: usize = 12;

/// Bytes of a tag, after the ciphertext.
const TAG: usize = 16;

/// Why a value cannot be protected, or a cell not opened. Nothing of it is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// Another key, another column, a changed byte, or no cell at all: nobody is told which.
    #[error("the cell does not open")]
    NotOpened,
    /// The key has protected as many cells as is safe with random nonces.
    #[error("the key has protected 2^32 cells, which is all it may; split the file")]
    Exhausted,
    /// `mask` replaces characters, and the value has none.
    #[error("the value is not UTF-8 text, so that it cannot be masked")]
    NotText,
    /// The value is longer than AES-GCM allows, 64 GiB.
    #[error("the value is too long to be encrypted")]
    TooLong,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// Why a column cannot be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// `randomized` without the file's data key.
    #[error("`{0}` needs the file's data key")]
    NoFileKey(String),
    /// `deterministic` or `token` without a named data key.
    #[error("`{0}` needs a named data key")]
    NoNamedKey(String),
    /// `keep`: such a column is left alone instead.
    #[error("`{0}` is to be kept as it is")]
    Kept(String),
    /// `token`, `mask`, `redact`, `replace` or `keep` cannot be taken back.
    #[error("`{0}` cannot be had back: its method is not reversible")]
    NotReversible(String),
    /// A column names a data key that the file's envelope does not have.
    #[error("`{0}` names no data key of this file")]
    NoSuchKey(String),
    /// A key that is not 16, 24 or 32 bytes long.
    #[error("an AES key has 16, 24 or 32 bytes")]
    KeyLength,
}
