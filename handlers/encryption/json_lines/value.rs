//! From JSON text to values and back.

use std::borrow::Cow;

use super::scan::Kind;
use crate::encryption::text::Fault;

/// The text of a string with its quotes. The line is UTF-8 and was walked through.
pub(super) fn unescape(string: &[u8], escaped: bool) -> Result<Cow<'_, str>, Fault> {
    let broken = || Fault("a string has half of a surrogate pair".to_owned());
    if escaped {
        return serde_json::from_slice(string).map(Cow::Owned).map_err(|_| broken());
    }
    let text = std::str::from_utf8(&string[1..string.len() - 1]);
    text.map(Cow::Borrowed).map_err(|_| broken())
}

/// The text that stands for a scalar.
pub(super) fn canonical(scalar: &[u8], kind: Kind) -> Result<Cow<'_, [u8]>, Fault> {
    Ok(match kind {
        Kind::Literal | Kind::Null => Cow::Borrowed(scalar),
        Kind::String { escaped } => match unescape(scalar, escaped)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
    })
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
