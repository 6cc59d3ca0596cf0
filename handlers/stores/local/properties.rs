//! What is known of a blob besides its bytes: a small JSON file beside the lake's containers.
//!
//! Its name holds the identity of the content it speaks of, and it is in place before that content
//! is. So the two change in one step, a crash between them leaves nothing worse than a file that
//! nobody reads, and a blob that a user replaces by hand sheds its properties by itself.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    failure::{Failure, on},
    lake::{self, Lake, Lock},
    names::{self, Leaf, MARK},
};
use crate::stores::{
    ETag, Fault,
    blobs::{Attributes, BlobPath, CopyState, Metadata, Properties},
};

const TIERS: [&str; 4] = ["Hot", "Cool", "Cold", "Archive"];

/// The tier of a blob for which nobody chose one.
const DEFAULT_TIER: &str = "Hot";

/// The identity of a file's content. Renaming the file keeps it; writing to it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// Bytes.
    pub(super) size: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
        }
    }

    fn file_name(self) -> String {
        let Self { inode, modified, size } = self;
        format!("{MARK}{inode:x}-{modified:x}-{size:x}.json")
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest)
}

/// The file beside a blob, a JSON object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sidecar {
    pub(super) etag: String,
    /// To the second, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    arrived: OffsetDateTime,
    #[serde(default)]
    content_type: Option<String>,
    /// In hexadecimal digits, as `md5sum` prints it.
    #[serde(default)]
    content_md5: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    tags: Metadata,
    tier: String,
    /// Whether a copy wrote the blob.
    #[serde(default)]
    copied: bool,
}

impl Sidecar {
    /// For content that a user put into the lake by hand. Its version takes in the time of the
    /// last change of any kind, which no tool can set: the same file dropped again is another one,
    /// also when `cp -p` keeps its time and the disk gives it the same inode.
    pub(super) fn for_dropped(metadata: &fs::Metadata) -> Self {
        let Stamp { inode, modified, size } = Stamp::of(metadata);
        let changed = nanoseconds(metadata.ctime(), metadata.ctime_nsec());
        Self {
            etag: format!("{inode:x}-{modified:x}-{changed:x}-{size:x}"),
            arrived: to_second(metadata.ctime()),
            content_type: None,
            content_md5: None,
            metadata: Metadata::new(),
            tags: Metadata::new(),
            tier: DEFAULT_TIER.to_owned(),
            copied: false,
        }
    }

    /// For content that we are about to put into its place.
    pub(super) fn for_written(metadata: &fs::Metadata, attributes: &Attributes) -> Self {
        Self {
            etag: new_etag(),
            arrived: to_second(metadata.mtime()),
            content_type: attributes.content_type.clone(),
            content_md5: None,
            metadata: lower(&attributes.metadata),
            tags: attributes.tags.clone(),
            tier: attributes.tier.clone().unwrap_or_else(|| DEFAULT_TIER.to_owned()),
            copied: false,
        }
    }

    /// Adds the digest of the content.
    pub(super) fn with_md5(mut self, md5: [u8; 16]) -> Self {
        self.content_md5 = Some(format!("{:032x}", u128::from_be_bytes(md5)));
        self
    }

    /// Adds what a copy keeps of its source.
    pub(super) fn with_source(mut self, source: &Self) -> Self {
        self.content_type = source.content_type.clone();
        if self.metadata.is_empty() {
            self.metadata = source.metadata.clone();
        }
        self.content_md5 = source.content_md5.clone();
        self.copied = true;
        self
    }

    /// For another content with all else as it was, a copy no more.
    pub(super) fn for_changed(&self, metadata: &fs::Metadata) -> Self {
        Self {
            content_md5: None,
            copied: false,
            arrived: to_second(metadata.mtime()),
            ..self.clone()
        }
    }

    /// Becomes another version with other metadata.
    pub(super) fn with_metadata(self, metadata: &Metadata) -> Self {
        Self { etag: new_etag(), metadata: lower(metadata), ..self }
    }

