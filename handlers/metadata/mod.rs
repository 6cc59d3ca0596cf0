//! The pipeline's memory: what there is, what happened, where it stopped.
//!
//! Reading order: [`http`] has the manners that all resources share; [`datasets`], [`runs`],
//! [`tables`] with their [`windows`] are resources; [`freshness`] says how old what they have is.

pub mod datasets;
pub mod freshness;
pub mod http;
pub mod months;
pub mod runs;
pub mod store;
pub mod tables;
pub mod windows;
