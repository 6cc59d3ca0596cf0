#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

fn keyring() -> (TempDir, LocalKeyring) {
    let folder = tempfile::tempdir().unwrap();
    let keyring = LocalKeyring::new(folder.path().join("keys.json"));
    keyring.init("pii", OffsetDateTime::UNIX_EPOCH).unwrap();
    (folder, keyring)
}

fn edit(keyring: &LocalKeyring, change: impl FnOnce(&mut Value)) {
    let mut contents = serde_json::from_slice(&fs::read(&keyring.path).unwrap()).unwrap();
    change(&mut contents);
    fs::write(&keyring.path, contents.to_string()).unwrap();
}

#[track_caller]
fn assert_fault<T: std::fmt::Debug>(result: Result<T, StoreError>, fault: Fault, says: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.fault, fault, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

#[tokio::test]
async fn what_it_wraps_it_opens() {
    let (_folder, keyring) = keyring();
    let key = DataKey::new([5; 32]);
    let wrapped = keyring.wrap("pii", &key).await.unwrap();
    assert_eq!((wrapped.name.as_str(), wrapped.version.as_str()), ("pii", "1"));
    assert_eq!(keyring.unwrap(&wrapped).await.unwrap(), key);
    let again = keyring.wrap("pii", &key).await.unwrap();
    assert_ne!(again.bytes, wrapped.bytes, "each wrap has a nonce of its own");
}

#[tokio::test]
async fn a_rotation_wraps_anew_and_opens_what_was() {
    let (_folder, keyring) = keyring();
    let key = DataKey::new([5; 32]);
    let old = keyring.wrap("pii", &key).await.unwrap();
    assert_eq!(keyring.rotate("pii", OffsetDateTime::UNIX_EPOCH).unwrap(), 2);
    assert_eq!(keyring.current("pii").await.unwrap(), "2");
    assert_eq!(keyring.wrap("pii", &key).await.unwrap().version, "2");
    assert_eq!(keyring.unwrap(&old).await.unwrap(), key);
}

#[tokio::test]
async fn a_key_is_made_once() {
    let (_folder, keyring) = keyring();
    let before = fs::read(&keyring.path).unwrap();
    let again = keyring.init("pii", OffsetDateTime::UNIX_EPOCH);
    assert_fault(again, Fault::AlreadyExists, "rotate");
    for name in ["", "a/b", "..", "é", "a b", &"x".repeat(128)] {
        let made = keyring.init(name, OffsetDateTime::UNIX_EPOCH);
        assert_fault(made, Fault::Rejected, "letters");
    }
    assert_eq!(fs::read(&keyring.path).unwrap(), before);
    keyring.init("finance", OffsetDateTime::UNIX_EPOCH).unwrap();
    let key = DataKey::new([5; 32]);
    let mut wrapped = keyring.wrap("finance", &key).await.unwrap();
    wrapped.name = "pii".to_owned();
    assert_fault(keyring.unwrap(&wrapped).await, Fault::Rejected, "another key");
}

#[test]
fn many_at_once_lose_nothing() {
    let (folder, keyring) = keyring();
    std::thread::scope(|threads| {
        for number in 0..8 {
            let keyring = &keyring;
            threads.spawn(move || {
                keyring.init(&format!("key-{number}"), OffsetDateTime::UNIX_EPOCH).unwrap();
                keyring.rotate("pii", OffsetDateTime::UNIX_EPOCH).unwrap();
            });
        }
    });
    let contents = keyring.read().unwrap();
    assert_eq!((contents.keys.len(), contents.keys["pii"].current), (9, 9));
    assert_eq!(contents.keys["pii"].versions.len(), 9);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "the keyring and its lock: {left:?}");
}

#[tokio::test]
async fn what_is_unknown_or_disabled_fails_closed() {
    let (folder, keyring) = keyring();
    let key = DataKey::new([5; 32]);
    let wrapped = keyring.wrap("pii", &key).await.unwrap();
    let with = |change: fn(&mut Wrapped)| {
        let mut wrapped = wrapped.clone();
        change(&mut wrapped);
        wrapped
    };
    for (wrapped, fault, says) in [
        (with(|it| it.name = "other".to_owned()), Fault::NotFound, "keys init"),
        (with(|it| it.name = "a\n/b".to_owned()), Fault::NotFound, "not a name"),
        (with(|it| it.version = "2".to_owned()), Fault::NotFound, "no such version"),
        (with(|it| it.version = "../1".to_owned()), Fault::NotFound, "no such version"),
        (
            with(|it| it.algorithm = "RSA-OAEP-256".to_owned()),
            Fault::Rejected,
            "LAKEHAND_KEY_VAULT",
        ),
        (with(|it| it.bytes[20] ^= 1), Fault::Rejected, "damaged"),
        (with(|it| it.bytes.truncate(10)), Fault::Rejected, "damaged"),
        (with(|it| it.bytes.clear()), Fault::Rejected, "damaged"),
    ] {
        assert_fault(keyring.unwrap(&wrapped).await, fault, says);
    }
    edit(&keyring, |contents| contents["keys"]["pii"]["versions"]["1"]["disabled"] = json!(true));
    assert_fault(keyring.unwrap(&wrapped).await, Fault::Denied, "version 1 is disabled");
    assert_fault(keyring.wrap("pii", &key).await, Fault::Denied, "version 1 is disabled");
    let absent = LocalKeyring::new(folder.path().join("absent.json"));
    assert_fault(absent.unwrap(&wrapped).await, Fault::NotFound, "keys init");
    let rotated = absent.rotate("pii", OffsetDateTime::UNIX_EPOCH);
    assert_fault(rotated, Fault::NotFound, "keys init");
}

#[tokio::test]
async fn nobody_else_may_read_it() {
    let (_folder, keyring) = keyring();
    let mode = || fs::metadata(&keyring.path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    for open in [0o640, 0o604, 0o660, 0o777] {
        fs::set_permissions(&keyring.path, fs::Permissions::from_mode(open)).unwrap();
        assert_fault(keyring.current("pii").await, Fault::Denied, "chmod 600");
        let rotated = keyring.rotate("pii", OffsetDateTime::UNIX_EPOCH);
        assert_fault(rotated, Fault::Denied, "chmod 600");
    }
    fs::set_permissions(&keyring.path, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(keyring.current("pii").await.unwrap(), "1");
}

#[tokio::test]
async fn a_damaged_file_is_refused_without_its_content() {
    let (_folder, keyring) = keyring();
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";
    for text in [
        String::new(),
        "{".to_owned(),
        json!({"keys": secret}).to_string(),
        json!({"keys": {}, "more": secret}).to_string(),
        json!({"keys": {"pii": {"current": secret, "versions": {}}}}).to_string(),
        json!({"keys": {"pii": {"current": 1, "versions": {"1": {
            "key": secret, "created": "2026-11-30T21:34:25Z"
        }}}}})
        .to_string(),
    ] {
        fs::write(&keyring.path, &text).unwrap();
        let error = keyring.current("pii").await.unwrap_err();
        assert_eq!(error.fault, Fault::Rejected, "{error}");
        assert!(!error.to_string().contains("c2Vj"), "{error}");
        let made = keyring.init("other", OffsetDateTime::UNIX_EPOCH);
        assert_fault(made, Fault::Rejected, "line");
        assert_eq!(fs::read_to_string(&keyring.path).unwrap(), text, "it stays as it is");
    }
}
