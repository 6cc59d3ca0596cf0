//! Leaving long strings out of a JSON text while it streams past.
//!
//! The host inlines a blob's whole content, base64, in the envelope of a blob trigger. Nobody
//! needs it: the worker has the name. So a string longer than [`STRING`] bytes becomes an empty
//! one, and what remains is small, however large the blob.

/// The longest string that is kept, in bytes; far more than any value that is used.
const STRING: usize = 1 << 20;

/// How much may remain of an envelope, in bytes.
const TOTAL: usize = 4 << 20;

/// A JSON text without its long strings.
#[derive(Debug, Default)]
pub(super) struct Trimmed {
    kept: Vec<u8>,
    place: Place,
    /// Where the current string starts in `kept`.
    start: usize,
    /// Whether the current string turned out too long.
    dropped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    Inside,
    AfterBackslash,
}

/// More remained of a text than [`TOTAL`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Trimmed {
    /// Takes the next piece of the text, cut anywhere.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = match self.place {
                Place::Outside => self.outside(rest),
                Place::Inside => self.inside(rest),
                Place::AfterBackslash => {
                    self.place = Place::Inside;
                    self.keep_inside(&rest[..1]);
                    1
                }
            };
            rest = &rest[taken..];
            if self.kept.len() > TOTAL {
                return Err(TooLong);
            }
        }
        Ok(())
    }

    /// The text that remains.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.kept
    }

    fn outside(&mut self, rest: &[u8]) -> usize {
        let end = rest.iter().position(|byte| *byte == b'"').map_or(rest.len(), |at| {
            self.place = Place::Inside;
            at + 1
        });
        // One byte past the limit is enough to know that it is exceeded.
        let room = (TOTAL + 1).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&rest[..end.min(room)]);
        self.start = self.kept.len();
        self.dropped = false;
        end
    }

    fn inside(&mut self, rest: &[u8]) -> usize {
        let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
            self.keep_inside(rest);
            return rest.len();
        };
        self.keep_inside(&rest[..at]);
        if rest[at] == b'"' {
            self.place = Place::Outside;
            self.kept.push(b'"');
        } else {
            self.place = Place::AfterBackslash;
            self.keep_inside(b"\\");
        }
        at + 1
    }

    fn keep_inside(&mut self, piece: &[u8]) {
        if self.dropped || self.kept.len() - self.start + piece.len() > STRING {
            self.dropped = true;
            self.kept.truncate(self.start);
        } else {
            self.kept.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn trim(text: &[u8], piece: usize) -> Result<Vec<u8>, TooLong> {
        let mut trimmed = Trimmed::default();
        for piece in text.chunks(piece) {
            trimmed.push(piece)?;
        }
        Ok(trimmed.into_bytes())
    }

    #[test]
    fn a_long_string_is_left_out_and_its_neighbours_stay() {
        let long = "\\u0041\\\"".repeat(STRING / 4);
        let text = format!(r#"{{"file":"{long}","name":"a \"quoted\" \\ name"}}"#);
        for piece in [1, 7, 8_000] {
            let trimmed = trim(text.as_bytes(), piece).unwrap();
            assert_eq!(trimmed, br#"{"file":"","name":"a \"quoted\" \\ name"}"#);
        }
    }

    #[test]
    fn the_longest_string_is_kept() {
        let text = format!("[\"{}\",\"{}\"]", "x".repeat(STRING), "y".repeat(STRING + 1));
        let value: Value = serde_json::from_slice(&trim(text.as_bytes(), 4_096).unwrap()).unwrap();
        assert_eq!(value[0].as_str().unwrap().len(), STRING);
        assert_eq!(value[1], "");
    }

    #[test]
    fn too_much_outside_strings_is_refused() {
        let text = format!("[{}]", "1,".repeat(TOTAL));
        assert_eq!(trim(text.as_bytes(), 1 << 16), Err(TooLong));
    }

    proptest! {
        #[test]
        fn a_short_text_passes_unchanged(text in "\\PC{0,200}", piece in 1_usize..20) {
            let json = json!({"a": text, "b": [text]}).to_string();
            prop_assert_eq!(trim(json.as_bytes(), piece).unwrap(), json.as_bytes());
        }
    }
}
