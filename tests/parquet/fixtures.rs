//! Files with a column of every type, written by the crate `parquet`.

use std::sync::Arc;

use parquet::{
    basic::{Compression, Encoding, Repetition, Type},
    data_type::{ByteArray, FixedLenByteArray, Int96},
    errors::Result,
    file::{
        metadata::{KeyValue, SortingColumn},
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::{parser::parse_message_type, types::ColumnDescriptor},
};

use super::Bytes;

pub(crate) const SCHEMA: &str = "message everything {
    required boolean flag;
    optional boolean maybe;
    optional int32 tiny (INTEGER(8, true));
    optional int32 wide (INTEGER(32, false));
    required int64 id;
    optional int64 huge (INTEGER(64, false));
    optional int32 born (DATE);
    optional int32 clock_ms (TIME(MILLIS, true));
    optional int64 clock_us (TIME(MICROS, false));
    optional int64 clock_ns (TIME(NANOS, true));
    optional int64 seen_ms (TIMESTAMP(MILLIS, true));
    optional int64 seen_us (TIMESTAMP(MICROS, false));
    optional int64 seen_ns (TIMESTAMP(NANOS, true));
    optional int96 legacy;
    optional float ratio;
    optional double score;
    optional fixed_len_byte_array(2) half (FLOAT16);
    optional int32 price_32 (DECIMAL(9, 2));
    optional int64 price_64 (DECIMAL(18, 4));
    optional fixed_len_byte_array(16) price_fixed (DECIMAL(38, 18));
    optional binary price_bytes (DECIMAL(60, 5));
    optional fixed_len_byte_array(16) token (UUID);
    optional fixed_len_byte_array(12) pause (INTERVAL);
    optional fixed_len_byte_array(9) raw_fixed;
    required binary email (STRING);
    optional binary city (STRING);
    optional binary kind (ENUM);
    optional binary document (JSON);
    optional binary packed (BSON);
    optional binary raw;
    optional group customer {
        optional group address { optional binary street (STRING); }
    }
    repeated int32 marks;
    optional group tags (LIST) { repeated group list { optional binary element (STRING); } }
    optional group scores (MAP) { repeated group key_value { required binary key (STRING); optional int64 value; } }
}";

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) version: WriterVersion,
    pub(crate) compression: Compression,
    pub(crate) dictionary: bool,
    /// Delta and byte-stream-split encodings instead of plain ones.
    pub(crate) dense: bool,
    /// Bloom filters, statistics and indexes.
    pub(crate) extras: bool,
}

pub(crate) const PLAIN: Style = Style {
    version: WriterVersion::PARQUET_1_0,
    compression: Compression::UNCOMPRESSED,
    dictionary: false,
    dense: false,
    extras: false,
};

pub(crate) const RICH: Style = Style {
    version: WriterVersion::PARQUET_2_0,
    compression: Compression::SNAPPY,
    dictionary: true,
    dense: false,
    extras: true,
};

/// Rows of the first and the second row group.
pub(crate) const ROWS: [usize; 2] = [700, 33];

/// A file of every type.
pub(crate) fn everything(style: Style) -> Bytes {
    write(SCHEMA, style, &ROWS, vec![])
}

/// A file of any schema, with such footer entries.
pub(crate) fn write(
    schema: &str,
    style: Style,
    rows: &[usize],
    pairs: Vec<(String, Option<String>)>,
) -> Bytes {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut out = Vec::new();
    let properties = Arc::new(properties(style, pairs));
    let mut file = SerializedFileWriter::new(&mut out, schema, properties).unwrap();
    for (group, rows) in rows.iter().enumerate() {
        let columns = file.schema_descr().columns().to_vec();
        let mut writer = file.next_row_group().unwrap();
        for (number, column) in columns.iter().enumerate() {
            let mut writer = writer.next_column().unwrap().unwrap();
            write_column(&mut writer, column, group * 1000 + number, *rows).unwrap();
            writer.close().unwrap();
        }
        writer.close().unwrap();
    }
    file.close().unwrap();
    Bytes(out)
}

fn properties(style: Style, pairs: Vec<(String, Option<String>)>) -> WriterProperties {
    let pairs = pairs.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
    let statistics = if style.extras { EnabledStatistics::Page } else { EnabledStatistics::None };
    let sorting = SortingColumn { column_idx: 4, descending: false, nulls_first: true };
    let second = SortingColumn { column_idx: 24, ..sorting };
    let mut builder = WriterProperties::builder()
        .set_writer_version(style.version)
        .set_compression(style.compression)
        .set_dictionary_enabled(style.dictionary)
        .set_statistics_enabled(statistics)
        .set_bloom_filter_enabled(style.extras)
        .set_data_page_row_count_limit(90)
        .set_write_batch_size(30)
        .set_sorting_columns(style.extras.then(|| vec![sorting, second]))
        .set_key_value_metadata(Some(pairs));
    if style.dense {
        for (columns, encoding) in [
            ("id huge seen_ms tiny born", Encoding::DELTA_BINARY_PACKED),
            ("city kind raw", Encoding::DELTA_LENGTH_BYTE_ARRAY),
            ("email document price_bytes raw_fixed", Encoding::DELTA_BYTE_ARRAY),
            ("ratio score price_64 price_32 price_fixed", Encoding::BYTE_STREAM_SPLIT),
            ("flag maybe", Encoding::RLE),
        ] {
            for column in columns.split(' ') {
                builder = builder.set_column_encoding(column.into(), encoding);
            }
        }
    }
    builder.build()
}

