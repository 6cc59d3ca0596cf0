//! [`Documents`] in the embedded store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    database::{Database, after, to_text},
    failure::{Failure, check},
    find::absent,
};
use crate::stores::{
    Condition, ETag, Fault, Page, StoreError,
    documents::{Collection, Document, Documents, Key},
};

/// What a token of ours begins with; the last id of the page follows.
const TOKEN: &str = "after.";

#[derive(Debug)]
pub(super) struct LocalDocuments(pub(super) Arc<Database>);

#[async_trait]
impl Documents for LocalDocuments {
    async fn get(&self, collection: Collection, key: &Key) -> Result<Document, StoreError> {
        let wanted = key.clone();
        let work = move |connection: &Connection, now| get(connection, collection, &wanted, now);
        self.0.read("read", key, work).await
    }

    async fn put(
        &self,
        collection: Collection,
        key: &Key,
        body: &Value,
        condition: &Condition,
        keep: Option<Duration>,
    ) -> Result<ETag, StoreError> {
        let (target, body, condition) = (key.clone(), body.to_string(), condition.clone());
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
        partition: &str,
        limit: usize,
        token: Option<&str>,
    ) -> Result<Page<Document>, StoreError> {
        let (name, token) = (partition.to_owned(), token.map(str::to_owned));
        let work = move |connection: &Connection, now| {
            let after = token.as_deref().map(read_token).transpose()?;
            list(connection, collection, &name, limit, after.as_deref(), now)
        };
        self.0.read("list", partition, work).await
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

fn list(
    connection: &Connection,
    collection: Collection,
    partition: &str,
    limit: usize,
    after: Option<&str>,
    now: OffsetDateTime,
) -> Result<Page<Document>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT id, etag, body FROM documents
         WHERE collection = ? AND partition = ? AND (?3 IS NULL OR id > ?3)
         AND (expires IS NULL OR expires > ?4) ORDER BY id LIMIT ?5",
    )?;
    // One more than asked for shows whether another page follows.
    let more = as_limit(limit.saturating_add(1));
    let rows = statement
        .query_map(params![collection.name(), partition, after, to_text(now), more], columns)?;
    let mut items = Vec::new();
    for row in rows {
        items.push(document(partition, row?)?);
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|last| write_token(&last.key.id));
    Ok(Page { items, next })
}

fn columns(row: &Row<'_>) -> rusqlite::Result<(String, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn document(
    partition: &str,
    (id, etag, body): (String, String, String),
) -> Result<Document, Failure> {
    let body = serde_json::from_str(&body).map_err(|error| {
        Failure::new(Fault::Rejected, format!("the body of `{id}` is not JSON: {error}"))
    })?;
    Ok(Document { key: Key::new(partition, id), etag: ETag::new(etag), body })
}

fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn write_token(id: &str) -> String {
    format!("{TOKEN}{}", URL_SAFE_NO_PAD.encode(id))
}

fn read_token(token: &str) -> Result<String, Failure> {
    token
        .strip_prefix(TOKEN)
        .and_then(|id| URL_SAFE_NO_PAD.decode(id).ok())
        .and_then(|id| String::from_utf8(id).ok())
        .ok_or_else(|| {
            Failure::new(Fault::Rejected, "the continuation token is not one of this store's")
        })
}
