//! Runs in the store: the one file that reads and writes them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    merge::{Event, Merged},
    model::{Facts, Run, Status},
};
use crate::{
    error::Error,
    metadata::{
        http::{time::write_time, versioned::Versioned},
        months::{Months, Place, Span},
        store::{busy, pause},
    },
    stores::{
        Condition, ETag, Fault, StoreError,
        documents::{Body, Collection, Document, Documents, Filter},
    },
};

/// A change that keeps losing to others is given up after so many tries.
const TRIES: u32 = 64;

/// The runs.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a>(Months<'a>);

/// A run as it is stored: its events put together, and beside them what lists ask for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: String,
    status: Status,
    /// What it is about.
    #[serde(flatten)]
    facts: Facts,
    merged: Merged,
    created_at: String,
    updated_at: String,
}

impl Record {
    fn new(id: &str, merged: Merged, created_at: String, updated_at: String) -> Self {
        let Run { status, facts, .. } = merged.run(id, &created_at, &updated_at);
        Self { id: id.to_owned(), status, facts, merged, created_at, updated_at }
    }

    fn run(&self) -> Run {
        self.merged.run(&self.id, &self.created_at, &self.updated_at)
    }
}

impl<'a> Runs<'a> {
    /// Those in this store, each kept so long after its last event.
    pub fn new(documents: &'a dyn Documents, keep: Duration) -> Self {
        Self(Months { documents, collection: Collection::Runs, keep: Some(keep) })
    }

    /// Those in this store, to be read.
    pub fn of(documents: &'a dyn Documents) -> Self {
        Self(Months { documents, collection: Collection::Runs, keep: None })
    }

    /// A run by its id, if there is one.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn look(&self, id: &str) -> Result<Option<Run>, StoreError> {
        Ok(self.0.get::<Record>(id).await?.map(|found| found.body.run()))
    }

    /// The newest runs in a span of time of which a member says this, so many at most.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn newest(
        &self,
        member: &str,
        value: &str,
        span: Span,
        most: usize,
    ) -> Result<Vec<Run>, StoreError> {
        let filters = [Filter::Equals(member, value)];
        let found = self.0.first(&filters, span, most).await?;
        Ok(found.iter().map(|found: &Document<Record>| found.body.run()).collect())
    }

    /// A run by its id.
    ///
    /// # Errors
    /// `NotFound`, or the store's failure.
    pub async fn find(&self, id: &str) -> Result<Versioned<Run>, Error> {
        let found = self.0.get::<Record>(id).await?;
        let Document { body, etag, .. } =
            found.ok_or_else(|| Error::NotFound(format!("there is no run {id:?}")))?;
        Ok(Versioned::new(body.run(), &etag))
    }

    /// One page, newest first, without outputs.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn list(
        &self,
        filters: &[Filter<'_>],
        span: Span,
        limit: usize,
        place: Option<Place>,
    ) -> Result<(Vec<Body>, Option<Place>), StoreError> {
        let answer = |Document { body, etag, .. }: Document<Record>| {
            Versioned::new(Run { output: None, ..body.run() }, &etag)
        };
        self.0.page(filters, span, limit, place, answer).await
    }

    /// Takes an event, and says whether the run is new. One that says nothing new changes nothing.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn take(
        &self,
        id: &str,
        event: &Event,
        now: OffsetDateTime,
    ) -> Result<(Versioned<Run>, bool), StoreError> {
        let arrived = write_time(now);
        for attempt in 0..TRIES {
            let (written, is_new) = match self.0.get::<Record>(id).await? {
                None => (self.begin(id, event, now).await?, true),
                Some(there) => (self.add(there, event, &arrived).await?, false),
            };
            if let Some((record, etag)) = written {
                return Ok((Versioned::new(record.run(), &etag), is_new));
            }
            pause(attempt).await;
        }
        Err(busy(id))
    }

    async fn begin(
        &self,
        id: &str,
        event: &Event,
        now: OffsetDateTime,
    ) -> Result<Option<(Record, ETag)>, StoreError> {
        let key = self.0.address(id, now).await?;
        let arrived = write_time(now);
        let mut merged = Merged::default();
        merged.take(event, &arrived);
        let record = Record::new(id, merged, arrived.clone(), arrived);
        let put = self.0.put(&key, &record, &Condition::Absent).await;
        Ok(unless(Fault::AlreadyExists, put)?.map(|etag| (record, etag)))
    }

    async fn add(
        &self,
        there: Document<Record>,
        event: &Event,
        arrived: &str,
    ) -> Result<Option<(Record, ETag)>, StoreError> {
        let Document { key, etag, body } = there;
        let mut merged = body.merged.clone();
        merged.take(event, arrived);
        if merged == body.merged {
            return Ok(Some((body, etag)));
        }
        let record = Record::new(&body.id, merged, body.created_at, arrived.to_owned());
        let put = self.0.put(&key, &record, &Condition::Matches(etag)).await;
        Ok(unless(Fault::Changed, put)?.map(|etag| (record, etag)))
    }
}

/// Turns the loss of a race into `None`.
fn unless(lost: Fault, put: Result<ETag, StoreError>) -> Result<Option<ETag>, StoreError> {
    match put {
        Ok(etag) => Ok(Some(etag)),
        Err(error) if error.fault == lost => Ok(None),
        Err(error) => Err(error),
    }
}
