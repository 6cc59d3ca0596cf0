//! Messages to receivers that misbehave: nothing is lost, and nothing repeated twice.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::super::{
    Message, Outcome, Outside, Sender,
    address::{Address, Hosts},
    channel::{Channel, Method, Pace, Target, Webhook},
};
use crate::{
    alerts::choose::When,
    settings::{Credential, Secret},
    stores::{Fault, StoreError, tokens::Token},
};

/// How a receiver treats a request.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It answers, then closes.
    Answer(&'static str),
    /// It reads the request, and closes without a word.
    Close,
    /// It closes without reading, which resets the connection.
    Reset,
    /// It reads the request and says nothing more.
    Hang,
    /// It accepts the request with a body that never ends.
    Endless,
}

const OK: Act = Act::Answer("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
const BUSY: Act = Act::Answer("HTTP/1.1 429 Busy\r\ncontent-length: 0\r\n\r\n");
const BUSY_NOW: Act =
    Act::Answer("HTTP/1.1 429 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n");
const BUSY_LONG: Act =
    Act::Answer("HTTP/1.1 429 Busy\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n");
const FAILED: Act = Act::Answer("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n");
const CUT: Act = Act::Answer("HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\nabc");
const ELSEWHERE: Act =
    Act::Answer("HTTP/1.1 307 There\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
const GARBAGE: Act = Act::Answer("SSH-2.0-OpenSSH_9.9\r\n\r\n");

/// A receiver that treats each request as the script says, and what it was sent.
struct Receiver {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    async fn start(script: &[Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (script, heard) = (script.to_vec(), Arc::<Mutex<Vec<String>>>::default());
        let told = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut held = Vec::new();
            for act in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = match act {
                    Act::Reset => "not read".to_owned(),
                    _ => read(&mut stream).await,
                };
                told.lock().unwrap().push(request);
                match act {
                    Act::Answer(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                    Act::Close => {}
                    Act::Reset => stream.readable().await.unwrap(),
                    Act::Hang => held.push(stream),
                    Act::Endless => drop(tokio::spawn(endless(stream))),
                }
            }
            listener.accept().await.unwrap();
            told.lock().unwrap().push("one too many".to_owned());
        });
        Self { address, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn url(&self, path: &str) -> Address {
        let text = format!("http://{}{path}", self.address);
        Address::read(&text, &Hosts::default(), true).unwrap()
    }
}

/// A whole request: headers, then as many bytes as they say.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap_or("0").parse().unwrap() {
                return text;
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..read]);
    }
}

async fn endless(mut stream: TcpStream) {
    let head = b"HTTP/1.1 202 Accepted\r\ncontent-length: 99999999999\r\n\r\n";
    let mut written = stream.write_all(head).await;
    while written.is_ok() {
        written = stream.write_all(&[b'x'; 4096]).await;
    }
}

fn no_identity(_: &Credential, _: &'static str) -> Result<Token, StoreError> {
    Err(StoreError::new(Fault::Unavailable, "sign in", "x", "no identity"))
}

fn outside(patience: Duration) -> Outside {
    let pause = Duration::from_millis(1);
    let pace = Pace { tries: 4, patience, pause, longest: pause };
    Outside::open(true, no_identity, pace).unwrap()
}

fn sender(target: Target, patience: Duration) -> Sender {
    let channel = Channel {
        name: "test".to_owned(),
        when: When::default(),
        occasions: Vec::new(),
        include_message: true,
        zone: jiff::tz::TimeZone::UTC,
        target,
    };
    Sender::new(channel, outside(patience)).unwrap()
}

fn webhook(url: Address) -> Target {
    let headers = vec![("X-Key".to_owned(), Secret::new("h34d3r-s3cr3t"))];
    Target::Webhook(Webhook { url, method: Method::Post, template: None, headers })
}

const LONG: Duration = Duration::from_secs(60);

async fn send(receiver: &Receiver, patience: Duration, left: Duration) -> Outcome {
    let body = b"{\"text\":\"failed\"}".to_vec();
    let message = Message::Raw { content_type: "application/json".to_owned(), body };
    let sender = sender(webhook(receiver.url("/hook?sig=a%2bB%3D%3d")), patience);
    sender.send(&message, "k1", Instant::now() + left).await
}

fn is_retry(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Retry { .. })
}

fn is_ambiguous(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Ambiguous(_))
}

/// What an outcome must be.
type Expected = fn(&Outcome) -> bool;

