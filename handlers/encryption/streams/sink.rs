//! A blob to write to.

use std::{
    io::{self, Write},
    mem,
    sync::Arc,
};

use bytes::Bytes;
use tokio::{runtime::Handle, task::JoinSet};
use uuid::Uuid;

use crate::stores::{
    Condition, ETag, StoreError,
    blobs::{Attributes, BlobPath, Blobs, BlockId},
};

/// Bytes of a block, unless it is cut earlier.
const BLOCK: usize = 8 << 20;

/// Blocks on their way to the store at the same time.
const ON_THEIR_WAY: usize = 3;

/// A blob that is being written, block by block; nobody sees it before it is committed. Dropped,
/// it leaves nothing.
///
/// For threads on which waiting keeps nobody else waiting, such as those of
/// [`spawn_blocking`](tokio::task::spawn_blocking); writing on one that runs tasks panics.
#[derive(Debug)]
pub struct BlobSink {
    writer: Uuid,
    block: Vec<u8>,
    staged: Staged,
}

impl BlobSink {
    /// About how many bytes it holds at most: the blocks on their way and the one being filled.
    pub const MEMORY: usize = (ON_THEIR_WAY + 1) * BLOCK;

    /// Begins a blob; `writer` is drawn for it alone.
    pub fn new(blobs: Arc<dyn Blobs>, path: BlobPath, writer: Uuid, runtime: Handle) -> Self {
        let (blocks, tasks) = (Vec::new(), JoinSet::new());
        let staged = Staged { blobs, path, runtime, blocks, length: 0, tasks, is_committed: false };
        Self { writer, block: Vec::new(), staged }
    }

    /// Ends the current block, so that what follows can be replaced without what came before.
    ///
    /// # Errors
    /// Staging an earlier block failed.
    pub fn cut(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.staged.wait_until_fewer_than(ON_THEIR_WAY)?;
        self.staged.send(self.writer, mem::take(&mut self.block).into())
    }

    /// Waits until everything is staged.
    ///
    /// # Errors
    /// Staging a block failed.
    pub fn finish(mut self) -> io::Result<Staged> {
        self.cut()?;
        self.staged.wait_until_fewer_than(1)?;
        Ok(self.staged)
    }
}

/// A flush [cuts](BlobSink::cut).
impl Write for BlobSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.len() == BLOCK {
            self.cut()?;
        }
        self.block.reserve_exact(BLOCK - self.block.len());
        let count = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.cut()
    }
}

/// The whole content of a blob to be. Dropped without a commit, it is thrown away.
#[derive(Debug)]
pub struct Staged {
    blobs: Arc<dyn Blobs>,
    path: BlobPath,
    runtime: Handle,
    /// All blocks, in order, the one that could not be staged included: without it no commit works.
    blocks: Vec<BlockId>,
    length: u64,
    tasks: JoinSet<Result<(), StoreError>>,
    is_committed: bool,
}

impl Staged {
    /// Bytes of the content.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Makes the content the blob's. It may be repeated after a failure that may pass.
    ///
    /// # Errors
    /// As [`Blobs::commit`].
    pub async fn commit(
        &mut self,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        let etag = self.blobs.commit(&self.path, &self.blocks, attributes, condition).await?;
        self.is_committed = true;
        Ok(etag)
    }

    fn send(&mut self, writer: Uuid, content: Bytes) -> io::Result<()> {
        let number = u32::try_from(self.blocks.len()).map_err(io::Error::other)?;
        let block = BlockId::new(writer, number);
        self.blocks.push(block);
        self.length += content.len() as u64;
        let (blobs, path) = (Arc::clone(&self.blobs), self.path.clone());
        let stage = async move { blobs.stage(&path, &block, content).await };
        self.tasks.spawn_on(stage, &self.runtime);
        Ok(())
    }

    fn wait_until_fewer_than(&mut self, count: usize) -> io::Result<()> {
        while self.tasks.len() >= count {
            let Some(done) = self.runtime.block_on(self.tasks.join_next()) else { break };
            done.map_err(io::Error::other)?.map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    /// Throws away what was not committed, when the last block has arrived.
    fn drop(&mut self) {
        if self.is_committed || self.blocks.is_empty() {
            return;
        }
        let (blobs, path) = (Arc::clone(&self.blobs), self.path.clone());
        let (blocks, mut tasks) = (mem::take(&mut self.blocks), mem::take(&mut self.tasks));
        self.runtime.spawn(async move {
            while tasks.join_next().await.is_some() {}
            if let Err(error) = blobs.discard(&path, &blocks).await {
                tracing::warn!("left behind until it is old: {error}");
            }
        });
    }
}
