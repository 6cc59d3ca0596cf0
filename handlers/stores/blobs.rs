//! Blobs: named bytes in containers, with the semantics of Azure Blob Storage.

use std::{collections::BTreeMap, fmt, str::FromStr};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Condition, ETag, Page, StoreError};

/// Where a blob is: the container and the name in it, byte for byte as the user wrote it.
///
/// Its text form is `container/name`; the name may hold anything, `/`, `//` and a trailing slash
/// included.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BlobPath {
    container: String,
    name: String,
}

/// Why a text is not a [`BlobPath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// No `/` between container and name.
    #[error("`{0}` is not a blob: write container/name")]
    NoName(String),
    /// The container breaks Azure's naming rules.
    #[error(
        "`{0}` is not a container name: use 3 to 63 lower-case letters, digits and single hyphens"
    )]
    Container(String),
    /// The name is empty, over 1,024 characters, or holds a `.` or `..` segment or a control character.
    #[error(
        "`{0}` is not a blob name: use 1 to 1,024 characters, no control characters and no `.` or `..` between slashes"
    )]
    Name(String),
}

impl BlobPath {
    /// Checks both parts against Azure's naming rules.
    ///
    /// # Errors
    /// [`InvalidPath`] names the part that breaks a rule. `.` and `..` segments are refused because
    /// every URL parser on the way would fold them into another name.
    pub fn new(container: impl Into<String>, name: impl Into<String>) -> Result<Self, InvalidPath> {
        let (container, name) = (container.into(), name.into());
        if !is_container(&container) {
            return Err(InvalidPath::Container(container));
        }
        let length = name.chars().count();
        let folded = name.split('/').any(|segment| matches!(segment, "." | ".."));
        if length == 0 || length > 1024 || folded || name.chars().any(char::is_control) {
            return Err(InvalidPath::Name(name));
        }
        Ok(Self { container, name })
    }

    /// The container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// The name inside the container.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Azure's rule for container names, `$root`, `$web` and `$logs` excluded.
pub fn is_container(name: &str) -> bool {
    let body = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (3..=63).contains(&name.len())
        && body
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

impl fmt::Display for BlobPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.container, self.name)
    }
}

impl FromStr for BlobPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let (container, name) =
            text.split_once('/').ok_or_else(|| InvalidPath::NoName(text.to_owned()))?;
        Self::new(container, name)
    }
}

impl TryFrom<String> for BlobPath {
    type Error = InvalidPath;

    fn try_from(text: String) -> Result<Self, InvalidPath> {
        text.parse()
    }
}

impl From<BlobPath> for String {
    fn from(path: BlobPath) -> Self {
        path.to_string()
    }
}

/// User metadata: names are compared without regard to case, so they are kept in lower case.
pub type Metadata = BTreeMap<String, String>;

/// What a store knows of a blob without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// The current version.
    pub etag: ETag,
    /// The content's length in bytes.
    pub length: u64,
    /// When this content arrived in the store, to the second.
    pub last_modified: OffsetDateTime,
    /// The media type the writer gave.
    pub content_type: Option<String>,
    /// The MD5 of the content, where the writer or the store recorded one.
    pub content_md5: Option<[u8; 16]>,
    /// User metadata, names in lower case.
    pub metadata: Metadata,
    /// The access tier: `Hot`, `Cool`, `Cold` or `Archive`.
    pub tier: Option<String>,
    /// How the copy that wrote this blob ended, if a copy wrote it.
    pub copy: Option<CopyState>,
}

/// The state of a server-side copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// The store is still at it; the target must not be used yet.
    Pending,
    /// The content is all there.
    Success,
    /// It failed or was aborted; the target holds nothing of use.
    Failed(String),
}

/// A blob of a listing.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Where it is.
    pub path: BlobPath,
    /// What the listing said of it.
    pub properties: Properties,
}

/// What to write beside the content.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// The media type; must be `None` for a copy, which keeps the source's.
    pub content_type: Option<String>,
    /// User metadata; replaces the source's on a copy, unless it is empty.
    pub metadata: Metadata,
    /// Index tags; on an account with a hierarchical namespace, which has none, they become metadata.
    pub tags: BTreeMap<String, String>,
    /// The access tier; `None` takes the account's default.
    pub tier: Option<String>,
}

/// A blob of another account, with the permission to read it for a while.
pub struct Lent {
    /// The address with its signature: a secret.
    pub(in crate::stores) url: url::Url,
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent([redacted])")
    }
}

/// Where the content of a copy comes from.
#[derive(Clone, Copy, Debug)]
pub enum CopySource<'a> {
    /// The same store.
    Here(&'a BlobPath),
    /// Another account, by a blob that its store has [lent](Blobs::lend).
    Elsewhere(&'a Lent),
}

/// The name of a block: the number it has for its writer. Each writer draws an identity of its
/// own, so that rivals for one blob never take each other's blocks for theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockId {
    writer: Uuid,
    number: u32,
}

impl BlockId {
    /// The length of every name in bytes; Azure wants it to be the same for all blocks of a blob.
    pub const LENGTH: usize = 20;

    /// Names a writer's block.
    pub fn new(writer: Uuid, number: u32) -> Self {
        Self { writer, number }
    }

    /// The name as the blob service takes it.
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..16].copy_from_slice(self.writer.as_bytes());
        bytes[16..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}", self.writer.simple(), self.number)
    }
}

/// A store of blobs.
///
/// Every operation has a deadline of its own and ends in a [`StoreError`] when that passes. No
/// operation creates a container but [`create_container`](Self::create_container).
#[async_trait]
pub trait Blobs: Send + Sync + fmt::Debug {
    /// The properties of one blob.
    ///
    /// # Errors
    /// `NotFound` if the blob or its container is not there.
    async fn head(&self, path: &BlobPath) -> Result<Properties, StoreError>;

