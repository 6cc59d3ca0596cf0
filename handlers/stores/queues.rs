//! Queues: text messages with a visibility timeout, the semantics of Azure Queue Storage.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;

/// A message that was received and is hidden from others until its visibility timeout.
#[derive(Clone, Debug)]
pub struct Message {
    /// The store's id.
    pub id: String,
    /// Proof of having received it; changes with every receive.
    pub receipt: String,
    /// The text as sent, without decoding.
    pub text: String,
    /// How often it has been received, this time included.
    pub dequeue_count: u32,
    /// When it was sent.
    pub inserted: OffsetDateTime,
    /// When it vanishes by itself.
    pub expires: OffsetDateTime,
    /// Until when it is hidden.
    pub next_visible: OffsetDateTime,
}

/// A store of queues.
#[async_trait]
pub trait Queues: Send + Sync + fmt::Debug {
    /// Makes sure that the queue exists.
    ///
    /// # Errors
    /// `Denied` if we may not create it.
    async fn create(&self, queue: &str) -> Result<(), StoreError>;

    /// Puts a message at the end.
    ///
    /// # Errors
    /// `NotFound` if the queue is not there.
    async fn send(&self, queue: &str, text: &str) -> Result<(), StoreError>;

    /// Takes at most `count` (1 to 32) messages and hides them for `hidden`.
    ///
    /// # Errors
    /// `NotFound` if the queue is not there.
    async fn receive(
        &self,
        queue: &str,
        count: u8,
        hidden: Duration,
    ) -> Result<Vec<Message>, StoreError>;

    /// How many messages wait to be taken, 32 at most: more are not counted.
    ///
    /// # Errors
    /// `NotFound` if the queue is not there.
    async fn peek(&self, queue: &str) -> Result<usize, StoreError>;

    /// Makes a received message visible again after `hidden` (zero: at once), as a failed attempt does.
    ///
    /// # Errors
    /// `NotFound` if somebody else has received it since.
    async fn release(
        &self,
        queue: &str,
        message: &Message,
        hidden: Duration,
    ) -> Result<(), StoreError>;

    /// Removes a received message.
    ///
    /// # Errors
    /// `NotFound` if somebody else has received it since.
    async fn delete(&self, queue: &str, message: &Message) -> Result<(), StoreError>;

    /// Asks for an answer, any answer.
    ///
    /// # Errors
    /// Why it does not answer.
    async fn probe(&self) -> Result<(), StoreError>;
}
