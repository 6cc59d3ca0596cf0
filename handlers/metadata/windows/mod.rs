//! Windows: what one run reads of a table, from the mark to an upper bound, at most one at a time.
//!
//! [`model`] says what is stored and answered, [`bounds`] and [`rules`] decide.

pub mod bounds;
pub mod model;
pub mod rules;
