//! The metadata at the end of a file (`parquet.thrift`, `FileMetaData`).

use super::{
    fields::file,
    schema::Schema,
    thrift::Struct,
    wire::{Cursor, Malformed},
};
use crate::encryption::{
    engine::{EngineError, Source},
    envelope::{Envelope, FOOTER_KEY},
};

/// What a file begins and ends with.
pub(super) const MAGIC: &[u8; 4] = b"PAR1";

/// The same of a file whose footer is encrypted (Parquet Modular Encryption).
const ENCRYPTED_MAGIC: &[u8; 4] = b"PARE";

/// The length of the metadata and the magic.
const TAIL: u64 = 8;

/// How much of the end is read at once: enough for the metadata of most files.
const GUESS: u64 = 64 << 10;

/// A file's metadata as bytes.
pub(super) struct Footer {
    bytes: Vec<u8>,
    /// Where it begins, which is where data ends.
    pub(super) start: u64,
}

/// A file's metadata, read.
pub(super) struct FileMetadata<'a> {
    /// All of it.
    pub(super) fields: Struct<'a>,
    /// The columns.
    pub(super) schema: Schema,
    /// How many rows the file has.
    pub(super) rows: u64,
}

impl Footer {
    /// Reads the metadata, which may have so many bytes.
    pub(super) fn read(source: &dyn Source, allowed: u64) -> Result<Self, EngineError> {
        let length = source.length();
        if length < MAGIC.len() as u64 + TAIL {
            return Err(invalid(if length == 0 { "it is empty" } else { "it is too short" }));
        }
        let mut bytes = read_end(source, GUESS.min(length))?;
        let (size, magic) = bytes.split_last_chunk::<4>().map_or((&[][..], MAGIC), |(a, b)| (a, b));
        check_magic(magic, "end")?;
        let size = size.last_chunk().map_or(0, |size| u64::from(u32::from_le_bytes(*size)));
        let start = length.checked_sub(size + TAIL).filter(|start| *start >= MAGIC.len() as u64);
        let start = start.ok_or_else(|| invalid("the footer is longer than the file"))?;
        if size > allowed {
            let subject = "the footer".to_owned();
            return Err(EngineError::TooLarge { subject, needed: size, allowed });
        }
        if size + TAIL > bytes.len() as u64 {
            bytes = read_end(source, size + TAIL)?;
        }
        bytes.drain(..bytes.len() - (size + TAIL) as usize);
        bytes.truncate(size as usize);
        check_start(source)?;
        Ok(Self { bytes, start })
    }

    /// Reads the metadata's own structure.
    pub(super) fn parse(&self) -> Result<FileMetadata<'_>, EngineError> {
        let mut cursor = Cursor::new(&self.bytes);
        let fields = Struct::read(&mut cursor)?;
        // A signature may follow then.
        if fields.has(file::ENCRYPTION) {
            return Err(encrypted());
        }
        if cursor.position() != self.bytes.len() {
            return Err(invalid("bytes follow the metadata in the footer"));
        }
        let rows = fields.size(file::ROWS)?;
        let schema = Schema::read(&fields.list(file::SCHEMA)?.unwrap_or_default())?;
        Ok(FileMetadata { fields, schema, rows })
    }
}

fn read_end(source: &dyn Source, length: u64) -> Result<Vec<u8>, EngineError> {
    let mut bytes = vec![0; length as usize];
    source.read_at(source.length() - length, &mut bytes)?;
    Ok(bytes)
}

fn check_start(source: &dyn Source) -> Result<(), EngineError> {
    let mut magic = [0; 4];
    source.read_at(0, &mut magic)?;
    check_magic(&magic, "start")
}

fn check_magic(magic: &[u8; 4], place: &str) -> Result<(), EngineError> {
    match magic {
        MAGIC => Ok(()),
        ENCRYPTED_MAGIC => Err(encrypted()),
        _ => {
            Err(invalid(&format!("`PAR1` is missing at its {place}; it is cut off or no Parquet")))
        }
    }
}

fn encrypted() -> EngineError {
    unsupported("Parquet Modular Encryption", "decrypt the file with the tool that encrypted it")
}

impl FileMetadata<'_> {
    /// Refuses what a later version of the format may have added: what it means is not known, and
    /// neither whether it holds values or positions.
    pub(super) fn check_known(&self) -> Result<(), EngineError> {
        check_fields(&self.fields, file::LAST, "the footer")
    }

    /// The keys and values of the footer, in its order.
    pub(super) fn key_values(&self) -> Result<Vec<(String, Option<String>)>, EngineError> {
        let read = |bytes: &&[u8]| {
            let pair = Struct::parse(bytes)?;
            let key = pair.text(1)?.ok_or(Malformed::Wrong("a key-value pair without a key"))?;
            Ok((key.to_owned(), pair.text(2)?.map(str::to_owned)))
        };
        let pairs = self.fields.list(file::KEY_VALUES)?.unwrap_or_default();
        pairs.iter().map(read).collect()
    }

    /// What the file says of its own protection; hostile until proven otherwise.
    pub(super) fn envelope(&self) -> Result<Option<Envelope>, EngineError> {
        let pairs = self.key_values()?;
        let Some((_, text)) = pairs.into_iter().find(|(key, _)| key == FOOTER_KEY) else {
            return Ok(None);
        };
        let envelope = serde_json::from_str(text.as_deref().unwrap_or_default());
        envelope.map(Some).map_err(|_| invalid("its `lakehand` footer entry cannot be read"))
    }
}

/// What follows the data: a file's metadata, its length, and the magic.
///
/// # Errors
/// The format cannot say so great a length.
pub(super) fn sealed(mut metadata: Vec<u8>) -> Result<Vec<u8>, EngineError> {
    let length = u32::try_from(metadata.len());
    let length = length.map_err(|_| unsupported("the footer", "it would pass 4 GiB"))?;
    metadata.extend_from_slice(&length.to_le_bytes());
    metadata.extend_from_slice(MAGIC);
    Ok(metadata)
}

/// Refuses a struct with fields after the last known one.
pub(super) fn check_fields(
    fields: &Struct<'_>,
    last: i16,
    subject: &str,
) -> Result<(), EngineError> {
    match fields.ids().find(|id| !(1..=last).contains(id)) {
        None => Ok(()),
        Some(id) => Err(unsupported(
            &format!("field {id} of {subject}"),
            "it is newer than this version, which cannot know what it says of the values",
        )),
    }
}

/// The file is not what it claims.
pub(super) fn invalid(reason: &str) -> EngineError {
    EngineError::Invalid { format: "Parquet", reason: reason.to_owned() }
}

/// The file is valid, and cannot be worked on.
pub(super) fn unsupported(subject: &str, reason: &str) -> EngineError {
    EngineError::Unsupported { subject: subject.to_owned(), reason: reason.to_owned() }
}

impl From<Malformed> for EngineError {
    fn from(error: Malformed) -> Self {
        invalid(&error.to_string())
    }
}
