//! Tables in the store, beside those of the configuration: the one file that reads and writes them.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    model::{Record, Spec, Table},
    rules::{self, Checked},
};
use crate::{
    error::Error,
    metadata::{
        http::{conditions::Preconditions, time::write_time},
        store::{busy, pause},
    },
    stores::{
        Condition, ETag, Fault, StoreError,
        documents::{self, Collection, Document, Documents, Key, Order, Query},
        optional,
    },
};

/// All tables lie together: they are few.
const PARTITION: &str = "tables";

/// So many documents are asked for at a time.
const PAGE: usize = 1_000;

/// A change that keeps losing to others is given up after so many tries.
const TRIES: u32 = 64;

/// The tables.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// Where they are kept.
    pub documents: &'a dyn Documents,
    /// Those of the configuration.
    pub file: &'a [Checked],
}

/// A table that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The table.
    pub table: Checked,
    /// What is stored of it; `None` for one of the configuration.
    pub record: Option<Record>,
    /// Its version.
    pub etag: ETag,
}

impl Found {
    /// The table as it is answered.
    pub fn answer(&self) -> Table {
        self.table.answer(self.record.as_ref())
    }

    /// Its place in lists.
    pub fn place(&self) -> Place {
        let Checked { id, spec, .. } = &self.table;
        (spec.batch.clone(), spec.order, id.clone())
    }
}

/// What tables are listed by: batch, order and id.
pub type Place = (Option<String>, i32, String);

/// What became of a table that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// It was there, just like that.
    Unchanged,
}

fn key(id: &str) -> Key {
    Key::new(PARTITION, id)
}

