//! A vault that holds RSA keys and uses them, as far as the adapter asks for it.
//!
//! <https://learn.microsoft.com/rest/api/keyvault/keys/unwrap-key/unwrap-key>

use std::collections::BTreeMap;

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use azure_core::{
    http::{AsyncRawResponse, HttpClient, Request},
    time::OffsetDateTime as Expiry,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use uuid::Uuid;
use wiremock::{Mock, MockServer, Respond, matchers::any};

use super::*;
use crate::stores::azure::client_options;

pub(super) const TOKEN: &str = "token-of-the-tests";
const ADDRESS: &str = "https://lake.vault.azure.net";

pub(super) struct FakeVault {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

struct State {
    resource: String,
    next: Option<ResponseTemplate>,
    /// The version that wraps now, by name.
    current: BTreeMap<String, String>,
    versions: BTreeMap<String, Version>,
}

struct Version {
    key: PrivateDecryptingKey,
    is_enabled: bool,
}

impl FakeVault {
    pub(super) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            resource: "https://vault.azure.net".to_owned(),
            next: None,
            current: BTreeMap::new(),
            versions: BTreeMap::new(),
        }));
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(Door(Arc::clone(&state))).mount(&server).await;
        Self { server, state }
    }

    /// A client that has never talked to this vault.
    pub(super) fn client(&self) -> KeyVault {
        let address = self.server.address();
        let http = Arc::new(Redirect { port: address.port(), client: reqwest::Client::new() });
        let address = ADDRESS.parse().unwrap();
        KeyVault::new(&address, Arc::new(Token), client_options(http)).unwrap()
    }

    /// Makes a version of a key, which wraps from now on.
    pub(super) fn rotate(&self, name: &str, bits: usize) -> String {
        let size = if bits == 2048 { KeySize::Rsa2048 } else { KeySize::Rsa3072 };
        let key = PrivateDecryptingKey::generate(size).unwrap();
        let version = Uuid::new_v4().simple().to_string();
        let mut state = self.state.lock().unwrap();
        state.current.insert(name.to_owned(), version.clone());
        state.versions.insert(version.clone(), Version { key, is_enabled: true });
        version
    }

    pub(super) fn disable(&self, version: &str) {
        self.state.lock().unwrap().versions.get_mut(version).unwrap().is_enabled = false;
    }

    /// Names another resource in the challenge.
    pub(super) fn challenge(&self, resource: &str) {
        self.state.lock().unwrap().resource = resource.to_owned();
    }

    /// Gives this answer to the next request, whatever it is.
    pub(super) fn answer_once(&self, answer: ResponseTemplate) {
        self.state.lock().unwrap().next = Some(answer);
    }

    /// What the vault shows of a key, with these parts different.
    pub(super) fn public(&self, name: &str, change: &Value) -> Value {
        let mut public = self.state.lock().unwrap().public(name).unwrap();
        for (part, fields) in change.as_object().unwrap() {
            for (field, value) in fields.as_object().unwrap() {
                public[part][field] = value.clone();
            }
        }
        public
    }

    /// The requests, in order.
    pub(super) async fn seen(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        let line = |request: &wiremock::Request| {
            let has_token = request.headers.contains_key("authorization");
            let note = if has_token { "" } else { " without a token" };
            format!("{} {}{note}", request.method, request.url.path())
        };
        requests.iter().map(line).collect()
    }
}

struct Door(Arc<Mutex<State>>);

impl Respond for Door {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        if let Some(answer) = state.next.take() {
            return answer;
        }
        let Some(token) = request.headers.get("authorization") else {
            assert!(request.body.is_empty(), "nothing is sent before the challenge");
            let challenge = format!(
                "Bearer authorization=\"https://login.microsoftonline.com/tenant\", resource=\"{}\"",
                state.resource
            );
            return ResponseTemplate::new(401).insert_header("www-authenticate", challenge);
        };
        assert_eq!(token.to_str().unwrap(), format!("Bearer {TOKEN}"));
        let path: Vec<_> = request.url.path().split('/').skip(1).collect();
        match path[..] {
            ["keys", name, ""] => state.public(name).map_or_else(unknown, found),
            ["keys", name, version, "unwrapkey"] => state.unwrap(name, version, &request.body),
            _ => ResponseTemplate::new(405),
        }
    }
}

fn found(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn unknown() -> ResponseTemplate {
    refused(404, "KeyNotFound", Value::Null)
}

fn refused(status: u16, code: &str, inner: Value) -> ResponseTemplate {
    let error = json!({"code": code, "message": "in words", "innererror": inner});
    ResponseTemplate::new(status).set_body_json(json!({"error": error}))
}

impl State {
    fn public(&self, name: &str) -> Option<Value> {
        let version = self.current.get(name)?;
        let Version { key, is_enabled } = &self.versions[version];
        let pair = ring::rsa::KeyPair::from_pkcs8(key.as_der().unwrap().as_ref()).unwrap();
        let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
        Some(json!({
            "key": {
                "kid": format!("{ADDRESS}/keys/{name}/{version}"),
                "kty": "RSA",
                "key_ops": ["encrypt", "decrypt", "wrapKey", "unwrapKey"],
                "n": URL_SAFE_NO_PAD.encode(public.n),
                "e": URL_SAFE_NO_PAD.encode(public.e),
            },
            "attributes": {"enabled": is_enabled, "created": 1_700_000_000},
        }))
    }

    fn unwrap(&self, name: &str, version: &str, body: &[u8]) -> ResponseTemplate {
        let Some(Version { key, is_enabled }) =
            self.versions.get(version).filter(|_| self.current.contains_key(name))
        else {
            return unknown();
        };
        if !is_enabled {
            return refused(403, "Forbidden", json!({"code": "KeyDisabled"}));
        }
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["alg"], "RSA-OAEP-256");
        let wrapped = URL_SAFE_NO_PAD.decode(body["value"].as_str().unwrap()).unwrap();
        let key = OaepPrivateDecryptingKey::new(key.clone()).unwrap();
        let mut plain = vec![0; key.min_output_size()];
        match key.decrypt(&OAEP_SHA256_MGF1SHA256, &wrapped, &mut plain, None) {
            Ok(plain) => found(json!({
                "kid": format!("{ADDRESS}/keys/{name}/{version}"),
                "value": URL_SAFE_NO_PAD.encode(plain),
            })),
            Err(_) => refused(400, "BadParameter", Value::Null),
        }
    }
}

/// Leads the requests for the vault to the fake one.
#[derive(Debug)]
struct Redirect {
    port: u16,
    client: reqwest::Client,
}

#[async_trait]
impl HttpClient for Redirect {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        assert!(request.url().as_str().starts_with(ADDRESS), "{}", request.url());
        let url = request.url_mut();
        url.set_scheme("http").unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.port)).unwrap();
        self.client.execute_request(&request).await
    }
}

#[derive(Debug)]
struct Token;

#[async_trait]
impl TokenCredential for Token {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://vault.azure.net/.default"]);
        let expires = Expiry::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(Secret::new(TOKEN), expires))
    }
}
