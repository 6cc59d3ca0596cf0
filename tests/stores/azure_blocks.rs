//! Blobs in parts, as far as only Azure Storage has the rule.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use bytes::Bytes;
use lakehand::stores::{
    Condition, ETag, Fault,
    blobs::{Attributes, Blobs, BlockId, Metadata},
};
use uuid::Uuid;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, query_param, query_param_is_missing},
};

use super::azure::{lake, open};
use crate::{
    azurite::{self, ACCOUNTS, unique},
    conformance::{
        assert_fault,
        blobs::{at, put, text},
        blocks::{commit_if, stage_all},
    },
};

#[tokio::test]
async fn a_tail_begins_with_a_block() {
    let (store, container) = (lake(), unique("blocks"));
    store.create_container(&container).await.unwrap();
    let (path, whole) = (at(&container, "blob"), at(&container, "whole"));
    let blocks = stage_all(&*store, &path, &["head", "footer"]).await;
    let etag = commit_if(&*store, &path, &blocks, &Condition::Absent).await.unwrap();
    for offset in [1, 3, 5, 9] {
        let cut = store.replace_tail(&path, &etag, offset, "x".into(), &Metadata::new()).await;
        assert_fault(cut, Fault::Rejected);
    }
    assert_eq!(text(&*store, &path).await, "headfooter");
    let etag = put(&*store, &whole, "in one piece").await;
    let cut = store.replace_tail(&whole, &etag, 3, "x".into(), &Metadata::new()).await;
    assert!(cut.as_ref().unwrap_err().detail.contains("write the whole blob again"));
    assert_fault(cut, Fault::Rejected);
    assert_eq!(text(&*store, &whole).await, "in one piece");
}

/// Passes bytes on to Azurite, but for one word, of which it changes the first letter.
fn corrupting(address: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&address).unwrap());
            let (back, forth) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || pass(back, client));
            thread::spawn(move || pass(forth, server));
        }
    });
    own.to_string()
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &mut buffer[..count];
        if let Some(place) = bytes.windows(9).position(|window| window == b"corrupted") {
            bytes[place] = b'C';
        }
        if to.write_all(bytes).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_block_that_arrives_with_another_bit_is_refused() {
    let (direct, container) = (lake(), unique("blocks"));
    direct.create_container(&container).await.unwrap();
    let text = azurite::shared().connection_string(ACCOUNTS[0]);
    let (start, rest) = text.split_once("BlobEndpoint=http://").unwrap();
    let (address, rest) = rest.split_once('/').unwrap();
    let proxy = corrupting(address.to_owned());
    let (store, _) = open(&format!("{start}BlobEndpoint=http://{proxy}/{rest}"));
    let path = at(&container, "blob");
    let [good, bad] = [0, 1].map(|number| BlockId::new(Uuid::new_v4(), number));
    store.stage(&path, &good, "sound".into()).await.unwrap();
    store.stage(&path, &bad, "corrupted".into()).await.unwrap_err();
    assert_fault(commit_if(&*store, &path, &[good, bad], &Condition::Absent).await, Fault::Lost);
    commit_if(&*store, &path, &[good], &Condition::Absent).await.unwrap();
}

fn fake(server: &MockServer) -> std::sync::Arc<dyn Blobs> {
    let (address, key) = (server.uri(), azurite::key("lakeone"));
    let text = format!(
        "AccountName=lakeone;AccountKey={key};\
         BlobEndpoint={address}/lakeone;QueueEndpoint={address}/lakeone"
    );
    open(&text).0
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}

async fn refuse(status: u16, code: &str) -> MockServer {
    let server = MockServer::start().await;
    let refusal = ResponseTemplate::new(status).insert_header("x-ms-error-code", code);
    Mock::given(method("PUT")).respond_with(refusal).mount(&server).await;
    server
}

#[tokio::test]
async fn what_refusals_mean() {
    let path = at("curated", "blob");
    let block = BlockId::new(Uuid::nil(), 7);
    for (status, code, fault) in [
        (400, "Md5Mismatch", Fault::Unavailable),
        (400, "InvalidBlobOrBlock", Fault::Rejected),
        (404, "ContainerNotFound", Fault::NotFound),
        (409, "BlockCountExceedsLimit", Fault::Rejected),
    ] {
        let server = refuse(status, code).await;
        assert_fault(fake(&server).stage(&path, &block, "x".into()).await, fault);
        let requests = server.received_requests().await.unwrap();
        assert_eq!(header(&requests[0], "content-md5"), Some("ndTkYSaMgDT1yFZOFVxnpg=="));
    }
    for (status, code, condition, fault) in [
        (400, "InvalidBlockList", Condition::Absent, Fault::Lost),
        (409, "BlobAlreadyExists", Condition::Absent, Fault::AlreadyExists),
        (412, "ConditionNotMet", Condition::Matches(ETag::new("0x1")), Fault::Changed),
    ] {
        let server = refuse(status, code).await;
        assert_fault(commit_if(&*fake(&server), &path, &[block], &condition).await, fault);
    }
}

#[tokio::test]
async fn a_range_is_one_request_for_one_version() {
    let server = MockServer::start().await;
    let part = ResponseTemplate::new(206)
        .insert_header("etag", "\"0x1\"")
        .insert_header("content-range", "bytes 5-8/1000000")
        .set_body_bytes("part");
    Mock::given(method("GET")).respond_with(part).expect(1).mount(&server).await;
    let path = at("curated", "blob");
    let read = fake(&server).read_range(&path, &ETag::new("0x1"), 5, 4).await.unwrap();
    assert_eq!(read, "part");
    let requests = server.received_requests().await.unwrap();
    assert_eq!(header(&requests[0], "if-match"), Some("\"0x1\""));
    let range = header(&requests[0], "x-ms-range").or(header(&requests[0], "range"));
    assert_eq!(range, Some("bytes=5-8"));
}

