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
