//! Reading files with the crate `parquet`.

use bytes::Bytes;
use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::DataType,
    errors::Result,
    file::{
        metadata::ParquetMetaData,
        reader::{FileReader, SerializedFileReader},
    },
};

/// One column: levels, and the values that are not null, as the crate shows them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Values {
    pub(crate) definitions: Vec<i16>,
    pub(crate) repetitions: Vec<i16>,
    pub(crate) values: Vec<Vec<u8>>,
}

pub(crate) fn reader(file: &super::Bytes) -> Result<SerializedFileReader<Bytes>> {
    SerializedFileReader::new(Bytes::from(file.0.clone()))
}

pub(crate) fn metadata(file: &super::Bytes) -> ParquetMetaData {
    reader(file).unwrap().metadata().clone()
}

/// All values of a column, row group after row group.
pub(crate) fn read(file: &super::Bytes, leaf: usize) -> Result<Values> {
    let reader = reader(file)?;
    let mut all = Values::default();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        match group.get_column_reader(leaf)? {
            ColumnReader::BoolColumnReader(reader) => drain(reader, &mut all)?,
            ColumnReader::Int32ColumnReader(reader) => drain(reader, &mut all)?,
            ColumnReader::Int64ColumnReader(reader) => drain(reader, &mut all)?,
            ColumnReader::Int96ColumnReader(reader) => drain(reader, &mut all)?,
            ColumnReader::FloatColumnReader(reader) => drain(reader, &mut all)?,
            ColumnReader::DoubleColumnReader(reader) => drain(reader, &mut all)?,
            ColumnReader::ByteArrayColumnReader(reader) => drain(reader, &mut all)?,
            ColumnReader::FixedLenByteArrayColumnReader(reader) => drain(reader, &mut all)?,
        }
    }
    Ok(all)
}

fn drain<T: DataType>(mut reader: ColumnReaderImpl<T>, all: &mut Values) -> Result<()>
where
    T::T: parquet::data_type::AsBytes,
{
    use parquet::data_type::AsBytes;
    loop {
        let mut values = Vec::new();
        let definitions = Some(&mut all.definitions);
        let repetitions = Some(&mut all.repetitions);
        let (records, ..) = reader.read_records(1000, definitions, repetitions, &mut values)?;
        all.values.extend(values.iter().map(|value| value.as_bytes().to_vec()));
        if records == 0 {
            return Ok(());
        }
    }
}
