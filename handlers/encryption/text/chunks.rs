//! Bytes, cut where records end.

use std::io::Read;

use super::compression::unwrapped;
use crate::encryption::engine::EngineError;

/// How a format's records are told apart.
pub(crate) trait Format: Send + Sync {
    /// The format's name in errors.
    const NAME: &'static str;

    /// How many of these bytes, which begin where a record begins, are whole records; zero if
    /// not even one is.
    fn whole(&self, bytes: &[u8]) -> usize;

    /// How many lines end in these bytes.
    fn lines(&self, bytes: &[u8]) -> u64;
}

/// Some whole records; the last chunk may end without the end of a line.
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    /// Where the records begin; what is before has been dealt with.
    pub(crate) start: usize,
    /// The line of the first record, from 1.
    pub(crate) line: u64,
}

impl Chunk {
    /// Leaves the first bytes out, which are whole lines.
    pub(crate) fn skip<F: Format>(&mut self, bytes: usize, format: &F) {
        self.line += format.lines(&self.records()[..bytes]);
        self.start += bytes;
    }

    /// The records.
    pub(crate) fn records(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// How many times its length a long record takes, as measured: as read while the next is read, as a
/// cell in each thread, as written, and what growing buffers leave behind.
const COPIES: usize = 16;

/// Cuts what a reader yields.
pub(crate) struct Chunks<'a, F> {
    format: &'a F,
    reader: Box<dyn Read + Send + 'a>,
    rest: Vec<u8>,
    ended: bool,
    line: u64,
    step: usize,
    limit: usize,
}

impl<'a, F: Format> Chunks<'a, F> {
    /// A chunk is about a hundredth of the memory, since cells are up to twenty times as long as
    /// values, and several chunks are under way.
    pub(crate) fn new(reader: Box<dyn Read + Send + 'a>, format: &'a F, memory: usize) -> Self {
        let step = (memory / 128).clamp(4 << 10, 1 << 20);
        let limit = (memory / COPIES).max(step);
        Self { format, reader, rest: Vec::new(), ended: false, line: 1, step, limit }
    }

    /// The next chunk; none at the end.
    ///
    /// # Errors
    /// The source fails, or a record does not fit into the memory.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>, EngineError> {
        loop {
            self.fill()?;
            let whole = if self.ended { self.rest.len() } else { self.format.whole(&self.rest) };
            if whole > 0 {
                return Ok(Some(self.cut(whole)));
            }
            if self.ended {
                return Ok(None);
            }
            self.check_record()?;
        }
    }

    /// Reads a step more, or as much again as is there: a long record is then searched only a few
    /// times.
    fn fill(&mut self) -> Result<(), EngineError> {
        let wanted = self.step.max(self.rest.len()).min(self.limit + self.step - self.rest.len());
        self.rest.reserve_exact(wanted);
        let read = self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.rest);
        self.ended = read.map_err(unwrapped)? < wanted;
        Ok(())
    }

    fn cut(&mut self, whole: usize) -> Chunk {
        let rest = self.rest[whole..].to_vec();
        let mut bytes = std::mem::replace(&mut self.rest, rest);
        bytes.truncate(whole);
        let line = self.line;
        self.line += self.format.lines(&bytes);
        Chunk { bytes, start: 0, line }
    }

    fn check_record(&self) -> Result<(), EngineError> {
        if self.rest.len() < self.limit {
            return Ok(());
        }
        Err(EngineError::TooLarge {
            subject: format!("the record that begins on line {}", self.line),
            needed: (COPIES * self.rest.len()) as u64,
            allowed: (COPIES * self.limit) as u64,
        })
    }
}
