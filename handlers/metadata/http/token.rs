//! Continuation tokens: where a list goes on, for the same question only.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    error::{Error, Wrong},
    stores::{Fault, StoreError},
};

/// The longest token that is read, in bytes.
const LONGEST: usize = 8_192;

/// A place in the list of the answers to one question.
#[derive(Serialize, Deserialize)]
struct Token<P> {
    /// A digest of the question.
    q: String,
    /// The place.
    p: P,
}

/// Writes a token, safe in an address.
pub fn seal<P: Serialize>(question: &impl Serialize, place: P) -> String {
    let token = Token { q: digest(question), p: place };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

/// Reads one back.
///
/// # Errors
/// It is none, or of another question.
pub fn open<P: DeserializeOwned>(question: &impl Serialize, text: &str) -> Result<P, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|_| text.len() <= LONGEST);
    let token = bytes.and_then(|bytes| serde_json::from_slice::<Token<P>>(&bytes).ok());
    let token = token.ok_or_else(invalid)?;
    if token.q != digest(question) {
        let reason = "is of a list with other filters; begin without it";
        return Err(Wrong::new("continuationToken", reason).into());
    }
    Ok(token.p)
}

/// A token that no list of ours ends with.
pub fn invalid() -> Error {
    Wrong::new("continuationToken", "is none of this list; begin without it").into()
}

/// What a store says to a place that it never gave; callers can write what they like into a token.
pub fn refused(error: StoreError) -> Error {
    if error.fault == Fault::Rejected { invalid() } else { error.into() }
}

fn digest(question: &impl Serialize) -> String {
    let text = serde_json::to_vec(question).unwrap_or_default();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &text).simple().to_string()[..12].to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_its_question() {
        let token = seal(&("ready", "landing"), ("2026-12", 7));
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        let place: (String, u32) = open(&("ready", "landing"), &token).unwrap();
        assert_eq!(place, ("2026-12".to_owned(), 7));
        let other = open::<(String, u32)>(&("failed", "landing"), &token).unwrap_err();
        assert!(other.to_string().contains("other filters"), "{other}");
    }

    #[test]
    fn hostile_tokens_are_refused() {
        let long = "A".repeat(LONGEST + 4);
        for text in ["", "x", "../..", "e30", "bnVsbA", "W10", "%00", &long] {
            let error = open::<(String, u32)>(&"q", text).unwrap_err();
            assert_eq!(error.status().as_u16(), 400, "{text}");
        }
    }
}
