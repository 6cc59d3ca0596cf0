//! A file of this machine to write to.

use std::{
    fs::File,
    io::{self, Write},
    sync::mpsc::{SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

/// After how many bytes the disk is asked to take what it does not have yet.
const STEP: usize = 32 << 20;

/// A file that goes to the disk while it is written, so that little is left to wait for at its end.
#[derive(Debug)]
pub struct FileSink {
    file: File,
    /// Bytes that the disk was not asked to take yet.
    pending: usize,
    requests: SyncSender<()>,
    /// The thread that waits for the disk, and the first error it met.
    flusher: JoinHandle<io::Result<()>>,
}

impl FileSink {
    /// Writes to a file, from where it is.
    ///
    /// # Errors
    /// The system has no thread or file handle left.
    pub fn new(file: File) -> io::Result<Self> {
        let (requests, queue) = sync_channel(1);
        let same = file.try_clone()?;
        let flush = move || queue.iter().try_for_each(|()| same.sync_data());
        let flusher = Builder::new().name("flusher".to_owned()).spawn(flush)?;
        Ok(Self { file, pending: 0, requests, flusher })
    }

    /// Waits until the disk has everything.
    ///
    /// # Errors
    /// It did not take something; an error is told once only, be it to the thread or here.
    pub fn finish(self) -> io::Result<()> {
        drop(self.requests);
        let flushed = self.flusher.join();
        flushed.map_err(|_| io::Error::other("the thread that waits for the disk panicked"))??;
        self.file.sync_all()
    }
}

impl Write for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.pending += count;
        // While a request waits, it covers these bytes too.
        if self.pending >= STEP && self.requests.try_send(()).is_ok() {
            self.pending = 0;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn everything_is_in_the_file_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut sink = FileSink::new(File::create(&path).unwrap()).unwrap();
        let piece: Vec<u8> = (0..=250).cycle().take(5 << 20).collect();
        let pieces = 2 * STEP / piece.len() + 1;
        (0..pieces).for_each(|_| sink.write_all(&piece).unwrap());
        sink.finish().unwrap();
        let written = std::fs::read(&path).unwrap();
        assert_eq!(written.len(), pieces * piece.len());
        assert!(written.chunks(piece.len()).all(|part| part == piece));
    }

    #[test]
    fn an_error_of_the_disk_is_told_whoever_meets_it() {
        // A pipe cannot be flushed to a disk.
        let (_reader, writer) = io::pipe().unwrap();
        let sink = FileSink::new(File::from(std::os::fd::OwnedFd::from(writer))).unwrap();
        sink.requests.send(()).unwrap();
        sink.finish().unwrap_err();
    }
}
