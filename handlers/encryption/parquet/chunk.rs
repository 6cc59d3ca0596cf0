//! Column chunks: where the pages of one column and row group are (`parquet.thrift`,
//! `ColumnChunk`, `ColumnMetaData`, `RowGroup`).

use super::{
    codec::Codec,
    fields::{column_chunk, column_metadata, row_group},
    footer::{MAGIC, check_fields, invalid, unsupported},
    schema::Leaf,
    thrift::Struct,
    types::type_number,
    wire::Malformed,
};
use crate::encryption::engine::EngineError;

/// One column of one row group, validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Where its first page begins.
    pub(super) start: u64,
    /// Where its last page ends.
    pub(super) end: u64,
    /// How many values it has, nulls included.
    pub(super) values: u64,
    /// How many bytes its pages have uncompressed, headers included.
    pub(super) uncompressed: u64,
    /// The number of its compression; one that is not known matters only to who reads pages.
    codec: i64,
    /// Whether it has an offset index.
    pub(super) has_offset_index: bool,
}

impl Chunk {
    /// Reads a chunk's metadata. `data_end` is where data ends in the file.
    pub(super) fn read(bytes: &[u8], leaf: &Leaf, data_end: u64) -> Result<Self, EngineError> {
        let fields = Struct::parse(bytes)?;
        check_fields(&fields, column_chunk::LAST, "a column chunk")?;
        if fields.has(column_chunk::CRYPTO) || fields.has(column_chunk::LAST) {
            let reason = "decrypt the file with the tool that encrypted it";
            return Err(unsupported("Parquet Modular Encryption", reason));
        }
        if fields.binary(column_chunk::FILE_PATH)?.is_some_and(|path| !path.is_empty()) {
            return Err(unsupported("a column in another file", "join the files first"));
        }
        let column = fields.structure(column_chunk::METADATA)?;
        let column = column.ok_or(Malformed::Wrong("a column chunk without metadata"))?;
        check_fields(&column, column_metadata::LAST, "a column's metadata")?;
        check_leaf(&column, leaf)?;
        let start = start(&column)?;
        let end = start.checked_add(column.size(column_metadata::COMPRESSED)?);
        let end = end.filter(|end| *end <= data_end).ok_or_else(|| {
            invalid(&format!("the pages of column `{}` are not inside the file", leaf.path))
        })?;
        Ok(Self {
            start,
            end,
            values: column.size(column_metadata::VALUES)?,
            uncompressed: column.size(column_metadata::UNCOMPRESSED)?,
            codec: column.required(column_metadata::CODEC)?,
            has_offset_index: fields.has(column_chunk::OFFSET_INDEX),
        })
    }

    /// How its pages are compressed.
    pub(super) fn codec(&self) -> Result<Codec, EngineError> {
        Codec::from_number(self.codec)
    }
}

/// Where the first page begins, be it the dictionary or one with values. No page can begin before
/// the file's magic ends, and some writers say 0 for none.
pub(super) fn start(column: &Struct<'_>) -> Result<u64, Malformed> {
    let data = column.size(column_metadata::DATA_PAGE)?;
    let dictionary = column.size(column_metadata::DICTIONARY_PAGE)?;
    let first = MAGIC.len() as u64;
    Ok([data, dictionary].into_iter().filter(|start| *start >= first).min().unwrap_or(first))
}

fn check_leaf(column: &Struct<'_>, leaf: &Leaf) -> Result<(), EngineError> {
    let same = column.texts(column_metadata::PATH)?.unwrap_or_default() == leaf.names;
    let physical = i64::from(type_number(leaf.kind.physical()));
    if !same || column.required(column_metadata::TYPE)? != physical {
        return Err(invalid(&format!("column `{}` does not fit the schema", leaf.path)));
    }
    Ok(())
}

/// A row group's chunks, as bytes, and how many rows it has.
pub(super) fn read_group(bytes: &[u8]) -> Result<(Struct<'_>, u64), EngineError> {
    let fields = Struct::parse(bytes)?;
    check_fields(&fields, row_group::LAST, "a row group")?;
    let rows = fields.size(row_group::ROWS)?;
    Ok((fields, rows))
}

