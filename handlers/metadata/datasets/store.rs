//! Datasets in the store: the one file that reads and writes them.

use time::OffsetDateTime;

use super::{
    model::{Change, Dataset, Draft, Facts, Status},
    rules::Event,
};
use crate::{
    error::Error,
    metadata::{
        http::{conditions::Preconditions, time::write_time, versioned::Versioned},
        months::{Months, Place, REACH, Span},
        store::{busy, pause},
    },
    stores::{
        Condition, ETag, Fault, StoreError,
        documents::{Body, Collection, Document, Documents, Filter, Key},
    },
};

/// A change that keeps losing to others is given up after so many tries; the pause between two
/// grows to a few hundredths of a second.
const TRIES: u32 = 64;

/// The datasets.
#[derive(Clone, Copy, Debug)]
pub struct Datasets<'a>(Months<'a>);

/// A dataset and its version.
#[derive(Clone, Debug)]
pub struct Found {
    /// The dataset.
    pub dataset: Dataset,
    /// Its version.
    pub etag: ETag,
}

/// What lakehand itself has seen of a dataset.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// What happened.
    pub event: Event,
    /// The container.
    pub container: String,
    /// The folder in it.
    pub path: String,
    /// The route that collects it.
    pub route: Option<String>,
    /// Its files and their bytes, as far as they are known.
    pub size: Option<(u64, u64)>,
}

impl<'a> Datasets<'a> {
    /// Those in this store.
    pub fn new(documents: &'a dyn Documents) -> Self {
        Self(Months { documents, collection: Collection::Datasets, keep: None })
    }

    /// A dataset by its id.
    ///
    /// # Errors
    /// `NotFound`, or the store's failure.
    pub async fn find(&self, id: &str) -> Result<Found, Error> {
        let found = self.look(id).await?;
        found.ok_or_else(|| Error::NotFound(format!("there is no dataset {id:?}")))
    }

