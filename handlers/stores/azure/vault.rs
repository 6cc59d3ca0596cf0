//! [`KeyProvider`] in Azure Key Vault: wrapped here with the public key, opened in the vault, which
//! the private key never leaves.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use azure_core::{
    Error,
    credentials::TokenCredential,
    error::ErrorKind,
    http::{ClientOptions, RequestContent},
};
use azure_security_keyvault_keys::{
    KeyClient, KeyClientOptions, ResourceExt,
    models::{
        EncryptionAlgorithm, JsonWebKey, Key, KeyAttributes, KeyOperationParameters, KeyType,
    },
};
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;
use zeroize::Zeroizing;

use super::error::Attempt;
use crate::{
    encryption::cell::DataKey,
    stores::{
        Fault, StoreError,
        keys::{KeyProvider, Wrapped, is_key_name, shown},
    },
};

/// RSA-OAEP with SHA-256 in both places (RFC 7518, 4.3).
const ALGORITHM: &str = "RSA-OAEP-256";

/// How long a public key is used before the vault is asked again; as long may a key still wrap that
/// was rotated or disabled meanwhile.
const KEEP: Duration = Duration::from_secs(300);

const GARBLED: &str =
    "the answer is not one of Azure Key Vault; check LAKEHAND_KEY_VAULT and any proxy";

/// The keys of one vault.
pub(super) struct KeyVault {
    client: KeyClient,
    /// By name; the names are those that the configuration has, so they are few.
    public: Mutex<HashMap<String, Kept>>,
}

struct Kept {
    key: Public,
    until: Instant,
}

/// The public half of a version of a key.
#[derive(Clone)]
struct Public {
    version: String,
    key: PublicEncryptingKey,
}

impl KeyVault {
    pub(super) fn new(
        address: &Url,
        token: Arc<dyn TokenCredential>,
        client_options: ClientOptions,
    ) -> azure_core::Result<Self> {
        let options = KeyClientOptions { client_options, ..KeyClientOptions::default() };
        let client = KeyClient::new(address.as_str(), token, Some(options))?;
        Ok(Self { client, public: Mutex::default() })
    }

    /// The public key that wraps now, as the vault said not long ago.
    async fn public(&self, name: &str) -> Result<Public, StoreError> {
        match self.kept(name, Instant::now()) {
            Some(key) => Ok(key),
            None => self.ask(name).await,
        }
    }

    fn kept(&self, name: &str, now: Instant) -> Option<Public> {
        let public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
        public.get(name).filter(|kept| now < kept.until).map(|kept| kept.key.clone())
    }

    /// Asks the vault for the public key that wraps now.
    async fn ask(&self, name: &str) -> Result<Public, StoreError> {
        let attempt = Attempt::new("find key", shown(name));
        if !is_key_name(name) {
            return Err(attempt.rejected("no key of a vault has such a name"));
        }
        let work = async { self.client.get_key(name, None).await?.into_model() };
        let key = run(&attempt, work).await?;
        let key = usable(&key, OffsetDateTime::now_utc())
            .map_err(|(fault, why)| StoreError::new(fault, "use key", name, why))?;
        let kept = Kept { key: key.clone(), until: Instant::now() + KEEP };
        let mut public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
        public.insert(name.to_owned(), kept);
        Ok(key)
    }
}

impl fmt::Debug for KeyVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyVault")
            .field("address", &self.client.endpoint().as_str())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyProvider for KeyVault {
    async fn current(&self, name: &str) -> Result<String, StoreError> {
        self.ask(name).await.map(|key| key.version)
    }

    async fn wrap(&self, name: &str, key: &DataKey) -> Result<Wrapped, StoreError> {
        let Public { version, key: public } = self.public(name).await?;
        let bytes = encrypt(public, key).ok_or_else(|| {
            StoreError::new(Fault::Rejected, "wrap a data key with key", name, "RSA failed")
        })?;
        Ok(Wrapped { name: name.to_owned(), version, algorithm: ALGORITHM.to_owned(), bytes })
    }

    async fn unwrap(&self, wrapped: &Wrapped) -> Result<DataKey, StoreError> {
        let attempt = Attempt::new("open a data key with key", wrapped);
        let Wrapped { name, version, algorithm, bytes } = wrapped;
        if algorithm != ALGORITHM {
            let why = "it was not wrapped for a vault; set LAKEHAND_KEYRING instead";
            return Err(attempt.rejected(why));
        }
        // Both become parts of an address.
        if !is_key_name(name) || !is_key_name(version) {
            return Err(attempt.rejected("no key of a vault has such a name or version"));
        }
        let parameters = KeyOperationParameters {
            algorithm: Some(EncryptionAlgorithm::RsaOaep256),
            value: Some(bytes.clone()),
            ..KeyOperationParameters::default()
        };
        let work = async {
            let parameters = RequestContent::try_from(parameters)?;
            self.client.unwrap_key(name, version, parameters, None).await?.into_model()
        };
        let opened = run(&attempt, work).await?.result.map(Zeroizing::new);
        let key = opened.and_then(|bytes| DataKey::from_slice(&bytes));
        key.ok_or_else(|| attempt.rejected("what was wrapped is not a data key of lakehand"))
    }
}

