//! The folder itself: its layout, its lock, and changes that survive a crash.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use uuid::Uuid;

use super::failure::{Failure, on};
use crate::stores::{Fault, blobs::is_container};

/// The folder of our own in a lake; no container can have that name.
const PRIVATE: &str = ".lakehand";

/// What a dead process left half-written is removed after this time.
const LEFTOVER: Duration = Duration::from_secs(3600);

/// How many strange files a process warns of before it falls silent.
const WARNINGS: usize = 1000;

/// A lake on the local disk.
#[derive(Debug)]
pub(super) struct Lake {
    root: PathBuf,
    warned: Mutex<HashSet<PathBuf>>,
}

/// Held while a change is decided and made visible; nobody else changes the lake meanwhile.
#[derive(Debug)]
pub(super) struct Lock {
    /// The system gives the lock back when this closes, also when the process dies.
    _file: File,
}

impl Lake {
    /// Opens the lake at this path, which is made if it is not there.
    pub(super) fn open(root: &Path) -> Result<Self, Failure> {
        let private = root.join(PRIVATE);
        fs::create_dir_all(&private).map_err(on(&private))?;
        let root = root.canonicalize().map_err(on(root))?;
        Ok(Self { root, warned: Mutex::default() })
    }

    /// The path of something of our own.
    pub(super) fn private(&self, name: &str) -> PathBuf {
        self.root.join(PRIVATE).join(name)
    }

    /// Waits for the lock.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.private("lock");
        let file = File::options().create(true).append(true).open(&path).map_err(on(&path))?;
        file.lock().map_err(on(&path))?;
        Ok(Lock { _file: file })
    }

    /// The directory of a container that is there.
    pub(super) fn container(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.container_path(name)?;
        match stat(&path)? {
            Some(metadata) if metadata.is_dir() => Ok(path),
            Some(_) => Err(refuse(&path, "is not a directory")),
            None => Err(Failure::new(
                Fault::NotFound,
                format!("there is no container; make the directory {}", path.display()),
            )),
        }
    }

    fn container_path(&self, name: &str) -> Result<PathBuf, Failure> {
        if is_container(name) {
            return Ok(self.root.join(name));
        }
        Err(Failure::new(Fault::Rejected, format!("`{name}` is not a container name")))
    }

    /// Makes sure that a container is there.
    pub(super) fn create_container(&self, name: &str) -> Result<(), Failure> {
        make_folder(&self.container_path(name)?)?;
        self.container(name).map(drop)
    }

    /// The folder of what is being written.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.private("tmp")
    }

    /// A new file outside of everybody's sight.
    pub(super) fn stage(&self) -> Result<Staged, Failure> {
        let folder = self.unfinished();
        fs::create_dir_all(&folder).map_err(on(&folder))?;
        let path = folder.join(Uuid::new_v4().to_string());
        let file = File::options().write(true).create_new(true).open(&path).map_err(on(&path))?;
        Ok(Staged { path, file })
    }

    /// Removes what processes left half-written that died long ago. What cannot be removed stays.
    pub(super) fn remove_leftovers(&self) {
        let now = SystemTime::now();
        let Ok(entries) = fs::read_dir(self.unfinished()) else { return };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|at| now.duration_since(at).ok());
            if age.is_some_and(|age| age > LEFTOVER) && fs::remove_file(entry.path()).is_ok() {
                tracing::info!(file = %entry.path().display(), "removed a half-written file");
            }
        }
    }

    /// Warns of a file that cannot be used, once per process.
    pub(super) fn warn_once(&self, path: &Path, why: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < WARNINGS && warned.insert(path.to_owned()) {
            tracing::warn!(file = %path.display(), "ignored: {why}");
        }
    }
}

/// A file that is being written; it vanishes unless it is moved into its place.
#[derive(Debug)]
pub(super) struct Staged {
    path: PathBuf,
    pub(super) file: File,
}

impl Staged {
    /// A new file that nobody but this user may read.
    pub(super) fn secret(path: PathBuf) -> Result<Self, Failure> {
        let mut options = File::options();
        let file =
            options.write(true).create_new(true).mode(0o600).open(&path).map_err(on(&path))?;
        Ok(Self { path, file })
    }

    /// Makes sure that the content survives a crash, and says what is there.
    pub(super) fn finish(&self) -> Result<fs::Metadata, Failure> {
        self.file.sync_all().and_then(|()| self.file.metadata()).map_err(on(&self.path))
    }

    /// Puts the file into its place, which survives a crash when this returns.
    pub(super) fn move_to(self, place: &Path) -> Result<(), Failure> {
        move_file(&self.path, place)
    }

    /// Puts the file into its place, which a crash may undo.
    pub(super) fn move_loosely_to(self, place: &Path) -> Result<(), Failure> {
        fs::rename(&self.path, place).map_err(on(place))
    }

    /// The path, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After `move_to` there is nothing left to remove.
        let _ = fs::remove_file(&self.path);
    }
}

/// Renames a file durably.
pub(super) fn move_file(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(on(to))?;
    sync_parent(to)
}

/// Removes a file durably; one that is not there is no failure.
pub(super) fn remove_file(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(error) if is_absent(&error) => Ok(()),
        Err(error) => Err(on(path)(error)),
    }
}

/// Makes one directory durably; one that is there is no failure.
pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    match fs::create_dir(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(on(path)(error)),
    }
}

/// Removes a directory and those above it as long as they are empty, up to `top`, which stays.
pub(super) fn prune(folder: &Path, top: &Path) {
    let below = folder.ancestors().take_while(|folder| *folder != top);
    for folder in below {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

fn sync_parent(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(on(folder))
}

/// What is at this path, if anything; a symbolic link is refused because it may lead anywhere.
pub(super) fn stat(path: &Path) -> Result<Option<fs::Metadata>, Failure> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            Err(refuse(path, "is a symbolic link, which lakehand does not follow"))
        }
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(on(path)(error)),
    }
}

/// Says that something at this path cannot be used.
pub(super) fn refuse(path: &Path, why: &str) -> Failure {
    Failure::new(Fault::Rejected, format!("{} {why}; move it out of the lake", path.display()))
}

/// Whether there is nothing: the last part is missing, or a part before it is a file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