/// Levels of a row: (definition, repetition). Some rows are null, some lists empty; leaves of one
/// group agree.
fn levels(row: usize, column: &ColumnDescriptor) -> Vec<(i16, i16)> {
    let deepest = column.max_def_level();
    match (row % 5, column.max_rep_level()) {
        (0, _) if deepest > 0 => vec![(0, 0)],
        (_, 0) => vec![(deepest, 0)],
        (1, _) => vec![(1, 0)],
        _ => {
            let info = column.self_type().get_basic_info();
            let optional = info.repetition() == Repetition::OPTIONAL;
            let level = |entry: usize| match optional && entry == 2 {
                true => (deepest - 1, 1),
                false => (deepest, i16::from(entry > 0)),
            };
            (0..row % 4 + 1).map(level).collect()
        }
    }
}

fn write_column(
    writer: &mut SerializedColumnWriter<'_>,
    column: &ColumnDescriptor,
    seed: usize,
    rows: usize,
) -> Result<()> {
    use parquet::data_type as types;
    let levels: Vec<_> = (0..rows).flat_map(|row| levels(row, column)).collect();
    let count = levels.iter().filter(|(level, _)| *level == column.max_def_level()).count();
    let (definitions, repetitions): (Vec<_>, Vec<_>) = levels.into_iter().unzip();
    let levels = (&*definitions, &*repetitions);
    let values = (0..count).map(|at| value(column, seed, at));
    match column.physical_type() {
        Type::BOOLEAN => {
            batch::<types::BoolType>(writer, levels, values.map(|value| value[0] % 2 == 1))
        }
        Type::INT32 => batch::<types::Int32Type>(
            writer,
            levels,
            values.map(|value| i32::from_le_bytes(*value.first_chunk().unwrap())),
        ),
        Type::INT64 => batch::<types::Int64Type>(
            writer,
            levels,
            values.map(|value| i64::from_le_bytes(*value.first_chunk().unwrap())),
        ),
        Type::INT96 => batch::<types::Int96Type>(writer, levels, values.map(int96)),
        Type::FLOAT => batch::<types::FloatType>(
            writer,
            levels,
            values.map(|value| f32::from_le_bytes(*value.first_chunk().unwrap())),
        ),
        Type::DOUBLE => batch::<types::DoubleType>(
            writer,
            levels,
            values.map(|value| f64::from_le_bytes(*value.first_chunk().unwrap())),
        ),
        Type::BYTE_ARRAY => {
            batch::<types::ByteArrayType>(writer, levels, values.map(ByteArray::from))
        }
        Type::FIXED_LEN_BYTE_ARRAY => batch::<types::FixedLenByteArrayType>(
            writer,
            levels,
            values.map(|value| FixedLenByteArray::from(ByteArray::from(value))),
        ),
    }
}

fn int96(value: Vec<u8>) -> Int96 {
    let words: Vec<_> = value.chunks(4).map(|word| word.try_into().unwrap()).collect();
    let words: Vec<_> = words.into_iter().map(u32::from_le_bytes).collect();
    Int96::from(words)
}

fn batch<T: parquet::data_type::DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    (definitions, repetitions): (&[i16], &[i16]),
    values: impl Iterator<Item = T::T>,
) -> Result<()> {
    let values: Vec<_> = values.collect();
    let writer = writer.typed::<T>();
    writer.write_batch(&values, Some(definitions), Some(repetitions)).map(drop)
}

/// A value in plain encoding: extremes first, then one of a few or one of many.
fn value(column: &ColumnDescriptor, seed: usize, at: usize) -> Vec<u8> {
    let mixed = (seed as u64 * 1_000_003 + at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = [mixed, mixed.rotate_left(29)].map(u64::to_le_bytes).concat();
    let width = match column.physical_type() {
        Type::BYTE_ARRAY => return bytes(column, seed, at, &mixed),
        Type::FIXED_LEN_BYTE_ARRAY => column.type_length() as usize,
        Type::INT96 => 12,
        _ => 8,
    };
    match at {
        0 => vec![0; width],
        1 => vec![0xff; width],
        2 => [vec![0xff; width - 1], vec![0x7f]].concat(),
        3 => [vec![0; width - 1], vec![0x80]].concat(),
        _ if at.is_multiple_of(3) => vec![at as u8 % 7; width],
        _ => mixed.iter().copied().cycle().take(width).collect(),
    }
}

fn bytes(column: &ColumnDescriptor, seed: usize, at: usize, mixed: &[u8]) -> Vec<u8> {
    match column.name() {
        // In their shortest form, so that they are the same bytes when they come back.
        "price_bytes" => [vec![1 + at as u8 % 100], mixed[..at % 16].to_vec()].concat(),
        "raw" | "packed" if at.is_multiple_of(2) => mixed[..at % 17].to_vec(),
        "city" => format!("secret city {} of {seed}", at % 9).into_bytes(),
        _ if at == 0 => Vec::new(),
        _ => format!("secret {seed} number {at} äöü").into_bytes(),
    }
}
