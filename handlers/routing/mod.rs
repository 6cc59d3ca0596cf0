//! A blob arrived: it is delivered, waits, or is quarantined.

pub mod pattern;
pub mod route;
pub mod template;
