//! What a protected file says of itself, beside the footer of a Parquet file: in its metadata, if
//! it is short; in the document store; and for text formats in a sidecar, `_lakehand/<name>.json`.
//!
//! Each has the identity of the one attempt that wrote the file, so that what a rival left is
//! never taken for the file's own. A file that was copied without its metadata has the sidecar.

use serde::{Deserialize, Serialize};

use super::{Tools, failure::Failure};
use crate::{
    encryption::{engine::Totals, envelope::Envelope},
    routing::{Source, mark},
    stores::{
        Condition, StoreError,
        blobs::{Attributes, BlobPath, Blobs, Metadata, Properties},
        documents::{self, Collection, Document, Key, body_of},
        optional,
    },
};

/// The metadata that names the attempt that wrote the blob.
pub const ID: &str = "lakehand_id";

/// The metadata that tells what the blob was made of, by which rules and keys.
pub const FINGERPRINT: &str = "lakehand_fingerprint";

/// The metadata with the totals, as JSON.
pub const TOTALS: &str = "lakehand_totals";

/// The metadata with the envelope, as JSON in ASCII, where it fits.
pub const ENVELOPE: &str = "lakehand_envelope";

/// What metadata may take, in bytes; Azure's limit is 8 KiB, headers and all.
const MOST_METADATA: usize = 7_000;

/// The longest sidecar that is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// What is known of a protected file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The attempt that wrote it.
    pub id: String,
    /// The file it was made of.
    pub source: String,
    /// How it is protected.
    #[serde(flatten)]
    pub envelope: Envelope,
}

/// The place of the sidecar of a file.
pub fn sidecar(file: &BlobPath) -> Option<BlobPath> {
    let (folder, leaf) = file.name().rsplit_once('/').map_or(("", file.name()), |(f, l)| (f, l));
    let slash = if folder.is_empty() { "" } else { "/" };
    BlobPath::new(file.container(), format!("{folder}{slash}_lakehand/{leaf}.json")).ok()
}

/// Adds what a blob says of itself to its metadata.
pub fn label(metadata: &mut Metadata, id: &str, fingerprint: &str, totals: Totals) {
    metadata.insert(ID.to_owned(), id.to_owned());
    metadata.insert(FINGERPRINT.to_owned(), fingerprint.to_owned());
    let totals = serde_json::to_string(&totals).expect("numbers are JSON");
    metadata.insert(TOTALS.to_owned(), totals);
}

/// Adds the envelope to the metadata if there is room.
pub fn label_with_envelope(metadata: &mut Metadata, envelope: &Envelope) {
    let Ok(json) = serde_json::to_string(envelope) else { return };
    let json = ascii(&json);
    let taken: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if taken + ENVELOPE.len() + json.len() <= MOST_METADATA {
        metadata.insert(ENVELOPE.to_owned(), json);
    }
}

/// JSON in which every character outside ASCII is escaped; it stands in strings only.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && !character.is_ascii_control() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// The totals that a blob says it has.
pub fn totals(metadata: &Metadata) -> Totals {
    metadata.get(TOTALS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Keeps a record in the document store, before its file is committed: from then on the file's key
/// is not lost, whatever is copied where.
///
/// # Errors
/// The store's failure.
pub async fn keep(tools: &Tools, file: &str, record: &Record) -> Result<(), StoreError> {
    let key = Key::new(file, &record.id);
    let body = body_of(&key, record)?;
    let put = tools.documents.put(Collection::Envelopes, &key, &body, &Condition::Always, None);
    put.await.map(drop)
}

/// Removes the record of a file that was not committed.
pub async fn forget(tools: &Tools, file: &str, id: &str) {
    let key = Key::new(file, id);
    let deleted = tools.documents.delete(Collection::Envelopes, &key, &Condition::Always).await;
    if let Err(error) = optional(deleted) {
        tracing::warn!("a record of a file that is not there stays: {error}");
    }
}

/// Puts the sidecar beside a text file that is there, unless it is beside it already. The record
/// comes from the document store.
///
/// # Errors
/// The stores' failures.
pub async fn put_sidecar(
    tools: &Tools,
    blobs: &dyn Blobs,
    source: &Source,
    (path, display): (&BlobPath, &str),
    id: &str,
) -> Result<(), Failure> {
    let Some(place) = sidecar(path) else { return Ok(()) };
    let there = optional(blobs.head(&place).await)?;
    if there.is_some_and(|there| there.metadata.get(ID).is_some_and(|found| found == id)) {
        return Ok(());
    }
    let found: Option<Document<Record>> =
        documents::read(&*tools.documents, Collection::Envelopes, &Key::new(display, id)).await?;
    let Some(Document { body: record, .. }) = found else { return Ok(()) };
    let content = serde_json::to_vec_pretty(&record).expect("a record is JSON");
    let mark = mark::mark(&source.path, &source.properties.etag, &place);
    let metadata = Metadata::from([(ID.to_owned(), id.to_owned()), (mark::MARK.to_owned(), mark)]);
    let content_type = Some("application/json".to_owned());
    let attributes = Attributes { content_type, metadata, ..Attributes::default() };
    blobs.write(&place, content.into(), &attributes, &Condition::Always).await?;
    Ok(())
}

/// What a text file says of its own protection, `None` if nothing does. All of it may be hostile.
///
/// # Errors
/// The stores' failures.
pub async fn find(tools: &Tools, source: &Source) -> Result<Option<Envelope>, StoreError> {
    if let Some(envelope) = in_metadata(&source.properties.metadata) {
        return Ok(Some(envelope));
    }
    if let Some(found) = find_record(tools, source).await? {
        return Ok(Some(found.body.envelope));
    }
    let found = find_sidecar(tools, source).await?;
    Ok(found.map(|(record, _)| record.envelope))
}

/// The envelope in a blob's metadata.
pub(super) fn in_metadata(metadata: &Metadata) -> Option<Envelope> {
    metadata.get(ENVELOPE).and_then(|text| serde_json::from_str(text).ok())
}

/// The record of the attempt that wrote a blob.
pub(super) async fn find_record(
    tools: &Tools,
    source: &Source,
) -> Result<Option<Document<Record>>, StoreError> {
    let Some(id) = source.properties.metadata.get(ID) else { return Ok(None) };
    let key = Key::new(source.path.to_string(), id);
    documents::read(&*tools.documents, Collection::Envelopes, &key).await
}

/// The sidecar of a blob, unless it is about what another attempt wrote.
pub(super) async fn find_sidecar(
    tools: &Tools,
    source: &Source,
) -> Result<Option<(Record, Properties)>, StoreError> {
    let Some(place) = sidecar(&source.path) else { return Ok(None) };
    let Some((content, properties)) = optional(tools.blobs.read(&place, LONGEST).await)? else {
        return Ok(None);
    };
    let record = serde_json::from_slice::<Record>(&content).ok();
    let id = source.properties.metadata.get(ID);
    let record = record.filter(|record| id.is_none_or(|id| *id == record.id));
    Ok(record.map(|record| (record, properties)))
}
