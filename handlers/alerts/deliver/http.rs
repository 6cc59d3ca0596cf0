//! One request to a channel, and what its answer means.

use std::{error::Error as _, sync::Arc, time::Duration};

use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use time::OffsetDateTime;

use super::{
    address::Address,
    answer::{self, Answer, Outcome},
    network::{Forbidden, Resolver},
};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// How much of an answer is read, in bytes.
const READ: usize = 8 * 1024;

/// The media type of what is JSON; a workflow of Teams wants the charset said.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// A request to a channel.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: reqwest::Method,
    pub(super) address: &'a Address,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// What must not be repeated of an answer, besides the address.
    pub(super) secrets: Vec<String>,
}

impl<'a> Request<'a> {
    /// A POST.
    pub(super) fn post(address: &'a Address, content_type: &'static str, body: Vec<u8>) -> Self {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let method = reqwest::Method::POST;
        Self { method, address, headers, body, secrets: Vec::new() }
    }
}

/// Builds the client of all channels: no redirects, no proxy (it would look names up by itself), a
/// new connection for each request (one that was kept may break and leave it open what arrived), no
/// retries that nobody counts.
///
/// # Errors
/// The certificates of the system cannot be used.
pub(super) fn client(loopback: bool) -> Result<Client, String> {
    Client::builder()
        .user_agent(concat!("lakehand/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(Resolver { loopback }))
        .build()
        .map_err(|error| error.without_url().to_string())
}

/// Sends a request once, and waits for its answer as long as `patience`.
pub(super) async fn send(
    client: &Client,
    request: Request<'_>,
    patience: Duration,
    now: OffsetDateTime,
) -> Outcome {
    let Some(url) = request.address.url() else {
        return Outcome::Refused("the address cannot be parsed".to_owned());
    };
    let mut secrets = request.address.secrets();
    secrets.extend(request.secrets);
    let built = client.request(request.method, url).headers(request.headers).body(request.body);
    match built.timeout(patience).send().await {
        Ok(response) => answered(response, &secrets, now).await,
        Err(error) => unanswered(&error),
    }
}

async fn answered(mut response: Response, secrets: &[String], now: OffsetDateTime) -> Outcome {
    let body = beginning(&mut response).await;
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let body = answer::excerpt(&String::from_utf8_lossy(&body), secrets);
    answer::outcome(Answer { status: response.status().as_u16(), retry_after, body: &body }, now)
}

/// The beginning of a body; what breaks off later does not matter any more.
async fn beginning(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = READ - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == READ {
            break;
        }
    }
    body
}

/// What it means that there is no answer. A request that had no connection did not arrive; any other
/// may have.
fn unanswered(error: &reqwest::Error) -> Outcome {
    if is_forbidden(error) {
        return Outcome::Refused(Forbidden.to_string());
    }
    if error.is_builder() {
        return Outcome::Refused("no request can be built of it".to_owned());
    }
    if error.is_connect() {
        return Outcome::retry("no connection");
    }
    let reason = if error.is_timeout() { "no answer in time" } else { "the connection broke" };
    Outcome::Ambiguous(reason.to_owned())
}

fn is_forbidden(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<Forbidden>() {
            return true;
        }
        cause = error.source();
    }
    false
}