    /// In the words of the trait.
    pub(super) fn properties(&self, length: u64) -> Properties {
        let md5 = self.content_md5.as_deref();
        Properties {
            etag: ETag::new(&self.etag),
            length,
            last_modified: self.arrived,
            content_type: self.content_type.clone(),
            content_md5: md5
                .and_then(|hex| u128::from_str_radix(hex, 16).ok())
                .map(u128::to_be_bytes),
            metadata: self.metadata.clone(),
            tier: Some(self.tier.clone()),
            copy: self.copied.then_some(CopyState::Success),
        }
    }

    /// Fails for a blob that must be thawed before its content can be read.
    pub(super) fn refuse_archived(&self) -> Result<(), Failure> {
        if self.tier != "Archive" {
            return Ok(());
        }
        Err(Failure::new(Fault::Rejected, "it is archived; move it to another tier first"))
    }
}

/// Fails for a tier that does not exist.
pub(super) fn check_tier(attributes: &Attributes) -> Result<(), Failure> {
    match attributes.tier.as_deref() {
        Some(tier) if !TIERS.contains(&tier) => Err(Failure::new(
            Fault::Rejected,
            format!("there is no tier `{tier}`; use {}", TIERS.join(", ")),
        )),
        _ => Ok(()),
    }
}

fn new_etag() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Metadata with its names as they are kept.
fn lower(metadata: &Metadata) -> Metadata {
    metadata.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

fn to_second(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

impl Lake {
    /// The directory that holds the sidecars of one blob.
    fn sidecars(&self, blob: &BlobPath) -> PathBuf {
        self.sidecars_of(blob.container()).join(names::encode(blob.name(), Leaf::Plain))
    }

    fn sidecars_of(&self, container: &str) -> PathBuf {
        self.private("properties").join(container)
    }

    /// The sidecar of a content, if there is one. A damaged one counts as missing.
    pub(super) fn read_sidecar(
        &self,
        blob: &BlobPath,
        stamp: Stamp,
    ) -> Result<Option<Sidecar>, Failure> {
        let path = self.sidecars(blob).join(stamp.file_name());
        let json = match fs::read(&path) {
            Ok(json) => json,
            // A path too long to be read was too long to be written.
            Err(error) if lake::is_absent(&error) || is_too_long(&error) => return Ok(None),
            Err(error) => return Err(on(&path)(error)),
        };
        let parsed = serde_json::from_slice(&json);
        if let Err(error) = &parsed {
            self.warn_once(&path, &format!("not the properties of a blob ({error})"));
        }
        Ok(parsed.ok())
    }

    /// Writes the sidecar of a content that is about to be put into its place.
    pub(super) fn put_sidecar(
        &self,
        _lock: &Lock,
        blob: &BlobPath,
        stamp: Stamp,
        sidecar: &Sidecar,
    ) -> Result<(), Failure> {
        let folder = self.sidecars(blob);
        make_folders(&folder)?;
        let staged = self.stage()?;
        serde_json::to_writer_pretty(&staged.file, sidecar)
            .map_err(|error| on(staged.path())(error.into()))?;
        staged.finish()?;
        staged.move_to(&folder.join(stamp.file_name()))
    }

    /// Removes the sidecars of contents that are gone. One that stays behind is read by nobody, so
    /// failing to remove it is no failure.
    pub(super) fn remove_sidecars(&self, _lock: &Lock, blob: &BlobPath, keep: Option<Stamp>) {
        let folder = self.sidecars(blob);
        let keep = keep.map(Stamp::file_name);
        let Ok(entries) = fs::read_dir(&folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_sidecar = name.to_str().is_some_and(|name| name.ends_with(".json"));
            if is_sidecar && name.to_str() != keep.as_deref() && is_file(&entry) {
                let _ = fs::remove_file(entry.path());
            }
        }
        lake::prune(&folder, &self.sidecars_of(blob.container()));
    }
}

fn is_file(entry: &fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_file())
}

fn is_too_long(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidFilename
}

/// Makes a directory and those above it, durably.
fn make_folders(folder: &Path) -> Result<(), Failure> {
    let missing: Vec<_> = folder.ancestors().take_while(|folder| !folder.is_dir()).collect();
    missing.into_iter().rev().try_for_each(lake::make_folder)
}
