//! The start of a text file: its compression and its byte order mark.

use std::io::{self, Cursor, Read};

use super::{
    compression::{Compression, Limits, decompress, unwrapped},
    counting::{Count, Counting},
    encoding::Encoding,
};
use crate::encryption::engine::EngineError;

/// A text file, read up to its first character.
pub(crate) struct Input<'a> {
    pub(crate) compression: Compression,
    /// What the mark says, and otherwise what the caller says.
    pub(crate) encoding: Encoding,
    /// The byte order mark; empty without one.
    pub(crate) mark: Vec<u8>,
    /// The rest.
    pub(crate) reader: Box<dyn Read + Send + 'a>,
    pub(super) bytes_in: Count,
}

impl<'a> Input<'a> {
    /// Looks at the first bytes.
    ///
    /// # Errors
    /// The source fails, or its compression is damaged.
    pub(crate) fn open(
        reader: impl Read + Send + 'a,
        encoding: Encoding,
        limits: Limits,
        memory: usize,
    ) -> Result<Self, EngineError> {
        let bytes_in = Count::default();
        let reader = Counting { inner: reader, count: bytes_in.clone() };
        let (start, reader) = peek(reader, Compression::MAGIC)?;
        let compression = Compression::of(&start);
        let reader = decompress(reader, compression, limits, memory)?;
        let (mut start, mut reader) = peek(reader, 3).map_err(unwrapped)?;
        let (encoding, length) = Encoding::of_mark(&start).unwrap_or((encoding, 0));
        start.truncate(length);
        let mut mark = start;
        reader.read_exact(&mut mark).map_err(unwrapped)?;
        Ok(Self { compression, encoding, mark, reader: Box::new(reader), bytes_in })
    }
}

/// Reads the first bytes, fewer at the end of the file, and gives them back to the reader.
fn peek<R: Read>(mut reader: R, count: usize) -> io::Result<(Vec<u8>, impl Read + use<R>)> {
    let mut start = Vec::with_capacity(count);
    reader.by_ref().take(count as u64).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(reader)))
}
