//! Where the protected leaves of a line are.

use std::ops::Range;

use super::{
    scan::{Kind, Visit},
    value::unescape_key,
};
use crate::encryption::text::Fault;

/// A leaf that is a column's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) column: usize,
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// A column that can still be reached from a value.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    column: usize,
    /// The path from here; none if the value is the leaf.
    rest: Option<&'a [u8]>,
}

/// Compares keys with paths on the way.
#[derive(Clone)]
pub(super) struct Finder<'a> {
    paths: &'a [String],
    candidates: Vec<Candidate<'a>>,
    /// Where the candidates of each open member begin.
    levels: Vec<usize>,
    pub(super) found: Vec<Found>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(paths: &'a [String]) -> Self {
        Self { paths, candidates: Vec::new(), levels: Vec::new(), found: Vec::new() }
    }

    /// Begins a line.
    pub(super) fn reset(&mut self) {
        self.found.clear();
        self.levels.clear();
        self.candidates.clear();
        let all = self.paths.iter().enumerate();
        let all = all.map(|(column, path)| Candidate { column, rest: Some(path.as_bytes()) });
        self.candidates.extend(all);
    }

    fn here(&self) -> Range<usize> {
        self.levels.last().copied().unwrap_or(0)..self.candidates.len()
    }

    /// The column of which the value here is the leaf.
    fn column(&self) -> Option<usize> {
        let mut here = self.candidates[self.here()].iter();
        here.find(|candidate| candidate.rest.is_none()).map(|candidate| candidate.column)
    }
}

/// What is left of a path behind a key; a key may have dots itself.
fn behind<'a>(candidate: Candidate<'a>, key: &[u8]) -> Option<Candidate<'a>> {
    let rest = candidate.rest?.strip_prefix(key)?;
    let rest = if rest.is_empty() { None } else { Some(rest.strip_prefix(b".")?) };
    Some(Candidate { rest, ..candidate })
}

impl Visit for Finder<'_> {
    fn enter(&mut self, key: &[u8], escaped: bool) {
        let here = self.here();
        self.levels.push(here.end);
        if here.is_empty() {
            return;
        }
        let Some(key) = unescape_key(key, escaped) else { return };
        for at in here {
            self.candidates.extend(behind(self.candidates[at], &key));
        }
    }

    fn leave(&mut self) {
        self.candidates.truncate(self.levels.pop().unwrap_or(0));
    }

    fn scalar(&mut self, span: Range<usize>, kind: Kind) {
        if let Some(column) = self.column() {
            self.found.push(Found { column, span, kind });
        }
    }

    fn object(&mut self) -> Result<(), Fault> {
        let Some(column) = self.column() else { return Ok(()) };
        Err(Fault(format!("`{}` is an object here; name its leaves", self.paths[column])))
    }
}
