//! Ways into a storage account, and from one account into another, on the real Azurite.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use lakehand::stores::{
    Condition, Fault,
    blobs::{Attributes, Blobs, CopySource, CopyState},
    queues::Queues,
};
use ring::hmac;
use time::{OffsetDateTime, macros::format_description};
use url::form_urlencoded;

use super::azure::{lake, open, queue_service};
use crate::{
    azurite::{self, ACCOUNTS, unique},
    conformance::{
        assert_fault,
        blobs::{self, at, put, text},
        names, queues,
    },
};

/// The services of an account, by an account signature with such permissions.
fn signed_in(account: &str, permissions: &str) -> (Arc<dyn Blobs>, Arc<dyn Queues>) {
    let (endpoints, signature) =
        (azurite::shared().endpoints(account), signature(account, permissions));
    open(&format!("{endpoints};SharedAccessSignature={signature}"))
}

/// An account shared access signature for blobs and queues, valid for an hour.
fn signature(account: &str, permissions: &str) -> String {
    let expiry = (OffsetDateTime::now_utc() + Duration::from_secs(3600))
        .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
        .unwrap();
    let (version, services, types, protocol) = ("2020-12-06", "bq", "sco", "https,http");
    let text = [account, permissions, services, types, "", &expiry, "", protocol, version, "", ""];
    let key = STANDARD.decode(azurite::key(account)).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("sv", version), ("ss", services), ("srt", types), ("sp", permissions)])
        .extend_pairs([("se", expiry.as_str()), ("spr", protocol)])
        .append_pair("sig", &STANDARD.encode(hmac::sign(&key, text.join("\n").as_bytes())))
        .finish()
}

/// Copies a blob with an awkward name from one account into the other.
async fn copy_across(from: &dyn Blobs, to: &dyn Blobs) {
    let (there, here) = (unique("from"), unique("to"));
    from.create_container(&there).await.unwrap();
    to.create_container(&here).await.unwrap();
    let source = at(&there, "a//b é+%20 #?[仓库]&=.csv");
    let target = at(&here, source.name());
    let version = put(from, &source, "content").await;
    let lent = from.lend(&source).await.unwrap();
    assert!(!format!("{lent:?}").contains("sig"));
    let across = |version, condition| {
        let (source, target) = (CopySource::Elsewhere(&lent), &target);
        async move { to.copy(source, version, target, &Attributes::default(), &condition).await }
    };
    assert_eq!(across(&version, Condition::Absent).await.unwrap(), CopyState::Success);
    assert_eq!(text(to, &target).await, "content");
    assert_fault(across(&version, Condition::Absent).await, Fault::AlreadyExists);
    put(from, &source, "changed").await;
    assert_fault(across(&version, Condition::Always).await, Fault::NotFound);
    from.delete(&source, &Condition::Always).await.unwrap();
    assert_fault(across(&version, Condition::Always).await, Fault::NotFound);
    assert_eq!(text(to, &target).await, "content");
}

fn other_lake() -> Arc<dyn Blobs> {
    open(&azurite::shared().connection_string(ACCOUNTS[1])).0
}

#[tokio::test]
async fn copies_between_accounts_with_keys() {
    copy_across(&*lake(), &*other_lake()).await;
}

#[tokio::test]
async fn copies_between_accounts_with_signatures() {
    let (from, _) = signed_in(ACCOUNTS[0], "rwdlacup");
    let (to, _) = signed_in(ACCOUNTS[1], "rwdlacup");
    copy_across(&*from, &*to).await;
}

#[tokio::test]
async fn a_signature_does_what_a_key_does() {
    let (blobs, queues) = signed_in(ACCOUNTS[0], "rwdlacup");
    blobs::reads_what_was_written(&*blobs, &unique("lake")).await;
    blobs::copies_under_conditions(&*blobs, &unique("lake")).await;
    blobs::lists_by_prefix(&*blobs, &unique("lake")).await;
    let sample = names::awkward().into_iter().filter(|name| !name.contains('\\')).collect();
    names::keeps_names(&*blobs, &unique("names"), &sample).await;
    queues::receives_what_was_sent(&*queues, &unique("queue")).await;
    queues::shows_again_when_released(&*queues, &unique("queue")).await;
    blobs.probe().await.unwrap();
    queues.probe().await.unwrap();
}

#[tokio::test]
async fn a_signature_is_kept_to_what_it_permits() {
    let container = unique("lake");
    let lake = lake();
    lake.create_container(&container).await.unwrap();
    put(&*lake, &at(&container, "a"), "content").await;
    let (blobs, queues) = signed_in(ACCOUNTS[0], "rl");
    assert_eq!(text(&*blobs, &at(&container, "a")).await, "content");
    let path = at(&container, "b");
    let written = blobs
        .write(&path, Bytes::from_static(b"x"), &Attributes::default(), &Condition::Absent)
        .await;
    let error = written.unwrap_err();
    assert_eq!(error.fault, Fault::Denied, "{error}");
    assert!(!format!("{error:?}").contains("sig="), "{error:?}");
    assert_fault(queues.create(&unique("queue")).await, Fault::Denied);
}

