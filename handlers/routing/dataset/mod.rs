//! Datasets: files that wait together until a marker says that all of them are there.
//!
//! A delivery closes in this order: the content is complete, the record says `processing`, the
//! files move, the record says `ready`, the marker follows last. Whoever watches the destination
//! for the marker finds everything in place, and a crash at any point is made good by the sweep.

mod content;
mod moving;
mod record;
mod report;

use std::collections::BTreeSet;

use moving::Moved;
use record::Size;
pub use record::{Dataset, Status};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    Routing, Source,
    arrival::{Delivery, deliver, quarantine},
    ledger::{Note, State},
    manifest::read_manifest,
    outcome::Outcome,
    pattern::Captures,
    route::{Completion, Route},
};
use crate::{
    metadata::{datasets::model as datasets, http::text::fitting_id},
    stores::{
        Condition, Fault, StoreError,
        documents::{self, Collection, Document, Key},
        optional,
    },
};

/// Handles a file or a marker of a route that collects datasets.
///
/// # Errors
/// A failure that may be over at the next try.
pub async fn receive(
    routing: &Routing<'_>,
    route: &Route,
    captures: &Captures,
    source: &Source,
) -> Result<Outcome, StoreError> {
    let Some(collection) = Collecting::new(routing, route, source) else {
        return quarantine(routing, source, "it lies in no dataset's folder", Note::default())
            .await;
    };
    for _ in 0..RIVALS {
        match collection.receive(captures, source).await {
            // Another worker is at the same dataset: the next look meets its result.
            Err(error) if matches!(error.fault, Fault::AlreadyExists | Fault::Changed) => {}
            other => return other,
        }
    }
    let detail = "other workers keep changing its record; try again";
    Err(StoreError::new(Fault::Unavailable, "close", collection.id(), detail))
}

/// So often a delivery looks again after a rival changed the record; each loss means that a rival
/// went a step further.
const RIVALS: usize = 8;

/// One dataset at work.
struct Collecting<'a> {
    routing: &'a Routing<'a>,
    route: &'a Route,
    completion: &'a Completion,
    container: &'a str,
    folder: String,
}

impl<'a> Collecting<'a> {
    fn new(routing: &'a Routing<'a>, route: &'a Route, source: &'a Source) -> Option<Self> {
        let completion = route.complete.as_ref()?;
        let folder = route.from.folder(&source.path)?;
        Some(Self { routing, route, completion, container: source.path.container(), folder })
    }

    async fn receive(&self, captures: &Captures, source: &Source) -> Result<Outcome, StoreError> {
        if self.route.is_marker(&source.path) {
            return self.close(source, captures).await;
        }
        self.wait(source, captures).await
    }

    fn id(&self) -> String {
        fitting_id(&format!("{}/{}", self.container, self.folder.trim_end_matches('/')))
    }

    fn key(&self) -> Key {
        Key::new(self.container, format!("{}:{}", self.route.name, self.id()))
    }

    fn note(&self, reason: Option<String>) -> Note {
        Note {
            route: Some(self.route.name.clone()),
            dataset: Some(self.id()),
            reason,
            ..Note::default()
        }
    }

    /// A file waits; if the marker came first, it may be the one that completes the dataset.
    async fn wait(&self, source: &Source, captures: &Captures) -> Result<Outcome, StoreError> {
        let ledger = &self.routing.ledger;
        ledger.note(source, State::Waiting, &self.note(None)).await?;
        self.tell(datasets::Status::Landing, None).await?;
        if let Some(record) = self.record().await?
            && record.body.status == Status::Received
            && let Some(marker) = self.marker_of(&record.body).await?
        {
            let captures = self.route.from.captures(&marker.path).unwrap_or(captures.clone());
            return self.close(&marker, &captures).await;
        }
        Ok(Outcome::Waiting(self.id()))
    }

    async fn record(&self) -> Result<Option<Document<Dataset>>, StoreError> {
        documents::read(self.routing.ledger.documents, Collection::Deliveries, &self.key()).await
    }

    async fn marker_of(&self, dataset: &Dataset) -> Result<Option<Source>, StoreError> {
        let Ok(path) = crate::stores::blobs::BlobPath::new(self.container, &dataset.marker) else {
            return Ok(None);
        };
        let found = optional(self.routing.blobs.head(&path).await)?;
        let same = found.filter(|found| found.etag.as_str() == dataset.marker_etag);
        Ok(same.map(|properties| Source { path, properties }))
    }

