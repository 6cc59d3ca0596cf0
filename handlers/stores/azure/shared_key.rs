//! Signing with the account key: the "Shared Key" scheme of the blob and queue services.
//!
//! <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use azure_core::{
    error::{Error, ErrorKind},
    http::{
        Context, Request,
        headers::{AUTHORIZATION, HeaderName},
        policies::{Policy, PolicyResult},
    },
    time::to_rfc7231,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use time::OffsetDateTime;
use url::Url;

use crate::settings::Secret;

const DATE: HeaderName = HeaderName::from_static("x-ms-date");

/// The standard headers that are signed, in this order, after the method; an absent one leaves an
/// empty line. `content-length` is signed too, but is only added by the transport; `date` is never
/// sent, `x-ms-date` takes its place.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// The key of an account, ready to sign.
#[derive(Clone, Debug)]
pub(super) struct AccountKey {
    account: String,
    pub(super) key: hmac::Key,
}

impl AccountKey {
    /// Takes the key as the Azure portal shows it, base64.
    pub(super) fn new(account: &str, key: &Secret) -> azure_core::Result<Self> {
        let bytes = zeroize::Zeroizing::new(STANDARD.decode(key.expose()).map_err(|_| {
            Error::with_message(ErrorKind::Other, "the account key is not base64; copy it again")
        })?);
        Ok(Self { account: account.to_owned(), key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }
}

/// The signature of a text, base64.
pub(super) fn sign(key: &hmac::Key, text: &str) -> String {
    STANDARD.encode(hmac::sign(key, text.as_bytes()))
}

/// Signs each try of a request.
#[derive(Debug)]
pub(super) struct SharedKey(pub(super) AccountKey);

#[async_trait]
impl Policy for SharedKey {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        self.authorize(request, OffsetDateTime::now_utc());
        next[0].send(context, request, &next[1..]).await
    }
}

impl SharedKey {
    fn authorize(&self, request: &mut Request, now: OffsetDateTime) {
        request.insert_header(DATE, to_rfc7231(&now));
        let signature = sign(&self.0.key, &string_to_sign(&self.0.account, request));
        let value = format!("SharedKey {}:{signature}", self.0.account);
        request.insert_header(AUTHORIZATION, value);
    }
}

fn string_to_sign(account: &str, request: &Request) -> String {
    let mut text = request.method().to_string();
    for name in SIGNED {
        text.push('\n');
        match name {
            "content-length" => text.push_str(&content_length(request)),
            _ => text.push_str(header(request, name)),
        }
    }
    text.push('\n');
    text + &canonical_headers(request) + &canonical_resource(account, request.url())
}

fn header<'a>(request: &'a Request, name: &'static str) -> &'a str {
    request.headers().get_optional_str(&HeaderName::from_static(name)).unwrap_or_default()
}

/// The body's length; a length of zero is signed as nothing.
fn content_length(request: &Request) -> String {
    match request.body().len() {
        None | Some(0) => String::new(),
        Some(length) => length.to_string(),
    }
}

/// All `x-ms-` headers, a line each, sorted.
fn canonical_headers(request: &Request) -> String {
    let mut headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_ascii_lowercase(), value.as_str().trim()))
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .collect();
    // The service collates as people do: an underscore comes before digits and letters.
    headers.sort_by_cached_key(|(name, _)| name.replace('_', "-"));
    headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect()
}

/// The account and the path as it is sent, percent signs and all, then the query, decoded, a line
/// for each name. An emulator has the account in its path too, and so twice here.
fn canonical_resource(account: &str, url: &Url) -> String {
    let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        query.entry(name.to_lowercase()).or_default().push(value.into_owned());
    }
    let mut resource = format!("/{account}{}", url.path());
    for (name, mut values) in query {
        values.sort();
        resource += &format!("\n{name}:{}", values.join(","));
    }
    resource
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use azure_core::{Bytes, http::Method};
    use time::macros::datetime;

    use super::*;

    /// Signs at a fixed time. What is expected below was computed with another implementation of
    /// HMAC from a text to sign written out by hand.
    fn authorization(account: &str, mut request: Request) -> String {
        let key = AccountKey::new(account, &Secret::new("a2V5IG9mIHRoZSB0ZXN0cw==")).unwrap();
        SharedKey(key).authorize(&mut request, datetime!(2026-11-30 21:34:25 UTC));
        request.headers().get_optional_string(&AUTHORIZATION).unwrap()
    }

    #[test]
    fn a_write_with_metadata_conditions_and_an_escaped_path() {
        let url = "https://lake.blob.core.windows.net/landing/a%20b%2Fc+%2525.csv";
        let mut request = Request::new(url.parse().unwrap(), Method::Put);
        for (name, value) in [
            ("x-ms-version", "2026-04-06"),
            ("x-ms-meta-ab", "4"),
            ("x-ms-meta-a1", "3"),
            ("x-ms-meta-a_b", " 2 "),
            ("x-ms-meta-a", "1"),
            ("x-ms-blob-type", "BlockBlob"),
            ("if-none-match", "*"),
            ("content-type", "text/csv"),
            ("accept", "application/xml"),
        ] {
            request.insert_header(name, value);
        }
        request.set_body(Bytes::from_static(b"hello"));
        assert_eq!(
            authorization("lake", request),
            "SharedKey lake:MQWoytqKcxXBSmGbZK4iTE0AzcylvRZDIryHX3KGZnI="
        );
    }

    #[test]
    fn a_listing_on_an_emulator_with_a_query_to_decode() {
        let url = "http://127.0.0.1:10000/devstoreaccount1/landing\
                   ?restype=container&prefix=a+b%2B%C3%A9%26%3D%25&INCLUDE=metadata&include=copy&comp=list";
        let mut request = Request::new(url.parse().unwrap(), Method::Get);
        request.insert_header("range", "bytes=0-9");
        assert_eq!(
            authorization("devstoreaccount1", request),
            "SharedKey devstoreaccount1:70SuT1jaV4JN9IAz9yt/nfEwfOjJplSrFRi6Iv02+nw="
        );
    }

    #[test]
    fn a_key_is_base64_and_never_seen() {
        let key = AccountKey::new("lake", &Secret::new("not a key!"));
        assert!(!key.unwrap_err().to_string().contains("not a key"));
        let key = AccountKey::new("lake", &Secret::new("a2V5IG9mIHRoZSB0ZXN0cw==")).unwrap();
        let text = format!("{key:?}");
        assert!(text.contains("lake") && !text.contains("a2V5") && !text.contains("107"), "{text}");
    }
}
