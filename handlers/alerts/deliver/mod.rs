//! Bringing a rendered message to its channel: once, as far as a network allows.
//!
//! Reading order: [`channel`] says where, [`Sender::send`] brings it there, `course` says when it is
//! tried again, `answer` what an answer means; `http`, `smtp` and `communication` are the ways.

pub mod address;
mod answer;
pub mod channel;
pub mod communication;
mod course;
mod http;
mod mail;
mod network;
mod requests;
mod smtp;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant},
};

pub use answer::Outcome;
pub(crate) use requests::header;
use serde_json::Value;
use time::OffsetDateTime;

use self::{
    channel::{Access, Channel, Email, Pace, Smtp, Target, Via},
    course::{Course, Step},
    http::Request,
};
use crate::{
    alerts::render::email::Mail,
    settings::Credential,
    stores::{
        Fault, StoreError,
        tokens::{OpenToken, Token},
    },
};

/// A rendered message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// What Teams, Slack and PagerDuty take. PagerDuty's `routing_key` is added on the way.
    Json(Value),
    /// A mail.
    Mail(Mail),
    /// What a webhook takes.
    Raw {
        /// Its media type.
        content_type: String,
        /// Its bytes.
        body: Vec<u8>,
    },
}

/// The way out of this machine, for all channels together.
#[derive(Clone)]
pub struct Outside {
    client: reqwest::Client,
    open_token: OpenToken,
    loopback: bool,
    pace: Pace,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("loopback", &self.loopback).finish_non_exhaustive()
    }
}

impl Outside {
    /// Opens it; nothing is sent yet. With `loopback`, this machine may be written to: for trials.
    ///
    /// # Errors
    /// The certificates of the system cannot be used.
    pub fn open(loopback: bool, open_token: OpenToken, pace: Pace) -> Result<Self, String> {
        Ok(Self { client: http::client(loopback)?, open_token, loopback, pace })
    }
}

/// The way out, opened when it is first used: with this machine, or without it.
pub struct Exit {
    open_token: OpenToken,
    strict: OnceLock<Outside>,
    loose: OnceLock<Outside>,
}

impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exit").finish_non_exhaustive()
    }
}

impl Exit {
    /// Takes the source of tokens for channels that have an identity.
    pub fn new(open_token: OpenToken) -> Self {
        Self { open_token, strict: OnceLock::new(), loose: OnceLock::new() }
    }

    /// The way out; with `loopback`, this machine may be written to.
    ///
    /// # Errors
    /// The certificates of the system cannot be used.
    pub fn outside(&self, loopback: bool) -> Result<Outside, StoreError> {
        let opened = if loopback { &self.loose } else { &self.strict };
        if let Some(outside) = opened.get() {
            return Ok(outside.clone());
        }
        let outside =
            Outside::open(loopback, self.open_token, Pace::default()).map_err(|reason| {
                StoreError::new(Fault::Unavailable, "open", "the way to the channels", reason)
            })?;
        Ok(opened.get_or_init(|| outside).clone())
    }
}

/// Sends messages to one channel.
pub struct Sender {
    channel: Channel,
    outside: Outside,
    /// Where the tokens of the channel's identity come from, if it has one.
    token: Option<Token>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("channel", &self.channel.name).finish_non_exhaustive()
    }
}

impl Sender {
    /// Takes a channel; nothing is sent yet.
    ///
    /// # Errors
    /// The identity of the channel cannot be used.
    pub fn new(channel: Channel, outside: Outside) -> Result<Self, String> {
        let open = |credential: &_| (outside.open_token)(credential, communication::SCOPE);
        let token = match identity(&channel) {
            Some(credential) => Some(open(credential).map_err(|error| error.to_string())?),
            None => None,
        };
        Ok(Self { channel, outside, token })
    }

    /// Sends a message, and tries again until `deadline` while that may help: what certainly did not
    /// arrive as often as there is time for, what may have arrived once.
    ///
    /// `key` names the message, the same in each later call for it; where the channel can tell a
    /// repeat by something, it is told the key. For PagerDuty that is the `dedup_key` inside the
    /// message.
    pub async fn send(&self, message: &Message, key: &str, deadline: Instant) -> Outcome {
        let mut course = Course::new(self.outside.pace);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let outcome = self.attempt(message, key, left.min(self.outside.pace.patience)).await;
            let left = deadline.saturating_duration_since(Instant::now());
            match course.next(outcome, left, rand::random_range(0.0..=1.0)) {
                Step::Wait(pause) => tokio::time::sleep(pause).await,
                Step::End(outcome) => return outcome,
            }
        }
    }

    async fn attempt(&self, message: &Message, key: &str, patience: Duration) -> Outcome {
        if patience.is_zero() {
            return Outcome::retry("no time was left");
        }
        let now = OffsetDateTime::now_utc();
        let request = match (&self.channel.target, message) {
            (Target::Email(email), Message::Mail(mail)) => match &email.via {
                Via::Smtp(server) => match mail::message(email, mail, key, now) {
                    Ok(mail) => return self.by_smtp(server, &mail, patience).await,
                    Err(reason) => Err(Outcome::Refused(reason)),
                },
                Via::LogicApp(url) => Ok(requests::logic_app(url, email, mail)),
                Via::CommunicationServices { url, access } => {
                    let request = communication::request(url, email, mail, key);
                    self.signed(request, access, patience, now).await
                }
            },
            (target, message) => requests::of(target, message, key),
        };
        match request {
            Ok(request) => http::send(&self.outside.client, request, patience, now).await,
            Err(outcome) => outcome,
        }
    }

    async fn by_smtp(&self, server: &Smtp, mail: &lettre::Message, patience: Duration) -> Outcome {
        smtp::send(server, mail, self.outside.loopback, patience).await
    }

    async fn signed<'a>(
        &self,
        mut request: Request<'a>,
        access: &Access,
        patience: Duration,
        now: OffsetDateTime,
    ) -> Result<Request<'a>, Outcome> {
        match (access, &self.token) {
            (Access::Key(key), _) => {
                communication::sign(&mut request, key, now).map_err(Outcome::Refused)?;
            }
            (Access::Identity(_), Some(token)) => {
                match tokio::time::timeout(patience, token()).await {
                    Ok(Ok(token)) => communication::bear(&mut request, &token),
                    Ok(Err(error)) => return Err(Outcome::retry(error.to_string())),
                    Err(_) => return Err(Outcome::retry("no token in time")),
                }
            }
            (Access::Identity(_), None) => {
                return Err(Outcome::Refused("there is no identity".to_owned()));
            }
        }
        Ok(request)
    }
}

fn identity(channel: &Channel) -> Option<&Credential> {
    match &channel.target {
        Target::Email(Email {
            via: Via::CommunicationServices { access: Access::Identity(credential), .. },
            ..
        }) => Some(credential),
        _ => None,
    }
}
