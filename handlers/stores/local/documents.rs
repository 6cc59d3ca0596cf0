//! [`Documents`] in the embedded store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter, types::Value as Sql};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    database::{Database, after, to_text},
    failure::{Failure, check},
    find::absent,
};
use crate::stores::{
    Condition, ETag, Fault, Page, StoreError,
    documents::{Collection, Document, Documents, Filter, ID, Key, Order, Query, check_size},
};

#[derive(Debug)]
pub(super) struct LocalDocuments(pub(super) Arc<Database>);

#[async_trait]
impl Documents for LocalDocuments {
    async fn get(&self, collection: Collection, key: &Key) -> Result<Document, StoreError> {
        let wanted = key.clone();
        let work = move |connection: &Connection, now| get(connection, collection, &wanted, now);
        self.0.glance("read", key, work)
    }

    async fn put(
        &self,
        collection: Collection,
        key: &Key,
        body: &RawValue,
        condition: &Condition,
        keep: Option<Duration>,
    ) -> Result<ETag, StoreError> {
        check_size(key, body)?;
        let (target, body, condition) = (key.clone(), body.get().to_owned(), condition.clone());
        self.0
            .write("write", key, move |change, now| {
                check(&condition, current(change, collection, &target, now)?.as_ref())?;
                let etag = Uuid::new_v4().simple().to_string();
                let expires = keep.map(|keep| to_text(after(now, keep)));
                let Key { partition, id } = &target;
                change
                    .prepare_cached(
                        "INSERT OR REPLACE INTO documents
                         (collection, partition, id, etag, body, modified, expires)
                         VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![
                        collection.name(),
                        partition,
                        id,
                        etag,
                        body,
                        to_text(now),
                        expires
                    ])?;
                Ok(ETag::new(etag))
            })
            .await
    }

    async fn delete(
        &self,
        collection: Collection,
        key: &Key,
        condition: &Condition,
    ) -> Result<(), StoreError> {
        let (target, condition) = (key.clone(), condition.clone());
        self.0
            .write("delete", key, move |change, now| {
                let etag = current(change, collection, &target, now)?.ok_or_else(absent)?;
                check(&condition, Some(&etag))?;
                change
                    .prepare_cached(
                        "DELETE FROM documents
                         WHERE collection = ? AND partition = ? AND id = ?",
                    )?
                    .execute(params![collection.name(), target.partition, target.id])?;
                Ok(())
            })
            .await
    }

    async fn list(
        &self,
        collection: Collection,
        query: &Query<'_>,
    ) -> Result<Page<Document>, StoreError> {
        let listing = Listing::new(collection, query)?;
        let partition = query.partition.to_owned();
        let work = move |connection: &Connection, now| listing.run(connection, &partition, now);
        let mut items = self.0.read("list", query.partition, work).await?;
        let has_more = items.len() > query.limit;
        items.truncate(query.limit);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|last| query.token_after(collection, &last.key.id));
        Ok(Page { items, next })
    }

    async fn purge(&self, limit: usize) -> Result<usize, StoreError> {
        self.0
            .write("purge", "expired documents", move |change, now| {
                let mut statement = change.prepare_cached(
                    "DELETE FROM documents WHERE rowid IN
                     (SELECT rowid FROM documents WHERE expires <= ? ORDER BY expires LIMIT ?)",
                )?;
                Ok(statement.execute(params![to_text(now), as_limit(limit)])?)
            })
            .await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.0.probe().await
    }
}

fn get(
    connection: &Connection,
    collection: Collection,
    key: &Key,
    now: OffsetDateTime,
) -> Result<Document, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT id, etag, body FROM documents
         WHERE collection = ? AND partition = ? AND id = ? AND (expires IS NULL OR expires > ?)",
    )?;
    let address = params![collection.name(), key.partition, key.id, to_text(now)];
    let columns = statement.query_row(address, columns).optional()?.ok_or_else(absent)?;
    document(&key.partition, columns)
}

/// The version that is there and has not expired.
fn current(
    connection: &Connection,
    collection: Collection,
    key: &Key,
    now: OffsetDateTime,
) -> Result<Option<ETag>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT etag FROM documents
         WHERE collection = ? AND partition = ? AND id = ? AND (expires IS NULL OR expires > ?)",
    )?;
    let address = params![collection.name(), key.partition, key.id, to_text(now)];
    let etag = statement.query_row(address, |row| row.get::<_, String>(0)).optional()?;
    Ok(etag.map(ETag::new))
}

/// A query as SQL. It asks for one document more than the page holds, which shows whether another
/// page follows.
struct Listing {
    statement: String,
    parameters: Vec<Sql>,
    limit: usize,
}

impl Listing {
    fn new(collection: Collection, query: &Query<'_>) -> Result<Self, StoreError> {
        let mut listing = Self {
            statement:
                // Written out, so that an index of one collection may be used.
                format!(
                    "SELECT id, etag, body FROM documents WHERE collection = '{}' AND partition = ?",
                    collection.name()
                ),
            parameters: vec![text(query.partition)],
            limit: query.limit,
        };
        for filter in query.filters {
            listing.add_filter(*filter);
        }
        let (beyond, direction) = match query.order {
            Order::Ascending => (">", "ASC"),
            Order::Descending => ("<", "DESC"),
        };
        if let Some(last) = query.last_seen(collection)? {
            listing.add(&format!("id {beyond} ?"), [text(last)]);
        }
        listing.statement.push_str(&format!(
            " AND (expires IS NULL OR expires > ?) ORDER BY id {direction} LIMIT ?"
        ));
        Ok(listing)
    }

    fn add_filter(&mut self, filter: Filter<'_>) {
        let (member, comparison, value) = match filter {
            Filter::Equals(member, value) => (member, "=", value),
            Filter::AtLeast(member, value) => (member, ">=", value),
            Filter::Below(member, value) => (member, "<", value),
        };
        if member == ID {
            return self.add(&format!("id {comparison} ?"), [text(value)]);
        }
        // Written out like the collection. Without the type, SQLite takes every number for less
        // than any text.
        let path = format!("'$.\"{}\"'", member.replace('\'', "''"));
        let condition = format!(
            "json_type(body, {path}) = 'text' AND json_extract(body, {path}) {comparison} ?"
        );
        self.add(&condition, [text(value)]);
    }

    fn add<const N: usize>(&mut self, condition: &str, parameters: [Sql; N]) {
        self.statement.push_str(" AND ");
        self.statement.push_str(condition);
        self.parameters.extend(parameters);
    }

    fn run(
        mut self,
        connection: &Connection,
        partition: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<Document>, Failure> {
        let more = as_limit(self.limit.saturating_add(1));
        self.parameters.extend([text(to_text(now)), Sql::Integer(more)]);
        let mut statement = connection.prepare_cached(&self.statement)?;
        let rows = statement.query_map(params_from_iter(self.parameters), columns)?;
        rows.map(|row| document(partition, row?)).collect()
    }
}

fn text(value: impl Into<String>) -> Sql {
    Sql::Text(value.into())
}

fn columns(row: &Row<'_>) -> rusqlite::Result<(String, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn document(
    partition: &str,
    (id, etag, body): (String, String, String),
) -> Result<Document, Failure> {
    let body = RawValue::from_string(body).map_err(|error| {
        Failure::new(Fault::Rejected, format!("the body of `{id}` is not JSON: {error}"))
    })?;
    Ok(Document { key: Key::new(partition, id), etag: ETag::new(etag), body })
}

fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
