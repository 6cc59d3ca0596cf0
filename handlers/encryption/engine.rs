//! What an engine works on and what it tells: the same for every format.

use std::{io, ops::ControlFlow};

use serde::{Deserialize, Serialize};

use super::{
    cell::{Opener, Protector},
    envelope::Envelope,
    policy::Misfit,
};

/// The bytes of one version of a file or blob.
pub trait Source: Send + Sync {
    /// How many there are.
    fn length(&self) -> u64;

    /// Reads exactly as many bytes as the buffer holds.
    ///
    /// # Errors
    /// They are not there, or the store fails.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// One protected column, ready for work.
#[derive(Debug)]
pub struct ProtectedWith {
    /// The column's path.
    pub path: String,
    /// What protects its values; engines clone it for each thread.
    pub protector: Protector,
}

/// What to do to a file.
pub struct Work<'a> {
    /// The columns to protect; the engine leaves all others as they are.
    pub columns: Vec<ProtectedWith>,
    /// What the output says of itself. The engine fills in each column's original type.
    pub envelope: Envelope,
    /// How many bytes the engine may hold, about.
    pub memory: usize,
    /// Told now and then; `Break` ends the work.
    pub progress: &'a (dyn Fn(Totals) -> ControlFlow<()> + Sync),
}

/// One protected column, ready to be opened.
#[derive(Debug)]
pub struct OpenedWith {
    /// The column's path.
    pub path: String,
    /// What opens its cells; engines clone it for each thread.
    pub opener: Opener,
}

/// What to open in a file.
pub struct Opening<'a> {
    /// The columns to open; all others, those that cannot be had back among them, stay as they are.
    pub columns: Vec<OpenedWith>,
    /// How many bytes the engine may hold, about.
    pub memory: usize,
    /// Told now and then; `Break` ends the work.
    pub progress: &'a (dyn Fn(Totals) -> ControlFlow<()> + Sync),
}

/// How far the work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Totals {
    /// Rows done.
    pub rows: u64,
    /// Cells protected.
    pub cells: u64,
    /// Nulls met in protected columns; they stay null.
    pub nulls: u64,
    /// Records of a text format that went to the rejects instead.
    pub rejected: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
}

/// Why a file cannot be protected or opened. Nothing of its content is in the text.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A rule does not fit the columns.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The file is not what it claims, or is damaged.
    #[error("the file is not valid {format}: {reason}")]
    Invalid {
        /// `Parquet`, `CSV`, `JSON Lines`.
        format: &'static str,
        /// What is wrong, and where.
        reason: String,
    },
    /// The file is valid, and this part of it cannot be carried over unchanged or protected.
    #[error("{subject} is not supported: {reason}")]
    Unsupported {
        /// The column or feature.
        subject: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The file is protected already.
    #[error("the file is protected already: {0}")]
    AlreadyProtected(String),
    /// A part of the file does not fit into the memory that is allowed.
    #[error(
        "{subject} needs {needed} bytes at once, and {allowed} are allowed; raise LAKEHAND_MEMORY"
    )]
    TooLarge {
        /// The page, record or footer.
        subject: String,
        /// Bytes it needs.
        needed: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// A cell does not open: another key, another column, or a changed byte.
    #[error("column `{0}` does not open: another key, another column's cells, or a changed byte")]
    NotOpened(String),
    /// The progress callback ended the work.
    #[error("the work was stopped")]
    Stopped,
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}