/// The chunks of a row group, of which there must be one per column.
pub(super) fn chunks<'a>(
    group: &'a Struct<'_>,
    leaves: &[Leaf],
) -> Result<Vec<&'a [u8]>, EngineError> {
    let chunks = group.list(row_group::COLUMNS)?.unwrap_or_default();
    match chunks.len() == leaves.len() {
        true => Ok(chunks),
        false => Err(invalid("a row group has another number of columns than the schema")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::encryption::parquet::{fields::element, schema::Schema, wire::kind};

    /// Where data ends in the file.
    const END: u64 = 1000;

    fn leaf() -> Leaf {
        let (mut root, mut column) = (Struct::default(), Struct::default());
        root.set_binary(element::NAME, b"root");
        root.set_i32(element::CHILDREN, 1);
        column.set_i32(element::TYPE, 6);
        column.set_binary(element::NAME, b"a");
        let elements = [root, column].map(|element| element.to_bytes());
        Schema::read(&[&elements[0], &elements[1]]).unwrap().leaves.remove(0)
    }

    /// A column's metadata with positions of its pages and how many bytes they have.
    fn metadata(data: u64, dictionary: Option<u64>, length: u64) -> Struct<'static> {
        let mut metadata = Struct::default();
        metadata.set_i32(column_metadata::TYPE, 6);
        metadata.set_list(column_metadata::PATH, kind::BINARY, &[b"\x01a"]);
        metadata.set_i32(column_metadata::CODEC, 1);
        metadata.set_i64(column_metadata::VALUES, 7);
        metadata.set_i64(column_metadata::COMPRESSED, length);
        metadata.set_i64(column_metadata::DATA_PAGE, data);
        if let Some(dictionary) = dictionary {
            metadata.set_i64(column_metadata::DICTIONARY_PAGE, dictionary);
        }
        metadata
    }

    fn read(metadata: &Struct<'_>) -> Result<Chunk, EngineError> {
        let mut chunk = Struct::default();
        chunk.set_structure(column_chunk::METADATA, metadata);
        Chunk::read(&chunk.to_bytes(), &leaf(), END)
    }

    #[test]
    fn a_chunk_begins_with_its_first_page() {
        for (data, dictionary, start) in [
            (100, None, 100),
            (100, Some(50), 50),
            // Some writers say 0 for none, or for the start of the file.
            (100, Some(0), 100),
            (0, None, 4),
            (0, Some(0), 4),
            // A dictionary after its data is none that a reader would find.
            (100, Some(200), 100),
        ] {
            let chunk = read(&metadata(data, dictionary, 300)).unwrap();
            assert_eq!((chunk.start, chunk.end, chunk.values), (start, start + 300, 7));
        }
    }

    #[test]
    fn a_chunk_is_inside_the_file() {
        read(&metadata(100, None, END - 100)).unwrap();
        for (data, length) in [(100, END - 99), (END + 1, 0), (100, u64::MAX >> 1)] {
            let error = read(&metadata(data, None, length)).unwrap_err().to_string();
            assert!(error.contains("not inside the file"), "{error}");
        }
        read(&metadata(100, None, u64::MAX)).unwrap_err();
    }

    #[test]
    fn a_chunk_fits_its_column() {
        let (mut other_type, mut other_path) = (metadata(100, None, 300), metadata(100, None, 300));
        other_type.set_i32(column_metadata::TYPE, 1);
        other_path.set_list(column_metadata::PATH, kind::BINARY, &[b"\x01b"]);
        for metadata in [other_type, other_path] {
            let error = read(&metadata).unwrap_err().to_string();
            assert!(error.contains("does not fit the schema"), "{error}");
        }
    }

    #[test]
    fn what_is_elsewhere_encrypted_or_newer_is_refused() {
        for (id, word) in [
            (column_chunk::FILE_PATH, "another file"),
            (column_chunk::CRYPTO, "Modular Encryption"),
            (column_chunk::LAST, "Modular Encryption"),
            (column_chunk::LAST + 1, "newer"),
        ] {
            let mut chunk = Struct::default();
            chunk.set_structure(column_chunk::METADATA, &metadata(100, None, 300));
            chunk.set_binary(id, b"x");
            let error = Chunk::read(&chunk.to_bytes(), &leaf(), END).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
