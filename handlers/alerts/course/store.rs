//! Incidents, silences and the outbox in the store: the one file that reads and writes them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    record::{Record, Status},
    silence::Silence,
};
use crate::{
    alerts::{deliver::channel::Occasion, incident::Incident},
    metadata::{
        http::time::write_time,
        months::{Months, Place, REACH, Span},
        store::{busy, pause},
    },
    stores::{
        Condition, Fault, StoreError,
        documents::{self, Body, Collection, Document, Documents, Filter, Key, Query, body_of},
        optional,
    },
};

/// A change that keeps losing to others is given up after so many tries.
const TRIES: u32 = 64;

/// So many open incidents are looked at, for what they mute and for what there is to say of them.
const MOST_OPEN: usize = 1_000;

/// The partitions of the outbox and of silences.
const OUTBOX: &str = "outbox";
const SILENCES: &str = "silences";

/// How long it is remembered which incident a run's reports belong to.
const RUN: Duration = Duration::from_secs(7 * 86_400);

/// How long a message waits in the outbox before it is given up.
pub const PATIENCE: Duration = Duration::from_secs(3 * 86_400);

/// Where incidents are kept.
#[derive(Clone, Copy, Debug)]
pub struct Incidents<'a>(Months<'a>);

impl<'a> Incidents<'a> {
    /// Those in this store, each kept so long after its last change.
    pub fn new(documents: &'a dyn Documents, keep: Duration) -> Self {
        Self(Months { documents, collection: Collection::Incidents, keep: Some(keep) })
    }

    /// An incident by its id.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn find(&self, id: &str) -> Result<Option<Record>, StoreError> {
        Ok(self.0.get(id).await?.map(|found: Document<Record>| found.body))
    }

    /// One page, those first that opened last.
    ///
    /// # Errors
    /// The store's failure, `Rejected` for a place that is none.
    pub async fn list(
        &self,
        filters: &[Filter<'_>],
        span: Span,
        limit: usize,
        place: Option<Place>,
    ) -> Result<(Vec<Body>, Option<Place>), StoreError> {
        let answer = |document: Document<Record>| document.body;
        self.0.page(filters, span, limit, place, answer).await
    }

    /// The incidents that are open, or whose end is to be told; of one pipeline, if one is given.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn pending(
        &self,
        pipeline: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Vec<Record>, StoreError> {
        let mut filters = vec![Filter::Equals("pending", "yes")];
        filters.extend(pipeline.map(|pipeline| Filter::Equals("pipeline", pipeline)));
        let reach = self.0.keep.and_then(|keep| keep.try_into().ok());
        let span = Span::last(reach.unwrap_or(REACH), now);
        let found = self.0.first(&filters, span, MOST_OPEN).await?;
        Ok(found.into_iter().map(|document: Document<Record>| document.body).collect())
    }

    /// The incident that the reports of a run belong to: the one that the first of them was of.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn join(&self, run: &str, id: &str) -> Result<String, StoreError> {
        let key = Key::new(format!("incidents/{run}"), "run");
        let body = body_of(&key, &Joined { incident: id.to_owned() })?;
        let documents = self.0.documents;
        let put = documents.put(Collection::Index, &key, &body, &Condition::Absent, Some(RUN));
        match put.await {
            Ok(_) => Ok(id.to_owned()),
            Err(error) if error.fault == Fault::AlreadyExists => {
                Ok(self.joined(run).await?.unwrap_or_else(|| id.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// The incident that the reports of a run belong to, if it had any.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn joined(&self, run: &str) -> Result<Option<String>, StoreError> {
        let key = Key::new(format!("incidents/{run}"), "run");
        let found = documents::read::<Joined>(self.0.documents, Collection::Index, &key).await?;
        Ok(found.map(|found| found.body.incident))
    }

    /// Changes an incident, or makes it. `change` is asked again if another change came first;
    /// nothing is written if it says nothing.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn change(
        &self,
        id: &str,
        now: OffsetDateTime,
        change: impl Fn(Option<Record>) -> Option<Record> + Send + Sync,
    ) -> Result<Option<Record>, StoreError> {
        for attempt in 0..TRIES {
            let there: Option<Document<Record>> = self.0.get(id).await?;
            let (place, there) = match there {
                Some(Document { key, etag, body }) => (Some((key, etag)), Some(body)),
                None => (None, None),
            };
            let Some(record) = change(there) else { return Ok(None) };
            let (key, condition) = match place {
                Some((key, etag)) => (key, Condition::Matches(etag)),
                None => (self.0.address(id, now).await?, Condition::Absent),
            };
            match self.0.put(&key, &Kept::of(&record), &condition).await {
                Ok(_) => return Ok(Some(record)),
                Err(error) if matches!(error.fault, Fault::Changed | Fault::AlreadyExists) => {}
                Err(error) => return Err(error),
            }
            pause(attempt).await;
        }
        Err(busy(id))
    }
}

/// Which incident a run's reports belong to.
#[derive(Serialize, Deserialize)]
struct Joined {
    incident: String,
}

/// A record as it is written, with what queries ask for.
#[derive(Serialize)]
struct Kept<'a> {
    #[serde(flatten)]
    record: &'a Record,
    /// `yes` while there may be something to say of it.
    pending: &'static str,
}

impl<'a> Kept<'a> {
    fn of(record: &'a Record) -> Self {
        let told = record.status == Status::Resolved && record.told.resolved;
        Self { record, pending: if told { "no" } else { "yes" } }
    }
}

/// A message that waits for its channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parcel {
    /// The channel's name.
    pub channel: String,
    /// The name of the notice, the same for every try.
    pub key: String,
    /// What it says.
    pub saying: Saying,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again, RFC 3339.
    pub next_at: String,
    /// When it is given up, RFC 3339.
    pub until: String,
    /// Why it was not taken the last time.
    pub reason: String,
}

