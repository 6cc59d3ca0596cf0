//! A blob to read from.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::runtime::Handle;

use crate::{
    encryption::engine::Source,
    stores::{
        ETag, StoreError,
        blobs::{BlobPath, Blobs, Properties},
    },
};

/// The bytes that one request asks for: the blob is cut into parts of this length.
const PART: u64 = 4 << 20;

/// How many parts are held or on their way.
const PARTS: usize = 6;

/// A part that is here or on its way; when nobody holds it any more, it is no longer asked for.
type Part = Shared<BoxFuture<'static, Result<Bytes, StoreError>>>;

/// One version of a blob, read part by part. Reads near each other cost one request; where
/// somebody reads through, the next part is asked for before it is needed.
///
/// For threads on which waiting keeps nobody else waiting, such as those of
/// [`spawn_blocking`](tokio::task::spawn_blocking); reading on one that runs tasks panics.
pub struct BlobSource {
    blobs: Arc<dyn Blobs>,
    path: BlobPath,
    version: ETag,
    length: u64,
    runtime: Handle,
    /// By number, the one used last at the end.
    parts: Mutex<VecDeque<(u64, Part)>>,
}

impl BlobSource {
    /// About how many bytes it holds at most.
    pub const MEMORY: usize = PARTS * PART as usize;

    /// Reads the version of the blob that has these properties.
    pub fn new(
        blobs: Arc<dyn Blobs>,
        path: BlobPath,
        properties: &Properties,
        runtime: Handle,
    ) -> Self {
        let (version, length) = (properties.etag.clone(), properties.length);
        Self { blobs, path, version, length, runtime, parts: Mutex::default() }
    }

    /// A part, and the one after it if that is about to be read.
    fn part(&self, number: u64, is_next_needed: bool) -> Part {
        let mut parts = self.parts();
        let holds = |parts: &VecDeque<(u64, Part)>, wanted| {
            parts.iter().position(|(number, _)| *number == wanted)
        };
        let reads_through = number > 0 && holds(&parts, number - 1).is_some();
        let held = holds(&parts, number).and_then(|index| parts.remove(index));
        let (_, part) = held.unwrap_or_else(|| (number, self.ask(number)));
        let next = number + 1;
        let is_there = next < self.length.div_ceil(PART);
        if is_there && (is_next_needed || reads_through) && holds(&parts, next).is_none() {
            parts.push_back((next, self.ask(next)));
        }
        parts.push_back((number, part.clone()));
        while parts.len() > PARTS {
            parts.pop_front();
        }
        part
    }

    fn ask(&self, number: u64) -> Part {
        let (blobs, path) = (Arc::clone(&self.blobs), self.path.clone());
        let version = self.version.clone();
        let offset = number * PART;
        let length = PART.min(self.length - offset);
        let request = async move { blobs.read_range(&path, &version, offset, length).await };
        let (task, part) = request.remote_handle();
        self.runtime.spawn(task);
        part.boxed().shared()
    }

    /// Waits for a part; one that failed is forgotten, so that it can be asked for again.
    fn wait(&self, number: u64, part: Part) -> io::Result<Bytes> {
        self.runtime.block_on(part).map_err(|error| {
            self.parts().retain(|(held, _)| *held != number);
            io::Error::other(error)
        })
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<(u64, Part)>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for BlobSource {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.length);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (mut position, mut rest) = (offset, buffer);
        while !rest.is_empty() {
            let (number, skipped) = (position / PART, (position % PART) as usize);
            let part = self.part(number, end > (number + 1) * PART);
            let content = self.wait(number, part)?;
            let count = rest.len().min(content.len() - skipped);
            rest[..count].copy_from_slice(&content[skipped..skipped + count]);
            rest = &mut rest[count..];
            position += count as u64;
        }
        Ok(())
    }
}
