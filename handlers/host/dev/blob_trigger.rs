//! Blob triggers: one delivery per version of a blob, five tries, then the poison queue.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use url::Url;

use super::{
    arrivals::Arrivals,
    envelope::{Metadata, blob_url, envelope, wire_date},
    event_grid::{EventFunction, blob_created},
    receipts::Receipts,
    stop::Stop,
    worker::{Failure, Worker},
};
use crate::stores::{
    ETag, StoreError,
    blobs::{BlobPath, Blobs, Properties},
    optional,
    queues::Queues,
};

/// The longest blob whose content travels in the invocation, in bytes. The host has no such
/// limit, and that is its trouble: it holds the content five times.
const INLINE_LIMIT: u64 = 32 << 20;
/// The queue where the host puts blobs that failed too often.
pub(super) const POISON: &str = "webjobs-blobtrigger-poison";

/// A Function with a blob trigger.
#[derive(Debug)]
pub(super) struct BlobTrigger {
    /// The Function's name.
    pub(super) function: &'static str,
    /// Its binding's name.
    pub(super) binding: String,
    /// The token that takes the blob's name.
    pub(super) token: String,
    /// Who takes a blob that is too long to travel.
    pub(super) by_name: EventFunction,
    /// The address of the account, to which blobs' addresses belong.
    pub(super) account: Url,
    /// How often a blob is tried.
    pub(super) tries: u32,
    /// The worker that runs it.
    pub(super) worker: Worker,
    /// The store of the blobs.
    pub(super) blobs: Arc<dyn Blobs>,
    /// The store of the poison queue.
    pub(super) queues: Arc<dyn Queues>,
    /// What has been delivered already.
    pub(super) receipts: Arc<Receipts>,
}

/// One invocation to make.
struct Invocation {
    function: &'static str,
    envelope: Value,
}

impl BlobTrigger {
    /// Delivers waiting blobs, `at_once` of them at a time, until it is time to stop; deliveries
    /// that have begun are finished.
    pub(super) async fn run(
        self,
        line: impl Stream<Item = BlobPath>,
        arrivals: &Arrivals,
        at_once: usize,
        stop: &Stop,
    ) {
        let trigger = &self;
        line.take_until(stop.asked())
            .for_each_concurrent(at_once, |path| async move {
                if let Err(error) = trigger.deliver(&path).await {
                    trigger.worker.report.event(&format!("{path} waits: {error}"));
                }
                arrivals.finished(&path);
            })
            .await;
    }

    /// Delivers the version that is there now, if it has not been delivered.
    async fn deliver(&self, path: &BlobPath) -> Result<(), StoreError> {
        let Some(properties) = optional(self.blobs.head(path).await)? else { return Ok(()) };
        if self.receipts.has(path, &properties.etag).await? {
            return Ok(());
        }
        for attempt in 1..=self.tries {
            let Some(invocation) = self.invocation(path, &properties.etag, attempt).await? else {
                return Ok(());
            };
            match self.worker.invoke(invocation.function, &invocation.envelope).await {
                Ok(()) => return self.receipts.write(path, &properties.etag).await,
                Err(Failure::NotReady) => return Ok(()),
                Err(failure) => self.worker.report.event(&format!(
                    "{path}  {} failed, try {attempt} of {}: {failure}",
                    invocation.function, self.tries
                )),
            }
        }
        self.poison(path, &properties.etag).await?;
        self.receipts.write(path, &properties.etag).await
    }

    /// What to invoke for this version, `None` if the blob is gone or another version is there.
    async fn invocation(
        &self,
        path: &BlobPath,
        version: &ETag,
        attempt: u32,
    ) -> Result<Option<Invocation>, StoreError> {
        let Some(properties) = optional(self.blobs.head(path).await)? else { return Ok(None) };
        if properties.length > INLINE_LIMIT {
            if attempt == 1 {
                self.worker.report.event(&format!(
                    "{path}  is over 32 MiB and goes to {} by name",
                    self.by_name.function
                ));
            }
            let event = blob_created(&self.account, path, &properties);
            let envelope = self.by_name.envelope(event);
            let invocation = Invocation { function: self.by_name.function, envelope };
            return Ok((properties.etag == *version).then_some(invocation));
        }
        let read = optional(self.blobs.read(path, INLINE_LIMIT).await)?;
        let current = read.filter(|(_, properties)| properties.etag == *version);
        Ok(current.map(|(content, properties)| Invocation {
            function: self.function,
            envelope: self.envelope(path, &content, &properties),
        }))
    }

    fn envelope(&self, path: &BlobPath, content: &Bytes, properties: &Properties) -> Value {
        let metadata = Metadata::default()
            .with("Uri", blob_url(&self.account, path))
            .with("Properties", wire_properties(properties))
            .with("Metadata", json!(properties.metadata))
            .with(&self.token, path.name());
        let content = Value::String(STANDARD.encode(content));
        envelope(self.function, &self.binding, content, metadata)
    }

    async fn poison(&self, path: &BlobPath, version: &ETag) -> Result<(), StoreError> {
        let message = json!({
            "Type": "BlobTrigger",
            "FunctionId": format!("Host.Functions.{}", self.function),
            "BlobType": "BlockBlob",
            "ContainerName": path.container(),
            "BlobName": path.name(),
            "ETag": version.quoted(),
        });
        self.queues.create(POISON).await?;
        self.queues.send(POISON, &message.to_string()).await?;
        self.worker
            .report
            .event(&format!("{path}  failed {} times and went to {POISON}", self.tries));
        Ok(())
    }
}

/// The properties as the host writes them. Its `ETag` is an object without members.
fn wire_properties(properties: &Properties) -> Value {
    json!({
        "LastModified": wire_date(properties.last_modified),
        "CreatedOn": wire_date(properties.last_modified),
        "Metadata": properties.metadata,
        "BlobType": 0,
        "ContentLength": properties.length,
        "ContentType": properties.content_type,
        "ETag": {},
        "ContentHash": properties.content_md5.map(|md5| STANDARD.encode(md5)),
        "ContentEncoding": null,
        "AccessTier": properties.tier,
        "VersionId": null,
        "TagCount": 0,
    })
}

#[cfg(test)]
mod tests;
