//! Between the engines, which read and write in one go on a thread of their own, and what holds
//! the bytes: a file, or a blob behind an asynchronous store.

mod file_sink;
mod sink;
mod source;

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    path::Path,
};

pub use self::{
    file_sink::FileSink,
    sink::{BlobSink, Staged},
    source::BlobSource,
};
use super::engine::Source;
use crate::stores::StoreError;

/// The store's failure inside of a failed read or write, if there is one.
pub fn store_error(error: &io::Error) -> Option<&StoreError> {
    error.get_ref()?.downcast_ref()
}

/// The bytes of a file, as many as it had when it was opened.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    length: u64,
}

impl FileSource {
    /// Opens a file.
    ///
    /// # Errors
    /// It is not there or may not be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }
}

impl Source for FileSource {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

/// Reads a source from its beginning to its end.
#[derive(Debug)]
pub struct SourceReader<'a, S: ?Sized> {
    source: &'a S,
    position: u64,
}

impl<'a, S: Source + ?Sized> SourceReader<'a, S> {
    /// Begins at the first byte.
    pub fn new(source: &'a S) -> Self {
        Self { source, position: 0 }
    }
}

impl<S: Source + ?Sized> Read for SourceReader<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.source.length().saturating_sub(self.position);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.source.read_at(self.position, &mut buffer[..count])?;
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_file_from_end_to_end_and_at_any_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        std::fs::write(&path, &content).unwrap();
        let source = FileSource::open(&path).unwrap();
        let mut all = Vec::new();
        SourceReader::new(&source as &dyn Source).read_to_end(&mut all).unwrap();
        assert_eq!(all, content);
        let mut three = [0; 3];
        source.read_at(9_997, &mut three).unwrap();
        assert_eq!(three, content[9_997..]);
        let beyond = source.read_at(9_998, &mut three).unwrap_err();
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
        assert!(store_error(&beyond).is_none());
    }
}
