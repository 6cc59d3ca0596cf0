//! What must hold for any input. Each module is one target; `tests/fuzzing.rs` calls the same
//! functions with a few thousand changed seeds.

pub mod alerts;
pub mod csv;
pub mod decrypt;
pub mod footer;
pub mod json_lines;
pub mod parquet;
pub mod values;
mod work;