impl Tables<'_> {
    /// A table by its id.
    ///
    /// # Errors
    /// `NotFound`, or the store's failure.
    pub async fn find(&self, id: &str) -> Result<Found, Error> {
        let found = self.look(id).await?;
        found.ok_or_else(|| missing(id))
    }

    /// A table by its id, if there is one.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn look(&self, id: &str) -> Result<Option<Found>, Error> {
        if let Some(found) = self.of_file(id) {
            return Ok(Some(found));
        }
        let found = documents::read(self.documents, Collection::Tables, &key(id)).await?;
        Ok(found.map(read).transpose()?)
    }

    fn of_file(&self, id: &str) -> Option<Found> {
        let table = self.file.iter().find(|table| table.id == id)?.clone();
        let text = serde_json::to_vec(&table.spec).unwrap_or_default();
        let etag = ETag::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, &text).simple().to_string());
        Some(Found { table, record: None, etag })
    }

    /// All tables, by batch, order and id. One of the configuration hides one of the same id here.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn all(&self) -> Result<Vec<Found>, Error> {
        let of_file = self.file.iter().filter_map(|table| self.of_file(&table.id));
        let mut all: Vec<Found> = of_file.collect();
        let mut token: Option<String> = None;
        loop {
            let query = Query {
                partition: PARTITION,
                filters: &[],
                order: Order::Ascending,
                limit: PAGE,
                token: token.as_deref(),
            };
            let page = self.documents.list(Collection::Tables, &query).await?;
            for document in page.items {
                let found = match documents::typed(document).and_then(read) {
                    Ok(found) => found,
                    Err(error) => {
                        // One that cannot be read must not hide the others.
                        tracing::error!(%error, "a table is left out of the list");
                        continue;
                    }
                };
                if !self.file.iter().any(|table| table.id == found.table.id) {
                    all.push(found);
                }
            }
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        all.sort_by_cached_key(Found::place);
        Ok(all)
    }

    /// Creates a table; the same one again changes nothing.
    ///
    /// # Errors
    /// `Conflict` if there is another one of that id, `Fields`.
    pub async fn create(
        &self,
        id: &str,
        spec: Spec,
        now: OffsetDateTime,
    ) -> Result<(Found, Outcome), Error> {
        let table = rules::checked(id, spec).map_err(Error::Fields)?;
        if let Some(found) = self.of_file(id).filter(|found| found.table.spec == table.spec) {
            return Ok((found, Outcome::Unchanged));
        }
        match self.write(&table, None, &Condition::Absent, now).await {
            Err(Error::Store(error)) if error.fault == Fault::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(found) => return Ok((found, Outcome::Created)),
        }
        let found = self.find(id).await?;
        if found.table.answer(None).spec == table.answer(None).spec {
            return Ok((found, Outcome::Unchanged));
        }
        let detail = format!("there is another table {id:?}; change it with PUT or PATCH");
        Err(Error::conflict(detail, found.answer()))
    }

    /// Changes a table that is there. `change` may be asked again if another one came first.
    ///
    /// # Errors
    /// `NotFound`, `Changed`, `Conflict` for one of the configuration, what `change` refuses.
    pub async fn change(
        &self,
        id: &str,
        preconditions: &Preconditions,
        now: OffsetDateTime,
        change: impl Fn(&Spec) -> Result<Spec, Error> + Send + Sync,
    ) -> Result<Found, Error> {
        for attempt in 0..TRIES {
            let found = self.editable(id).await?;
            preconditions.check(Some(&found.etag))?;
            let spec = change(&found.table.spec)?;
            if spec == found.table.spec {
                return Ok(found);
            }
            let table = rules::checked(id, spec).map_err(Error::Fields)?;
            let condition = Condition::Matches(found.etag);
            match self.write(&table, found.record.as_ref(), &condition, now).await {
                Err(Error::Store(error)) if error.fault == Fault::Changed => {}
                done => return done,
            }
            pause(attempt).await;
        }
        Err(busy(id).into())
    }

    /// Removes a table. Its mark stays, for one that takes its place.
    ///
    /// # Errors
    /// `NotFound`, `Changed`, `Conflict` for one of the configuration.
    pub async fn delete(&self, id: &str, preconditions: &Preconditions) -> Result<(), Error> {
        if let Some(found) = self.of_file(id) {
            return Err(of_the_file(&found));
        }
        for attempt in 0..TRIES {
            // Its version is enough: one that cannot be read can still be removed.
            let found = optional(self.documents.get(Collection::Tables, &key(id)).await)?;
            let etag = found.ok_or_else(|| missing(id))?.etag;
            preconditions.check(Some(&etag))?;
            let condition = Condition::Matches(etag);
            match self.documents.delete(Collection::Tables, &key(id), &condition).await {
                Err(error) if error.fault == Fault::Changed => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(()),
            }
            pause(attempt).await;
        }
        Err(busy(id).into())
    }

    async fn editable(&self, id: &str) -> Result<Found, Error> {
        let found = self.find(id).await?;
        match found.record {
            Some(_) => Ok(found),
            None => Err(of_the_file(&found)),
        }
    }

    async fn write(
        &self,
        table: &Checked,
        before: Option<&Record>,
        condition: &Condition,
        now: OffsetDateTime,
    ) -> Result<Found, Error> {
        if self.file.iter().any(|known| known.id == table.id) {
            let detail = "stands in lakehand.toml; tables of the file are changed there";
            return match self.of_file(&table.id) {
                Some(found) if found.table.spec == table.spec => Ok(found),
                found => Err(Error::conflict(
                    format!("the table {:?} {detail}", table.id),
                    found.map(|found| found.answer()),
                )),
            };
        }
        let now = write_time(now);
        let created_at = before.map_or_else(|| now.clone(), |record| record.created_at.clone());
        let record = Record { spec: table.spec.clone(), created_at, updated_at: now };
        let key = key(&table.id);
        let body = documents::body_of(&key, &record)?;
        let etag = self.documents.put(Collection::Tables, &key, &body, condition, None).await?;
        Ok(Found { table: table.clone(), record: Some(record), etag })
    }
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("there is no table {id:?}"))
}

fn of_the_file(found: &Found) -> Error {
    let id = &found.table.id;
    let detail = format!("the table {id:?} stands in lakehand.toml; change it there");
    Error::conflict(detail, found.answer())
}

/// Understands a stored table anew: a later version of this program may be stricter.
fn read(document: Document<Record>) -> Result<Found, StoreError> {
    let Document { key, etag, body: record } = document;
    match rules::checked(&key.id, record.spec.clone()) {
        Ok(table) => Ok(Found { table, record: Some(record), etag }),
        Err(wrong) => {
            let detail = Error::Fields(wrong);
            Err(StoreError::new(Fault::Rejected, "read the table", &key.id, detail))
        }
    }
}
