//! Moving the files of a delivery.

use std::time::Instant;

use futures::{StreamExt, stream};
use tokio::sync::Mutex;

use super::{Collecting, Dataset, Size, Status, rfc3339};
use crate::{
    routing::{
        Source,
        arrival::{Delivery, deliver, quarantine},
        ledger::State,
        outcome::Outcome,
        resume::resume,
        transfer::remove_source,
    },
    stores::{Condition, StoreError, documents::Document},
};

/// So many quarantined names are kept in a record, which must stay small.
const MOST_NAMES: usize = 100;

/// How far the files of a delivery came.
pub(super) enum Moved {
    /// All are in place, and the record says so.
    All(Box<Document<Dataset>>),
    /// Some are still on their way.
    Some(String),
}

/// What became of the files in one invocation.
#[derive(Default)]
struct Tally {
    done: Size,
    pending: u64,
    changed: u64,
    first_error: Option<StoreError>,
}

impl Tally {
    fn count(&mut self, file: &Source, moved: Result<Outcome, StoreError>) {
        match moved {
            Ok(Outcome::Copying(_)) => self.pending += 1,
            Ok(Outcome::Gone) => self.changed += 1,
            Ok(_) => self.done.add(file),
            Err(error) => self.first_error = self.first_error.take().or(Some(error)),
        }
    }
}

impl Collecting<'_> {
    /// Moves files, some at a time, until the deadline.
    pub(super) async fn move_files(
        &self,
        files: Vec<Source>,
        record: Document<Dataset>,
    ) -> Result<Moved, StoreError> {
        let all = Size::of(&files);
        let record = Mutex::new(record);
        let parallel = self.routing.active.config.landing.parallel;
        let mut tally = Tally::default();
        let mut moves = stream::iter(files)
            .take_while(|_| std::future::ready(Instant::now() < self.routing.deadline))
            .map(async |file| (self.move_file(&file, &record).await, file))
            .buffer_unordered(parallel);
        while let Some((moved, file)) = moves.next().await {
            tally.count(&file, moved);
        }
        drop(moves);
        let record = record.into_inner();
        let Tally { done, pending, changed, first_error } = tally;
        if let Some(error) = first_error {
            return Err(error);
        }
        if changed > 0 {
            let left = all.less(done);
            let condition = Condition::Matches(record.etag);
            self.save(record.body.reopened(left), &condition).await?;
            return Ok(Moved::Some(format!("{changed} of its files changed while it was moved")));
        }
        if pending > 0 {
            return Ok(Moved::Some(format!("{pending} of its files are still being copied")));
        }
        if done.files < all.files {
            return Ok(Moved::Some(
                "its files are on their way; the next sweep goes on".to_owned(),
            ));
        }
        self.finish(record).await.map(|record| Moved::All(Box::new(record)))
    }

    /// Moves one file; `Gone` says that it is not delivered and has new content, or none.
    async fn move_file(
        &self,
        file: &Source,
        record: &Mutex<Document<Dataset>>,
    ) -> Result<Outcome, StoreError> {
        if let Some(outcome) = self.end_begun(file, record).await? {
            return Ok(outcome);
        }
        let captures = self.route.from.captures(&file.path).unwrap_or_default();
        let delivery = deliver(self.routing, self.route, &captures, file, &self.note(None)).await?;
        match self.accept(file, record, delivery).await? {
            // Another worker may have been faster.
            Outcome::Gone => Ok(self.end_begun(file, record).await?.unwrap_or(Outcome::Gone)),
            outcome => Ok(outcome),
        }
    }

    /// Ends what was begun with a file before, if anything was.
    async fn end_begun(
        &self,
        file: &Source,
        record: &Mutex<Document<Dataset>>,
    ) -> Result<Option<Outcome>, StoreError> {
        let ledger = &self.routing.ledger;
        let Some(entry) = ledger.find(&file.path, &file.properties.etag).await? else {
            return Ok(None);
        };
        if entry.state.is_final() {
            if entry.state == State::Quarantined {
                self.record_quarantine(file, record).await?;
            }
            remove_source(self.routing.blobs, file, ledger).await?;
            return Ok(Some(Outcome::Repeated(entry.destination.unwrap_or_default())));
        }
        match resume(self.routing, file, &entry).await? {
            Some(delivery) => self.accept(file, record, delivery).await.map(Some),
            None => Ok(None),
        }
    }

    async fn accept(
        &self,
        file: &Source,
        record: &Mutex<Document<Dataset>>,
        delivery: Delivery,
    ) -> Result<Outcome, StoreError> {
        match delivery {
            Delivery::Outcome(outcome) => Ok(outcome),
            Delivery::Refused(reason) => {
                self.record_quarantine(file, record).await?;
                quarantine(self.routing, file, &reason, self.note(None)).await
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
}
