//! How characters are bytes. The names are those of the WHATWG Encoding Standard.

use std::borrow::Cow;

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};
use serde::Deserialize;

/// What stands for a UTF-16 code unit that cannot be structure; letters never are.
const OTHER: u8 = b'a';

/// An encoding whose structure can be found without decoding the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

/// No encoding that can be used has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "encoding `{0}` is not supported; use UTF-8, UTF-16LE, UTF-16BE, or a name of the WHATWG \
     Encoding Standard such as windows-1252, and convert UTF-7, UTF-32 and ISO-2022-JP first"
)]
pub struct UnknownEncoding(String);

impl TryFrom<String> for Encoding {
    type Error = UnknownEncoding;

    /// Finds an encoding by any of its names, in any case. As in the standard, `ISO-8859-1` and
    /// `US-ASCII` mean windows-1252, and `UTF-16` means little-endian unless a mark says otherwise.
    fn try_from(name: String) -> Result<Self, UnknownEncoding> {
        let found = encoding_rs::Encoding::for_label_no_replacement(name.as_bytes());
        // ISO-2022-JP has states, in which ordinary bytes mean other characters.
        found
            .filter(|encoding| *encoding != encoding_rs::ISO_2022_JP)
            .map(Self)
            .ok_or(UnknownEncoding(name))
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self(UTF_8)
    }
}

impl Encoding {
    /// The standard's name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The encoding that a byte order mark declares, and the mark's length.
    pub fn of_mark(start: &[u8]) -> Option<(Self, usize)> {
        encoding_rs::Encoding::for_bom(start).map(|(encoding, length)| (Self(encoding), length))
    }

    /// Bytes in a code unit.
    pub(crate) fn width(self) -> usize {
        if self.is_utf16() { 2 } else { 1 }
    }

    fn is_utf16(self) -> bool {
        self.0 == UTF_16LE || self.0 == UTF_16BE
    }

    fn code_unit(self, pair: [u8; 2]) -> u16 {
        if self.0 == UTF_16LE { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
    }

    /// The byte that stands for a character in [`Self::units`]; none where its bytes can be part
    /// of another character.
    pub(crate) fn unit(self, character: char) -> Option<u8> {
        let byte = u8::try_from(u32::from(character)).ok();
        if self.is_utf16() {
            return byte;
        }
        if self.0 == UTF_8 {
            return byte.filter(u8::is_ascii);
        }
        if !self.0.is_single_byte() {
            // The second byte of a character may be a digit or from 0x40 up, in one or another of
            // these encodings; it is never lower.
            return byte.filter(|byte| *byte < 0x40 && !byte.is_ascii_digit());
        }
        let mut bytes = Vec::new();
        self.encode(character.encode_utf8(&mut [0; 4]), &mut bytes);
        <[u8; 1]>::try_from(bytes).ok().map(|[byte]| byte)
    }

    /// One byte for each code unit: the bytes themselves, or in UTF-16 the units up to U+00FF and
    /// a letter for each other one. A last odd byte is left out.
    pub(crate) fn units(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        if !self.is_utf16() {
            return Cow::Borrowed(bytes);
        }
        let (pairs, _) = bytes.as_chunks::<2>();
        let unit = |pair: &[u8; 2]| u8::try_from(self.code_unit(*pair)).unwrap_or(OTHER);
        Cow::Owned(pairs.iter().map(unit).collect())
    }

    /// The text; none where a byte is invalid.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        if self.0 == UTF_8 {
            return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
        }
        self.0.decode_without_bom_handling_and_without_replacement(bytes)
    }

    /// Whether every byte is part of a character.
    pub(crate) fn is_valid(self, bytes: &[u8]) -> bool {
        self.decode(bytes).is_some()
    }

    /// Appends the text's bytes; false, and nothing appended, where the encoding lacks a character.
    pub(crate) fn encode(self, text: &str, out: &mut Vec<u8>) -> bool {
        if self.0 == UTF_8 {
            out.extend_from_slice(text.as_bytes());
        } else if self.0 == UTF_16LE {
            out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        } else if self.0 == UTF_16BE {
            out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        } else {
            let (bytes, _, lacking) = self.0.encode(text);
            if lacking {
                return false;
            }
            out.extend_from_slice(&bytes);
        }
        true
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn named(name: &str) -> Encoding {
        Encoding::try_from(name.to_owned()).unwrap()
    }

    #[test]
    fn names_are_those_of_the_standard() {
        assert_eq!(named("utf-16").name(), "UTF-16LE");
        assert_eq!(named("ISO-8859-1").name(), "windows-1252");
        for refused in ["UTF-7", "utf-32", "iso-2022-jp", "hz-gb-2312", ""] {
            assert!(Encoding::try_from(refused.to_owned()).is_err(), "{refused}");
        }
    }

    #[test]
    fn structure_is_a_byte_that_no_other_character_contains() {
        assert_eq!(named("UTF-8").unit('§'), None);
        assert_eq!(named("windows-1252").unit('§'), Some(0xA7));
        assert_eq!(named("UTF-16BE").unit('§'), Some(0xA7));
        assert_eq!(named("UTF-16BE").unit('→'), None);
        assert_eq!(named("Shift_JIS").unit(','), Some(b','));
        assert_eq!(named("Shift_JIS").unit('|'), None);
        assert_eq!(named("gb18030").unit('7'), None);
    }

    #[test]
    fn units_of_utf16_never_mistake_half_a_unit_for_structure() {
        // U+2C22 and U+222C contain the bytes of `,` and `"`.
        let mut bytes = Vec::new();
        assert!(named("UTF-16LE").encode("\u{2C22}\u{222C},\"", &mut bytes));
        assert_eq!(named("UTF-16LE").units(&bytes).as_ref(), b"aa,\"");
    }

    #[test]
    fn every_byte_that_decodes_encodes_to_itself() {
        for name in ["windows-1252", "ISO-8859-2", "KOI8-R", "IBM866"] {
            for byte in 0..=255u8 {
                let mut back = Vec::new();
                if let Some(text) = named(name).decode(&[byte]) {
                    assert!(named(name).encode(&text, &mut back));
                    assert_eq!(back, [byte], "{name}");
                }
            }
        }
    }

    #[test]
    fn lone_surrogates_odd_bytes_and_lacking_characters_are_noticed() {
        assert!(!named("UTF-16LE").is_valid(&[0x00, 0xD8]));
        assert!(!named("UTF-16LE").is_valid(&[b'a', 0, b'b']));
        assert!(!named("UTF-8").is_valid(&[0xFF]));
        let mut out = Vec::new();
        assert!(!named("windows-1252").encode("→", &mut out));
        assert!(out.is_empty());
    }
}
