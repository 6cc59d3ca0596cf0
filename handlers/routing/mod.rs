//! A blob arrived: it is delivered, waits, or is quarantined.
//!
//! Reading order: [`pattern`] and [`template`] are the two little languages of a route, [`route`]
//! chooses by them; [`arrival`] is what every trigger ends in; [`transfer`] moves one blob,
//! `protecting` delivers it encrypted, `resume` ends what an earlier invocation began, [`dataset`] moves many that belong together,
//! [`sweep`] what the triggers missed; [`ledger`] and
//! [`mark`] make a repeat harmless. [`events`] reads what Event Grid and the queues send.

pub mod arrival;
pub(crate) mod crash;
pub mod dataset;
pub mod events;
pub mod explain;
pub mod ledger;
mod manifest;
pub mod mark;
pub mod outcome;
pub mod pattern;
mod protecting;
mod resume;
pub mod route;
pub mod sweep;
pub mod template;
pub mod trace;
pub mod transfer;

use std::time::Instant;

use crate::{
    config::Active,
    encryption::service::Tools,
    stores::blobs::{BlobPath, Blobs, Properties},
};
use ledger::Ledger;

/// A blob version that landed.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is.
    pub path: BlobPath,
    /// What the store says of it.
    pub properties: Properties,
}

/// What routing works with during one invocation.
#[derive(Clone, Copy, Debug)]
pub struct Routing<'a> {
    /// The rules in force.
    pub active: &'a Active,
    /// The store in which blobs land.
    pub blobs: &'a dyn Blobs,
    /// What routes with `protect` work with.
    pub tools: &'a Tools,
    /// Where every step is noted, with the clock.
    pub ledger: Ledger<'a>,
    /// When to stop starting new work, well before the host ends the invocation.
    pub deadline: Instant,
}
