//! Where a blob is on the disk, and which version of it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{
    failure::{Failure, on},
    lake::{Lake, refuse, stat},
    names::{self, Leaf},
    properties::{Sidecar, Stamp},
};
use crate::stores::{
    ETag, Fault,
    blobs::{BlobPath, Properties},
};

/// How often we look again when a blob is replaced while we look.
const LOOKS: usize = 100;

/// A blob that is there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    pub(super) sidecar: Sidecar,
    /// Whether the sidecar lies on the disk, and not only here.
    pub(super) is_recorded: bool,
}

impl Found {
    pub(super) fn etag(&self) -> ETag {
        ETag::new(&self.sidecar.etag)
    }

    pub(super) fn properties(&self) -> Properties {
        self.sidecar.properties(self.stamp.size)
    }

    /// Opens exactly the content that was found; `None` if another one has taken its place.
    pub(super) fn open(&self) -> Result<Option<File>, Failure> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if super::lake::is_absent(&error) => return Ok(None),
            Err(error) => return Err(on(&self.path)(error)),
        };
        let metadata = file.metadata().map_err(on(&self.path))?;
        Ok((Stamp::of(&metadata) == self.stamp).then_some(file))
    }
}

/// Nothing is there.
pub(super) fn absent() -> Failure {
    Failure::new(Fault::NotFound, "it is not there")
}

/// Others replace the blob faster than we can look.
pub(super) fn restless() -> Failure {
    Failure::new(Fault::Unavailable, "it is being written right now")
}

impl Lake {
    /// Finds a blob with its properties.
    pub(super) fn find(&self, blob: &BlobPath) -> Result<Option<Found>, Failure> {
        for _ in 0..LOOKS {
            let Some((path, metadata)) = self.locate(blob)? else { return Ok(None) };
            let stamp = Stamp::of(&metadata);
            if let Some(sidecar) = self.read_sidecar(blob, stamp)? {
                return Ok(Some(Found { path, stamp, sidecar, is_recorded: true }));
            }
            // A sidecar is there before its content and stays until after, so there is none only
            // if the content is still the same one.
            if let Some((path, metadata)) = self.locate(blob)?
                && Stamp::of(&metadata) == stamp
            {
                let sidecar = Sidecar::for_dropped(&metadata);
                return Ok(Some(Found { path, stamp, sidecar, is_recorded: false }));
            }
        }
        Err(restless())
    }

    /// Finds a blob that must be there.
    pub(super) fn need(&self, blob: &BlobPath) -> Result<Found, Failure> {
        self.find(blob)?.ok_or_else(absent)
    }

    /// The file of a blob. It may be set aside while we look, or set back, so the first place is
    /// looked at again.
    fn locate(&self, blob: &BlobPath) -> Result<Option<(PathBuf, fs::Metadata)>, Failure> {
        let container = self.container(blob.container())?;
        for leaf in [Leaf::Plain, Leaf::Aside, Leaf::Plain] {
            let found = file_below(&container, &names::encode(blob.name(), leaf))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// The file at a path below a directory, with no symbolic link on the way.
fn file_below(top: &Path, path: &Path) -> Result<Option<(PathBuf, fs::Metadata)>, Failure> {
    let mut place = top.to_owned();
    let mut components = path.iter().peekable();
    while let Some(component) = components.next() {
        place.push(component);
        let Some(metadata) = stat(&place)? else { return Ok(None) };
        match (metadata.is_dir(), components.peek().is_some()) {
            (true, true) => {}
            (false, false) if metadata.is_file() => return Ok(Some((place, metadata))),
            (false, false) => return Err(refuse(&place, "is neither a file nor a directory")),
            (true, false) | (false, true) => return Ok(None),
        }
    }
    Ok(None)
}
