//! The adapter against a vault that holds real keys, behind a transport that leads there: Key
//! Vault's client sends no token to an address without TLS.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;
mod rewrapping;

use azure_core::credentials::{AccessToken, Secret, TokenRequestOptions};
use wiremock::ResponseTemplate;

use super::*;
use fake::{FakeVault, TOKEN};

const NAME: &str = "pii";

fn data_key() -> DataKey {
    DataKey::new([77; 32])
}

#[track_caller]
fn assert_refused<T: fmt::Debug>(result: Result<T, StoreError>, fault: Fault, says: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.fault, fault, "{error}");
    let text = format!("{error} {error:?}");
    assert!(text.contains(says), "{text}");
    assert!(!text.contains(TOKEN) && !text.contains("77, 77"), "{text}");
}

#[tokio::test]
async fn the_vault_opens_what_was_wrapped_here() {
    for bits in [2048, 3072] {
        let fake = FakeVault::start().await;
        let version = fake.rotate(NAME, bits);
        let vault = fake.client();
        let wrapped = vault.wrap(NAME, &data_key()).await.unwrap();
        let Wrapped { name, version: own, algorithm, bytes } = &wrapped;
        assert_eq!((name.as_str(), own, algorithm.as_str()), (NAME, &version, "RSA-OAEP-256"));
        assert_eq!(bytes.len(), bits / 8);
        assert_eq!(vault.unwrap(&wrapped).await.unwrap(), data_key());
        assert_ne!(vault.wrap(NAME, &data_key()).await.unwrap().bytes, wrapped.bytes);
        assert_eq!(
            fake.seen().await,
            [
                "GET /keys/pii/ without a token".to_owned(),
                "GET /keys/pii/".to_owned(),
                format!("POST /keys/pii/{version}/unwrapkey"),
            ],
            "one challenge, and the public key is asked for once"
        );
    }
}

#[tokio::test]
async fn nothing_secret_is_sent_before_the_challenge() {
    let fake = FakeVault::start().await;
    let version = fake.rotate(NAME, 2048);
    let wrapped = fake.client().wrap(NAME, &data_key()).await.unwrap();
    let another = fake.client();
    assert_eq!(another.unwrap(&wrapped).await.unwrap(), data_key());
    let seen = fake.seen().await;
    let path = format!("POST /keys/pii/{version}/unwrapkey");
    assert_eq!(seen[2..], [format!("{path} without a token"), path]);
}

#[tokio::test]
async fn a_foreign_challenge_gets_no_token() {
    let fake = FakeVault::start().await;
    fake.rotate(NAME, 2048);
    fake.challenge("https://vault.example.org");
    assert_refused(fake.client().current(NAME).await, Fault::Rejected, "challenge");
    assert_eq!(fake.seen().await, ["GET /keys/pii/ without a token"]);
}

#[tokio::test]
async fn a_request_that_is_repeated_is_whole() {
    let fake = FakeVault::start().await;
    fake.rotate(NAME, 2048);
    let wrapped = fake.client().wrap(NAME, &data_key()).await.unwrap();
    fake.answer_once(ResponseTemplate::new(503));
    assert_eq!(fake.client().unwrap(&wrapped).await.unwrap(), data_key());
}

#[tokio::test]
async fn a_rotation_is_seen_when_asked_for() {
    let fake = FakeVault::start().await;
    let (first, vault) = (fake.rotate(NAME, 2048), fake.client());
    let old = vault.wrap(NAME, &data_key()).await.unwrap();
    let second = fake.rotate(NAME, 2048);
    assert_eq!(vault.wrap(NAME, &data_key()).await.unwrap().version, first, "it is cached");
    assert_eq!(vault.current(NAME).await.unwrap(), second);
    let new = vault.wrap(NAME, &data_key()).await.unwrap();
    assert_eq!(new.version, second);
    for wrapped in [old, new] {
        assert_eq!(vault.unwrap(&wrapped).await.unwrap(), data_key());
    }
}

#[tokio::test]
async fn a_public_key_is_kept_for_a_while() {
    let fake = FakeVault::start().await;
    fake.rotate(NAME, 2048);
    let vault = fake.client();
    let before = Instant::now();
    vault.wrap(NAME, &data_key()).await.unwrap();
    let after = Instant::now();
    assert!(vault.kept(NAME, before + KEEP - Duration::from_nanos(1)).is_some());
    assert!(vault.kept(NAME, after + KEEP).is_none());
}

#[tokio::test]
async fn what_is_disabled_or_unknown_fails_closed() {
    let fake = FakeVault::start().await;
    let version = fake.rotate(NAME, 2048);
    let wrapped = fake.client().wrap(NAME, &data_key()).await.unwrap();
    let unwrap = async |change: &dyn Fn(&mut Wrapped)| {
        let mut wrapped = wrapped.clone();
        change(&mut wrapped);
        fake.client().unwrap(&wrapped).await
    };
    let other = unwrap(&|it| it.name = "other".to_owned()).await;
    assert_refused(other, Fault::NotFound, "404 KeyNotFound");
    let other = unwrap(&|it| it.version = "f".repeat(32)).await;
    assert_refused(other, Fault::NotFound, &"f".repeat(32));
    let changed = unwrap(&|it| it.bytes[9] ^= 1).await;
    assert_refused(changed, Fault::Rejected, "400 BadParameter");
    assert_refused(
        fake.client().wrap("other", &data_key()).await,
        Fault::NotFound,
        "key other: 404",
    );
    fake.disable(&version);
    assert_refused(fake.client().unwrap(&wrapped).await, Fault::Denied, "403 KeyDisabled");
    assert_refused(fake.client().wrap(NAME, &data_key()).await, Fault::Denied, "is disabled");
}

