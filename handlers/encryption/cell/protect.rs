//! From a value to a cell.

use std::{fmt, sync::Arc};

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

use super::{CellError, ColumnKeys, NONCE, TAG, Unready, key::FileKey, nonces::Nonces};
use crate::encryption::policy::{Method, Output, Planned};

/// What protects the values of one column. Cloning is cheap; each clone has its own nonces.
#[derive(Clone)]
pub struct Protector {
    work: Work,
    output: Output,
    /// A cell on its way to base64.
    cell: Vec<u8>,
}

#[derive(Clone)]
pub(super) enum Work {
    Randomize { key: Arc<FileKey>, nonces: Nonces, associated: Arc<[u8]> },
    Determine { cipher: Arc<LessSafeKey>, nonce_key: hmac::Key, associated: Arc<[u8]> },
    Tokenize(hmac::Key),
    Mask { character: char, count: usize, from_end: bool },
    Redact,
    Replace(Arc<str>),
}

impl Protector {
    /// Prepares the work on one column. `output` of the rule holds; for text formats it must say
    /// base64.
    ///
    /// # Errors
    /// The method needs a key that is not there, or is `keep`.
    pub fn new(planned: &Planned, keys: &ColumnKeys) -> Result<Self, Unready> {
        let bound = if planned.rule.bind { planned.path.as_str() } else { "" };
        let named = || keys.named.as_ref().ok_or_else(|| Unready::NoNamedKey(planned.path.clone()));
        let work = match &planned.rule.method {
            Method::Randomized => {
                let key = keys.file.clone();
                let key = key.ok_or_else(|| Unready::NoFileKey(planned.path.clone()))?;
                let nonces = Nonces::new(Arc::clone(&key.used));
                Work::Randomize { key, nonces, associated: bound.as_bytes().into() }
            }
            Method::Deterministic => Work::Determine {
                cipher: Arc::new(named()?.cipher()),
                nonce_key: named()?.derive("lakehand deterministic nonce v1", bound),
                associated: bound.as_bytes().into(),
            },
            Method::Token => Work::Tokenize(named()?.derive("lakehand token v1", bound)),
            Method::Mask { masking_char, chars_to_mask, from_end } => {
                Work::Mask { character: *masking_char, count: *chars_to_mask, from_end: *from_end }
            }
            Method::Redact => Work::Redact,
            Method::Replace { new_value } => Work::Replace(new_value.as_str().into()),
            Method::Keep => return Err(Unready::Kept(planned.path.clone())),
        };
        Ok(Self { work, output: planned.rule.output, cell: Vec::new() })
    }

    /// Appends the cell of a value: its canonical text, or its bytes where it has none.
    ///
    /// # Errors
    /// Any but [`CellError::NotOpened`]; `out` is as before.
    pub fn protect(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), CellError> {
        match (&mut self.work, self.output) {
            (Work::Mask { character, count, from_end }, _) => {
                mask(plain, *character, *count, *from_end, out)
            }
            (Work::Redact, _) => Ok(()),
            (Work::Replace(text), _) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            (work, Output::Binary) => work.encrypt(plain, out),
            (work, Output::Base64) => {
                self.cell.clear();
                work.encrypt(plain, &mut self.cell)?;
                append_base64(&self.cell, out);
                Ok(())
            }
        }
    }

    /// Whether each value becomes null where the column allows it; elsewhere it becomes empty.
    pub fn makes_null(&self) -> bool {
        matches!(self.work, Work::Redact)
    }

    /// Whether values can be had back from their cells.
    pub fn is_reversible(&self) -> bool {
        matches!(self.work, Work::Randomize { .. } | Work::Determine { .. })
    }

    /// Whether equal values become equal cells, so that one of a dictionary is protected once.
    pub fn keeps_equality(&self) -> bool {
        !matches!(self.work, Work::Randomize { .. })
    }

    /// Whether cells are UTF-8 text.
    pub fn output_is_text(&self) -> bool {
        match self.work {
            Work::Randomize { .. } | Work::Determine { .. } | Work::Tokenize(_) => {
                self.output == Output::Base64
            }
            Work::Mask { .. } | Work::Redact | Work::Replace(_) => true,
        }
    }

    /// How many bytes the cell of a value of so many bytes has; for `mask`, at most.
    pub fn sealed_length(&self, plain: usize) -> usize {
        let bytes = match &self.work {
            Work::Mask { character, count, .. } => {
                return plain + plain.min(*count) * (character.len_utf8() - 1);
            }
            Work::Redact => return 0,
            Work::Replace(text) => return text.len(),
            Work::Randomize { .. } | Work::Determine { .. } => NONCE + plain + TAG,
            Work::Tokenize(_) => ring::digest::SHA256_OUTPUT_LEN,
        };
        match self.output {
            Output::Binary => bytes,
            Output::Base64 => bytes.div_ceil(3) * 4,
        }
    }
}

impl fmt::Debug for Protector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protector").field("output", &self.output).finish_non_exhaustive()
    }
}

impl Work {
    /// Appends ciphertext or a token; the methods that make neither append nothing.
    pub(super) fn encrypt(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), CellError> {
        match self {
            Self::Randomize { key, nonces, associated } => {
                seal(&key.cipher, nonces.draw()?, associated, plain, out)
            }
            Self::Determine { cipher, nonce_key, associated } => {
                let hash = hmac::sign(nonce_key, plain);
                let nonce = hash.as_ref().first_chunk().expect("a hash is longer than a nonce");
                seal(cipher, *nonce, associated, plain, out)
            }
            Self::Tokenize(key) => {
                out.extend_from_slice(hmac::sign(key, plain).as_ref());
                Ok(())
            }
            Self::Mask { .. } | Self::Redact | Self::Replace(_) => Ok(()),
        }
    }
}

pub(super) fn seal(
    cipher: &LessSafeKey,
    nonce: [u8; NONCE],
    associated: &[u8],
    plain: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CellError> {
    let start = out.len();
    out.reserve(NONCE + plain.len() + TAG);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plain);
    out.extend_from_slice(&[0; TAG]);
    let (text, tag) = out[start + NONCE..].split_at_mut(plain.len());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let sealed = cipher.seal_in_place_scatter(nonce, Aad::from(associated), text, &[], tag);
    sealed.map_err(|_| {
        out.truncate(start);
        CellError::TooLong
    })
}

fn append_base64(cell: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + cell.len().div_ceil(3) * 4, 0);
    STANDARD.encode_slice(cell, &mut out[start..]).expect("the text has exactly this length");
}

/// Replaces so many characters (Unicode scalar values) at the start or the end.
fn mask(
    plain: &[u8],
    character: char,
    count: usize,
    from_end: bool,
    out: &mut Vec<u8>,
) -> Result<(), CellError> {
    let text = std::str::from_utf8(plain).map_err(|_| CellError::NotText)?;
    let length = text.chars().count();
    let masked = count.min(length);
    let seen = if from_end { 0..length - masked } else { masked..length };
    let mut buffer = [0; 4];
    for (position, own) in text.chars().enumerate() {
        let shown = if seen.contains(&position) { own } else { character };
        out.extend_from_slice(shown.encode_utf8(&mut buffer).as_bytes());
    }
    Ok(())
}
