//! [`Queues`] in Azure Queue Storage.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use azure_core::http::{RequestContent, XmlFormat};
use azure_storage_queue::{
    QueueClient, QueueServiceClient, QueueServiceClientOptions,
    models::{
        QueueClientPeekMessagesOptions, QueueClientReceiveMessagesOptions,
        QueueClientSendMessageOptions, QueueMessage, QueueServiceClientListQueuesOptions,
        ReceivedMessage,
    },
};
use futures::TryStreamExt;

use super::{Access, error::Attempt, service_url};
use crate::{
    settings::Connection,
    stores::{
        Fault, StoreError,
        queues::{Message, Queues},
    },
};

/// The longest time that the service hides a message, in seconds: seven days.
const LONGEST: u64 = 7 * 86_400;

/// The queue service of a storage account.
pub(super) struct AzureQueues {
    account: String,
    service: QueueServiceClient,
}

impl AzureQueues {
    pub(super) fn new(connection: &Connection, access: &Access) -> azure_core::Result<Self> {
        let service = QueueServiceClient::new(
            service_url(&connection.queue, &connection.credential),
            access.token.clone(),
            Some(QueueServiceClientOptions {
                client_options: access.options.clone(),
                ..QueueServiceClientOptions::default()
            }),
        )?;
        Ok(Self { account: connection.account.clone(), service })
    }

    fn queue(&self, attempt: &Attempt<'_>, queue: &str) -> Result<QueueClient, StoreError> {
        self.service.queue_client(queue).map_err(|error| attempt.failed(&error))
    }
}

#[async_trait]
impl Queues for AzureQueues {
    async fn create(&self, queue: &str) -> Result<(), StoreError> {
        let attempt = Attempt::new("create queue", queue);
        match attempt.run(self.queue(&attempt, queue)?.create(None)).await {
            Err(error) if error.fault != Fault::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    async fn send(&self, queue: &str, text: &str) -> Result<(), StoreError> {
        let attempt = Attempt::new("send to queue", queue);
        let options = QueueClientSendMessageOptions {
            // A message stands for a file; it must not vanish by itself.
            message_time_to_live: Some(-1),
            ..QueueClientSendMessageOptions::default()
        };
        let client = self.queue(&attempt, queue)?;
        attempt.run(client.send_message(envelope(text), Some(options))).await.map(drop)
    }

    async fn receive(
        &self,
        queue: &str,
        count: u8,
        hidden: Duration,
    ) -> Result<Vec<Message>, StoreError> {
        let attempt = Attempt::new("receive from queue", queue);
        let options = QueueClientReceiveMessagesOptions {
            number_of_messages: Some(count.clamp(1, 32).into()),
            visibility_timeout: Some(seconds(hidden).max(1)),
            ..QueueClientReceiveMessagesOptions::default()
        };
        let client = self.queue(&attempt, queue)?;
        let received = async { client.receive_messages(Some(options)).await?.into_model() };
        let items = attempt.run(received).await?.items.unwrap_or_default();
        let messages: Option<Vec<Message>> = items.into_iter().map(message).collect();
        messages.ok_or_else(|| attempt.garbled())
    }

    async fn peek(&self, queue: &str) -> Result<usize, StoreError> {
        let attempt = Attempt::new("look into queue", queue);
        let options = QueueClientPeekMessagesOptions {
            number_of_messages: Some(32),
            ..QueueClientPeekMessagesOptions::default()
        };
        let client = self.queue(&attempt, queue)?;
        let peeked = async { client.peek_messages(Some(options)).await?.into_model() };
        Ok(attempt.run(peeked).await?.items.unwrap_or_default().len())
    }

    async fn release(
        &self,
        queue: &str,
        message: &Message,
        hidden: Duration,
    ) -> Result<(), StoreError> {
        let attempt = Attempt::new("release a message of queue", queue);
        let client = self.queue(&attempt, queue)?;
        let update = client.update_message(&message.id, &message.receipt, seconds(hidden), None);
        attempt.run(update).await.map(drop)
    }

    async fn delete(&self, queue: &str, message: &Message) -> Result<(), StoreError> {
        let attempt = Attempt::new("delete a message of queue", queue);
        let client = self.queue(&attempt, queue)?;
        attempt.run(client.delete_message(&message.id, &message.receipt, None)).await.map(drop)
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let options = QueueServiceClientListQueuesOptions {
            maxresults: Some(1),
            ..QueueServiceClientListQueuesOptions::default()
        };
        let page = async { self.service.list_queues(Some(options))?.into_pages().try_next().await };
        Attempt::new("list queues of", &self.account).run(page).await.map(drop)
    }
}

impl fmt::Debug for AzureQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureQueues").field("account", &self.account).finish_non_exhaustive()
    }
}

/// A time in whole seconds, not shorter, as far as the service goes.
fn seconds(time: Duration) -> i32 {
    let whole = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).min(LONGEST);
    i32::try_from(whole).unwrap_or(i32::MAX)
}

/// The XML around a message's text. The client's own keeps a carriage return as it is, and every
/// XML parser turns that into a line feed.
fn envelope(text: &str) -> RequestContent<QueueMessage, XmlFormat> {
    let mut xml = String::with_capacity(text.len() + 100);
    xml.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?><QueueMessage><MessageText>");
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\r' => xml.push_str("&#xD;"),
            c => xml.push(c),
        }
    }
    xml.push_str("</MessageText></QueueMessage>");
    RequestContent::from(xml.into_bytes())
}

fn message(received: ReceivedMessage) -> Option<Message> {
    Some(Message {
        id: received.message_id?,
        receipt: received.pop_receipt?,
        text: received.message_text.unwrap_or_default(),
        dequeue_count: u32::try_from(received.dequeue_count?).ok()?,
        inserted: received.insertion_time?,
        expires: received.expiration_time?,
        next_visible: received.time_next_visible?,
    })
}
