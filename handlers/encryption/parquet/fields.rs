//! Field numbers of the structs in the footer (`parquet.thrift`). `LAST` is the last one that this
//! version knows.

/// Field numbers of `FileMetaData`.
pub(super) mod file {
    pub(in super::super) const SCHEMA: i16 = 2;
    pub(in super::super) const ROWS: i16 = 3;
    pub(in super::super) const ROW_GROUPS: i16 = 4;
    pub(in super::super) const KEY_VALUES: i16 = 5;
    pub(in super::super) const COLUMN_ORDERS: i16 = 7;
    pub(in super::super) const ENCRYPTION: i16 = 8;
    pub(in super::super) const LAST: i16 = 9;
}

/// Field numbers of `SchemaElement`.
pub(super) mod element {
    pub(in super::super) const TYPE: i16 = 1;
    pub(in super::super) const LENGTH: i16 = 2;
    pub(in super::super) const REPETITION: i16 = 3;
    pub(in super::super) const NAME: i16 = 4;
    pub(in super::super) const CHILDREN: i16 = 5;
    pub(in super::super) const CONVERTED: i16 = 6;
    pub(in super::super) const SCALE: i16 = 7;
    pub(in super::super) const PRECISION: i16 = 8;
    pub(in super::super) const LOGICAL: i16 = 10;
}

/// Field numbers of `ColumnChunk`.
pub(super) mod column_chunk {
    pub(in super::super) const FILE_PATH: i16 = 1;
    pub(in super::super) const FILE_OFFSET: i16 = 2;
    pub(in super::super) const METADATA: i16 = 3;
    pub(in super::super) const OFFSET_INDEX: i16 = 4;
    pub(in super::super) const OFFSET_INDEX_LENGTH: i16 = 5;
    pub(in super::super) const COLUMN_INDEX: i16 = 6;
    pub(in super::super) const COLUMN_INDEX_LENGTH: i16 = 7;
    pub(in super::super) const CRYPTO: i16 = 8;
    pub(in super::super) const LAST: i16 = 9;
}

/// Field numbers of `ColumnMetaData`.
pub(super) mod column_metadata {
    pub(in super::super) const TYPE: i16 = 1;
    pub(in super::super) const ENCODINGS: i16 = 2;
    pub(in super::super) const PATH: i16 = 3;
    pub(in super::super) const CODEC: i16 = 4;
    pub(in super::super) const VALUES: i16 = 5;
    pub(in super::super) const UNCOMPRESSED: i16 = 6;
    pub(in super::super) const COMPRESSED: i16 = 7;
    pub(in super::super) const KEY_VALUES: i16 = 8;
    pub(in super::super) const DATA_PAGE: i16 = 9;
    pub(in super::super) const INDEX_PAGE: i16 = 10;
    pub(in super::super) const DICTIONARY_PAGE: i16 = 11;
    pub(in super::super) const ENCODING_STATISTICS: i16 = 13;
    pub(in super::super) const BLOOM_FILTER: i16 = 14;
    pub(in super::super) const BLOOM_FILTER_LENGTH: i16 = 15;
    pub(in super::super) const LAST: i16 = 17;
}

/// Field numbers of `RowGroup`.
pub(super) mod row_group {
    pub(in super::super) const COLUMNS: i16 = 1;
    pub(in super::super) const UNCOMPRESSED: i16 = 2;
    pub(in super::super) const ROWS: i16 = 3;
    pub(in super::super) const SORTING: i16 = 4;
    pub(in super::super) const FILE_OFFSET: i16 = 5;
    pub(in super::super) const COMPRESSED: i16 = 6;
    pub(in super::super) const LAST: i16 = 7;
}