#[tokio::test]
async fn what_a_vault_says_besides() {
    let fake = FakeVault::start().await;
    fake.rotate(NAME, 2048);
    let vault = fake.client();
    let wrapped = vault.wrap(NAME, &data_key()).await.unwrap();
    let refusal = |status, code| {
        let body = serde_json::json!({"error": {"code": code, "message": "secret"}});
        ResponseTemplate::new(status).set_body_json(body)
    };
    let short = serde_json::json!({"kid": "", "value": "TU1N"});
    for (answer, fault, says) in [
        (refusal(403, "Forbidden"), Fault::Denied, "Key Vault Crypto User"),
        (refusal(403, "ForbiddenByFirewall"), Fault::Denied, "firewall"),
        (refusal(403, "so called: \n code"), Fault::Denied, "403: give"),
        (refusal(409, "Conflict"), Fault::Rejected, "409 Conflict"),
        (ResponseTemplate::new(302), Fault::Unavailable, "302"),
        (ResponseTemplate::new(200).set_body_string("<html>"), Fault::Unavailable, "any proxy"),
        (ResponseTemplate::new(200).set_body_json(short), Fault::Rejected, "not a data key"),
        (ResponseTemplate::new(200).set_body_string("{}"), Fault::Rejected, "not a data key"),
    ] {
        fake.answer_once(answer);
        assert_refused(vault.unwrap(&wrapped).await, fault, says);
    }
}

#[tokio::test]
async fn hostile_names_are_never_asked_for() {
    let fake = FakeVault::start().await;
    fake.rotate(NAME, 2048);
    let vault = fake.client();
    let wrapped = vault.wrap(NAME, &data_key()).await.unwrap();
    let asked = fake.seen().await.len();
    for text in ["", "..", "a/b", "pii/../../secrets", "a?b", "a#b", "a%2fb", "é", "{key-version}"]
    {
        let name = Wrapped { name: text.to_owned(), ..wrapped.clone() };
        assert_refused(vault.unwrap(&name).await, Fault::Rejected, "no key of a vault");
        let version = Wrapped { version: text.to_owned(), ..wrapped.clone() };
        assert_refused(vault.unwrap(&version).await, Fault::Rejected, "no key of a vault");
        assert_refused(vault.wrap(text, &data_key()).await, Fault::Rejected, "no key of a vault");
    }
    let algorithm = Wrapped { algorithm: "A256GCM".to_owned(), ..wrapped.clone() };
    assert_refused(vault.unwrap(&algorithm).await, Fault::Rejected, "LAKEHAND_KEYRING");
    assert_eq!(fake.seen().await.len(), asked);
}

#[tokio::test]
async fn a_key_that_could_not_unwrap_does_not_wrap() {
    let fake = FakeVault::start().await;
    fake.rotate(NAME, 2048);
    let (now, vault) = (OffsetDateTime::now_utc().unix_timestamp(), fake.client());
    for (change, fault, says) in [
        (
            serde_json::json!({"attributes": {"enabled": true, "exp": now - 1}}),
            Fault::Denied,
            "expired",
        ),
        (
            serde_json::json!({"attributes": {"enabled": true, "nbf": now + 900}}),
            Fault::Denied,
            "not active",
        ),
        (serde_json::json!({"key": {"kty": "EC"}}), Fault::Rejected, "no RSA key"),
        (
            serde_json::json!({"key": {"key_ops": ["wrapKey", "sign"]}}),
            Fault::Rejected,
            "unwrapKey",
        ),
        (serde_json::json!({"key": {"n": "AQAB"}}), Fault::Rejected, "2048"),
        (serde_json::json!({"key": {"n": null}}), Fault::Rejected, "2048"),
        (
            serde_json::json!({"key": {"kid": "https://lake.vault.azure.net/keys/pii"}}),
            Fault::Rejected,
            "2048",
        ),
    ] {
        fake.answer_once(ResponseTemplate::new(200).set_body_json(fake.public(NAME, &change)));
        assert_refused(vault.wrap(NAME, &data_key()).await, fault, says);
    }
    let later =
        serde_json::json!({"attributes": {"enabled": true, "exp": now + 900, "nbf": now - 900}});
    fake.answer_once(ResponseTemplate::new(200).set_body_json(fake.public(NAME, &later)));
    vault.wrap(NAME, &data_key()).await.unwrap();
}

#[tokio::test]
async fn no_secret_is_seen() {
    let fake = FakeVault::start().await;
    let text = format!("{:?}", fake.client());
    assert!(text.contains("lake.vault.azure.net") && !text.contains(TOKEN), "{text}");
}
