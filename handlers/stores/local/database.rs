//! One SQLite file for documents and queues, shared by all processes on a lake.

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::{Connection, TransactionBehavior};
use time::{
    OffsetDateTime, PrimitiveDateTime, UtcOffset,
    format_description::BorrowedFormatItem,
    macros::{datetime, format_description},
};

use tokio::time::timeout;

use super::{
    documents::LocalDocuments,
    failure::{Failure, blocking},
    lake::Lake,
    queues::LocalQueues,
    readers::Readers,
    writer::Writer,
};
use crate::stores::{Fault, StoreError, documents::Documents, queues::Queues};

/// What tells the time; tests move it by hand.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// What makes a file of each version, kept in its `user_version`, out of one of the version before.
const SCHEMAS: [&str; 3] = [
    include_str!("schema.sql"),
    // Datasets became what there is; what routes collect for them are deliveries.
    "UPDATE documents SET collection = 'deliveries' WHERE collection = 'datasets'",
    // The question that every opened window asks. The path is written as `documents` writes it.
    r#"CREATE INDEX windows_by_run ON documents (partition, json_extract(body, '$."runId"'), id)
       WHERE collection = 'windows'"#,
];

const SCHEMA: i64 = SCHEMAS.len() as i64;

/// How long a statement waits for another process to finish its change.
const BUSY: Duration = Duration::from_secs(10);

/// How long an operation may take, the wait for others included.
const DEADLINE: Duration = Duration::from_secs(30);

/// As many statements as documents and queues have.
const STATEMENTS: usize = 32;

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The embedded store of a lake: documents and queues in `.lakehand/lakehand.db`.
#[derive(Clone, Debug)]
pub struct LocalDatabase(Arc<Database>);

impl LocalDatabase {
    /// Opens the store of the lake in this folder; both are made if they are not there.
    ///
    /// # Errors
    /// `Denied` if the file cannot be written, `Rejected` if it is damaged or of a later version of
    /// lakehand.
    pub fn open(lake: &Path, clock: Clock) -> Result<Self, StoreError> {
        let opened = Lake::open(lake).and_then(|lake| start(&lake, clock));
        let database = opened.map_err(|failure| failure.about("open", lake.display()))?;
        Ok(Self(Arc::new(database)))
    }

    /// The documents in it.
    pub fn documents(&self) -> Arc<dyn Documents> {
        Arc::new(LocalDocuments(Arc::clone(&self.0)))
    }

    /// The queues in it.
    pub fn queues(&self) -> Arc<dyn Queues> {
        Arc::new(LocalQueues(Arc::clone(&self.0)))
    }
}

/// The file: any number of readers, and one writer.
pub(super) struct Database {
    readers: Readers,
    writer: Writer,
    clock: Clock,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("readers", &self.readers).finish_non_exhaustive()
    }
}

impl Database {
    /// Runs a query of a few microseconds where it is asked for: a lookup by an index. With the
    /// write-ahead log no reader waits for a writer, so it is over sooner than another thread would
    /// have begun it.
    pub(super) fn glance<T>(
        &self,
        action: &'static str,
        subject: &(impl fmt::Display + ?Sized),
        work: impl FnOnce(&Connection, OffsetDateTime) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let found = self.readers.lend(|connection| work(connection, (self.clock)()));
        found.map_err(|failure| failure.about(action, subject))
    }

    /// Runs a query; it gets the present time.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        action: &'static str,
        subject: &(impl fmt::Display + ?Sized),
        work: impl FnOnce(&Connection, OffsetDateTime) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let Ok(turn) = timeout(DEADLINE, self.readers.turn()).await else {
            let detail = format!("other queries took longer than {} s", DEADLINE.as_secs());
            return Err(Failure::new(Fault::Unavailable, detail).about(action, subject));
        };
        let database = Arc::clone(self);
        let work = move || {
            let found = database.readers.lend(|connection| work(connection, (database.clock)()));
            drop(turn);
            found
        };
        blocking(action, subject, DEADLINE.saturating_sub(began.elapsed()), work).await
    }

    /// Runs a change that happens as a whole or not at all, and survives a crash when it returns.
    /// It gets the time at which it got its turn.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        action: &'static str,
        subject: &(impl fmt::Display + ?Sized),
        work: impl FnOnce(&Connection, OffsetDateTime) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.writer.change(work, DEADLINE).await;
        done.map_err(|failure| failure.about(action, subject))
    }

    /// Shows that the file is there and can be read.
    pub(super) async fn probe(self: &Arc<Self>) -> Result<(), StoreError> {
        self.read("reach", "lakehand.db", |connection, _| version(connection).map(drop)).await
    }
}

fn start(lake: &Lake, clock: Clock) -> Result<Database, Failure> {
    let file = lake.private("lakehand.db");
    let writer = Writer::start(connect(lake, &file)?, Arc::clone(&clock))?;
    Ok(Database { readers: Readers::of(file), writer, clock })
}

fn connect(lake: &Lake, file: &Path) -> Result<Connection, Failure> {
    let mut connection = Connection::open(file)?;
    prepare(&connection)?;
    // With the write-ahead log, anything less loses the last changes when the power fails.
    connection.pragma_update(None, "synchronous", "FULL")?;
    if version(&connection)? != SCHEMA {
        let _lock = lake.lock()?;
        migrate(&mut connection)?;
    }
    Ok(connection)
}

/// What holds for every connection.
pub(super) fn prepare(connection: &Connection) -> Result<(), Failure> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

fn version(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Brings the file to the present schema, unless another process has done so since we looked.
fn migrate(connection: &mut Connection) -> Result<(), Failure> {
    let present = version(connection)?;
    let Some(steps) = usize::try_from(present).ok().and_then(|present| SCHEMAS.get(present..))
    else {
        return Err(Failure::new(
            Fault::Rejected,
            format!("lakehand.db has version {present}, this lakehand knows {SCHEMA}; update it"),
        ));
    };
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in steps {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "user_version", SCHEMA)?;
    Ok(change.commit()?)
}

/// A time as the file holds it.
pub(super) fn to_text(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(TIME).expect("a time in UTC has all the parts")
}

/// A time out of the file.
pub(super) fn from_text(text: &str) -> Result<OffsetDateTime, Failure> {
    match PrimitiveDateTime::parse(text, TIME) {
        Ok(at) => Ok(at.assume_utc()),
        Err(_) => Err(Failure::new(Fault::Rejected, format!("`{text}` is not a time"))),
    }
}

/// A time to come; the end of the calendar if it is further away.
pub(super) fn after(now: OffsetDateTime, wait: Duration) -> OffsetDateTime {
    let wait = time::Duration::try_from(wait).unwrap_or(time::Duration::MAX);
    now.checked_add(wait).unwrap_or(datetime!(9999-12-31 23:59:59 UTC))
}
