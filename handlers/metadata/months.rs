//! Documents by the month in which they were made, and pointers that find them by their id.
//!
//! A document lives in the partition `2026-12` of its collection, under the id
//! `{created}~{resource id}`, so that a month read backwards is newest first. Its pointer, in
//! [`Collection::Index`], is written before it; one that points to nothing counts as absent, and is
//! written anew when its id is used again. A read by id is two point reads, a list one query a
//! month.

use std::time::Duration;

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::value::RawValue;
use time::{Date, OffsetDateTime};

use super::http::{list::Written, time::write_time};
use crate::{
    error::{Error, Wrong},
    stores::{
        Condition, ETag, Fault, Page, StoreError,
        documents::{
            self, Body, Collection, Document, Documents, Filter, ID, Key, Order, Query, body_of,
        },
        optional,
    },
};

/// So many months are looked at for one page.
const MOST_MONTHS: usize = 24;

/// So many documents are held at a time; one may be as large as half an answer.
const LOAD: usize = 100;

/// So long a document may take to be written after its pointer.
const YOUNG: time::Duration = time::Duration::HOUR;

/// The length of a month, as partitions are named and ids begin.
const MONTH: usize = "2026-12".len();

/// How far back a list reaches when nothing is said.
pub const REACH: time::Duration = time::Duration::days(366);

/// One collection that lies in months.
#[derive(Clone, Copy, Debug)]
pub struct Months<'a> {
    /// Where it is kept.
    pub documents: &'a dyn Documents,
    /// The collection.
    pub collection: Collection,
    /// How long a document is kept after its last change; for ever, if nothing is said. A pointer
    /// is kept twice as long after the creation.
    pub keep: Option<Duration>,
}

/// Where a document is.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pointer {
    month: String,
    id: String,
}

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The span of the first page, which later ones keep, whatever the time is then.
    span: Span,
    /// The month.
    month: String,
    /// The store's token in it.
    token: Option<String>,
}

/// When the documents of a list were made, as their ids begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    from: String,
    to: String,
}

impl Span {
    /// From the first instant up to the second, without it; by default the year before `now`, and
    /// all of it.
    ///
    /// # Errors
    /// `Fields` with `from` and `to`, if the first is after the second: nothing can lie between them.
    pub fn new(
        from: Option<OffsetDateTime>,
        to: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        if from.is_some_and(|from| to.is_some_and(|to| from > to)) {
            let wrong = [("from", "is after `to`"), ("to", "is before `from`")];
            return Err(Error::Fields(
                wrong.map(|(field, detail)| Wrong::new(field, detail)).into(),
            ));
        }
        // Nothing was made in the future, and its months need not be asked for.
        let latest = now + time::Duration::DAY;
        let to = to.map_or(latest, |to| to.min(latest));
        let from = from.unwrap_or_else(|| to.checked_sub(REACH).unwrap_or(to));
        Ok(Self { from: write_time(from), to: write_time(to) })
    }

    /// The time up to now, this long.
    pub fn last(reach: time::Duration, now: OffsetDateTime) -> Self {
        let from = now.checked_sub(reach).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self { from: write_time(from), to: write_time(now + time::Duration::DAY) }
    }
}

impl Place {
    fn first(span: Span) -> Self {
        Self { month: span.to[..MONTH].to_owned(), span, token: None }
    }
}

