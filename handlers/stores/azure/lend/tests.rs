#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::{AsyncRawResponse, ClientOptions, HttpClient, Request, Transport},
};
use azure_storage_blob::BlobServiceClientOptions;
use time::macros::datetime;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string_contains, header, method, query_param},
};

use super::*;
use crate::stores::azure::shared_key::AccountKey;

const KEY: &str = "a2V5IG9mIHRoZSB0ZXN0cw==";
const NOW: OffsetDateTime = datetime!(2026-11-30 21:34:25 UTC);

fn path() -> BlobPath {
    BlobPath::new("landing", "a b+é.csv").unwrap()
}

fn loan(path: &BlobPath) -> Loan<'_> {
    Loan::new("lake", path, &"https://lake.blob.core.windows.net".parse().unwrap(), NOW)
}

/// A transport that sends what is meant for Azure, over TLS, to a server without.
#[derive(Debug)]
struct Redirect(reqwest::Client, Url);

#[async_trait]
impl HttpClient for Redirect {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        let url = request.url_mut();
        url.set_scheme("http").unwrap();
        url.set_host(self.1.host_str()).unwrap();
        url.set_port(self.1.port()).unwrap();
        self.0.execute_request(&request).await
    }
}

#[derive(Debug)]
struct FixedToken;

#[async_trait]
impl TokenCredential for FixedToken {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let soon = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(AccessToken::new("the-token", soon))
    }
}

/// The blob service of an identity, at a fake address.
fn service(server: &MockServer) -> BlobServiceClient {
    let transport = Redirect(reqwest::Client::new(), server.uri().parse().unwrap());
    let options = BlobServiceClientOptions {
        client_options: ClientOptions {
            transport: Some(Transport::new(Arc::new(transport))),
            ..ClientOptions::default()
        },
        ..BlobServiceClientOptions::default()
    };
    let url = "https://lake.blob.core.windows.net".parse().unwrap();
    BlobServiceClient::new(url, Some(Arc::new(FixedToken)), Some(options)).unwrap()
}

fn delegated_key(expiry: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(format!(
        "<UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid>\
         <SignedStart>2026-11-30T21:34:25Z</SignedStart><SignedExpiry>{expiry}</SignedExpiry>\
         <SignedService>b</SignedService><SignedVersion>2026-04-06</SignedVersion>\
         <Value>{KEY}</Value></UserDelegationKey>"
    ))
}

// The signatures below were computed with another implementation of HMAC.

#[test]
fn signed_with_the_account_key() {
    let key = AccountKey::new("lake", &Secret::new(KEY)).unwrap();
    assert_eq!(
        loan(&path()).signed_by_account(&key.key),
        "sv=2020-12-06&sr=b&sp=r&se=2026-12-01T21%3A34%3A25Z&spr=https\
         &sig=0e8CXc%2FtRhrokjdM7s4EwXmvpNa1a2c%2BSvMQ7UBc9CY%3D"
    );
}

#[test]
fn an_emulator_may_be_read_without_encryption() {
    let path = path();
    let url = "http://127.0.0.1:10000/lake".parse().unwrap();
    assert_eq!(Loan::new("lake", &path, &url, NOW).protocol, "https,http");
}

#[tokio::test]
async fn signed_with_a_key_that_the_service_delegates_once_a_day() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(query_param("comp", "userdelegationkey"))
        .and(query_param("restype", "service"))
        .and(header("authorization", "Bearer the-token"))
        .and(body_string_contains("<Expiry>2026-12-02T21:34:25Z</Expiry>"))
        .and(body_string_contains("<Start>2026-11-30T21:29:25Z</Start>"))
        .respond_with(delegated_key("2026-12-02T21:34:25Z"))
        .expect(1)
        .mount(&server)
        .await;
    let (service, lender, path) = (service(&server), Lender::Identity(Mutex::default()), path());
    for _ in 0..2 {
        let signature = lender.sign(&loan(&path), &service).await.unwrap();
        assert_eq!(
            signature,
            "sv=2020-12-06&sr=b&sp=r&se=2026-12-01T21%3A34%3A25Z&spr=https&skoid=oid&sktid=tid\
             &skt=2026-11-30T21%3A34%3A25Z&ske=2026-12-02T21%3A34%3A25Z&sks=b&skv=2026-04-06\
             &sig=Ub9eyu57Pm0nwy9dOb5Hjx%2FinH1Kzs1QWgq519G0tjI%3D"
        );
    }
}

#[tokio::test]
async fn a_delegated_key_that_ends_before_the_loan_is_replaced() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(delegated_key("2026-12-01T21:34:24Z"))
        .expect(2)
        .mount(&server)
        .await;
    let (service, lender, path) = (service(&server), Lender::Identity(Mutex::default()), path());
    for _ in 0..2 {
        lender.sign(&loan(&path), &service).await.unwrap();
    }
}

#[tokio::test]
async fn without_the_right_to_delegate_there_is_no_loan() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(403)).mount(&server).await;
    let (service, lender, path) = (service(&server), Lender::Identity(Mutex::default()), path());
    let error = lender.sign(&loan(&path), &service).await.unwrap_err();
    assert_eq!(error.http_status().map(u16::from), Some(403));
}
