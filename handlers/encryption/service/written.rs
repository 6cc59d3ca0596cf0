//! What was written, kept as far as it is looked at again: its two ends.

use std::io::{self, Write};

use crate::encryption::engine::Source;

/// Bytes that are kept of the beginning.
const HEAD: usize = 4;

/// Passes bytes on to a sink; what follows a flush, as a footer does, is kept.
#[derive(Debug)]
pub struct Written<W> {
    sink: W,
    length: u64,
    head: Vec<u8>,
    tail: Option<Vec<u8>>,
}

impl<W> Written<W> {
    /// Begins at the first byte.
    pub fn new(sink: W) -> Self {
        Self { sink, length: 0, head: Vec::new(), tail: None }
    }

    /// The sink.
    pub fn into_inner(self) -> W {
        self.sink
    }
}

impl<W: Write> Write for Written<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.sink.write(bytes)?;
        let room = HEAD.saturating_sub(self.head.len()).min(count);
        self.head.extend_from_slice(&bytes[..room]);
        if let Some(tail) = &mut self.tail {
            tail.extend_from_slice(&bytes[..count]);
        }
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tail.get_or_insert_default();
        self.sink.flush()
    }
}

/// What lies between the ends is not kept, and reads as zeros: who looks at a footer may ask for
/// more than it is.
impl<W: Send + Sync> Source for Written<W> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.length);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let tail = self.tail.as_deref().unwrap_or_default();
        let tail_start = self.length - tail.len() as u64;
        for (place, byte) in (offset..).zip(buffer) {
            *byte = match usize::try_from(place) {
                Ok(place) if place < self.head.len() => self.head[place],
                _ if place >= tail_start => tail[(place - tail_start) as usize],
                _ => 0,
            };
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_kept() {
        let mut written = Written::new(Vec::new());
        written.write_all(b"PAR1 and data").unwrap();
        written.flush().unwrap();
        written.write_all(b"the footer").unwrap();
        written.flush().unwrap();
        let mut all = vec![1; 23];
        written.read_at(0, &mut all).unwrap();
        assert_eq!(all, b"PAR1\0\0\0\0\0\0\0\0\0the footer");
        assert!(written.read_at(20, &mut [0; 4]).is_err());
        assert_eq!(written.into_inner(), b"PAR1 and datathe footer");
    }
}
