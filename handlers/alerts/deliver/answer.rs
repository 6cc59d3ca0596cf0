//! What an answer means: whether a message arrived, may have arrived, or did not.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc2822};

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The channel took it.
    Accepted,
    /// It may have arrived, for this reason: another try may repeat it.
    Ambiguous(String),
    /// It did not arrive, and another try may help.
    Retry {
        /// How long the channel asks to wait.
        after: Option<Duration>,
        /// Why it did not.
        reason: String,
    },
    /// It did not arrive, and will not as it is.
    Refused(String),
}

impl Outcome {
    /// An outcome that asks for no particular pause.
    pub(super) fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { after: None, reason: reason.into() }
    }
}

/// An answer over HTTP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) retry_after: Option<&'a str>,
    /// The beginning of the body, without secrets.
    pub(super) body: &'a str,
}

/// What a body of a retired connector of Teams begins with when it says 200 and means the opposite.
/// <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>
const FAILED_BEHIND: &str = "Webhook message delivery failed";

/// Reads an answer. A server that says 500, or a proxy that says it waited in vain, may have done
/// its work before; 429 and 503 say that it was not begun.
pub(super) fn outcome(answer: Answer<'_>, now: OffsetDateTime) -> Outcome {
    let reason = match answer.body {
        "" => format!("HTTP {}", answer.status),
        body => format!("HTTP {}: {body}", answer.status),
    };
    let after = answer.retry_after.and_then(|text| pause(text, now));
    match answer.status {
        200..=299 if answer.body.starts_with(FAILED_BEHIND) => behind(reason),
        200..=299 => Outcome::Accepted,
        300..=399 => Outcome::Refused(format!("{reason} (redirects are not followed)")),
        408 | 425 | 429 | 503 => Outcome::Retry { after, reason },
        501 | 505 => Outcome::Refused(reason),
        500..=599 => Outcome::Ambiguous(reason),
        _ => Outcome::Refused(reason),
    }
}

fn behind(reason: String) -> Outcome {
    if reason.contains("429") || reason.contains("503") {
        Outcome::retry(reason)
    } else {
        Outcome::Refused(reason)
    }
}

/// The pause in a `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn pause(text: &str, now: OffsetDateTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(Duration::try_from(date - now).unwrap_or_default())
}

/// The longest piece of a foreign text that is repeated, in characters.
const EXCERPT: usize = 200;

/// The shortest secret that is looked for: shorter ones are words.
const SHORTEST: usize = 6;

/// The beginning of a foreign text, in one line, without control characters and without `secrets`.
pub(super) fn excerpt(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    let mut secrets: Vec<_> = secrets.iter().filter(|secret| secret.len() >= SHORTEST).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        text = text.replace(secret.as_str(), "[redacted]");
    }
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(EXCERPT).collect()
}
