//! Windows: what one run reads of a table, from the mark to an upper bound, at most one at a time.
//!
//! [`requests`] are what callers send, [`model`] is what is stored, [`answers`] are the rest;
//! [`bounds`] and [`rules`] decide, [`emptied`] removes files without rows; [`store`] and [`http`]
//! are the resource.

pub mod answers;
pub mod bounds;
pub mod emptied;
pub mod http;
pub mod model;
pub mod requests;
pub mod rules;
pub mod store;
