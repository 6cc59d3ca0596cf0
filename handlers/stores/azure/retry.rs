//! Repeating what failed for a moment.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    error::ErrorKind,
    http::{
        Context, Request, StatusCode,
        headers::{Headers, RETRY_AFTER},
        policies::{Policy, PolicyResult},
    },
};

/// The pauses between tries, which also say how many there are.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(1000)];

/// The longest pause that a service may ask for. Whoever called does not wait longer either: the
/// host or the next sweep comes back instead.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends a request up to three times, as long as the failure looks like a passing one.
#[derive(Debug)]
pub(super) struct Retry;

#[async_trait]
impl Policy for Retry {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        // Key Vault's client takes the body out of a request that it sends without a token.
        let whole = request.clone();
        for pause in PAUSES {
            let result = next[0].send(context, request, &next[1..]).await;
            let Some(pause) = pause_after(&result, pause) else { return result };
            tokio::time::sleep(pause).await;
            request.clone_from(&whole);
            request.body_mut().reset().await?;
        }
        next[0].send(context, request, &next[1..]).await
    }
}

/// How long to wait before the next try, `None` if there should be none.
fn pause_after(result: &PolicyResult, usual: Duration) -> Option<Duration> {
    match result {
        Ok(response) if is_passing(response.status()) => match asked_for(response.headers()) {
            Some(pause) => (pause <= PATIENCE).then_some(pause.max(usual)),
            None => Some(usual),
        },
        Ok(_) => None,
        Err(error) => {
            matches!(error.kind(), ErrorKind::Io | ErrorKind::Connection).then_some(usual)
        }
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(u16::from(status), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The pause in a `Retry-After` header; a date in it counts as too long.
fn asked_for(headers: &Headers) -> Option<Duration> {
    let text = headers.get_optional_str(&RETRY_AFTER)?;
    Some(text.trim().parse().map_or(Duration::MAX, Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use azure_core::{Error, http::AsyncRawResponse};

    use super::*;

    const USUAL: Duration = Duration::from_millis(250);

    fn answer(status: u16, retry_after: Option<&'static str>) -> PolicyResult {
        let mut headers = Headers::new();
        if let Some(text) = retry_after {
            headers.insert(RETRY_AFTER, text);
        }
        Ok(AsyncRawResponse::from_bytes(StatusCode::from(status), headers, Vec::new()))
    }

    #[test]
    fn what_is_tried_again_and_when() {
        let again = |result: PolicyResult| pause_after(&result, USUAL);
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(again(answer(status, None)), Some(USUAL), "{status}");
        }
        for status in [200, 202, 304, 400, 401, 403, 404, 409, 412, 501] {
            assert_eq!(again(answer(status, None)), None, "{status}");
        }
        assert_eq!(again(answer(429, Some("0"))), Some(USUAL));
        assert_eq!(again(answer(429, Some("3"))), Some(Duration::from_secs(3)));
        assert_eq!(again(answer(503, Some("60"))), None);
        assert_eq!(again(answer(503, Some("Mon, 30 Nov 2026 21:00:00 GMT"))), None);
        assert_eq!(again(answer(404, Some("1"))), None);
        for (kind, expected) in [
            (ErrorKind::Io, Some(USUAL)),
            (ErrorKind::Connection, Some(USUAL)),
            (ErrorKind::Credential, None),
            (ErrorKind::Other, None),
        ] {
            assert_eq!(again(Err(Error::from(kind))), expected);
        }
    }
}
