//! Runs: what happened. Events arrive in any order, late, twice, or the last one alone; the record
//! is the same.
//!
//! Reading order: [`model`] is what callers see, [`report`] what they send, in our own form and in
//! Data Factory's, [`openlineage`] in that of OpenLineage; [`merge`] puts events together,
//! [`store`] keeps what came of them, and [`mod@http`] answers requests.

pub mod http;
pub mod merge;
pub mod model;
pub mod openlineage;
pub mod output;
pub mod report;
pub mod store;
