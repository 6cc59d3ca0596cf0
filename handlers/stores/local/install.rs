//! Putting a content into its place, in one step for everybody who looks.

use std::path::{Path, PathBuf};

use super::{
    failure::{Failure, check},
    lake::{self, Lake, Lock, Staged, make_folder, move_file, refuse, stat},
    names::{self, Leaf},
    properties::{Sidecar, Stamp},
};
use crate::stores::{Condition, ETag, blobs::BlobPath};

impl Lake {
    /// Whether the condition holds for what is at a blob's name. An answer without the lock is
    /// only good for saving work.
    pub(super) fn check_target(
        &self,
        blob: &BlobPath,
        condition: &Condition,
    ) -> Result<(), Failure> {
        let current = self.find(blob)?.map(|found| found.etag());
        check(condition, current.as_ref())
    }

    /// Makes a finished content the blob's.
    pub(super) fn install(
        &self,
        lock: &Lock,
        blob: &BlobPath,
        content: Staged,
        sidecar: &Sidecar,
    ) -> Result<ETag, Failure> {
        let stamp = Stamp::of(&content.finish()?);
        let (place, leaf) = self.make_way(lock, blob)?;
        self.put_sidecar(lock, blob, stamp, sidecar)?;
        content.move_to(&place)?;
        if leaf == Leaf::Plain {
            lake::remove_file(&self.place(blob, Leaf::Aside)?)?;
        }
        self.remove_sidecars(lock, blob, Some(stamp));
        Ok(ETag::new(&sidecar.etag))
    }

    /// Removes a blob, wherever it lies.
    pub(super) fn remove(&self, lock: &Lock, blob: &BlobPath) -> Result<(), Failure> {
        let top = self.container(blob.container())?;
        // The plain one last: it is the one that counts if both are there.
        for leaf in [Leaf::Aside, Leaf::Plain] {
            let place = self.place(blob, leaf)?;
            if stat(&place)?.is_some_and(|metadata| metadata.is_file()) {
                lake::remove_file(&place)?;
                lake::prune(place.parent().unwrap_or(&top), &top);
            }
        }
        self.remove_sidecars(lock, blob, None);
        Ok(())
    }

    /// The path of a blob's file.
    pub(super) fn place(&self, blob: &BlobPath, leaf: Leaf) -> Result<PathBuf, Failure> {
        Ok(self.container(blob.container())?.join(names::encode(blob.name(), leaf)))
    }

    /// Makes the directories above a blob and says where its file goes: aside if a directory has
    /// taken the name.
    fn make_way(&self, lock: &Lock, blob: &BlobPath) -> Result<(PathBuf, Leaf), Failure> {
        let plain = self.place(blob, Leaf::Plain)?;
        self.make_folders_above(lock, blob.container(), &plain)?;
        match stat(&plain)? {
            Some(metadata) if metadata.is_dir() => {
                let aside = self.place(blob, Leaf::Aside)?;
                self.make_folders_above(lock, blob.container(), &aside)?;
                Ok((aside, Leaf::Aside))
            }
            Some(metadata) if !metadata.is_file() => {
                Err(refuse(&plain, "is neither a file nor a directory"))
            }
            _ => Ok((plain, Leaf::Plain)),
        }
    }

    fn make_folders_above(
        &self,
        lock: &Lock,
        container: &str,
        place: &Path,
    ) -> Result<(), Failure> {
        let top = self.container(container)?;
        let mut folders: Vec<_> =
            place.ancestors().skip(1).take_while(|folder| *folder != top).collect();
        while let Some(folder) = folders.pop() {
            match stat(folder)? {
                Some(metadata) if metadata.is_dir() => continue,
                Some(_) => self.set_aside(lock, container, &top, folder)?,
                None => {}
            }
            make_folder(folder)?;
        }
        Ok(())
    }

    /// Moves the file of a blob out of the way of a directory. The blob stays the same version:
    /// what the disk would say differently of it afterwards is recorded before.
    fn set_aside(
        &self,
        lock: &Lock,
        container: &str,
        top: &Path,
        file: &Path,
    ) -> Result<(), Failure> {
        let in_the_way = || refuse(file, "is in the way of a directory");
        let name = file.strip_prefix(top).ok().and_then(names::decode).ok_or_else(in_the_way)?;
        let blob = BlobPath::new(container, name).map_err(|_| in_the_way())?;
        let found = self.need(&blob)?;
        if !found.is_recorded {
            self.put_sidecar(lock, &blob, found.stamp, &found.sidecar)?;
        }
        let aside = self.place(&blob, Leaf::Aside)?;
        self.make_folders_above(lock, container, &aside)?;
        move_file(file, &aside)
    }
}
