//! The paths of all leaves.

use std::{collections::HashSet, ops::Range};

use super::{
    scan::{Kind, Visit, walk},
    value::unescape_key,
};
use crate::encryption::{engine::EngineError, text::Fault};

/// More names than this are no columns but values used as keys.
const MOST_NAMES: usize = 10_000;

/// Collects paths.
pub(super) struct Lister {
    path: Vec<u8>,
    /// Lengths of the path before each key on it.
    lengths: Vec<usize>,
    names: Vec<String>,
    known: HashSet<Vec<u8>>,
    /// The name that stands after the last one met, since lines are alike.
    next: usize,
    /// Bytes left for names.
    room: usize,
}

impl Lister {
    /// `room` is how many bytes names may take.
    pub(super) fn new(room: usize) -> Self {
        let (names, known) = (Vec::new(), HashSet::new());
        Self { path: Vec::new(), lengths: Vec::new(), names, known, next: 0, room }
    }

    /// Collects the paths in whole lines.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn list(&mut self, lines: &[u8]) -> Result<(), EngineError> {
        let valid = std::str::from_utf8(lines).is_ok();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.path.clear();
            self.lengths.clear();
            self.next = 0;
            if valid || std::str::from_utf8(line).is_ok() {
                // A broken line is for `protect` to tell.
                let _ = walk(line, self);
            }
            if self.room == 0 || self.names.len() > MOST_NAMES {
                return Err(too_many());
            }
        }
        Ok(())
    }

    pub(super) fn names(self) -> Vec<String> {
        self.names
    }
}

fn too_many() -> EngineError {
    EngineError::Unsupported {
        subject: format!("a file with more than {MOST_NAMES} names, or very long ones"),
        reason: "its keys seem to be values; make them values of a key of their own".to_owned(),
    }
}

impl Visit for Lister {
    fn enter(&mut self, key: &[u8], escaped: bool) {
        self.lengths.push(self.path.len());
        if self.lengths.len() > 1 {
            self.path.push(b'.');
        }
        self.path.extend_from_slice(&unescape_key(key, escaped).unwrap_or_default());
    }

    fn leave(&mut self) {
        self.path.truncate(self.lengths.pop().unwrap_or(0));
    }

    fn scalar(&mut self, _: Range<usize>, _: Kind) {
        let expected = self.names.get(self.next).map(String::as_bytes) == Some(&self.path);
        self.next += 1;
        if expected || self.lengths.is_empty() || self.known.contains(&self.path) {
            return;
        }
        let fits = self.names.len() <= MOST_NAMES;
        self.room = if fits { self.room.saturating_sub(2 * self.path.len()) } else { 0 };
        if self.room > 0 {
            self.names.push(String::from_utf8_lossy(&self.path).into_owned());
            self.known.insert(self.path.clone());
        }
    }

    fn object(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}
