//! Queue triggers: messages are taken, run in parallel, and removed, retried or set aside.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use serde_json::{Map, Value};
use tokio::time::sleep;

use super::{
    envelope::{Metadata, envelope, wire},
    report::Complaint,
    stop::Stop,
    worker::{Failure, Worker},
};
use crate::stores::{
    StoreError,
    queues::{Message, Queues},
};

/// How many messages are taken at once, the host's default `batchSize`.
const BATCH: u8 = 16;
/// The pause after an empty queue.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a message is hidden from others while it is worked on, as by the host.
const HIDDEN: Duration = Duration::from_secs(10 * 60);

/// A Function with a queue trigger.
#[derive(Debug)]
pub(super) struct QueueTrigger {
    /// The Function's name.
    pub(super) function: &'static str,
    /// Its binding's name.
    pub(super) binding: String,
    /// The queue.
    pub(super) queue: String,
    /// How often a message is tried before it is set aside.
    pub(super) tries: u32,
    /// The worker that runs it.
    pub(super) worker: Worker,
    /// The store of the queue.
    pub(super) queues: Arc<dyn Queues>,
}

impl QueueTrigger {
    /// Works on messages until it is time to stop; messages that were taken are finished.
    pub(super) async fn run(self, stop: Stop) {
        let mut complaint = Complaint::new(self.worker.report);
        while !stop.is_asked() {
            let taken = self.queues.receive(&self.queue, BATCH, HIDDEN).await;
            let messages = taken.as_deref().unwrap_or_default();
            if messages.is_empty() {
                complaint.about(taken.map_err(|error| error.to_string()));
                stop.or(sleep(PAUSE)).await;
                continue;
            }
            for result in join_all(messages.iter().map(|message| self.handle(message))).await {
                complaint.about(result.map_err(|error| error.to_string()));
            }
        }
    }

    async fn handle(&self, message: &Message) -> Result<(), StoreError> {
        match self.worker.invoke(self.function, &self.envelope(message)).await {
            Ok(()) => self.queues.delete(&self.queue, message).await,
            Err(failure) => self.retry(message, &failure).await,
        }
    }

    async fn retry(&self, message: &Message, failure: &Failure) -> Result<(), StoreError> {
        let tried = format!("try {} of {}", message.dequeue_count, self.tries);
        self.worker.report.event(&format!("{} failed, {tried}: {failure}", self.function));
        if message.dequeue_count < self.tries {
            return self.queues.release(&self.queue, message, Duration::ZERO).await;
        }
        let poison = format!("{}-poison", self.queue);
        self.queues.create(&poison).await?;
        self.queues.send(&poison, &message.text).await?;
        self.worker.report.event(&format!("a message of {} went to {poison}", self.queue));
        self.queues.delete(&self.queue, message).await
    }

    fn envelope(&self, message: &Message) -> Value {
        let mut metadata = Metadata::default()
            .with("DequeueCount", message.dequeue_count)
            .with_date("ExpirationTime", message.expires)
            .with("Id", message.id.as_str())
            .with_date("InsertionTime", message.inserted)
            .with_date("NextVisibleTime", message.next_visible)
            .with("PopReceipt", message.receipt.as_str());
        if let Ok(members) = serde_json::from_str::<Map<String, Value>>(&message.text) {
            metadata = metadata.with_members(&members);
        }
        envelope(self.function, &self.binding, wire(message.text.as_str().into()), metadata)
    }
}

#[cfg(test)]
mod tests;
