//! Datasets: what there is, in which state, since when, and who made it.
//!
//! Reading order: [`model`] is what callers send and see; [`rules`] says which state follows which,
//! and what a change does to a record; [`store`] reads and writes records, and takes what routing
//! and encryption report; [`mod@http`] answers requests.

pub mod http;
pub mod model;
pub mod rules;
pub mod store;
