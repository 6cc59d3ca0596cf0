//! Looking at a written file with the eyes of another implementation, the crate `parquet`.

use parquet::{
    basic::Compression,
    file::metadata::{
        ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
    },
};

use super::{
    FOOTER,
    chunk::Chunk,
    fields::file,
    footer::{FileMetadata, Footer, invalid},
    wire::kind,
};
use crate::encryption::engine::{EngineError, Source};

/// How many column chunks are looked at at once: the crate needs a kilobyte for each.
const CHUNKS: usize = 10_000;

/// Compares what was written with what it was made from: rows, row groups, columns and their
/// types, sizes, and where everything is. `changed` are the paths that were protected or opened.
/// The data itself is not read again; blocks have their own checksums.
///
/// # Errors
/// Something is not as it should be; the file must not be delivered.
pub fn verify(
    source: &dyn Source,
    written: &dyn Source,
    changed: &[String],
) -> Result<(), EngineError> {
    let (old_footer, new_footer) = (Footer::read(source, FOOTER)?, Footer::read(written, FOOTER)?);
    let (old, new) = (old_footer.parse()?, new_footer.parse()?);
    check(old.rows == new.rows, "rows")?;
    check_columns(&old, &new, &read(&new, &[])?, changed)?;
    let (groups, written) = (old.groups(old_footer.start)?, new.row_groups()?);
    check(groups.len() == written.len(), "row groups")?;
    let at_once = (CHUNKS / old.schema.leaves.len().max(1)).max(1);
    let mut end = 4;
    for (groups, written) in groups.chunks(at_once).zip(written.chunks(at_once)) {
        let written = read(&new, written)?;
        check(groups.len() == written.num_row_groups(), "row groups")?;
        for (group, written) in groups.iter().zip(written.row_groups()) {
            end = check_group(group, written, end, changed)?;
        }
    }
    check(end <= new_footer.start, "the end of the data")
}

/// Reads a footer as if the file had these row groups only.
fn read(metadata: &FileMetadata<'_>, groups: &[&[u8]]) -> Result<ParquetMetaData, EngineError> {
    let mut fields = metadata.fields.clone();
    fields.set_list(file::ROW_GROUPS, kind::STRUCT, groups);
    ParquetMetaDataReader::decode_metadata(&fields.to_bytes())
        .map_err(|error| invalid(&format!("the written footer cannot be read: {error}")))
}

fn check_columns(
    old: &FileMetadata<'_>,
    new: &FileMetadata<'_>,
    read: &ParquetMetaData,
    changed: &[String],
) -> Result<(), EngineError> {
    let rows = u64::try_from(read.file_metadata().num_rows());
    check(rows.is_ok_and(|rows| rows == old.rows), "rows")?;
    let read = read.file_metadata().schema_descr();
    let (old, new) = (&old.schema, &new.schema);
    check(old.leaves.len() == read.num_columns(), "columns")?;
    check(old.elements.len() == new.elements.len(), "the schema")?;
    for (leaf, read) in old.leaves.iter().zip(read.columns()) {
        check(read.path().parts() == leaf.names, "the path of a column")?;
        let levels = [read.max_def_level(), read.max_rep_level()].map(i32::from);
        let levels = levels == [leaf.max_definition, leaf.max_repetition].map(i32::from);
        check(levels, "the nesting of a column")?;
        if !changed.contains(&leaf.path) {
            let element = leaf.element;
            check(old.elements[element] == new.elements[element], "the type of a column")?;
        }
    }
    Ok(())
}

/// Checks a row group that begins at `end`, and returns where it ends.
fn check_group(
    (chunks, rows): &(Vec<Chunk>, u64),
    written: &RowGroupMetaData,
    mut end: u64,
    changed: &[String],
) -> Result<u64, EngineError> {
    check(written.num_rows() as u64 == *rows, "rows of a row group")?;
    check(chunks.len() == written.columns().len(), "columns of a row group")?;
    for (old, new) in chunks.iter().zip(written.columns()) {
        let (start, length) = new.byte_range();
        check(start == end, "the start of a column")?;
        end = start + length;
        check_chunk(old, new, changed)?;
    }
    Ok(end)
}

fn check_chunk(
    old: &Chunk,
    new: &ColumnChunkMetaData,
    changed: &[String],
) -> Result<(), EngineError> {
    check(new.num_values() as u64 == old.values, "values of a column")?;
    if !changed.contains(&new.column_path().parts().join(".")) {
        return check(new.byte_range().1 == old.end - old.start, "the length of a column");
    }
    // Nothing that tells of values may be there.
    check(new.compression() == Compression::UNCOMPRESSED, "compression")?;
    check(new.dictionary_page_offset().is_none(), "a dictionary")?;
    check(new.statistics().is_none(), "statistics")?;
    check(new.bloom_filter_offset().is_none(), "a bloom filter")?;
    check(new.column_index_offset().is_none(), "a column index")
}

fn check(is_right: bool, what: &str) -> Result<(), EngineError> {
    match is_right {
        true => Ok(()),
        false => Err(invalid(&format!("what was written is wrong in {what}"))),
    }
}
