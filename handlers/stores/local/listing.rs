//! Listing a container in the byte order of its blobs' names.
//!
//! A page reads the directories on its way anew and sorts each one: memory is bounded by the
//! largest directory, not by the container.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    failure::{Failure, on},
    lake::{Lake, is_absent},
    names::{self, Leaf, Part},
};
use crate::stores::{
    Fault, Page,
    blobs::{BlobPath, Listed},
};

/// What lies in a directory, ordered by the names it stands for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// The blob's name, or what all names in a directory start with: its own and a slash.
    name: String,
    /// The directory.
    folder: Option<PathBuf>,
}

/// One page in the making.
struct Walk<'a> {
    lake: &'a Lake,
    container: &'a str,
    top: PathBuf,
    prefix: &'a str,
    /// The last name of the page before, then of this one.
    after: String,
    size: usize,
    items: Vec<Listed>,
}

impl Lake {
    /// One page of at most `size` blobs; the token is the last name of the page before.
    pub(super) fn list(
        &self,
        container: &str,
        prefix: &str,
        token: Option<&str>,
        size: usize,
    ) -> Result<Page<Listed>, Failure> {
        let top = self.container(container)?;
        let mut walk = Walk {
            lake: self,
            container,
            top: top.clone(),
            prefix,
            after: token.unwrap_or_default().to_owned(),
            size,
            items: Vec::new(),
        };
        walk.visit(&top, "")?;
        let next = (walk.items.len() == size).then_some(walk.after);
        Ok(Page { items: walk.items, next })
    }
}

impl Walk<'_> {
    fn visit(&mut self, folder: &Path, name: &str) -> Result<(), Failure> {
        let mut entries = Vec::new();
        self.read_folder(folder, name, &mut entries)?;
        entries.sort_unstable();
        for Entry { name, folder } in entries {
            if self.items.len() == self.size {
                return Ok(());
            }
            match folder {
                Some(folder) if self.may_hold(&name) => self.visit(&folder, &name)?,
                Some(_) => {}
                None => self.add(name)?,
            }
        }
        Ok(())
    }

    /// Whether names that start so can be on this page.
    fn may_hold(&self, start: &str) -> bool {
        let wanted = start.starts_with(self.prefix) || self.prefix.starts_with(start);
        wanted && (start > self.after.as_str() || self.after.starts_with(start))
    }

    fn add(&mut self, name: String) -> Result<(), Failure> {
        if !name.starts_with(self.prefix) || name <= self.after {
            return Ok(());
        }
        // What vanished since is not listed; neither is a path that stands for no blob.
        let Ok(path) = BlobPath::new(self.container, name.as_str()) else {
            let place = self.top.join(names::encode(&name, Leaf::Plain));
            self.lake.warn_once(&place, "not a name that a blob can have");
            return Ok(());
        };
        match self.lake.find(&path) {
            Ok(Some(found)) => self.items.push(Listed { path, properties: found.properties() }),
            Ok(None) => return Ok(()),
            Err(failure) if failure.fault == Fault::Rejected => {
                self.lake.warn_once(&self.top.join(&name), &failure.detail);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        }
        self.after = name;
        Ok(())
    }

    /// Reads what is in a directory whose path stands for `name`, the beginning of all names in
    /// it. Directories for the pieces of long segments count as part of it.
    fn read_folder(
        &self,
        folder: &Path,
        name: &str,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Failure> {
        let files = match fs::read_dir(folder) {
            Ok(files) => files,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(on(folder)(error)),
        };
        for file in files {
            self.read_entry(&file.map_err(on(folder))?, name, entries)?;
        }
        Ok(())
    }

    fn read_entry(
        &self,
        entry: &fs::DirEntry,
        name: &str,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Failure> {
        let path = entry.path();
        let file_name = entry.file_name();
        let Some(part) = file_name.to_str().and_then(names::parse) else {
            self.lake.warn_once(&path, "not a name that lakehand can read");
            return Ok(());
        };
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(on(&path)(error)),
        };
        match part {
            Part::Piece(piece) if kind.is_dir() => {
                self.read_folder(&path, &format!("{name}{piece}"), entries)?;
            }
            Part::Segment(segment) if kind.is_dir() => {
                let stands_for = format!("{name}{segment}");
                // Only the one path that we would write: two could not be listed in order.
                if self.top.join(names::encode(&stands_for, Leaf::Plain)) == path {
                    entries.push(Entry { name: stands_for + "/", folder: Some(path) });
                }
            }
            Part::Segment(segment) | Part::Aside(segment) if kind.is_file() => {
                entries.push(Entry { name: format!("{name}{segment}"), folder: None });
            }
            _ => self.lake.warn_once(&path, "neither a file nor a directory of blobs"),
        }
        Ok(())
    }
}
