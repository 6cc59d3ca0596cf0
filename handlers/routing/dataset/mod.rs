//! Datasets: files that wait together until a marker says that all of them are there.
//!
//! A delivery closes in this order: the content is complete, the record says `processing`, the
//! files move, the record says `ready`, the marker follows last. Whoever watches the destination
//! for the marker finds everything in place, and a crash at any point is made good by the sweep.

mod record;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use futures::{StreamExt, stream};
pub use record::{Dataset, Status};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::Mutex;

use super::{
    Routing, Source,
    arrival::{Delivery, deliver, is_folder, quarantine},
    ledger::{Note, State},
    manifest::{Manifest, read_manifest},
    outcome::Outcome,
    pattern::Captures,
    route::{Completion, Route, choose},
    transfer::remove_source,
};
use crate::stores::{
    Condition, Fault, StoreError,
    documents::{self, Collection, Document, Key},
    optional,
};

/// So many quarantined names are kept in a record, which must stay small.
const MOST_NAMES: usize = 100;

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
    if route.is_marker(&source.path) {
        return collection.close(source, captures).await;
    }
    collection.wait(source, captures).await
}

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

    fn id(&self) -> String {
        format!("{}/{}", self.container, self.folder.trim_end_matches('/'))
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
        documents::read(self.routing.ledger.documents, Collection::Datasets, &self.key()).await
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
        if record.body.status == Status::Received {
            let files = self.listing(marker).await?;
            if let Some(reason) = self.missing(marker, manifest.as_ref(), &files) {
                return self.settle(marker, record, reason).await;
            }
            record = self.start(record, manifest.as_ref(), &files).await?;
        }
        if record.body.status == Status::Processing {
            record = match self.move_files(marker, manifest.as_ref(), record).await? {
                Moved::All(record) => *record,
                Moved::Some(reason) => {
                    let note = self.note(Some(reason.clone()));
                    self.routing.ledger.note(marker, State::Settling, &note).await?;
                    return Ok(Outcome::Settling(reason));
                }
            };
        }
        self.send_marker(marker, captures, &record.body).await
    }

    /// The record of this marker's delivery, a new one if the last delivery had another marker.
    async fn open(&self, marker: &Source) -> Result<Document<Dataset>, StoreError> {
        let known = self.record().await?;
        let etag = marker.properties.etag.as_str();
        let (delivery, condition) = match known {
            Some(record) if record.body.marker_etag == etag => return Ok(record),
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

    async fn save(
        &self,
        dataset: Dataset,
        condition: &Condition,
    ) -> Result<Document<Dataset>, StoreError> {
        let key = self.key();
        let body = documents::body_of(&key, &dataset)?;
        let documents = self.routing.ledger.documents;
        let etag = documents.put(Collection::Datasets, &key, &body, condition, None).await;
        let etag = etag.map_err(|error| match error.fault {
            // Another worker is at the same dataset: the next try meets its result.
            Fault::AlreadyExists | Fault::Changed => {
                StoreError { fault: Fault::Unavailable, ..error }
            }
            _ => error,
        })?;
        Ok(Document { key, etag, body: dataset })
    }

    /// The dataset's files: everything in its folder that this route takes, markers excluded.
    async fn listing(&self, marker: &Source) -> Result<Vec<Source>, StoreError> {
        let mut files = Vec::new();
        let mut token = None;
        loop {
            let blobs = self.routing.blobs;
            let page = blobs.list(self.container, &self.folder, token.as_deref()).await?;
            for listed in page.items {
                let source = Source { path: listed.path, properties: listed.properties };
                if source.path != marker.path && self.is_file(&source) {
                    files.push(source);
                }
            }
            token = page.next;
            if token.is_none() {
                return Ok(files);
            }
        }
    }

    fn is_file(&self, source: &Source) -> bool {
        let routes = &self.routing.active.config.routes;
        let chosen = choose(routes, &source.path, &source.properties);
        chosen.is_some_and(|(route, _)| route.name == self.route.name)
            && !self.route.is_marker(&source.path)
            && !is_folder(source)
    }

    /// What the dataset still waits for; `None` when it is complete.
    fn missing(
        &self,
        marker: &Source,
        manifest: Option<&Manifest>,
        files: &[Source],
    ) -> Option<String> {
        if let Some(manifest) = manifest {
            let found: BTreeMap<&str, _> =
                files.iter().map(|file| (self.relative(file), &file.properties)).collect();
            return manifest.missing(&found);
        }
        let newest =
            files.iter().chain([marker]).map(|file| file.properties.last_modified).max()?;
        let rested = (self.routing.ledger.now)() - newest;
        (rested < self.completion.settle)
            .then(|| format!("its files must rest for {} s", self.completion.settle.as_secs()))
    }

    /// A file's name inside the dataset's folder, as manifests give it.
    fn relative<'s>(&self, file: &'s Source) -> &'s str {
        file.path.name().strip_prefix(&self.folder).unwrap_or(file.path.name())
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

    /// Fixes which files belong to this delivery.
    async fn start(
        &self,
        record: Document<Dataset>,
        manifest: Option<&Manifest>,
        files: &[Source],
    ) -> Result<Document<Dataset>, StoreError> {
        let until = files.iter().map(|file| file.properties.last_modified).max();
        let ours = files.iter().filter(|file| self.belongs(manifest, None, file));
        let (count, bytes) =
            ours.fold((0, 0), |(count, bytes), file| (count + 1, bytes + file.properties.length));
        let dataset = Dataset {
            status: Status::Processing,
            reason: None,
            until: until.map(rfc3339),
            files: count,
            bytes,
            ..record.body
        };
        self.save(dataset, &Condition::Matches(record.etag)).await
    }

    fn belongs(
        &self,
        manifest: Option<&Manifest>,
        until: Option<OffsetDateTime>,
        file: &Source,
    ) -> bool {
        match manifest {
            Some(manifest) => manifest.names(self.relative(file)),
            None => until.is_none_or(|until| file.properties.last_modified <= until),
        }
    }

    /// Moves what is still in the folder, some files at a time, until the deadline.
    async fn move_files(
        &self,
        marker: &Source,
        manifest: Option<&Manifest>,
        record: Document<Dataset>,
    ) -> Result<Moved, StoreError> {
        let until = record.body.until.as_deref();
        let until = until.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        let mut files = self.listing(marker).await?;
        files.retain(|file| self.belongs(manifest, until, file));
        let record = Mutex::new(record);
        let parallel = self.routing.active.config.landing.parallel;
        let mut moves = stream::iter(files)
            .take_while(|_| std::future::ready(Instant::now() < self.routing.deadline))
            .map(async |file| self.move_file(&file, &record).await)
            .buffer_unordered(parallel);
        let mut pending = 0_u64;
        let mut first_error = None;
        while let Some(moved) = moves.next().await {
            match moved {
                Ok(outcome) => pending += u64::from(matches!(outcome, Outcome::Copying(_))),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        drop(moves);
        match first_error {
            Some(error) => Err(error),
            None if pending > 0 => {
                Ok(Moved::Some(format!("{pending} of its files are still being copied")))
            }
            None if Instant::now() >= self.routing.deadline => {
                Ok(Moved::Some("its files are on their way; the next sweep goes on".to_owned()))
            }
            None => {
                self.finish(record.into_inner()).await.map(|record| Moved::All(Box::new(record)))
            }
        }
    }

    async fn move_file(
        &self,
        file: &Source,
        record: &Mutex<Document<Dataset>>,
    ) -> Result<Outcome, StoreError> {
        let ledger = &self.routing.ledger;
        if let Some(entry) = ledger.find(&file.path, &file.properties.etag).await?
            && entry.state.is_final()
        {
            remove_source(self.routing.blobs, file, ledger).await?;
            return Ok(Outcome::Gone);
        }
        let captures = self.route.from.captures(&file.path).unwrap_or_default();
        let note = self.note(None);
        match deliver(self.routing, self.route, &captures, file, &note).await? {
            Delivery::Outcome(outcome) => Ok(outcome),
            Delivery::Refused(reason) => {
                self.record_quarantine(file, record).await?;
                quarantine(self.routing, file, &reason, note).await
            }
        }
    }

    /// Says in the record that a file is missing from the delivery, before it leaves the folder: a
    /// crash in between must not let the marker through.
    async fn record_quarantine(
        &self,
        file: &Source,
        record: &Mutex<Document<Dataset>>,
    ) -> Result<(), StoreError> {
        let mut record = record.lock().await;
        let mut dataset = record.body.clone();
        let full = dataset.quarantined.len() >= MOST_NAMES;
        if full || !dataset.quarantined.insert(self.relative(file).to_owned()) {
            return Ok(());
        }
        *record = self.save(dataset, &Condition::Matches(record.etag.clone())).await?;
        Ok(())
    }

    /// Says that the files are in place.
    async fn finish(&self, record: Document<Dataset>) -> Result<Document<Dataset>, StoreError> {
        let whole = record.body.quarantined.is_empty();
        let dataset = Dataset {
            status: if whole { Status::Ready } else { Status::Quarantined },
            closed: Some(rfc3339((self.routing.ledger.now)())),
            ..record.body
        };
        self.save(dataset, &Condition::Matches(record.etag)).await
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

/// How far the files of a delivery came.
enum Moved {
    /// All are in place, and the record says so.
    All(Box<Document<Dataset>>),
    /// Some are still on their way.
    Some(String),
}

fn rfc3339(instant: OffsetDateTime) -> String {
    instant.format(&Rfc3339).unwrap_or_default()
}
