//! The requests that channels over HTTP want.

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{
    Message,
    address::Address,
    answer::Outcome,
    channel::{Email, Method, Target, Webhook},
    http::{JSON, Request},
    mail::one_line,
};
use crate::{alerts::render::email::Mail, settings::Secret};

/// By which a receiver knows a repeat:
/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Headers that a webhook's configuration must not set: each request has its own.
const RESERVED: [&str; 7] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "te",
    "transfer-encoding",
];

/// The request that brings a message to a channel.
///
/// # Errors
/// `Refused` if the message is none for this kind of channel.
pub(super) fn of<'a>(
    target: &'a Target,
    message: &Message,
    key: &str,
) -> Result<Request<'a>, Outcome> {
    match (target, message) {
        (Target::Teams { url, .. } | Target::Slack { url }, Message::Json(value)) => {
            Ok(Request::post(url, JSON, value.to_string().into_bytes()))
        }
        (Target::PagerDuty { url, routing_key }, Message::Json(Value::Object(event))) => {
            let mut event = event.clone();
            event.insert("routing_key".to_owned(), routing_key.expose().into());
            let body = Value::Object(event).to_string().into_bytes();
            let secrets = vec![routing_key.expose().to_owned()];
            Ok(Request { secrets, ..Request::post(url, JSON, body) })
        }
        (Target::Webhook(webhook), Message::Raw { content_type, body }) => {
            self::webhook(webhook, content_type, body, key)
        }
        (target, _) => Err(Outcome::Refused(format!(
            "the message is none for a channel of kind {}",
            target.kind()
        ))),
    }
}

fn webhook<'a>(
    webhook: &'a Webhook,
    content_type: &str,
    body: &[u8],
    key: &str,
) -> Result<Request<'a>, Outcome> {
    let wrong = |what: &str| Outcome::Refused(format!("the {what} cannot stand in a request"));
    let mut request = Request::post(&webhook.url, JSON, body.to_vec());
    request.method = match webhook.method {
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
    };
    let kind = HeaderValue::from_str(content_type).map_err(|_| wrong("media type"))?;
    let key = HeaderValue::from_str(key).map_err(|_| wrong("key"))?;
    for (name, value) in &webhook.headers {
        let (name, value) = header(name, value).ok_or_else(|| wrong("header"))?;
        request.headers.insert(name, value);
    }
    request.headers.insert(CONTENT_TYPE, kind);
    request.headers.insert(IDEMPOTENCY_KEY, key);
    request.secrets.extend(webhook.headers.iter().map(|(_, value)| value.expose().to_owned()));
    Ok(request)
}

/// A header of the configuration, `None` if it cannot be one.
pub(crate) fn header(name: &str, value: &Secret) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_str(value.expose()).ok()?;
    value.set_sensitive(true);
    (!RESERVED.contains(&name.as_str())).then_some((name, value))
}

/// The request that starts a Logic App which sends mail. `to` is one text with semicolons, as the
/// connectors for mail want it.
pub(super) fn logic_app<'a>(url: &'a Address, email: &Email, mail: &Mail) -> Request<'a> {
    let to: Vec<_> = email.to.iter().map(|mailbox| mailbox.email.to_string()).collect();
    let body = json!({
        "to": to.join(";"),
        "subject": one_line(&mail.subject),
        "html": mail.html,
        "text": mail.text,
    });
    Request::post(url, JSON, body.to_string().into_bytes())
}
