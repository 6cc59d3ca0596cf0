//! [`Queues`] in the embedded store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    database::{Database, after, from_text, to_text},
    failure::Failure,
};
use crate::stores::{
    Fault, StoreError,
    blobs::is_container,
    queues::{Message, Queues},
};

/// How long a message waits before it vanishes, as in Azure Queue Storage.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The longest message in bytes, as in Azure Queue Storage.
const LONGEST: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct LocalQueues(pub(super) Arc<Database>);

#[async_trait]
impl Queues for LocalQueues {
    async fn create(&self, queue: &str) -> Result<(), StoreError> {
        // Azure has the same rules for both.
        if !is_container(queue) {
            let detail =
                "use 3 to 63 lower-case letters, digits and single hyphens as the queue's name";
            return Err(StoreError::new(Fault::Rejected, "create", queue, detail));
        }
        let name = queue.to_owned();
        self.0
            .write("create", queue, move |change, _| {
                change
                    .prepare_cached("INSERT OR IGNORE INTO queues (name) VALUES (?)")?
                    .execute([name])?;
                Ok(())
            })
            .await
    }

    async fn send(&self, queue: &str, text: &str) -> Result<(), StoreError> {
        if text.len() > LONGEST {
            let detail = format!("a message has at most {LONGEST} bytes, not {}", text.len());
            return Err(StoreError::new(Fault::Rejected, "send to", queue, detail));
        }
        let (name, text) = (queue.to_owned(), text.to_owned());
        self.0
            .write("send to", queue, move |change, now| {
                need(change, &name)?;
                let (inserted, expires) = (to_text(now), to_text(after(now, KEPT)));
                change
                    .prepare_cached(
                        "INSERT INTO messages (queue, text, inserted, expires, next_visible)
                         VALUES (?1, ?2, ?3, ?4, ?3)",
                    )?
                    .execute(params![name, text, inserted, expires])?;
                Ok(())
            })
            .await
    }

    async fn receive(
        &self,
        queue: &str,
        count: u8,
        hidden: Duration,
    ) -> Result<Vec<Message>, StoreError> {
        let name = queue.to_owned();
        // Most looks find nothing, and looking must not wait for writers.
        let work = move |connection: &Connection, now| is_waiting(connection, &name, now);
        if !self.0.read("receive from", queue, work).await? {
            return Ok(Vec::new());
        }
        let name = queue.to_owned();
        self.0
            .write("receive from", queue, move |change, now| {
                change
                    .prepare_cached("DELETE FROM messages WHERE queue = ? AND expires <= ?")?
                    .execute(params![name, to_text(now)])?;
                take(change, &name, count.clamp(1, 32), now, hidden)
            })
            .await
    }

    async fn peek(&self, queue: &str) -> Result<usize, StoreError> {
        self.0.glance("look into", queue, |connection, now| waiting(connection, queue, now))
    }

    async fn release(
        &self,
        queue: &str,
        message: &Message,
        hidden: Duration,
    ) -> Result<(), StoreError> {
        let (name, message) = (queue.to_owned(), message.clone());
        self.0
            .write("release a message of", queue, move |change, now| {
                let changed = change
                    .prepare_cached(
                        "UPDATE messages SET next_visible = ?
                         WHERE queue = ? AND id = ? AND receipt = ?",
                    )?
                    .execute(params![
                        to_text(after(now, hidden)),
                        name,
                        message.id,
                        message.receipt
                    ])?;
                need_one(changed)
            })
            .await
    }

    async fn delete(&self, queue: &str, message: &Message) -> Result<(), StoreError> {
        let (name, message) = (queue.to_owned(), message.clone());
        self.0
            .write("delete a message of", queue, move |change, _| {
                let changed = change
                    .prepare_cached(
                        "DELETE FROM messages WHERE queue = ? AND id = ? AND receipt = ?",
                    )?
                    .execute(params![name, message.id, message.receipt])?;
                need_one(changed)
            })
            .await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.0.probe().await
    }
}

fn need(connection: &Connection, queue: &str) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM queues WHERE name = ?")?;
    if statement.exists([queue])? {
        return Ok(());
    }
    Err(Failure::new(Fault::NotFound, "there is no such queue"))
}

fn need_one(changed: usize) -> Result<(), Failure> {
    if changed == 1 {
        return Ok(());
    }
    Err(Failure::new(Fault::NotFound, "it is gone, or somebody else has received it since"))
}

fn is_waiting(connection: &Connection, queue: &str, now: OffsetDateTime) -> Result<bool, Failure> {
    need(connection, queue)?;
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM messages WHERE queue = ?1 AND next_visible <= ?2 AND expires > ?2 LIMIT 1",
    )?;
    Ok(statement.exists(params![queue, to_text(now)])?)
}

fn waiting(connection: &Connection, queue: &str, now: OffsetDateTime) -> Result<usize, Failure> {
    need(connection, queue)?;
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM messages
         WHERE queue = ?1 AND next_visible <= ?2 AND expires > ?2 LIMIT 32)",
    )?;
    let count: i64 = statement.query_row(params![queue, to_text(now)], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Hides the messages that are next and returns them.
fn take(
    change: &Connection,
    queue: &str,
    count: u8,
    now: OffsetDateTime,
    hidden: Duration,
) -> Result<Vec<Message>, Failure> {
    let mut next = change.prepare_cached(
        "SELECT id FROM messages WHERE queue = ? AND next_visible <= ?
         ORDER BY next_visible, id LIMIT ?",
    )?;
    let mut hide = change.prepare_cached(
        "UPDATE messages SET dequeue_count = dequeue_count + 1, receipt = ?, next_visible = ?
         WHERE id = ? RETURNING id, receipt, text, dequeue_count, inserted, expires, next_visible",
    )?;
    let ids = next.query_map(params![queue, to_text(now), count], |row| row.get(0))?;
    let ids = ids.collect::<Result<Vec<i64>, _>>()?;
    let next_visible = to_text(after(now, hidden));
    ids.into_iter()
        .map(|id| {
            let receipt = Uuid::new_v4().simple().to_string();
            hide.query_row(params![receipt, next_visible, id], |row| Ok(message(row)))?
        })
        .collect()
}

fn message(row: &Row<'_>) -> Result<Message, Failure> {
    let time = |column| row.get::<_, String>(column).map_err(Failure::from);
    Ok(Message {
        id: row.get::<_, i64>(0)?.to_string(),
        receipt: row.get(1)?,
        text: row.get(2)?,
        dequeue_count: row.get(3)?,
        inserted: from_text(&time(4)?)?,
        expires: from_text(&time(5)?)?,
        next_visible: from_text(&time(6)?)?,
    })
}
