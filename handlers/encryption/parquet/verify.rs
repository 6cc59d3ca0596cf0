//! Looking at a written file with the eyes of another implementation, the crate `parquet`.

use parquet::{
    basic::Compression,
    file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader},
};

use super::{FOOTER, footer::Footer, footer::invalid};
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
    let old = read(source)?;
    let new = read(written)?;
    let data_end = Footer::read(written, FOOTER)?.start;
    let rows = |file: &ParquetMetaData| {
        file.row_groups().iter().map(|group| group.num_rows()).collect::<Vec<_>>()
    };
    check(old.file_metadata().num_rows() == new.file_metadata().num_rows(), "rows")?;
    check(rows(&old) == rows(&new), "rows of a row group")?;
    check_columns(&old, &new, changed)?;
    let mut end = 4;
    for (old, new) in old.row_groups().iter().zip(new.row_groups()) {
        check(old.columns().len() == new.columns().len(), "columns of a row group")?;
        for (old, new) in old.columns().iter().zip(new.columns()) {
            let (start, length) = new.byte_range();
            check(start == end, "the start of a column")?;
            end = start + length;
            check(old.num_values() == new.num_values(), "values of a column")?;
            match changed.contains(&new.column_path().parts().join(".")) {
                true => check_changed(new)?,
                false => check(length == old.byte_range().1, "the length of a column")?,
            }
        }
    }
    check(end <= data_end, "the end of the data")
}

fn read(source: &dyn Source) -> Result<ParquetMetaData, EngineError> {
    let footer = Footer::read(source, FOOTER)?;
    ParquetMetaDataReader::decode_metadata(footer.bytes())
        .map_err(|error| invalid(&format!("the footer cannot be read: {error}")))
}

fn check_columns(
    old: &ParquetMetaData,
    new: &ParquetMetaData,
    changed: &[String],
) -> Result<(), EngineError> {
    let (old, new) = (old.file_metadata().schema_descr(), new.file_metadata().schema_descr());
    check(old.num_columns() == new.num_columns(), "columns")?;
    for (old, new) in old.columns().iter().zip(new.columns()) {
        check(old.path() == new.path(), "the path of a column")?;
        let levels = old.max_def_level() == new.max_def_level()
            && old.max_rep_level() == new.max_rep_level();
        check(levels, "the nesting of a column")?;
        if !changed.contains(&new.path().parts().join(".")) {
            check(old.self_type() == new.self_type(), "the type of a column")?;
        }
    }
    Ok(())
}

/// Nothing that tells of values may be there.
fn check_changed(column: &ColumnChunkMetaData) -> Result<(), EngineError> {
    check(column.compression() == Compression::UNCOMPRESSED, "compression")?;
    check(column.dictionary_page_offset().is_none(), "a dictionary")?;
    check(column.statistics().is_none(), "statistics")?;
    check(column.bloom_filter_offset().is_none(), "a bloom filter")?;
    check(column.column_index_offset().is_none(), "a column index")
}

fn check(is_right: bool, what: &str) -> Result<(), EngineError> {
    match is_right {
        true => Ok(()),
        false => Err(invalid(&format!("what was written is wrong in {what}"))),
    }
}