/// A blob with everything that a block list would wipe out.
async fn mount_rich_blob(server: &MockServer) {
    let properties = ResponseTemplate::new(200)
        .insert_header("etag", "\"0x1\"")
        .insert_header("content-type", "text/csv")
        .insert_header("content-encoding", "gzip")
        .insert_header("cache-control", "no-store")
        .insert_header("x-ms-access-tier", "Cool")
        .insert_header("x-ms-meta-old", "1")
        .insert_header("x-ms-tag-count", "2");
    Mock::given(method("HEAD")).respond_with(properties).expect(1).mount(server).await;
    let tags = "<Tags><TagSet><Tag><Key>a b</Key><Value>1</Value></Tag>\
                <Tag><Key>c</Key><Value>2</Value></Tag></TagSet></Tags>";
    let list = "<BlockList><CommittedBlocks>\
                <Block><Name>QUE=</Name><Size>4</Size></Block>\
                <Block><Name>QkI=</Name><Size>6</Size></Block>\
                </CommittedBlocks></BlockList>";
    for (subject, body) in [("tags", tags), ("blocklist", list)] {
        Mock::given(method("GET"))
            .and(query_param("comp", subject))
            .respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/xml"))
            .expect(1)
            .mount(server)
            .await;
    }
    let done = ResponseTemplate::new(201).insert_header("etag", "\"0x2\"");
    Mock::given(method("PUT")).respond_with(done).expect(2).mount(server).await;
}

#[tokio::test]
async fn a_new_tail_keeps_all_else() {
    let server = MockServer::start().await;
    mount_rich_blob(&server).await;
    let metadata = Metadata::from([("new".to_owned(), "2".to_owned())]);
    let path = at("curated", "blob");
    let etag =
        fake(&server).replace_tail(&path, &ETag::new("0x1"), 4, "tail".into(), &metadata).await;
    assert_eq!(etag.unwrap().as_str(), "0x2");
    let requests = server.received_requests().await.unwrap();
    assert_eq!(header(&requests[0], "if-match"), Some("\"0x1\""));
    let [stage, commit] = &requests[3..] else { panic!("{requests:?}") };
    assert_eq!(stage.body, b"tail");
    let name = stage.url.query_pairs().find(|(name, _)| name == "blockid").unwrap().1;
    // Two bytes in base64, as the names that are there.
    assert!(name.len() == 4 && name.ends_with('=') && name != "QUE=", "{name}");
    for (name, value) in [
        ("if-match", Some("\"0x1\"")),
        ("x-ms-blob-content-type", Some("text/csv")),
        ("x-ms-blob-content-encoding", Some("gzip")),
        ("x-ms-blob-cache-control", Some("no-store")),
        ("x-ms-access-tier", Some("Cool")),
        ("x-ms-tags", Some("a%20b=1&c=2")),
        ("x-ms-meta-new", Some("2")),
        ("x-ms-meta-old", None),
    ] {
        assert_eq!(header(commit, name), value, "{name}");
    }
    let body = String::from_utf8(commit.body.clone()).unwrap();
    let expected = format!("<Latest>QUE=</Latest><Latest>{name}</Latest></BlockList>");
    assert!(body.ends_with(&expected), "{body}");
}

#[tokio::test]
async fn a_commit_carries_the_attributes() {
    let server = MockServer::start().await;
    let done = ResponseTemplate::new(201).insert_header("etag", "\"0x2\"");
    Mock::given(method("PUT"))
        .and(query_param("comp", "blocklist"))
        .respond_with(done)
        .expect(1)
        .mount(&server)
        .await;
    let kind = ResponseTemplate::new(200).insert_header("x-ms-is-hns-enabled", "false");
    Mock::given(method("GET"))
        .and(query_param_is_missing("prefix"))
        .respond_with(kind)
        .mount(&server)
        .await;
    let attributes = Attributes {
        content_type: Some("text/csv".into()),
        metadata: [("Mark".to_owned(), "m".to_owned())].into(),
        tags: [("stage".to_owned(), "raw".to_owned())].into(),
        tier: Some("Cool".into()),
    };
    let block = BlockId::new(Uuid::nil(), 7);
    let path = at("curated", "blob");
    let store = fake(&server);
    store.commit(&path, &[block], &attributes, &Condition::Absent).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let commit = requests.last().unwrap();
    for (name, value) in [
        ("if-none-match", "*"),
        ("x-ms-blob-content-type", "text/csv"),
        ("x-ms-access-tier", "Cool"),
        ("x-ms-tags", "stage=raw"),
        ("x-ms-meta-mark", "m"),
    ] {
        assert_eq!(header(commit, name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn metadata_that_no_header_carries() {
    let server = MockServer::start().await;
    let bad = Metadata::from([("with space".to_owned(), "x".to_owned())]);
    let (store, path, version) = (fake(&server), at("curated", "blob"), ETag::new("0x1"));
    assert_fault(store.set_metadata(&path, &version, &bad).await, Fault::Rejected);
    let replaced = store.replace_tail(&path, &version, 0, Bytes::new(), &bad).await;
    assert_fault(replaced, Fault::Rejected);
    assert!(server.received_requests().await.unwrap().is_empty());
}
