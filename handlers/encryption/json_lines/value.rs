//! From JSON text to values and back.

use std::borrow::Cow;

use super::scan::Kind;
use crate::encryption::text::Fault;

/// The text that stands for a scalar of a line that was walked through.
pub(super) fn canonical(scalar: &[u8], kind: Kind) -> Result<Cow<'_, [u8]>, Fault> {
    match kind {
        Kind::Literal | Kind::Null => Ok(scalar.into()),
        Kind::String { escaped: false } => Ok((&scalar[1..scalar.len() - 1]).into()),
        Kind::String { escaped: true } => match unescape(scalar) {
            Some(text) => Ok(text.into()),
            None => Err(Fault("a string has half of a surrogate pair".to_owned())),
        },
    }
}

/// The text of a key without its quotes; none if it has half of a surrogate pair.
pub(super) fn unescape_key(key: &[u8], escaped: bool) -> Option<Cow<'_, [u8]>> {
    if escaped { unescape(&[b"\"", key, b"\""].concat()).map(Cow::Owned) } else { Some(key.into()) }
}

fn unescape(string: &[u8]) -> Option<Vec<u8>> {
    serde_json::from_slice::<String>(string).ok().map(String::into_bytes)
}

/// Appends a string.
pub(super) fn write(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("memory takes any text");
}

/// Appends a string of base64, marked if its value was no string.
pub(super) fn write_base64(text: &str, kind: Kind, out: &mut Vec<u8>) {
    out.push(b'"');
    match text.as_bytes() {
        [first, rest @ ..] if kind == Kind::Literal => {
            out.extend_from_slice(format!("\\u{first:04x}").as_bytes());
            out.extend_from_slice(rest);
        }
        whole => out.extend_from_slice(whole),
    }
    out.push(b'"');
}

/// Whether a string has the mark of [`write_base64`].
pub(super) fn is_marked(string: &[u8]) -> bool {
    string.starts_with(b"\"\\u")
}
