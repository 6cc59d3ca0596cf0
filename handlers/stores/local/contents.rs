//! Reading, writing and copying the bytes of blobs.

use std::io::{self, Read, Write};

use bytes::Bytes;
use md5::{Digest, Md5};

use super::{
    failure::{Failure, check, on},
    find::{Found, absent, restless},
    lake::Lake,
    properties::{Sidecar, check_tier},
};
use crate::stores::{
    Condition, ETag, Fault,
    blobs::{Attributes, BlobPath, Properties},
};

impl Lake {
    /// The whole content of a blob of at most `limit` bytes.
    pub(super) fn read(&self, blob: &BlobPath, limit: u64) -> Result<(Bytes, Properties), Failure> {
        for _ in 0..100 {
            let found = self.need(blob)?;
            found.sidecar.refuse_archived()?;
            if found.stamp.size > limit {
                let size = found.stamp.size;
                let detail = format!("it has {size} bytes, and only {limit} are allowed here");
                return Err(Failure::new(Fault::Rejected, detail));
            }
            if let Some(content) = read_found(&found)? {
                return Ok((content, found.properties()));
            }
        }
        Err(restless())
    }

    /// Writes a blob in one piece.
    pub(super) fn write(
        &self,
        blob: &BlobPath,
        content: &[u8],
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, Failure> {
        check_tier(attributes)?;
        self.container(blob.container())?;
        let mut staged = self.stage()?;
        staged.file.write_all(content).map_err(on(staged.path()))?;
        let sidecar = Sidecar::for_written(&staged.finish()?, attributes)
            .with_md5(Md5::digest(content).into());
        let lock = self.lock()?;
        self.check_target(blob, condition)?;
        self.install(&lock, blob, staged, &sidecar)
    }

    /// Copies a version of a blob, of any size: the kernel moves the bytes, and the lock is taken
    /// only when they are there.
    pub(super) fn copy(
        &self,
        (source, version): (&BlobPath, &ETag),
        target: &BlobPath,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<(), Failure> {
        check_tier(attributes)?;
        let found = self.need_version(source, version)?;
        found.sidecar.refuse_archived()?;
        self.check_target(target, condition)?;
        let mut staged = self.stage()?;
        let mut file = found.open()?.ok_or_else(|| moved_on(version))?;
        let length = io::copy(&mut file, &mut staged.file).map_err(on(staged.path()))?;
        let sidecar =
            Sidecar::for_written(&staged.finish()?, attributes).with_source(&found.sidecar);
        let lock = self.lock()?;
        self.need_version(source, version)?;
        if length != found.stamp.size {
            return Err(moved_on(version));
        }
        self.check_target(target, condition)?;
        self.install(&lock, target, staged, &sidecar).map(drop)
    }

    fn need_version(&self, blob: &BlobPath, version: &ETag) -> Result<Found, Failure> {
        let found = self.need(blob)?;
        if found.etag() == *version { Ok(found) } else { Err(moved_on(version)) }
    }

    /// Removes a blob.
    pub(super) fn delete(&self, blob: &BlobPath, condition: &Condition) -> Result<(), Failure> {
        let lock = self.lock()?;
        let current = self.find(blob)?.ok_or_else(absent)?.etag();
        check(condition, Some(&current))?;
        self.remove(&lock, blob)
    }
}

fn moved_on(version: &ETag) -> Failure {
    Failure::new(Fault::NotFound, format!("version {version} of the source is gone"))
}

/// The content that was found; `None` if it changed before all of it was read.
fn read_found(found: &Found) -> Result<Option<Bytes>, Failure> {
    let Some(file) = found.open()? else { return Ok(None) };
    let mut content = Vec::new();
    // One byte more than there should be shows that somebody appends to the file.
    let mut file = file.take(found.stamp.size + 1);
    file.read_to_end(&mut content).map_err(on(&found.path))?;
    let is_whole = content.len() as u64 == found.stamp.size;
    Ok(is_whole.then(|| content.into()))
}
