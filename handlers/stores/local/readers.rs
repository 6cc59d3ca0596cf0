//! The connections that read the embedded store.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{database::prepare, failure::Failure};

/// So many long queries run at a time.
const TURNS: usize = 4;

/// What a connection keeps of the file in memory, in KiB.
const CACHE: i64 = 512;

/// Connections to one file, opened as they are needed and kept: one for each thread of the runtime
/// and for each long query at most.
#[derive(Debug)]
pub(super) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn of(file: PathBuf) -> Self {
        Self { file, idle: Mutex::default(), turns: Arc::new(Semaphore::new(TURNS)) }
    }

    /// Waits for the right to run a long query.
    pub(super) async fn turn(&self) -> OwnedSemaphorePermit {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        turn.expect("nobody closes the semaphore")
    }

    /// Runs work on a connection that nobody else uses meanwhile.
    pub(super) fn lend<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let idle = self.idle().pop();
        let connection = idle.map_or_else(|| self.open(), Ok)?;
        let result = work(&connection);
        self.idle().push(connection);
        result
    }

    fn open(&self) -> Result<Connection, Failure> {
        // Not for reading only: the first reader after a crash has to put the log in order.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        prepare(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -CACHE)?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
