//! Blobs in parts: reading a range, writing block by block, changing one end.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    failure::{Failure, check, on},
    find::Found,
    lake::{self, Lake},
    properties::{Sidecar, Stamp, check_tier},
};
use crate::stores::{
    Condition, ETag, Fault,
    blobs::{Attributes, BlobPath, BlockId, Metadata},
};

impl Lake {
    /// A part of a version of a blob.
    pub(super) fn read_range(
        &self,
        blob: &BlobPath,
        version: &ETag,
        offset: u64,
        length: u64,
    ) -> Result<Bytes, Failure> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let found = self.need_exactly(blob, version)?;
        let size = found.stamp.size;
        let length = offset
            .checked_add(length)
            .filter(|end| *end <= size)
            .and_then(|_| usize::try_from(length).ok())
            .ok_or_else(|| too_short(size, offset))?;
        let file = open(&found, version)?;
        let mut content = vec![0; length];
        let read = file.read_exact_at(&mut content, offset);
        // What was read counts only if nobody wrote to the file meanwhile.
        let metadata = file.metadata().map_err(on(&found.path))?;
        if Stamp::of(&metadata) != found.stamp {
            return Err(replaced(version));
        }
        read.map_err(on(&found.path))?;
        Ok(content.into())
    }

    /// Keeps a part of a blob to be. It need not survive a crash: nobody would commit it then.
    pub(super) fn stage_block(
        &self,
        blob: &BlobPath,
        block: BlockId,
        content: &[u8],
    ) -> Result<(), Failure> {
        if content.is_empty() {
            return Err(Failure::new(Fault::Rejected, "a block has at least one byte"));
        }
        self.container(blob.container())?;
        let mut staged = self.stage()?;
        staged.file.write_all(content).map_err(on(staged.path()))?;
        staged.move_loosely_to(&self.block(blob, block))
    }

    /// Joins blocks and makes them the blob; the kernel moves the bytes.
    pub(super) fn commit(
        &self,
        blob: &BlobPath,
        blocks: &[BlockId],
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, Failure> {
        check_tier(attributes)?;
        self.check_target(blob, condition)?;
        let mut staged = self.stage()?;
        for block in blocks {
            let path = self.block(blob, *block);
            let mut piece = File::open(&path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => lost(*block),
                _ => on(&path)(error),
            })?;
            io::copy(&mut piece, &mut staged.file).map_err(on(&path))?;
        }
        let sidecar = Sidecar::for_written(&staged.finish()?, attributes);
        let lock = self.lock()?;
        self.check_target(blob, condition)?;
        let etag = self.install(&lock, blob, staged, &sidecar)?;
        self.forget_blocks(blob);
        Ok(etag)
    }

    /// Removes blocks.
    pub(super) fn discard(&self, blob: &BlobPath, blocks: &[BlockId]) -> Result<(), Failure> {
        for block in blocks {
            let path = self.block(blob, *block);
            match fs::remove_file(&path) {
                Err(error) if !lake::is_absent(&error) => return Err(on(&path)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Replaces the content from an offset on.
    pub(super) fn replace_tail(
        &self,
        blob: &BlobPath,
        version: &ETag,
        (offset, tail): (u64, &[u8]),
        metadata: &Metadata,
    ) -> Result<ETag, Failure> {
        let found = self.need_exactly(blob, version)?;
        let size = found.stamp.size;
        if offset > size {
            return Err(too_short(size, offset));
        }
        let mut staged = self.stage()?;
        let mut start = open(&found, version)?.take(offset);
        let copied = io::copy(&mut start, &mut staged.file).map_err(on(staged.path()))?;
        staged.file.write_all(tail).map_err(on(staged.path()))?;
        let sidecar = found.sidecar.for_changed(&staged.finish()?).with_metadata(metadata);
        let lock = self.lock()?;
        self.need_exactly(blob, version)?;
        if copied != offset {
            return Err(replaced(version));
        }
        self.install(&lock, blob, staged, &sidecar)
    }

    /// Replaces the metadata of a blob.
    pub(super) fn set_metadata(
        &self,
        blob: &BlobPath,
        version: &ETag,
        metadata: &Metadata,
    ) -> Result<ETag, Failure> {
        let lock = self.lock()?;
        let found = self.need_exactly(blob, version)?;
        let sidecar = found.sidecar.with_metadata(metadata);
        self.put_sidecar(&lock, blob, found.stamp, &sidecar)?;
        Ok(ETag::new(&sidecar.etag))
    }

    /// Finds a blob that must be there, at this version, and readable.
    fn need_exactly(&self, blob: &BlobPath, version: &ETag) -> Result<Found, Failure> {
        let found = self.need(blob)?;
        check(&Condition::Matches(version.clone()), Some(&found.etag()))?;
        found.sidecar.refuse_archived()?;
        Ok(found)
    }

    /// Where a block lies until it is committed.
    fn block(&self, blob: &BlobPath, block: BlockId) -> PathBuf {
        self.unfinished().join(format!("{}{block}", prefix(blob)))
    }

    /// Removes all blocks on a name, as a commit in Azure Storage does. What cannot be removed is
    /// removed when it is old.
    fn forget_blocks(&self, blob: &BlobPath) {
        let prefix = prefix(blob);
        let Ok(entries) = fs::read_dir(self.unfinished()) else { return };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// What the names of a blob's blocks begin with, whatever the length of its own name.
fn prefix(blob: &BlobPath) -> String {
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, blob.to_string().as_bytes());
    format!("{}-", digest.simple())
}

/// The content that was found.
fn open(found: &Found, version: &ETag) -> Result<File, Failure> {
    found.open()?.ok_or_else(|| replaced(version))
}

fn replaced(version: &ETag) -> Failure {
    Failure::new(Fault::Changed, format!("version {version} was replaced while it was read"))
}

fn too_short(size: u64, offset: u64) -> Failure {
    let detail = format!("it has {size} bytes, too few for what was asked for from {offset} on");
    Failure::new(Fault::Rejected, detail)
}

fn lost(block: BlockId) -> Failure {
    Failure::new(Fault::Lost, format!("block {block} is gone; write the blob again"))
}
