//! What a protected file says of itself: in a Parquet footer under [`FOOTER_KEY`], in a sidecar
//! `_lakehand/<name>.json` for text formats, in blob metadata and in the document store.
//!
//! Everything in it is hostile input when it is read: a key id is compared with the configured
//! keys and never dialled.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::policy::{Method, Output, Planned};
use crate::stores::keys::Wrapped;

/// The key of the envelope in a Parquet footer's key-value metadata.
pub const FOOTER_KEY: &str = "lakehand";

/// The name in [`Envelope::keys`] of the file's own data key, for `randomized`.
pub const FILE_KEY: &str = "file";

/// The name in [`Envelope::keys`] of the named data key, for `deterministic` and `token`.
pub const NAMED_KEY: &str = "named";

/// The version of this layout.
pub const VERSION: u32 = 1;

/// What a file says of its own protection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// [`VERSION`].
    pub version: u32,
    /// The policy's name; empty for columns given one by one.
    pub policy: String,
    /// The ETag of the source from which this file was made.
    pub source_etag: String,
    /// The protected columns, in the file's order.
    pub columns: Vec<ProtectedColumn>,
    /// The wrapped data keys, by the name that columns use.
    pub keys: WrappedKeys,
}

/// Wrapped data keys by the name that columns use: [`FILE_KEY`], [`NAMED_KEY`].
pub type WrappedKeys = BTreeMap<String, WrappedKey>;

/// One protected column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProtectedColumn {
    /// Its path.
    pub path: String,
    /// How it is protected.
    #[serde(flatten)]
    pub method: Method,
    /// How ciphertext is written.
    pub output: Output,
    /// Whether the path is associated data.
    pub bind: bool,
    /// The data key, by its name in [`Envelope::keys`]; none for methods without a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The type before protection, in the format's own words; see `canonical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<serde_json::Value>,
}

impl ProtectedColumn {
    /// What is known of a column before its file is read.
    pub fn new(planned: &Planned) -> Self {
        let rule = &planned.rule;
        let key = match rule.method {
            Method::Randomized => Some(FILE_KEY),
            Method::Deterministic | Method::Token => Some(NAMED_KEY),
            Method::Mask { .. } | Method::Redact | Method::Replace { .. } | Method::Keep => None,
        };
        Self {
            path: planned.path.clone(),
            method: rule.method.clone(),
            output: rule.output,
            bind: rule.bind,
            key: key.map(str::to_owned),
            original: None,
        }
    }
}

/// A data key under a key-encryption key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrappedKey {
    /// The key-encryption key's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it is wrapped: `RSA-OAEP-256`, or `A256GCM` in a local keyring.
    pub algorithm: String,
    /// The wrapped data key, base64.
    pub wrapped: String,
    /// The version of a named data key (`deterministic`, `token`); none for a file's own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_key_version: Option<u32>,
}

impl WrappedKey {
    /// Writes down what a provider wrapped.
    pub fn new(wrapped: Wrapped, data_key_version: Option<u32>) -> Self {
        let Wrapped { name, version, algorithm, bytes } = wrapped;
        Self { name, version, algorithm, wrapped: STANDARD.encode(bytes), data_key_version }
    }

    /// What the provider can open, `None` if it is not base64.
    pub fn wrapped(&self) -> Option<Wrapped> {
        let bytes = STANDARD.decode(&self.wrapped).ok()?;
        let Self { name, version, algorithm, .. } = self.clone();
        Some(Wrapped { name, version, algorithm, bytes })
    }
}