#[tokio::test]
async fn each_receiver_gets_what_it_needs() {
    let accepted: Expected = |outcome| *outcome == Outcome::Accepted;
    let refused: Expected = |outcome| matches!(outcome, Outcome::Refused(_));
    let table: &[(&[Act], Expected)] = &[
        (&[OK], accepted),
        (&[BUSY, OK], accepted),
        (&[BUSY_NOW, BUSY_NOW, OK], accepted),
        (&[BUSY, BUSY, BUSY, BUSY], is_retry),
        (&[BUSY_LONG], is_retry),
        (&[FAILED, OK], accepted),
        (&[FAILED, FAILED], is_ambiguous),
        (&[Act::Close, OK], accepted),
        (&[Act::Close, Act::Close], is_ambiguous),
        (&[Act::Reset, OK], accepted),
        (&[Act::Reset, Act::Reset], is_ambiguous),
        (&[FAILED, BUSY, OK], accepted),
        (&[FAILED, BUSY, BUSY, BUSY], is_ambiguous),
        (&[GARBAGE, GARBAGE], is_ambiguous),
        (&[ELSEWHERE], refused),
        (&[CUT], accepted),
        (&[Act::Endless], accepted),
    ];
    for (script, expected) in table {
        let receiver = Receiver::start(script).await;
        let outcome = send(&receiver, LONG, LONG).await;
        assert!(expected(&outcome), "{script:?}: {outcome:?}");
        assert_eq!(receiver.heard().len(), script.len(), "{script:?}: {:?}", receiver.heard());
    }
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_asked_twice() {
    let patience = Duration::from_millis(500);
    let receiver = Receiver::start(&[Act::Hang, Act::Hang]).await;
    let outcome = send(&receiver, patience, LONG).await;
    assert_eq!(outcome, Outcome::Ambiguous("no answer in time".to_owned()));
    assert_eq!(receiver.heard().len(), 2);
}

#[tokio::test]
async fn a_wish_that_outlasts_the_deadline_is_handed_on() {
    let receiver = Receiver::start(&[BUSY_LONG]).await;
    let Outcome::Retry { after, .. } = send(&receiver, LONG, LONG).await else {
        panic!("it did not arrive")
    };
    assert_eq!(after, Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn without_time_nothing_is_sent() {
    let receiver = Receiver::start(&[]).await;
    assert!(is_retry(&send(&receiver, LONG, Duration::ZERO).await));
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_not_there_got_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let receiver = Receiver { address, heard: Arc::default() };
    assert_eq!(send(&receiver, LONG, LONG).await, Outcome::retry("no connection"));
}

#[tokio::test]
async fn a_repeat_is_the_same_request_with_the_same_key() {
    let receiver = Receiver::start(&[FAILED, OK]).await;
    send(&receiver, LONG, LONG).await;
    let heard = receiver.heard();
    assert_eq!(heard[0], heard[1]);
    assert!(heard[0].starts_with("POST /hook?sig=a%2bB%3D%3d HTTP/1.1\r\n"), "{}", heard[0]);
    for part in ["idempotency-key: k1\r\n", "x-key: h34d3r-s3cr3t\r\n", "{\"text\":\"failed\"}"] {
        assert!(heard[0].contains(part), "{}", heard[0]);
    }
}

#[tokio::test]
async fn an_answer_that_echoes_secrets_is_not_repeated() {
    let echo = "HTTP/1.1 400 Bad\r\ncontent-length: 61\r\n\r\nno: /hook?sig=a%2bB%3D%3d h34d3r-s3cr3t and /hook?sig=a%2bB%3D";
    let receiver = Receiver::start(&[Act::Answer(echo)]).await;
    let Outcome::Refused(reason) = send(&receiver, LONG, LONG).await else { panic!("it said 400") };
    assert!(reason.starts_with("HTTP 400: no:") && !reason.contains("h34d3r"), "{reason}");
    assert!(!reason.contains("a%2bB%3D%3d"), "{reason}");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused() {
    let hosts = Hosts { known: &[], allowed: vec!["localhost".to_owned()] };
    let url = Address::read("https://localhost:9/x", &hosts, false).unwrap();
    let pace = Pace { pause: Duration::from_millis(1), ..Pace::default() };
    let outside = Outside::open(false, no_identity, pace).unwrap();
    let sender = sender(webhook(url), LONG);
    let sender = Sender { outside, ..sender };
    let message = Message::Raw { content_type: "text/plain".to_owned(), body: Vec::new() };
    let outcome = sender.send(&message, "k", Instant::now() + LONG).await;
    assert_eq!(outcome, Outcome::Refused("its name leads to a private address".to_owned()));
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let receiver = Receiver::start(&[]).await;
    let sender = sender(webhook(receiver.url("/s3cr3t?sig=s3cr3t")), LONG);
    let printed = format!("{sender:?} {:?} {:?}", sender.channel, sender.outside);
    assert!(!printed.contains("s3cr3t"), "{printed}");
}
