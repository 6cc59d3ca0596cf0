//! Alerts: from any payload to the people, once.

mod course;
mod requests;

use std::sync::Arc;

use serde_json::Value;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// What a receiver answers, by the number of the request, from 0.
type Answers = Arc<dyn Fn(usize) -> u16 + Send + Sync>;

/// A webhook of somebody.
struct Receiver(MockServer);

struct Turn(Answers, std::sync::atomic::AtomicUsize);

impl Respond for Turn {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let turn = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ResponseTemplate::new((self.0)(turn))
    }
}

impl Receiver {
    async fn new(answers: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Self {
        let server = MockServer::start().await;
        let turn = Turn(Arc::new(answers), Default::default());
        Mock::given(any()).respond_with(turn).mount(&server).await;
        Self(server)
    }

    fn url(&self) -> String {
        format!("{}/hook", self.0.uri())
    }

    /// The kind of every message that came, and how often each key did.
    async fn messages(&self) -> Vec<(String, String)> {
        let requests = self.0.received_requests().await.unwrap();
        let message = |request: &Request| {
            let body: Value = request.body_json().unwrap();
            let key = request.headers["idempotency-key"].to_str().unwrap().to_owned();
            (body["kind"].as_str().unwrap().to_owned(), key)
        };
        requests.iter().map(message).collect()
    }

    async fn kinds(&self) -> Vec<String> {
        self.messages().await.into_iter().map(|(kind, _)| kind).collect()
    }
}
