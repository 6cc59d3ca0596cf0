//! Columns in, protected columns out.
//!
//! Reading order: [`policy`] says which columns are protected and how; [`cell`] protects one value
//! and opens it again; [`keys`] are made, wrapped and opened; [`envelope`] is what a file says of
//! its own protection; [`engine`] is what every format implements, [`parquet`], [`csv`] and
//! [`json_lines`] do; [`text`] is what the last two share, [`canonical`] the text of Parquet's values; [`streams`] gives the formats the bytes of files and blobs;
//! [`service`] is what requests, routes and the command line call.

pub mod canonical;
pub mod cell;
pub mod csv;
pub mod engine;
pub mod envelope;
pub mod json_lines;
pub mod keys;
pub mod parquet;
pub mod policy;
pub mod service;
pub mod streams;
pub mod text;
