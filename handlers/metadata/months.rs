//! Documents by the month in which they were made, and pointers that find them by their id.
//!
//! A document lives in the partition `2026-12` of its collection, under the id
//! `{created}~{resource id}`, so that a month read backwards is newest first. Its pointer, in
//! [`Collection::Index`], is written before it and never changes; one that points to nothing counts
//! as absent, and is used again when its id is. A read by id is two point reads, a list one query a
//! month.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use time::{Date, OffsetDateTime};

use super::http::{list::room_for, time::write_time};
use crate::{
    error::{Error, Wrong},
    stores::{
        Condition, ETag, Fault, Page, StoreError,
        documents::{
            self, Collection, Document, Documents, Filter, ID, Key, Order, Query, body_of,
        },
        optional,
    },
};

/// So many months are looked at for one page.
const MOST_MONTHS: usize = 24;

/// The length of a month, as partitions are named and ids begin.
const MONTH: usize = "2026-12".len();

/// How far back a list reaches when nothing is said.
const REACH: time::Duration = time::Duration::days(366);

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
        let to = to.unwrap_or(now + time::Duration::DAY);
        let from = from.unwrap_or_else(|| to.checked_sub(REACH).unwrap_or(to));
        Ok(Self { from: write_time(from), to: write_time(to) })
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
            Err(error) if error.fault == Fault::AlreadyExists => {
                let gone =
                    || StoreError::new(Fault::Unavailable, "read", &key, "it has just expired");
                self.find(id).await?.ok_or_else(gone)
            }
            Err(error) => Err(error),
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
    ) -> Result<(Vec<A>, Option<Place>), StoreError> {
        let month = span.to[..MONTH].to_owned();
        let place = place.unwrap_or(Place { span, month, token: None });
        let mut limit = limit;
        loop {
            let (found, next) = self.list(filters, limit, place.clone()).await?;
            let answers: Vec<A> = found.into_iter().map(&answer).collect();
            let room = room_for(&answers, &mut 0);
            if room == answers.len() {
                return Ok((answers, next));
            }
            // Rarely so large; asked for again, the page ends where the next one must begin.
            limit = room;
        }
    }

    async fn list<T: DeserializeOwned>(
        &self,
        filters: &[Filter<'_>],
        limit: usize,
        place: Place,
    ) -> Result<(Vec<Document<T>>, Option<Place>), StoreError> {
        let Place { span, mut month, mut token } = place;
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
