//! How the disk and SQLite fail, in the few words that callers of a store know.

use std::{fmt, io, path::Path, time::Duration};

use rusqlite::ErrorCode;
use tokio::{task::spawn_blocking, time::timeout};

use crate::stores::{Condition, ETag, Fault, StoreError};

/// Why an operation failed, before it is said what was tried on what.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) detail: String,
}

impl Failure {
    pub(super) fn new(fault: Fault, detail: impl Into<String>) -> Self {
        Self { fault, detail: detail.into() }
    }

    /// Names the operation and its object.
    pub(super) fn about(self, action: &'static str, subject: impl fmt::Display) -> StoreError {
        StoreError::new(self.fault, action, subject, self.detail)
    }
}

/// Turns the disk's failure at a path into ours.
pub(super) fn on(path: &Path) -> impl FnOnce(io::Error) -> Failure + '_ {
    move |error| {
        let (fault, advice) = judge(error.kind());
        Failure::new(fault, format!("{}: {error}{advice}", path.display()))
    }
}

fn judge(kind: io::ErrorKind) -> (Fault, &'static str) {
    use io::ErrorKind::{
        CrossesDevices, FileTooLarge, InvalidFilename, IsADirectory, NotADirectory,
        PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    match kind {
        PermissionDenied | ReadOnlyFilesystem => {
            (Fault::Denied, "; let the user that runs lakehand read and write it")
        }
        StorageFull | QuotaExceeded => (Fault::Unavailable, "; make room on the disk"),
        FileTooLarge => (Fault::Rejected, "; this disk holds no file of that size"),
        InvalidFilename => (
            Fault::Rejected,
            "; this disk holds no path that long: shorten the blob's name or the path of the lake",
        ),
        CrossesDevices => (Fault::Rejected, "; the whole lake must lie on one disk"),
        NotADirectory | IsADirectory => (Fault::Rejected, "; move it out of the way"),
        _ => (Fault::Unavailable, ""),
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let (fault, advice) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => (Fault::Unavailable, "; make room on the disk"),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                (Fault::Denied, "; let the user that runs lakehand write to the lake's .lakehand")
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
                Fault::Rejected,
                "; .lakehand/lakehand.db is damaged: restore it from a backup or move it away",
            ),
            Some(ErrorCode::TooBig) => (Fault::Rejected, "; the value is too long"),
            _ => (Fault::Unavailable, ""),
        };
        Self::new(fault, format!("{error}{advice}"))
    }
}

/// Whether a condition holds for what is there now.
pub(super) fn check(condition: &Condition, current: Option<&ETag>) -> Result<(), Failure> {
    match (condition, current) {
        (Condition::Always, _) | (Condition::Absent, None) => Ok(()),
        (Condition::Matches(wanted), Some(current)) if wanted == current => Ok(()),
        (Condition::Absent, Some(current)) => {
            Err(Failure::new(Fault::AlreadyExists, format!("version {current} is there already")))
        }
        (Condition::Matches(wanted), Some(current)) => Err(Failure::new(
            Fault::Changed,
            format!("version {current} is there instead of {wanted}"),
        )),
        (Condition::Matches(wanted), None) => {
            Err(Failure::new(Fault::Changed, format!("nothing is there instead of {wanted}")))
        }
    }
}

/// Runs work that may wait for the disk where it keeps nobody else waiting.
///
/// When the deadline passes, the caller goes on with an error while the work may still end well;
/// callers repeat what failed and expect that.
pub(super) async fn blocking<T: Send + 'static>(
    action: &'static str,
    subject: &(impl fmt::Display + ?Sized),
    deadline: Duration,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, StoreError> {
    let span = tracing::Span::current();
    let task = spawn_blocking(move || span.in_scope(work));
    let failure = match timeout(deadline, task).await {
        Ok(Ok(result)) => return result.map_err(|failure| failure.about(action, subject)),
        Ok(Err(panic)) => Failure::new(Fault::Unavailable, panic.to_string()),
        Err(_) => Failure::new(
            Fault::Unavailable,
            format!("the disk did not answer within {} s", deadline.as_secs()),
        ),
    };
    Err(failure.about(action, subject))
}
