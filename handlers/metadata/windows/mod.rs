//! Windows: what one run reads of a table, from the mark to an upper bound, at most one at a time.
//!
//! [`model`] says what is stored and answered, [`bounds`] and [`rules`] decide, [`emptied`] removes
//! files without rows; [`store`] and [`http`] are the resource.

pub mod bounds;
pub mod emptied;
pub mod http;
pub mod model;
pub mod rules;
pub mod store;
