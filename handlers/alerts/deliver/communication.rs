//! Mail by Azure Communication Services.
//!
//! The operation: <https://learn.microsoft.com/rest/api/communication/email/email/send>. Signing:
//! <https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial>.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ring::{digest, hmac};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use url::Position;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    address::Address,
    channel::Email,
    http::{JSON, Request},
    mail::one_line,
};
use crate::{alerts::render::email::Mail, settings::Secret};

/// The operation that sends, below the address of a resource.
pub const OPERATION: &str = "/emails:send?api-version=2023-03-31";

/// For what a token of an identity must be asked.
pub const SCOPE: &str = "https://communication.azure.com/.default";

const DATE: HeaderName = HeaderName::from_static("x-ms-date");
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-ms-content-sha256");
const OPERATION_ID: HeaderName = HeaderName::from_static("operation-id");

/// A date as HTTP writes it (RFC 9110, section 5.6.7).
const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// The body of the request.
fn body(email: &Email, mail: &Mail) -> Value {
    let to = email.to.iter().map(|mailbox| match &mailbox.name {
        Some(name) => json!({ "address": mailbox.email.to_string(), "displayName": name }),
        None => json!({ "address": mailbox.email.to_string() }),
    });
    json!({
        "senderAddress": email.from.email.to_string(),
        "recipients": { "to": to.collect::<Vec<_>>() },
        "content": {
            "subject": one_line(&mail.subject),
            "plainText": mail.text,
            "html": mail.html,
        },
        "userEngagementTrackingDisabled": true,
    })
}

/// The request, not signed. `key` makes the id of the operation.
pub(super) fn request<'a>(
    address: &'a Address,
    email: &Email,
    mail: &Mail,
    key: &str,
) -> Request<'a> {
    let body = body(email, mail).to_string().into_bytes();
    let mut request = Request::post(address, JSON, body);
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, key.as_bytes()).to_string();
    insert(&mut request.headers, OPERATION_ID, &id);
    request
}

/// Signs a request with an access key.
///
/// # Errors
/// The key is not base64.
pub(super) fn sign(
    request: &mut Request<'_>,
    key: &Secret,
    now: OffsetDateTime,
) -> Result<(), String> {
    let key = Zeroizing::new(STANDARD.decode(key.expose()).map_err(|_| NOT_BASE64.to_owned())?);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let url = request.address.url().ok_or("the address cannot be parsed")?;
    let date = now.to_offset(time::UtcOffset::UTC).format(HTTP_DATE).unwrap_or_default();
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, &request.body));
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let path = &url[Position::BeforePath..Position::AfterQuery];
    let text = format!("{}\n{path}\n{date};{host};{hash}", request.method);
    let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    insert(&mut request.headers, DATE, &date);
    insert(&mut request.headers, CONTENT_HASH, &hash);
    let signed = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256";
    insert_secret(&mut request.headers, &format!("{signed}&Signature={signature}"));
    Ok(())
}

/// What is wrong with a key that was not copied whole.
const NOT_BASE64: &str = "the access key is not base64; copy it again";

/// Signs a request with the token of an identity.
pub(super) fn bear(request: &mut Request<'_>, token: &Secret) {
    insert_secret(&mut request.headers, &format!("Bearer {}", token.expose()));
    request.secrets.push(token.expose().to_owned());
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn insert_secret(headers: &mut HeaderMap, value: &str) {
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
}
