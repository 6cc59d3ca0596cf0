//! What the adapters send to Azure Storage, and what they make of answers that Azurite never gives.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use lakehand::stores::{
    Condition, ETag, Fault,
    blobs::{Attributes, BlobPath, Blobs, CopySource, CopyState},
    queues::Queues,
};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, query_param, query_param_is_missing},
};

use super::azure::open;
use crate::{azurite, conformance::assert_fault, conformance::blobs::at};

/// The services of an account at a fake address.
fn services(address: &str) -> (Arc<dyn Blobs>, Arc<dyn Queues>) {
    open(&format!(
        "AccountName=lakeone;AccountKey={};BlobEndpoint={address}/lakeone;QueueEndpoint={address}/lakeone",
        azurite::key("lakeone")
    ))
}

fn blobs(server: &MockServer) -> Arc<dyn Blobs> {
    services(&server.uri()).0
}

/// Answers one kind of request, so many times.
async fn answer(server: &MockServer, verb: &str, answer: ResponseTemplate, times: u64) {
    Mock::given(method(verb)).respond_with(answer).expect(times).mount(server).await;
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).insert_header("x-ms-error-code", code)
}

fn started(status: &str) -> ResponseTemplate {
    ResponseTemplate::new(202).insert_header("x-ms-copy-status", status)
}

/// The properties of a blob, as a successful answer to `head`.
fn found() -> ResponseTemplate {
    ResponseTemplate::new(200)
        .insert_header("etag", "\"0x8D\"")
        .insert_header("content-length", "0")
        .insert_header("last-modified", "Mon, 30 Nov 2026 21:34:25 GMT")
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}

async fn copy(
    store: &dyn Blobs,
    attributes: &Attributes,
    condition: &Condition,
) -> Result<CopyState, lakehand::stores::StoreError> {
    let (source, target) = (at("landing", "a b+é#?.csv"), at("curated", "b.csv"));
    let version = ETag::new("0x8D1");
    store.copy(CopySource::Here(&source), &version, &target, attributes, condition).await
}

#[tokio::test]
async fn a_copy_is_one_request_with_all_conditions_and_attributes() {
    let server = MockServer::start().await;
    answer(&server, "PUT", started("pending"), 1).await;
    let attributes = Attributes {
        metadata: [("lakehand_source".to_owned(), "0x8D1".to_owned())].into(),
        tier: Some("Cool".to_owned()),
        ..Attributes::default()
    };
    let state = copy(&*blobs(&server), &attributes, &Condition::Absent).await.unwrap();
    assert_eq!(state, CopyState::Pending);
    let requests = server.received_requests().await.unwrap();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.url.path(), "/lakeone/curated/b.csv");
    assert_eq!(header(request, "if-none-match"), Some("*"));
    assert_eq!(header(request, "if-match"), None);
    assert_eq!(header(request, "x-ms-source-if-match"), Some("\"0x8D1\""));
    assert_eq!(header(request, "x-ms-access-tier"), Some("Cool"));
    assert_eq!(header(request, "x-ms-meta-lakehand_source"), Some("0x8D1"));
    assert_eq!(header(request, "x-ms-tags"), None);
    let source = format!("{}/lakeone/landing/a%20b+%C3%A9%23%3F.csv", server.uri());
    assert_eq!(header(request, "x-ms-copy-source"), Some(source.as_str()));
}

#[tokio::test]
async fn who_came_with_a_signature_shows_it_for_the_source_too() {
    let server = MockServer::start().await;
    answer(&server, "PUT", started("success"), 1).await;
    let address = server.uri();
    let (blobs, _) = open(&format!(
        "BlobEndpoint={address}/lakeone;QueueEndpoint={address}/lakeone;\
         SharedAccessSignature=sv=1&sp=rw&sig=a%2Bb%3D"
    ));
    copy(&*blobs, &Attributes::default(), &Condition::Absent).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.query(), Some("sv=1&sp=rw&sig=a%2Bb%3D"));
    let source = header(&requests[0], "x-ms-copy-source").unwrap();
    assert!(source.ends_with("/a%20b+%C3%A9%23%3F.csv?sv=1&sp=rw&sig=a%2Bb%3D"), "{source}");
    assert_eq!(header(&requests[0], "authorization"), None);
}

#[tokio::test]
async fn a_copy_onto_a_known_version_says_so() {
    let server = MockServer::start().await;
    answer(&server, "PUT", started("success"), 1).await;
    let condition = Condition::Matches(ETag::new("0x8D2"));
    let state = copy(&*blobs(&server), &Attributes::default(), &condition).await.unwrap();
    assert_eq!(state, CopyState::Success);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(header(&requests[0], "if-match"), Some("\"0x8D2\""));
    assert_eq!(header(&requests[0], "if-none-match"), None);
}