    /// The whole content of a small blob; its properties may lack the tier.
    ///
    /// # Errors
    /// `Rejected` if it is longer than `limit` bytes, `NotFound` if it is not there.
    async fn read(&self, path: &BlobPath, limit: u64) -> Result<(Bytes, Properties), StoreError>;

    /// Exactly `length` bytes from `offset` of exactly this version; a length of 0 asks nothing.
    ///
    /// # Errors
    /// `NotFound` if the blob is gone, `Changed` if another version has taken its place,
    /// `Rejected` if it ends before that range does or is archived.
    async fn read_range(
        &self,
        path: &BlobPath,
        version: &ETag,
        offset: u64,
        length: u64,
    ) -> Result<Bytes, StoreError>;

    /// Writes a small blob in one piece and returns its version.
    ///
    /// # Errors
    /// `AlreadyExists` or `Changed` if the condition does not hold.
    async fn write(
        &self,
        path: &BlobPath,
        content: Bytes,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, StoreError>;

    /// Keeps a part of a blob to be, of at least one byte, where nobody sees it; the same block
    /// again replaces it. Blocks may be staged in any order and at the same time. What arrives is
    /// what was sent, or this fails.
    ///
    /// # Errors
    /// `NotFound` if the container is not there, `Rejected` for an empty block or beside blocks of
    /// other writers whose names have another length.
    async fn stage(
        &self,
        path: &BlobPath,
        block: &BlockId,
        content: Bytes,
    ) -> Result<(), StoreError>;

    /// Makes staged blocks, in this order, the blob's content, in one step for everybody who
    /// looks; none make an empty blob. All other blocks on that name are thrown away.
    ///
    /// # Errors
    /// `AlreadyExists` or `Changed` if the condition does not hold, `Lost` if a block is not there
    /// (any more).
    async fn commit(
        &self,
        path: &BlobPath,
        blocks: &[BlockId],
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<ETag, StoreError>;

    /// Throws staged blocks away that will not be committed; ones that are gone are no failure.
    /// Azure Storage cannot and does it by itself, a week after the last block.
    ///
    /// # Errors
    /// The store's failure to remove them; they go by themselves later.
    async fn discard(&self, path: &BlobPath, blocks: &[BlockId]) -> Result<(), StoreError>;

    /// Replaces everything from `offset` on, and the metadata, in one step; all else that is known
    /// of the blob stays, but for the MD5, which does not hold any more.
    ///
    /// # Errors
    /// `NotFound` if the blob is gone, `Changed` if it is not at `version`, `Rejected` if it is
    /// shorter or archived or, in Azure, if none of its blocks begins at `offset`.
    async fn replace_tail(
        &self,
        path: &BlobPath,
        version: &ETag,
        offset: u64,
        tail: Bytes,
        metadata: &Metadata,
    ) -> Result<ETag, StoreError>;

    /// Replaces the metadata of a version, which so becomes another one with the same content.
    ///
    /// # Errors
    /// `NotFound` if the blob is gone, `Changed` if it is not at `version`, `Rejected` for metadata
    /// that no header carries or an archived blob.
    async fn set_metadata(
        &self,
        path: &BlobPath,
        version: &ETag,
        metadata: &Metadata,
    ) -> Result<ETag, StoreError>;

    /// Copies inside the storage service, without the content passing through here, and only if
    /// the source is still at `version`. Metadata, where any is given, tags and tier replace the
    /// source's; the content type and, with none given, the metadata stay as they were, for the
    /// service can neither set the one nor clear the other in the same step.
    ///
    /// # Errors
    /// `AlreadyExists` or `Changed` if the condition on the *target* does not hold, a pending copy
    /// onto it included; `NotFound` if the source is gone or no longer at `version`; `Rejected` if
    /// the source can never be copied like that (an archived blob, a tier that does not exist, a
    /// content type to set).
    async fn copy(
        &self,
        source: CopySource<'_>,
        version: &ETag,
        target: &BlobPath,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<CopyState, StoreError>;

    /// Lends one blob to another account for as long as a copy may take.
    ///
    /// # Errors
    /// `Rejected` if this store cannot lend (the local lake), `Denied` if it may not.
    async fn lend(&self, path: &BlobPath) -> Result<Lent, StoreError>;

    /// Removes a blob, its snapshots included.
    ///
    /// # Errors
    /// `NotFound` if it is not there, `Changed` if the condition does not hold.
    async fn delete(&self, path: &BlobPath, condition: &Condition) -> Result<(), StoreError>;

    /// One page of the blobs whose names start with `prefix`, metadata included, in the store's
    /// order; `token` continues an earlier page.
    ///
    /// # Errors
    /// `NotFound` if the container is not there.
    async fn list(
        &self,
        container: &str,
        prefix: &str,
        token: Option<&str>,
    ) -> Result<Page<Listed>, StoreError>;

    /// Makes sure that the container exists.
    ///
    /// # Errors
    /// `Denied` if we may not create it.
    async fn create_container(&self, container: &str) -> Result<(), StoreError>;

    /// Whether the account has a hierarchical namespace (Data Lake Storage Gen2), and so no index
    /// tags. Asked once per process.
    ///
    /// # Errors
    /// The store's failure to answer.
    async fn is_hierarchical(&self) -> Result<bool, StoreError>;

    /// Asks for an answer, any answer, to show that the store is there and lets us in.
    ///
    /// # Errors
    /// Why it does not answer.
    async fn probe(&self) -> Result<(), StoreError>;
}
