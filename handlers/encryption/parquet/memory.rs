//! How the memory that is allowed is shared out.

use super::page::Header;
use crate::encryption::engine::EngineError;

/// How many bytes a cell has more than its value: length, nonce and tag.
const CELL: usize = 32;

/// How many pages may wait that one page became.
const WAITING: usize = 8;

/// Shares of the allowed memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// What is read of the source, or copied, at once.
    pub(super) step: usize,
    /// All pages on their way, in every form they take meanwhile.
    pub(super) flying: usize,
    /// A single page or dictionary, in each of its forms.
    pub(super) page: usize,
    /// Where a page that is written ends, and the next one begins.
    pub(super) target: usize,
    /// The footer. The old and the new one are held at the same time.
    pub(super) footer: usize,
}

impl Memory {
    pub(super) fn new(allowed: usize) -> Self {
        Self {
            step: (allowed / 128).clamp(64 << 10, 1 << 20),
            flying: allowed / 2,
            // Compressed, decompressed, protected, and once more while it grows.
            page: (allowed / 8).min(1 << 30),
            target: (allowed / 64).clamp(4 << 10, 1 << 20),
            footer: allowed / 8,
        }
    }

    /// How many pages may wait that a page became, so that the thread which made them need not:
    /// about as many as it becomes.
    pub(super) fn waiting(&self, page: &Header) -> usize {
        let cells = page.uncompressed.saturating_add(CELL * page.values as usize);
        (cells / self.target + 1).min(WAITING)
    }

    /// How much a page may take on its way, with its dictionary if it has one, and with what it
    /// becomes: so many pages that wait, one that is being made and one that is being written.
    pub(super) fn weight(&self, pages: &[(usize, usize)], waiting: usize) -> usize {
        let sum: usize = pages.iter().map(|(compressed, plain)| compressed + 2 * plain).sum();
        sum + (waiting + 2) * self.target
    }

    /// Refuses what is larger than a page may be.
    pub(super) fn check(
        &self,
        needed: usize,
        subject: impl FnOnce() -> String,
    ) -> Result<(), EngineError> {
        if needed <= self.page {
            return Ok(());
        }
        let (needed, allowed) = (needed as u64, self.page as u64);
        Err(EngineError::TooLarge { subject: subject(), needed, allowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::parquet::page::Kind;

    fn page(uncompressed: usize, values: u32) -> Header {
        let kind = Kind::First { definition: 3, repetition: 3 };
        let (compressed, encoding) = (uncompressed, 0);
        Header { length: 20, compressed, uncompressed, crc: None, values, encoding, kind }
    }

    #[test]
    fn as_many_pages_wait_as_one_becomes_but_few() {
        let memory = Memory::new(128 << 20);
        let (target, many) = (memory.target, memory.target as u32);
        assert_eq!(memory.waiting(&page(0, 0)), 1);
        assert_eq!(memory.waiting(&page(target, 0)), 2);
        assert_eq!(memory.waiting(&page(0, many / 8)), 5);
        assert_eq!(memory.waiting(&page(usize::MAX, u32::MAX)), WAITING);
    }

    #[test]
    fn the_largest_page_fits_whatever_is_allowed() {
        for allowed in [1 << 20, 8 << 20, 128 << 20, 1 << 30] {
            let memory = Memory::new(allowed);
            let waiting = memory.waiting(&page(memory.page, 1 << 20));
            // Alone on its way, and while its output is written.
            assert!(memory.weight(&[(memory.page, memory.page)], waiting) <= allowed);
        }
    }
}