/// What a notice says, so that it can be said later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saying {
    /// Of which incident.
    pub incident: Incident,
    /// On which occasion.
    pub occasion: Occasion,
    /// When the incident opened.
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
    /// When it was over.
    #[serde(with = "time::serde::rfc3339::option")]
    pub resolved_at: Option<OffsetDateTime>,
    /// How many reports a summary speaks of.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<Incident>,
}

/// Messages that wait for their channels.
#[derive(Clone, Copy, Debug)]
pub struct Outbox<'a>(pub &'a dyn Documents);

impl Outbox<'_> {
    /// Takes a message; the same one again is the same.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn store(&self, parcel: &Parcel) -> Result<(), StoreError> {
        let key = Key::new(OUTBOX, format!("{}~{}", parcel.key, parcel.channel));
        let (body, keep) = (body_of(&key, parcel)?, Some(PATIENCE * 2));
        let put = self.0.put(Collection::Outbox, &key, &body, &Condition::Absent, keep).await;
        match put {
            Err(error) if error.fault != Fault::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Some of the messages whose time has come.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn due(
        &self,
        now: OffsetDateTime,
        limit: usize,
    ) -> Result<Vec<Document<Parcel>>, StoreError> {
        let now = write_time(now);
        let filters = [Filter::Below("nextAt", &now)];
        let query = Query { filters: &filters, limit, ..Query::of(OUTBOX) };
        let page = self.0.list(Collection::Outbox, &query).await?;
        page.items.into_iter().map(documents::typed).collect()
    }

    /// Writes a message's next try, unless another worker has it; whether it was written.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn put_off(&self, parcel: &mut Document<Parcel>) -> Result<bool, StoreError> {
        let body = body_of(&parcel.key, &parcel.body)?;
        let (matches, keep) = (Condition::Matches(parcel.etag.clone()), Some(PATIENCE * 2));
        match self.0.put(Collection::Outbox, &parcel.key, &body, &matches, keep).await {
            Ok(etag) => {
                parcel.etag = etag;
                Ok(true)
            }
            Err(error) if error.fault == Fault::Changed => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets a message.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn remove(&self, parcel: &Document<Parcel>) -> Result<(), StoreError> {
        let removed = self.0.delete(Collection::Outbox, &parcel.key, &Condition::Always).await;
        optional(removed).map(drop)
    }
}

/// Where silences are kept.
#[derive(Clone, Copy, Debug)]
pub struct Silences<'a>(pub &'a dyn Documents);

impl Silences<'_> {
    /// All that have not ended, as many as fit in a page.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn all(&self) -> Result<Vec<Silence>, StoreError> {
        let query = Query { limit: 1_000, ..Query::of(SILENCES) };
        let page = self.0.list(Collection::Silences, &query).await?;
        let silence = |document| Ok(documents::typed(document)?.body);
        page.items.into_iter().map(silence).collect()
    }

    /// Writes a silence; it vanishes when it has ended.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn write(&self, silence: &Silence, now: OffsetDateTime) -> Result<(), StoreError> {
        let key = Key::new(SILENCES, &silence.id);
        let left = Duration::try_from(silence.ends_at - now).unwrap_or_default();
        let keep = Some(left.max(Duration::from_secs(1)));
        let body = body_of(&key, silence)?;
        let put = self.0.put(Collection::Silences, &key, &body, &Condition::Always, keep);
        put.await.map(drop)
    }

    /// Ends a silence; whether it was there.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn end(&self, id: &str) -> Result<bool, StoreError> {
        let key = Key::new(SILENCES, id);
        let removed = self.0.delete(Collection::Silences, &key, &Condition::Always).await;
        Ok(optional(removed)?.is_some())
    }
}
