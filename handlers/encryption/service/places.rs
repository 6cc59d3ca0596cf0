//! All places in which a protected blob's envelope stands, read together and changed one by one.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{
    Tools,
    failure::{Failure, Kind},
    format::Format,
    memory::Share,
    records::{self, Record},
    thread::on_thread,
};
use crate::{
    encryption::{
        envelope::{Envelope, WrappedKeys},
        parquet,
        streams::BlobSource,
    },
    routing::{Source, crash},
    stores::{
        Condition, Fault, StoreError,
        blobs::{Attributes, Properties},
        documents::{Collection, Document, body_of},
    },
};

/// What is known of a blob, each as far as it is there and about this very blob.
pub(super) struct Places<'a> {
    tools: &'a Tools,
    source: &'a Source,
    footer: Option<Envelope>,
    metadata: Option<Envelope>,
    record: Option<Document<Record>>,
    sidecar: Option<(Record, Properties)>,
}

impl<'a> Places<'a> {
    /// Looks into all of them.
    ///
    /// # Errors
    /// The stores' failures, and a Parquet file that is none.
    pub(super) async fn read(
        tools: &'a Tools,
        source: &'a Source,
        format: &Format,
        share: &Share,
    ) -> Result<Self, Failure> {
        let (footer, sidecar) = match format.is_text() {
            true => (None, records::find_sidecar(tools, source).await?),
            false => {
                let (format, blob, share) = (format.clone(), blob(tools, source), share.clone());
                let read = move || {
                    let _held = share;
                    format.envelope(&blob)
                };
                (on_thread(&source.path, read).await?, None)
            }
        };
        let metadata = records::in_metadata(&source.properties.metadata);
        let record = records::find_record(tools, source).await?;
        Ok(Self { tools, source, footer, metadata, record, sidecar })
    }

    /// The envelopes; the first one is what counts.
    pub(super) fn envelopes(&self) -> impl Iterator<Item = &Envelope> {
        let record = self.record.as_ref().map(|record| &record.body.envelope);
        let sidecar = self.sidecar.as_ref().map(|(record, _)| &record.envelope);
        self.footer.iter().chain(&self.metadata).chain(record).chain(sidecar)
    }

    /// Writes other wrapped keys wherever these are not yet, in the order of the envelopes: if
    /// this ends halfway, the first one tells what the others have yet to become.
    ///
    /// # Errors
    /// The stores' failures; `Changed` if somebody else changed one of the places.
    pub(super) async fn renew(&self, keys: &WrappedKeys, share: Share) -> Result<(), Failure> {
        self.renew_blob(keys, share).await?;
        crash::point("rewrapped");
        self.renew_record(keys).await?;
        crash::point("noted");
        Ok(self.renew_sidecar(keys).await?)
    }

    async fn renew_blob(&self, keys: &WrappedKeys, share: Share) -> Result<(), Failure> {
        let Source { path, properties } = self.source;
        let renewed = |old: &Option<Envelope>| old.as_ref().and_then(|old| with_keys(old, keys));
        let (footer, said) = (renewed(&self.footer), renewed(&self.metadata));
        let mut metadata = properties.metadata.clone();
        if let Some(envelope) = &said {
            metadata.remove(records::ENVELOPE);
            records::label_with_envelope(&mut metadata, envelope);
        }
        let (blobs, etag) = (&self.tools.blobs, &properties.etag);
        let written = match footer {
            Some(envelope) => {
                let blob = blob(self.tools, self.source);
                let make = move || {
                    let _held = share;
                    parquet::with_envelope(&blob, &envelope)
                };
                let (offset, tail) = on_thread(path, make).await?;
                blobs.replace_tail(path, etag, offset, tail.into(), &metadata).await
            }
            None if said.is_some() => blobs.set_metadata(path, etag, &metadata).await,
            None => return Ok(()),
        };
        written.map(drop).map_err(|error| match error.fault {
            Fault::Rejected => Failure::refused(Kind::Unfit, "source", error.detail),
            _ => error.into(),
        })
    }

    async fn renew_record(&self, keys: &WrappedKeys) -> Result<(), StoreError> {
        let Some(Document { key, etag, body }) = &self.record else { return Ok(()) };
        let Some(envelope) = with_keys(&body.envelope, keys) else { return Ok(()) };
        let body = body_of(key, &Record { envelope, ..body.clone() })?;
        let matches = Condition::Matches(etag.clone());
        let documents = &self.tools.documents;
        documents.put(Collection::Envelopes, key, &body, &matches, None).await.map(drop)
    }

    async fn renew_sidecar(&self, keys: &WrappedKeys) -> Result<(), StoreError> {
        let Some((record, there)) = &self.sidecar else { return Ok(()) };
        let Some(envelope) = with_keys(&record.envelope, keys) else { return Ok(()) };
        let Some(place) = records::sidecar(&self.source.path) else { return Ok(()) };
        let record = Record { envelope, ..record.clone() };
        let content = serde_json::to_vec_pretty(&record).expect("a record is JSON");
        let attributes = Attributes {
            content_type: there.content_type.clone(),
            metadata: there.metadata.clone(),
            ..Attributes::default()
        };
        let matches = Condition::Matches(there.etag.clone());
        self.tools.blobs.write(&place, content.into(), &attributes, &matches).await.map(drop)
    }
}

/// The same with other keys; none if it has them.
fn with_keys(envelope: &Envelope, keys: &WrappedKeys) -> Option<Envelope> {
    (envelope.keys != *keys).then(|| Envelope { keys: keys.clone(), ..envelope.clone() })
}

fn blob(tools: &Tools, source: &Source) -> BlobSource {
    let Source { path, properties } = source;
    BlobSource::new(Arc::clone(&tools.blobs), path.clone(), properties, Handle::current())
}
