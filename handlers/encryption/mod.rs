//! Columns in, protected columns out.
//!
//! Reading order: [`policy`] says which columns are protected and how; [`cell`] protects one value
//! and opens it again; [`envelope`] is what a file says of its own protection; [`engine`] is what
//! every format implements, [`parquet`], [`csv`] and [`json_lines`] do.

pub mod canonical;
pub mod cell;
pub mod engine;
pub mod envelope;
pub mod parquet;
pub mod policy;