impl Months<'_> {
    fn pointer(&self, id: &str) -> Key {
        Key::new(format!("{}/{id}", self.collection.name()), "at")
    }

    /// A document by the id of its resource.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn get<T: DeserializeOwned>(
        &self,
        id: &str,
    ) -> Result<Option<Document<T>>, StoreError> {
        match self.find(id).await? {
            Some(key) => documents::read(self.documents, self.collection, &key).await,
            None => Ok(None),
        }
    }

    async fn find(&self, id: &str) -> Result<Option<Key>, StoreError> {
        let found = self.documents.get(Collection::Index, &self.pointer(id)).await;
        let Some(found) = optional(found)? else { return Ok(None) };
        let Document { body, .. } = documents::typed::<Pointer>(found)?;
        Ok(Some(Key::new(body.month, body.id)))
    }

    /// The address of a document that may be new: where its pointer says, or will say from now on.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn address(&self, id: &str, now: OffsetDateTime) -> Result<Key, StoreError> {
        let created = write_time(now);
        let pointer = Pointer { month: month_of(now), id: format!("{created}~{id}") };
        let (key, keep) = (self.pointer(id), self.keep.map(|keep| keep * 2));
        let body = body_of(&key, &pointer)?;
        let put = self.documents.put(Collection::Index, &key, &body, &Condition::Absent, keep);
        match put.await {
            Ok(_) => Ok(Key::new(pointer.month, pointer.id)),
            Err(error) if error.fault == Fault::AlreadyExists => self.again(id, &body, now).await,
            Err(error) => Err(error),
        }
    }

    /// The address of a document whose pointer is there. One that has pointed to nothing for long is
    /// of a document that was removed, and what is made anew belongs into the present; a young one
    /// may be of a document that somebody makes right now.
    async fn again(
        &self,
        id: &str,
        present: &RawValue,
        now: OffsetDateTime,
    ) -> Result<Key, StoreError> {
        let key = self.pointer(id);
        let found = optional(self.documents.get(Collection::Index, &key).await)?;
        let gone = || StoreError::new(Fault::Unavailable, "read", &key, "it has just expired");
        let Document { etag, body, .. } = documents::typed::<Pointer>(found.ok_or_else(gone)?)?;
        let address = Key::new(body.month, body.id);
        let is_old = address.id < write_time(now.checked_sub(YOUNG).unwrap_or(now));
        if !is_old || optional(self.documents.get(self.collection, &address).await)?.is_some() {
            return Ok(address);
        }
        let (matches, keep) = (Condition::Matches(etag), self.keep.map(|keep| keep * 2));
        let put = self.documents.put(Collection::Index, &key, present, &matches, keep).await;
        match put {
            Err(error) if error.fault != Fault::Changed => Err(error),
            // Ours, or that of another who came first.
            _ => self.find(id).await?.ok_or_else(gone),
        }
    }

    /// Writes a document at its address.
    ///
    /// # Errors
    /// The store's failure, `AlreadyExists` or `Changed` if the condition does not hold.
    pub async fn put<T: Serialize>(
        &self,
        key: &Key,
        body: &T,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        let body = body_of(key, body)?;
        self.documents.put(self.collection, key, &body, condition, self.keep).await
    }

    /// One page of what was made in a span of time, newest first, as `answer` shows it and no longer
    /// than an answer may be. It may be empty although there is a place where the list goes on.
    ///
    /// # Errors
    /// The store's failure, `Rejected` for a place that is none.
    pub async fn page<T: DeserializeOwned, A: Serialize>(
        &self,
        filters: &[Filter<'_>],
        span: Span,
        limit: usize,
        place: Option<Place>,
        answer: impl Fn(Document<T>) -> A + Send + Sync,
    ) -> Result<(Vec<Body>, Option<Place>), StoreError> {
        let mut place = place.unwrap_or_else(|| Place::first(span));
        let mut written = Written::default();
        while written.len() < limit {
            let before = written.len();
            let (found, next) = self.list(filters, (limit - before).min(LOAD), &place).await?;
            let loaded = found.len();
            let full = found.into_iter().any(|document| !written.add(&answer(document)));
            let taken = written.len() - before;
            if full && taken > 0 {
                // Asked for again, for the place where the next page must begin.
                let (_, next) = self.list::<IgnoredAny>(filters, taken, &place).await?;
                return Ok((written.into_items(), next));
            }
            if full {
                break;
            }
            match next {
                Some(next) => place = next,
                None => return Ok((written.into_items(), None)),
            }
            if loaded == 0 {
                break;
            }
        }
        Ok((written.into_items(), Some(place)))
    }

    /// The newest of what was made in a span of time, so many at most.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn first<T: DeserializeOwned>(
        &self,
        filters: &[Filter<'_>],
        span: Span,
        most: usize,
    ) -> Result<Vec<Document<T>>, StoreError> {
        let (mut found, mut place) = (Vec::new(), Place::first(span));
        loop {
            let (page, next) = self.list(filters, most - found.len(), &place).await?;
            found.extend(page);
            match next.filter(|_| found.len() < most) {
                Some(next) => place = next,
                None => return Ok(found),
            }
        }
    }

    /// So many of what was made in a span of time, newest first; none at all, if there is none in
    /// the months that were looked at.
    ///
    /// # Errors
    /// The store's failure, `Rejected` for a place that is none.
    async fn list<T: DeserializeOwned>(
        &self,
        filters: &[Filter<'_>],
        limit: usize,
        place: &Place,
    ) -> Result<(Vec<Document<T>>, Option<Place>), StoreError> {
        let Place { span, mut month, mut token } = place.clone();
        let first = span.from.get(..MONTH).ok_or_else(|| foreign(&month))?.to_owned();
        let mut filters = filters.to_vec();
        filters.extend([Filter::AtLeast(ID, &span.from), Filter::Below(ID, &span.to)]);
        let mut found = Vec::new();
        for _ in 0..MOST_MONTHS {
            let query = Query {
                partition: &month,
                filters: &filters,
                order: Order::Descending,
                limit: limit - found.len(),
                token: token.as_deref(),
            };
            let Page { items, next } = self.documents.list(self.collection, &query).await?;
            for document in items {
                found.push(documents::typed(document)?);
            }
            token = next;
            if token.is_none() {
                match before(&month).filter(|month| *month >= first) {
                    Some(earlier) => month = earlier,
                    None => return Ok((found, None)),
                }
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok((found, Some(Place { span, month, token })))
    }
}

/// A place that no list of ours ended with: callers can write what they like into a token.
fn foreign(month: &str) -> StoreError {
    StoreError::new(Fault::Rejected, "list", month, "the list cannot go on there")
}

/// The partition of an instant.
fn month_of(at: OffsetDateTime) -> String {
    write_time(at)[..MONTH].to_owned()
}

/// The month before one, none before year 0.
fn before(month: &str) -> Option<String> {
    let (year, number) = month.split_once('-')?;
    let first = Date::from_calendar_date(
        year.parse().ok()?,
        number.parse::<u8>().ok()?.try_into().ok()?,
        1,
    );
    let last = first.ok()?.previous_day()?;
    (last.year() >= 0).then(|| format!("{:04}-{:02}", last.year(), u8::from(last.month())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_go_backwards_over_years() {
        assert_eq!(before("2026-12").as_deref(), Some("2026-11"));
        assert_eq!(before("2026-01").as_deref(), Some("2025-12"));
        for odd in ["0000-01", "2026-13", "2026", "x-y", ""] {
            assert_eq!(before(odd), None, "{odd}");
        }
    }
}