#[tokio::test]
async fn a_wrong_key_is_denied_and_not_shown() {
    let wrong = STANDARD.encode("some other key");
    let text = format!(
        "{};AccountName={};AccountKey={wrong}",
        azurite::shared().endpoints(ACCOUNTS[0]),
        ACCOUNTS[0]
    );
    let (blobs, queues) = open(&text);
    for error in [
        blobs.head(&at("landing", "a")).await.unwrap_err(),
        blobs.probe().await.unwrap_err(),
        queues.probe().await.unwrap_err(),
        queues.send("events", "x").await.unwrap_err(),
    ] {
        assert_eq!(error.fault, Fault::Denied, "{error}");
        assert!(error.detail.contains("check"), "{error} does not say what to do");
        assert!(!format!("{error:?} {blobs:?} {queues:?}").contains(&wrong));
    }
}

#[tokio::test]
async fn the_right_key_is_let_in() {
    lake().probe().await.unwrap();
    queue_service().probe().await.unwrap();
    assert!(!lake().is_hierarchical().await.unwrap());
}

#[tokio::test]
async fn an_identity_needs_encryption() {
    let mut connection = azurite::connection(&azurite::shared().connection_string(ACCOUNTS[0]));
    connection.credential = lakehand::settings::Credential::DeveloperTools;
    let error = lakehand::stores::azure::open(&connection).unwrap_err();
    assert_eq!(error.fault, Fault::Rejected);
    assert!(error.detail.contains("https"), "{error}");
}

#[tokio::test]
async fn a_backslash_is_refused_since_azure_takes_it_for_a_slash() {
    let (lake, container) = (lake(), unique("lake"));
    lake.create_container(&container).await.unwrap();
    put(&*lake, &at(&container, "a/b"), "content").await;
    let path = at(&container, "a\\b");
    assert_fault(lake.head(&path).await, Fault::Rejected);
    assert_fault(lake.delete(&path, &Condition::Always).await, Fault::Rejected);
    assert_eq!(text(&*lake, &at(&container, "a/b")).await, "content");
}

#[tokio::test]
async fn metadata_that_no_header_carries_is_refused() {
    let (lake, container) = (lake(), unique("lake"));
    lake.create_container(&container).await.unwrap();
    for (name, value) in [("仓库", "x"), ("with-hyphen", "x"), ("name", "é"), ("name", "a\r\nb: c")]
    {
        let metadata = [(name.to_owned(), value.to_owned())].into();
        let attributes = Attributes { metadata, ..Attributes::default() };
        let path = at(&container, "a");
        let written = lake.write(&path, Bytes::new(), &attributes, &Condition::Always).await;
        assert_fault(written, Fault::Rejected);
    }
}

#[tokio::test]
async fn messages_are_plain_text_of_any_kind() {
    let (queues, queue) = (queue_service(), unique("queue"));
    queues.create(&queue).await.unwrap();
    let long = "é😀<&>".repeat(60 * 1024 / 9);
    for text in
        ["<&>\"'", "]]>", "😀 仓库", " \t lead and trail \n", "one\r\ntwo\rthree\n", "&amp;", &long]
    {
        queues.send(&queue, text).await.unwrap();
        let received = queues.receive(&queue, 1, Duration::from_secs(60)).await.unwrap();
        assert_eq!(received[0].text, text);
        assert_eq!(received[0].expires.year(), 9999);
        queues.delete(&queue, &received[0]).await.unwrap();
    }
    let endless = "x".repeat(200 * 1024);
    assert_fault(queues.send(&queue, &endless).await, Fault::Rejected);
}

#[tokio::test]
async fn a_message_that_keeps_failing_is_counted_until_it_goes_to_poison() {
    let (queues, queue) = (queue_service(), unique("queue"));
    let poison = format!("{queue}-poison");
    queues.create(&queue).await.unwrap();
    queues.create(&poison).await.unwrap();
    queues.send(&queue, "work").await.unwrap();
    for count in 1..=5 {
        let received = queues.receive(&queue, 32, Duration::from_secs(60)).await.unwrap();
        assert_eq!((received.len(), received[0].dequeue_count), (1, count));
        if count < 5 {
            queues.release(&queue, &received[0], Duration::ZERO).await.unwrap();
        } else {
            queues.send(&poison, &received[0].text).await.unwrap();
            queues.delete(&queue, &received[0]).await.unwrap();
        }
    }
    assert!(queues.receive(&queue, 32, Duration::from_secs(1)).await.unwrap().is_empty());
    let poisoned = queues.receive(&poison, 32, Duration::from_secs(60)).await.unwrap();
    assert_eq!(poisoned[0].text, "work");
}