#[tokio::test]
async fn the_state_of_a_copy_is_among_the_properties() {
    let server = MockServer::start().await;
    let (blobs, path) = (blobs(&server), at("curated", "b.csv"));
    let pending = found().insert_header("x-ms-copy-status", "pending");
    Mock::given(method("HEAD")).respond_with(pending).up_to_n_times(1).mount(&server).await;
    assert_eq!(blobs.head(&path).await.unwrap().copy, Some(CopyState::Pending));
    let failed = found()
        .insert_header("x-ms-copy-status", "failed")
        .insert_header("x-ms-copy-status-description", "403 Forbidden");
    answer(&server, "HEAD", failed, 1).await;
    let state = blobs.head(&path).await.unwrap().copy;
    assert_eq!(state, Some(CopyState::Failed("403 Forbidden".to_owned())));
}

fn tagged() -> Attributes {
    let tags = [("cost centre".to_owned(), "a&b".to_owned())].into();
    Attributes { tags, ..Attributes::default() }
}

#[tokio::test]
async fn tags_are_tags_on_a_flat_account() {
    let server = MockServer::start().await;
    answer(&server, "GET", ResponseTemplate::new(200), 1).await;
    answer(&server, "PUT", started("success"), 2).await;
    let blobs = blobs(&server);
    for _ in 0..2 {
        copy(&*blobs, &tagged(), &Condition::Absent).await.unwrap();
    }
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.query(), Some("comp=properties&restype=account"));
    assert_eq!(header(&requests[1], "x-ms-tags"), Some("cost%20centre=a%26b"));
}

#[tokio::test]
async fn tags_are_metadata_on_a_hierarchical_account() {
    let server = MockServer::start().await;
    let kind = ResponseTemplate::new(200).insert_header("x-ms-is-hns-enabled", "true");
    answer(&server, "GET", kind, 1).await;
    answer(&server, "PUT", started("success"), 1).await;
    let blobs = blobs(&server);
    copy(&*blobs, &tagged(), &Condition::Absent).await.unwrap();
    assert!(blobs.is_hierarchical().await.unwrap());
    let requests = server.received_requests().await.unwrap();
    assert_eq!(header(&requests[1], "x-ms-tags"), None);
    assert_eq!(header(&requests[1], "x-ms-meta-cost_centre"), Some("a&b"));
}

#[tokio::test]
async fn an_account_that_may_not_be_asked_shows_its_kind_by_refusing_tags() {
    let server = MockServer::start().await;
    answer(&server, "GET", refusal(403, "AuthorizationPermissionMismatch"), 1).await;
    let refused = refusal(409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts");
    Mock::given(method("PUT")).respond_with(refused).up_to_n_times(1).mount(&server).await;
    let blobs = blobs(&server);
    let first = copy(&*blobs, &tagged(), &Condition::Absent).await;
    assert_fault(first, Fault::Unavailable);
    answer(&server, "PUT", started("success"), 1).await;
    copy(&*blobs, &tagged(), &Condition::Absent).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(header(requests.last().unwrap(), "x-ms-meta-cost_centre"), Some("a&b"));
}

#[tokio::test]
async fn what_a_copy_is_refused_for() {
    for (status, code, expected) in [
        (409, "BlobArchived", Fault::Rejected),
        (409, "PendingCopyOperation", Fault::AlreadyExists),
        (409, "BlobAlreadyExists", Fault::AlreadyExists),
        (412, "TargetConditionNotMet", Fault::AlreadyExists),
        (412, "SourceConditionNotMet", Fault::NotFound),
        (404, "CannotVerifyCopySource", Fault::NotFound),
        (403, "CannotVerifyCopySource", Fault::Denied),
        (400, "InvalidHeaderValue", Fault::Rejected),
    ] {
        let server = MockServer::start().await;
        answer(&server, "PUT", refusal(status, code), 1).await;
        let refused = copy(&*blobs(&server), &Attributes::default(), &Condition::Absent).await;
        let error = refused.unwrap_err();
        assert_eq!(error.fault, expected, "{error}");
        assert!(error.to_string().contains(code), "{error}");
    }
}

#[tokio::test]
async fn a_broken_service_is_tried_three_times() {
    let server = MockServer::start().await;
    answer(&server, "HEAD", ResponseTemplate::new(500), 3).await;
    assert_fault(blobs(&server).head(&at("landing", "a")).await, Fault::Unavailable);
}

#[tokio::test]
async fn a_busy_service_is_left_alone_for_as_long_as_it_asks() {
    let server = MockServer::start().await;
    let later = refusal(503, "ServerBusy").insert_header("retry-after", "120");
    answer(&server, "GET", later, 1).await;
    let received = services(&server.uri()).1.receive("events", 1, Duration::from_secs(30)).await;
    assert_fault(received, Fault::Unavailable);
    let soon = ResponseTemplate::new(429).insert_header("retry-after", "0");
    Mock::given(method("HEAD")).respond_with(soon).up_to_n_times(2).expect(2).mount(&server).await;
    answer(&server, "HEAD", found(), 1).await;
    blobs(&server).head(&at("landing", "a")).await.unwrap();
}

/// A server that drops so many connections unanswered and then answers each with a blob's
/// properties. Returns its address.
fn resetting(drops: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            read_head(&mut stream);
            if number >= drops {
                let text = "HTTP/1.1 200 OK\r\netag: \"1\"\r\nlast-modified: Mon, 30 Nov 2026 21:34:25 GMT\r\n\
                            content-length: 7\r\nconnection: close\r\n\r\n";
                stream.write_all(text.as_bytes()).unwrap();
            }
        }
    });
    address
}

