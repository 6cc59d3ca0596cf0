//! Looking at a written file with the eyes of another implementation, the crate `parquet`.

use parquet::{
    basic::Compression,
    file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader},
};

use super::{
    FOOTER,
    chunk::Chunk,
    footer::{FileMetadata, Footer, invalid},
};
use crate::encryption::engine::{EngineError, Source};

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
    let old = old_footer.parse()?;
    let new = ParquetMetaDataReader::decode_metadata(new_footer.bytes())
        .map_err(|error| invalid(&format!("the written footer cannot be read: {error}")))?;
    let rows = u64::try_from(new.file_metadata().num_rows());
    check(rows.is_ok_and(|rows| rows == old.rows), "rows")?;
    check_columns(&old, &new_footer.parse()?, &new, changed)?;
    let groups = old.groups(old_footer.start)?;
    check(groups.len() == new.num_row_groups(), "row groups")?;
    let mut end = 4;
    for ((chunks, rows), new) in groups.iter().zip(new.row_groups()) {
        check(new.num_rows() as u64 == *rows, "rows of a row group")?;
        check(chunks.len() == new.columns().len(), "columns of a row group")?;
        for (old, new) in chunks.iter().zip(new.columns()) {
            let (start, length) = new.byte_range();
            check(start == end, "the start of a column")?;
            end = start + length;
            check_chunk(old, new, changed)?;
        }
    }
    check(end <= new_footer.start, "the end of the data")
}

fn check_columns(
    old: &FileMetadata<'_>,
    new: &FileMetadata<'_>,
    read: &ParquetMetaData,
    changed: &[String],
) -> Result<(), EngineError> {
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
