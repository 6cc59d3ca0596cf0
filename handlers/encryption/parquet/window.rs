//! A range of a file, read from its start to its end in large pieces.

use std::io::Write;

use bytes::Bytes;

use super::footer::invalid;
use crate::encryption::engine::{EngineError, Source};

/// What is read of a range, and what is still to be read.
pub(super) struct Window<'s> {
    source: &'s dyn Source,
    /// Where the range ends.
    end: u64,
    /// Where the next byte is that is not in `ready`.
    next: u64,
    ready: Bytes,
    /// How many bytes are read at once.
    step: usize,
}

impl<'s> Window<'s> {
    pub(super) fn new(source: &'s dyn Source, start: u64, end: u64, step: usize) -> Self {
        Self { source, end, next: start, ready: Bytes::new(), step }
    }

    /// How many bytes are read at once.
    pub(super) fn step(&self) -> usize {
        self.step
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> u64 {
        self.end - self.next + self.ready.len() as u64
    }

    /// The next bytes: so many, or all that are left.
    pub(super) fn peek(&mut self, length: usize) -> Result<&[u8], EngineError> {
        self.fill(length)?;
        Ok(&self.ready[..length.min(self.ready.len())])
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<Bytes, EngineError> {
        self.fill(length)?;
        if self.ready.len() < length {
            return Err(invalid("a page is longer than its column"));
        }
        Ok(self.ready.split_to(length))
    }

    /// Writes the next bytes out, piece by piece.
    pub(super) fn copy(&mut self, length: u64, out: &mut impl Write) -> Result<(), EngineError> {
        let mut left = length;
        while left > 0 {
            let piece = left.min(self.step as u64) as usize;
            self.fill(1)?;
            let piece = piece.min(self.ready.len());
            out.write_all(&self.take(piece.max(1))?)?;
            left -= piece as u64;
        }
        Ok(())
    }

    /// Makes so many bytes ready, if the range has them.
    fn fill(&mut self, length: usize) -> Result<(), EngineError> {
        if self.ready.len() >= length || self.next == self.end {
            return Ok(());
        }
        let wanted = (length.max(self.step) - self.ready.len()) as u64;
        let count = wanted.min(self.end - self.next) as usize;
        let mut bytes = vec![0; self.ready.len() + count];
        let (old, new) = bytes.split_at_mut(self.ready.len());
        old.copy_from_slice(&self.ready);
        self.source.read_at(self.next, new)?;
        self.next += count as u64;
        self.ready = bytes.into();
        Ok(())
    }
}