fn read_head(stream: &mut TcpStream) {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        read.push(byte[0]);
    }
}

#[tokio::test]
async fn a_dropped_connection_is_tried_again() {
    let path = at("landing", "a");
    let (blobs, _) = services(&resetting(2));
    assert_eq!(blobs.head(&path).await.unwrap().length, 7);
    let (blobs, _) = services(&resetting(usize::MAX));
    assert_fault(blobs.head(&path).await, Fault::Unavailable);
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (blobs, queues) = services(&address);
    let error = blobs.head(&at("landing", "a")).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unavailable);
    assert!(error.detail.contains("refused") && !error.detail.contains("http"), "{error}");
    assert_fault(queues.probe().await, Fault::Unavailable);
}

#[tokio::test]
async fn an_answer_that_is_not_the_services() {
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(200).set_body_string("<html>Please sign in</html>");
    answer(&server, "GET", page, 2).await;
    answer(&server, "HEAD", ResponseTemplate::new(200), 1).await;
    answer(&server, "PUT", ResponseTemplate::new(302), 1).await;
    let blobs = blobs(&server);
    assert_fault(blobs.list("landing", "", None).await, Fault::Unavailable);
    let path: BlobPath = at("landing", "a");
    assert_fault(blobs.read(&path, 100).await, Fault::Unavailable);
    assert_fault(blobs.head(&path).await, Fault::Unavailable);
    assert_fault(blobs.create_container("landing").await, Fault::Unavailable);
}

#[tokio::test]
async fn a_listing_goes_on_where_it_stopped() {
    let page = |name: &str, marker: &str| {
        ResponseTemplate::new(200).set_body_string(format!(
            "<EnumerationResults><Blobs><Blob><Name>{name}</Name><Properties><Etag>1</Etag>\
             <Last-Modified>Mon, 30 Nov 2026 21:34:25 GMT</Last-Modified></Properties></Blob></Blobs>\
             <NextMarker>{marker}</NextMarker></EnumerationResults>"
        ))
    };
    let server = MockServer::start().await;
    let marker = "2!88!MDAw+/=&x--";
    Mock::given(query_param_is_missing("marker"))
        .and(query_param("prefix", "a b+é&=%/"))
        .and(query_param("include", "metadata,copy"))
        .respond_with(page("1", &marker.replace('&', "&amp;")))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(query_param("marker", marker))
        .and(query_param("prefix", "a b+é&=%/"))
        .respond_with(page("2", ""))
        .expect(1)
        .mount(&server)
        .await;
    let blobs = blobs(&server);
    let first = blobs.list("landing", "a b+é&=%/", None).await.unwrap();
    assert_eq!(first.items[0].path.name(), "1");
    let second = blobs.list("landing", "a b+é&=%/", first.next.as_deref()).await.unwrap();
    assert_eq!(second.items[0].path.name(), "2");
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn a_leased_blob_is_busy_and_an_immutable_one_is_denied() {
    for (status, code, expected) in [
        (412, "LeaseIdMissing", Fault::Unavailable),
        (409, "BlobImmutableDueToPolicy", Fault::Denied),
        (404, "BlobNotFound", Fault::NotFound),
    ] {
        let server = MockServer::start().await;
        answer(&server, "DELETE", refusal(status, code), 1).await;
        let version = Condition::Matches(ETag::new("1"));
        let error = blobs(&server).delete(&at("landing", "a"), &version).await.unwrap_err();
        assert_eq!(error.fault, expected, "{error}");
    }
}

#[tokio::test]
async fn a_delete_takes_the_snapshots_along() {
    let server = MockServer::start().await;
    answer(&server, "DELETE", ResponseTemplate::new(202), 1).await;
    let version = Condition::Matches(ETag::new("1"));
    blobs(&server).delete(&at("landing", "a"), &version).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(header(&requests[0], "x-ms-delete-snapshots"), Some("include"));
    assert_eq!(header(&requests[0], "if-match"), Some("\"1\""));
}
