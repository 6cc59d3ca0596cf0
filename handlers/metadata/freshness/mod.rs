//! Freshness: how old the newest data of each table is, and how often its windows succeed, held
//! against what was promised.
//!
//! [`model`] is what is answered, [`rules`] counts, [`http`] asks.

pub mod http;
pub mod model;
pub mod rules;