    /// A dataset by its id, if there is one.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn look(&self, id: &str) -> Result<Option<Found>, StoreError> {
        Ok(self.0.get(id).await?.map(found))
    }

    /// One page, newest first, without histories.
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
        let answer = |Document { body, etag, .. }: Document<Dataset>| {
            Versioned::new(Dataset { history: Vec::new(), ..body }, &etag)
        };
        self.0.page(filters, span, limit, place, answer).await
    }

    /// The newest datasets of a route, so many at most.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn newest(
        &self,
        route: &str,
        most: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<Dataset>, StoreError> {
        let filters = [Filter::Equals("route", route)];
        let found = self.0.first(&filters, Span::last(REACH, now), most).await?;
        Ok(found.into_iter().map(|document: Document<Dataset>| document.body).collect())
    }

    /// Creates a dataset, and says whether it is new; the same one again changes nothing.
    ///
    /// # Errors
    /// `Conflict` if there is another one of that id, or the store's failure.
    pub async fn create(
        &self,
        id: &str,
        draft: Draft,
        now: OffsetDateTime,
    ) -> Result<(Found, bool), Error> {
        let dataset = Dataset::begin(id, draft.facts(), event_of(&draft, Status::Landing, now));
        if let Some(new) = self.begin(&dataset, now).await? {
            return Ok((new, true));
        }
        let there = self.find(id).await?;
        let same_status = draft.status.is_none_or(|status| status == there.dataset.status);
        if there.dataset.facts == draft.facts() && same_status {
            return Ok((there, false));
        }
        let detail = format!("there is another dataset {id:?}; change it with PATCH or PUT");
        Err(Error::conflict(detail, there.dataset))
    }

    /// Writes a dataset that is not there; `None` if it is.
    async fn begin(
        &self,
        dataset: &Dataset,
        now: OffsetDateTime,
    ) -> Result<Option<Found>, StoreError> {
        let key = self.0.address(&dataset.id, now).await?;
        match self.0.put(&key, dataset, &Condition::Absent).await {
            Ok(etag) => Ok(Some(Found { dataset: dataset.clone(), etag })),
            Err(error) if error.fault == Fault::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes a dataset that is there. `change` says what is wanted of the one that is there, and
    /// is asked again if another change came first.
    ///
    /// # Errors
    /// `NotFound`, `Changed`, `Conflict` if its status cannot follow, what `change` refuses, or the
    /// store's failure.
    pub async fn change(
        &self,
        id: &str,
        preconditions: &Preconditions,
        now: OffsetDateTime,
        change: impl Fn(&Dataset) -> Result<Draft, Error> + Send + Sync,
    ) -> Result<Found, Error> {
        let nothing = || Error::NotFound(format!("there is no dataset {id:?}"));
        for attempt in 0..TRIES {
            let Document { key, etag, body } = self.0.get(id).await?.ok_or_else(nothing)?;
            preconditions.check(Some(&etag))?;
            let dataset = changed(&body, change(&body)?, now)?;
            if dataset == body {
                return Ok(Found { dataset, etag });
            }
            if let Some(found) = self.write(&key, dataset, etag).await? {
                return Ok(found);
            }
            pause(attempt).await;
        }
        Err(busy(id).into())
    }

    /// Writes in the place of a version; `None` if another one came first.
    async fn write(
        &self,
        key: &Key,
        dataset: Dataset,
        etag: ETag,
    ) -> Result<Option<Found>, StoreError> {
        match self.0.put(key, &dataset, &Condition::Matches(etag)).await {
            Ok(etag) => Ok(Some(Found { dataset, etag })),
            Err(error) if error.fault == Fault::Changed => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a dataset.
    ///
    /// # Errors
    /// `NotFound`, `Changed`, or the store's failure.
    pub async fn delete(&self, id: &str, preconditions: &Preconditions) -> Result<(), Error> {
        let nothing = || Error::NotFound(format!("there is no dataset {id:?}"));
        for attempt in 0..TRIES {
            let Document { key, etag, .. } =
                self.0.get::<Dataset>(id).await?.ok_or_else(nothing)?;
            preconditions.check(Some(&etag))?;
            let matches = Condition::Matches(etag);
            match self.0.documents.delete(Collection::Datasets, &key, &matches).await {
                Err(error) if error.fault == Fault::Changed => {
                    pause(attempt).await;
                }
                done => return Ok(done?),
            }
        }
        Err(busy(id).into())
    }

    /// Notes what lakehand has seen. The same sighting again changes nothing, and one that comes
    /// after a later delivery's is history.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn observe(
        &self,
        id: &str,
        sighting: &Sighting,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        for attempt in 0..TRIES {
            let Some(Document { key, etag, body }) = self.0.get::<Dataset>(id).await? else {
                let (container, path) = (sighting.container.clone(), sighting.path.clone());
                let facts =
                    Facts { container: Some(container), path: Some(path), ..Facts::default() };
                let mut dataset = Dataset::begin(id, facts, sighting.event.clone());
                sighting.measure(&mut dataset);
                if self.begin(&dataset, now).await?.is_some() {
                    return Ok(());
                }
                continue;
            };
            let Some(dataset) = sighting.seen(&body) else { return Ok(()) };
            if self.write(&key, dataset, etag).await?.is_some() {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(busy(id))
    }

    /// Adds a line to the history of a dataset, which begins with it if nobody knew it; the same
    /// line again changes nothing.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn remark(
        &self,
        id: &str,
        by: &str,
        reason: String,
        run_id: Option<String>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let at = |status, delivery| Event {
            status,
            at: write_time(now),
            by: by.to_owned(),
            reason: Some(reason.clone()),
            run_id: run_id.clone(),
            delivery,
        };
        let is_it = |change: &Change| {
            change.by == by && change.run_id == run_id && change.reason.as_ref() == Some(&reason)
        };
        for attempt in 0..TRIES {
            let Some(Document { key, etag, body }) = self.0.get::<Dataset>(id).await? else {
                let new = Dataset::begin(id, Facts::default(), at(Status::Processing, None));
                if self.begin(&new, now).await?.is_some() {
                    return Ok(());
                }
                continue;
            };
            if body.history.iter().any(is_it) {
                return Ok(());
            }
            let mut dataset = body;
            // The status stands, and with it when the dataset became ready.
            let (ready_at, delivery) = (dataset.ready_at.clone(), dataset.delivery);
            dataset.note(at(dataset.status, delivery));
            dataset.ready_at = ready_at;
            if self.write(&key, dataset, etag).await?.is_some() {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(busy(id))
    }
}

impl Sighting {
    /// What a dataset becomes; nothing, if the sighting is no news of it.
    fn seen(&self, dataset: &Dataset) -> Option<Dataset> {
        let Event { status, delivery, by, .. } = &self.event;
        let went_as_far = |change: &Change| {
            change.by == *by && change.delivery == *delivery && change.status >= *status
        };
        // That files land is news only of a dataset that nobody knew.
        if *delivery < dataset.delivery
            || *status == Status::Landing
            || dataset.history.iter().any(went_as_far)
        {
            return None;
        }
        let mut seen = dataset.clone();
        // What routing has done is a fact, whatever somebody said of the dataset meanwhile.
        seen.note(self.event.clone());
        self.measure(&mut seen);
        Some(seen)
    }

    fn measure(&self, dataset: &mut Dataset) {
        if self.route.is_some() {
            dataset.route.clone_from(&self.route);
        }
        if let Some((files, bytes)) = self.size {
            (dataset.facts.files, dataset.facts.bytes) = (files, bytes);
        }
    }
}

fn found(document: Document<Dataset>) -> Found {
    Found { dataset: document.body, etag: document.etag }
}

fn event_of(draft: &Draft, standing: Status, now: OffsetDateTime) -> Event {
    Event {
        status: draft.status.unwrap_or(standing),
        at: write_time(now),
        by: draft.by.clone().unwrap_or_else(|| "api".to_owned()),
        reason: draft.reason.clone(),
        run_id: draft.told_by.clone(),
        delivery: None,
    }
}

/// The dataset after a change; its history has an entry only if its status was said.
fn changed(dataset: &Dataset, draft: Draft, now: OffsetDateTime) -> Result<Dataset, Error> {
    let mut changed = Dataset { facts: draft.facts(), ..dataset.clone() };
    let is_told = draft.status.is_some_and(|status| status != dataset.status)
        || (draft.reason.is_some() && draft.reason != dataset.reason);
    if is_told {
        changed.apply(event_of(&draft, dataset.status, now))?;
    } else if changed != *dataset {
        changed.updated_at = write_time(now);
    }
    Ok(changed)
}
