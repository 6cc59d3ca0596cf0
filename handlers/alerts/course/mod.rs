//! The course of an incident, from its first report to its end: what is said of it, and when.
//!
//! Reading order: [`record`] is what is kept of an incident; [`rules`], pure, says what a report
//! changes and what there is to say now; [`store`] keeps records, and is the one file that speaks to
//! the document store.

pub mod record;
pub mod rules;
pub mod silence;
pub mod store;
