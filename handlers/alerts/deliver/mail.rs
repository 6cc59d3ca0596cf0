//! A mail as SMTP carries it (RFC 5322).

use lettre::{
    Message,
    message::{
        MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
};
use ring::digest;
use time::OffsetDateTime;

use super::channel::Email;
use crate::alerts::render::email::Mail;

/// `Auto-Submitted: auto-generated`, so that nothing answers by itself (RFC 3834).
#[derive(Clone, Copy, Debug)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Puts a mail together. `key` makes its `Message-ID`, by which a mailbox knows a repeat.
///
/// # Errors
/// What is wrong with it.
pub(super) fn message(
    email: &Email,
    mail: &Mail,
    key: &str,
    now: OffsetDateTime,
) -> Result<Message, String> {
    let mut builder = Message::builder()
        .from(email.from.clone())
        .subject(one_line(&mail.subject))
        .date(now.into())
        .message_id(Some(message_id(key, email.from.email.domain())))
        .header(AutoSubmitted);
    for to in &email.to {
        builder = builder.to(to.clone());
    }
    let body = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
    builder.multipart(body).map_err(|error| error.to_string())
}

/// A text without line breaks and other control characters: none of it becomes a header.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The same for the same key.
fn message_id(key: &str, domain: &str) -> String {
    let digest = digest::digest(&digest::SHA256, key.as_bytes());
    let hex: String = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("<{hex}.lakehand@{domain}>")
}