    /// Takes the delivery that this marker ends as far as it goes now.
    async fn close(&self, marker: &Source, captures: &Captures) -> Result<Outcome, StoreError> {
        let manifest = match read_manifest(self.routing.blobs, marker).await? {
            Ok(manifest) => manifest,
            Err(reason) => {
                return quarantine(self.routing, marker, &reason, self.note(None)).await;
            }
        };
        let mut record = self.open(marker).await?;
        self.report(&record.body).await?;
        let mut files = Vec::new();
        if matches!(record.body.status, Status::Received | Status::Processing) {
            files = self.listing(marker).await?;
        }
        if record.body.status == Status::Received {
            let missing = self.missing(marker, &record.body, manifest.as_ref(), &files).await?;
            if let Some(reason) = missing {
                return self.settle(marker, record, reason).await;
            }
            record = self.start(record, manifest.as_ref(), &files).await?;
            self.report(&record.body).await?;
        }
        if record.body.status == Status::Processing {
            let until = record.body.until();
            files.retain(|file| self.belongs(manifest.as_ref(), until, file));
            record = match self.move_files(files, record).await? {
                Moved::All(record) => *record,
                Moved::Some(reason) => {
                    let note = self.note(Some(reason.clone()));
                    self.routing.ledger.note(marker, State::Settling, &note).await?;
                    return Ok(Outcome::Settling(reason));
                }
            };
        }
        self.report(&record.body).await?;
        self.send_marker(marker, captures, &record.body).await
    }

    /// The record of this marker's delivery: the open one, or a new one if the last was closed.
    async fn open(&self, marker: &Source) -> Result<Document<Dataset>, StoreError> {
        let known = self.record().await?;
        let etag = marker.properties.etag.as_str();
        let (delivery, condition) = match known {
            Some(record) if record.body.marker_etag == etag => return Ok(record),
            Some(record) if record.body.is_open() => return self.take_over(marker, record).await,
            Some(record) => (record.body.delivery + 1, Condition::Matches(record.etag)),
            None => (1, Condition::Absent),
        };
        let dataset = Dataset {
            id: self.id(),
            route: self.route.name.clone(),
            status: Status::Received,
            delivery,
            marker: marker.path.name().to_owned(),
            marker_etag: etag.to_owned(),
            files: 0,
            bytes: 0,
            quarantined: BTreeSet::new(),
            until: None,
            reason: None,
            opened: rfc3339((self.routing.ledger.now)()),
            closed: None,
        };
        self.save(dataset, &condition).await
    }

    /// Another marker for a delivery that is not closed: its content is looked at anew, and what
    /// has moved already counts as there.
    async fn take_over(
        &self,
        marker: &Source,
        record: Document<Dataset>,
    ) -> Result<Document<Dataset>, StoreError> {
        let left = match record.body.until() {
            None => Size::default(),
            until => {
                let files = self.listing(marker).await?;
                Size::of(files.iter().filter(|file| self.belongs(None, until, file)))
            }
        };
        let dataset = Dataset {
            marker: marker.path.name().to_owned(),
            marker_etag: marker.properties.etag.as_str().to_owned(),
            ..record.body.reopened(left)
        };
        self.save(dataset, &Condition::Matches(record.etag)).await
    }

    async fn save(
        &self,
        dataset: Dataset,
        condition: &Condition,
    ) -> Result<Document<Dataset>, StoreError> {
        let key = self.key();
        let body = documents::body_of(&key, &dataset)?;
        let documents = self.routing.ledger.documents;
        let etag = documents.put(Collection::Deliveries, &key, &body, condition, None).await?;
        Ok(Document { key, etag, body: dataset })
    }

    async fn settle(
        &self,
        marker: &Source,
        record: Document<Dataset>,
        reason: String,
    ) -> Result<Outcome, StoreError> {
        let note = self.note(Some(reason.clone()));
        self.routing.ledger.note(marker, State::Settling, &note).await?;
        if record.body.reason.as_ref() != Some(&reason) {
            let dataset = Dataset { reason: Some(reason.clone()), ..record.body };
            self.save(dataset, &Condition::Matches(record.etag)).await?;
        }
        Ok(Outcome::Settling(reason))
    }

    /// A file's name inside the dataset's folder, as manifests give it.
    fn relative<'s>(&self, file: &'s Source) -> &'s str {
        file.path.name().strip_prefix(&self.folder).unwrap_or(file.path.name())
    }

    async fn send_marker(
        &self,
        marker: &Source,
        captures: &Captures,
        dataset: &Dataset,
    ) -> Result<Outcome, StoreError> {
        if dataset.status == Status::Quarantined {
            let names: Vec<_> = dataset.quarantined.iter().map(String::as_str).collect();
            let reason =
                format!("of its dataset these files are in the quarantine: {}", names.join(", "));
            return quarantine(self.routing, marker, &reason, self.note(None)).await;
        }
        let note = self.note(None);
        match deliver(self.routing, self.route, captures, marker, &note).await? {
            Delivery::Outcome(Outcome::Delivered { destination, .. }) => Ok(Outcome::Closed {
                dataset: self.id(),
                files: dataset.files,
                bytes: dataset.bytes,
                destination,
            }),
            Delivery::Outcome(other) => Ok(other),
            Delivery::Refused(reason) => quarantine(self.routing, marker, &reason, note).await,
        }
    }
}

fn rfc3339(instant: OffsetDateTime) -> String {
    instant.format(&Rfc3339).unwrap_or_default()
}
