//! Lending a blob to another account: an address that carries a signature with it.
//!
//! <https://learn.microsoft.com/rest/api/storageservices/create-service-sas> and
//! <https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas>

#[cfg(test)]
mod tests;

use azure_core::{
    Error,
    error::ErrorKind,
    http::{RequestContent, XmlFormat},
    xml::to_xml,
};
use azure_storage_blob::{BlobServiceClient, models::KeyInfo};
use ring::hmac;
use time::{Duration, OffsetDateTime, macros::format_description};
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

use super::shared_key::sign;
use crate::{settings::Secret, stores::blobs::BlobPath};

/// How long a loan lasts: the service reads the source until a copy ends, and a large copy between
/// regions may stay pending for hours.
const LOAN: Duration = Duration::days(1);

/// How long a delegated key is asked for; one key signs all loans of a day.
const KEY_LIFE: Duration = Duration::days(2);

/// The version of the service that defined the texts to sign below.
const VERSION: &str = "2020-12-06";

/// What signs a loan.
pub(super) enum Lender {
    /// The account key.
    Key(hmac::Key),
    /// A key that the service gives to the identity that we are; the last one is kept.
    Identity(Mutex<Option<Box<Delegated>>>),
    /// Nothing here: the signature that we came in with is all there is to pass on.
    Signature(Secret),
}

/// A user delegation key.
pub(super) struct Delegated {
    key: hmac::Key,
    expiry: OffsetDateTime,
    /// Whose key it is and from when to when, as it goes into the text to sign and the address.
    terms: [(&'static str, String); 6],
}

/// One blob, readable for a day.
pub(super) struct Loan<'a> {
    account: &'a str,
    path: &'a BlobPath,
    protocol: &'static str,
    start: OffsetDateTime,
    expiry: OffsetDateTime,
}

impl Lender {
    /// The signature for a loan: a query string, secret.
    pub(super) async fn sign(
        &self,
        loan: &Loan<'_>,
        service: &BlobServiceClient,
    ) -> azure_core::Result<String> {
        match self {
            Self::Key(key) => Ok(loan.signed_by_account(key)),
            Self::Signature(signature) => Ok(signature.expose().to_owned()),
            Self::Identity(kept) => {
                let mut kept = kept.lock().await;
                let delegated = match kept.take().filter(|key| key.expiry >= loan.expiry) {
                    Some(delegated) => delegated,
                    None => Box::new(Delegated::ask(service, loan.start).await?),
                };
                let query = loan.signed_by_identity(&delegated);
                *kept = Some(delegated);
                Ok(query)
            }
        }
    }
}

impl Delegated {
    async fn ask(service: &BlobServiceClient, now: OffsetDateTime) -> azure_core::Result<Self> {
        let info = KeyInfo {
            // The service's clock may be behind ours.
            start: Some(now - Duration::minutes(5)),
            expiry: Some(now + KEY_LIFE),
            ..KeyInfo::default()
        };
        let body: RequestContent<KeyInfo, XmlFormat> = to_xml(&info)?.into();
        let answer = service.get_user_delegation_key(body, None).await?.into_model()?;
        let missing = || Error::with_message(ErrorKind::DataConversion, "an incomplete key");
        let expiry = answer.signed_expiry.ok_or_else(missing)?;
        let terms = [
            ("skoid", answer.signed_oid),
            ("sktid", answer.signed_tid),
            ("skt", answer.signed_start.map(timestamp)),
            ("ske", Some(timestamp(expiry))),
            ("sks", answer.signed_service),
            ("skv", answer.signed_version),
        ];
        let secret = zeroize::Zeroizing::new(answer.value.ok_or_else(missing)?);
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            expiry,
            terms: terms.map(|(name, value)| (name, value.unwrap_or_default())),
        })
    }
}

impl<'a> Loan<'a> {
    pub(super) fn new(
        account: &'a str,
        path: &'a BlobPath,
        url: &Url,
        start: OffsetDateTime,
    ) -> Self {
        let protocol = if url.scheme() == "https" { "https" } else { "https,http" };
        Self { account, path, protocol, start, expiry: start + LOAN }
    }

    fn signed_by_account(&self, key: &hmac::Key) -> String {
        let mut text = self.opening();
        // No stored policy, no range of addresses.
        text.extend([String::new(), String::new()]);
        text.extend(self.closing());
        self.query(&[], &sign(key, &text.join("\n")))
    }

    fn signed_by_identity(&self, delegated: &Delegated) -> String {
        let mut text = self.opening();
        text.extend(delegated.terms.iter().map(|(_, value)| value.clone()));
        // No other object id, no correlation id, no range of addresses.
        text.extend([const { String::new() }; 4]);
        text.extend(self.closing());
        self.query(&delegated.terms, &sign(&delegated.key, &text.join("\n")))
    }

    /// Permission, start, end and blob.
    fn opening(&self) -> Vec<String> {
        let resource = format!("/blob/{}/{}", self.account, self.path);
        vec!["r".to_owned(), String::new(), timestamp(self.expiry), resource]
    }

    /// Protocol, version, kind, then no snapshot, no encryption scope and no headers to answer with.
    fn closing(&self) -> Vec<String> {
        let mut text = vec![self.protocol.to_owned(), VERSION.to_owned(), "b".to_owned()];
        text.extend([const { String::new() }; 7]);
        text
    }

    fn query(&self, terms: &[(&'static str, String)], signature: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("sv", VERSION)
            .append_pair("sr", "b")
            .append_pair("sp", "r")
            .append_pair("se", &timestamp(self.expiry))
            .append_pair("spr", self.protocol)
            .extend_pairs(terms)
            .append_pair("sig", signature)
            .finish()
    }
}

/// A time as signatures have it: UTC, to the second.
fn timestamp(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC)
        .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
        .expect("every part of the format is a part of a time")
}