/// The public half of a key, if it may wrap now and the vault would open what it wrapped.
fn usable(key: &Key, now: OffsetDateTime) -> Result<Public, (Fault, &'static str)> {
    let KeyAttributes { enabled, not_before, expires, .. } =
        key.attributes.clone().unwrap_or_default();
    if enabled == Some(false) {
        return Err((Fault::Denied, "it is disabled; enable it in the vault"));
    }
    if not_before.is_some_and(|from| now < from) {
        return Err((Fault::Denied, "it is not active yet; change its activation date"));
    }
    if expires.is_some_and(|until| until <= now) {
        return Err((Fault::Denied, "it has expired; make a new version of it in the vault"));
    }
    let web = key.key.as_ref().ok_or((Fault::Unavailable, GARBLED))?;
    if !matches!(web.kty, Some(KeyType::Rsa | KeyType::RsaHsm)) {
        return Err((Fault::Rejected, "it is no RSA key, and a vault wraps with no other"));
    }
    let unwraps = |operations: &Vec<String>| operations.iter().any(|it| it == "unwrapKey");
    if !web.key_ops.as_ref().is_none_or(unwraps) {
        return Err((Fault::Rejected, "it may not unwrap; permit the operation unwrapKey"));
    }
    let version = key.resource_id().ok().and_then(|id| id.version);
    let public = version.zip(rsa(web)).map(|(version, key)| Public { version, key });
    public.ok_or((Fault::Rejected, "it is not an RSA key of 2048 to 8192 bits"))
}

fn rsa(web: &JsonWebKey) -> Option<PublicEncryptingKey> {
    let number = |bytes: &Option<Vec<u8>>| {
        let bytes = bytes.as_deref()?;
        Some(bytes[bytes.iter().position(|byte| *byte != 0)?..].to_vec())
    };
    PublicKeyComponents { n: number(&web.n)?, e: number(&web.e)? }.try_into().ok()
}

fn encrypt(public: PublicEncryptingKey, key: &DataKey) -> Option<Vec<u8>> {
    let public = OaepPublicEncryptingKey::new(public).ok()?;
    let mut bytes = vec![0; public.ciphertext_size()];
    let wrapped = public.encrypt(&OAEP_SHA256_MGF1SHA256, key.expose(), &mut bytes, None).ok()?;
    let length = wrapped.len();
    bytes.truncate(length);
    Some(bytes)
}

/// Does the work, within the deadline; what the vault refuses is said in its own words.
async fn run<T>(
    attempt: &Attempt<'_>,
    work: impl Future<Output = azure_core::Result<T>>,
) -> Result<T, StoreError> {
    let mut reason = None;
    let work = async { work.await.inspect_err(|error| reason = refusal(error)) };
    let result = attempt.run(work).await;
    result.map_err(|error| match reason {
        Some((fault, detail)) => StoreError { fault, detail, ..error },
        None => error,
    })
}

/// What a vault's refusal means; `None` for failures that are the same for every service.
fn refusal(error: &Error) -> Option<(Fault, String)> {
    let (status, body) = match error.kind() {
        ErrorKind::HttpResponse { status, raw_response, .. } => {
            (u16::from(*status), raw_response.as_ref().map(|response| response.body().as_ref()))
        }
        ErrorKind::DataConversion => return Some((Fault::Unavailable, GARBLED.to_owned())),
        _ => return None,
    };
    let body: Value = serde_json::from_slice(body.unwrap_or_default()).unwrap_or_default();
    let code = body["error"]["innererror"]["code"].as_str().or(body["error"]["code"].as_str());
    let code = code.filter(|code| is_key_name(code)).unwrap_or_default();
    let (fault, advice) = match (status, code) {
        (_, "KeyDisabled") => (Fault::Denied, ": this version is disabled; enable it in the vault"),
        (_, "ForbiddenByFirewall" | "ForbiddenByConnection") => {
            (Fault::Denied, ": let this app through the vault's firewall")
        }
        (401 | 403, _) => {
            (Fault::Denied, ": give the identity the role Key Vault Crypto User on this vault")
        }
        (404, _) => (Fault::NotFound, ": the vault has no such key or version; restore it there"),
        (300..=399 | 408 | 429 | 500 | 502.., _) => (Fault::Unavailable, ""),
        _ => (Fault::Rejected, ": it was wrapped by another key, or is damaged"),
    };
    let separator = if code.is_empty() { "" } else { " " };
    Some((fault, format!("{status}{separator}{code}{advice}")))
}
