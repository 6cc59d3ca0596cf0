//! What became of a blob, as a value and as a line for people.

use std::{fmt, time::Duration};

use crate::stores::blobs::BlobPath;

/// What became of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is where its route says.
    Delivered {
        /// The route that took it.
        route: String,
        /// Where it is.
        destination: String,
    },
    /// It was handled before, and is, or was, there.
    Repeated(String),
    /// The store is still copying; the sweep finishes it.
    Copying(String),
    /// It waits for its dataset's marker.
    Waiting(String),
    /// It, or its dataset, is not complete yet, for this reason; the sweep looks again.
    Settling(String),
    /// A dataset is closed: this many files, this many bytes, and its marker went here.
    Closed {
        /// The dataset.
        dataset: String,
        /// Its files in this delivery, the marker not counted.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// Where the marker is.
        destination: String,
    },
    /// It is in the quarantine, with the reason.
    Quarantined {
        /// Why.
        reason: String,
        /// Where it is.
        destination: String,
    },
    /// It can be neither delivered nor quarantined, and stays where it is.
    Stuck(String),
    /// It is none of our business, for this reason.
    Ignored(&'static str),
    /// It is not there any more and was handled before, or somebody took it.
    Gone,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered { route, destination } => write!(f, "-> {destination}  route {route}"),
            Self::Repeated(destination) => write!(f, "-> {destination}  already"),
            Self::Copying(destination) => write!(f, "copying to {destination}"),
            Self::Waiting(dataset) => write!(f, "waits for the marker of {dataset}"),
            Self::Settling(reason) => write!(f, "settling: {reason}"),
            Self::Closed { dataset, files, bytes, destination } => {
                let (files, bytes) = (counted(*files, "file"), counted(*bytes, "byte"));
                write!(f, "-> {destination}  closes {dataset}: {files}, {bytes}")
            }
            Self::Quarantined { reason, destination } => {
                write!(f, "-> {destination}  quarantined: {reason}")
            }
            Self::Stuck(reason) => write!(f, "stuck where it is: {reason}"),
            Self::Ignored(reason) => write!(f, "ignored: {reason}"),
            Self::Gone => write!(f, "is gone; nothing to do"),
        }
    }
}

/// A number with its noun, as people write it: `1 file`, `2 files`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// One finished line about one blob, for the host's log and for people.
#[derive(Clone, Debug)]
pub struct Line {
    /// The blob.
    pub path: BlobPath,
    /// What became of it.
    pub outcome: Outcome,
    /// How long that took.
    pub elapsed: Duration,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}  {} ms", self.path, self.outcome, self.elapsed.as_millis())
    }
}
