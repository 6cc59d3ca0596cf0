//! What the user may say of a JSON Lines file, and how its lines are told apart.

use memchr::{memchr_iter, memrchr};

use crate::encryption::text::{Format, compression::Limits};

/// How a JSON Lines file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonLinesOptions {
    /// How much may come out of a compressed file.
    pub limits: Limits,
}

/// Lines that end with LF; a CR before it is white space to JSON.
#[derive(Debug)]
pub(super) struct Lines;

impl Format for Lines {
    const NAME: &'static str = "JSON Lines";

    fn whole(&self, bytes: &[u8]) -> usize {
        memrchr(b'\n', bytes).map_or(0, |end| end + 1)
    }

    fn lines(&self, bytes: &[u8]) -> u64 {
        memchr_iter(b'\n', bytes).count() as u64
    }
}
