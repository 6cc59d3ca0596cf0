//! Tables: what is ingested, from where, how far.
//!
//! [`kind`] and [`value`] know watermarks, [`moment`] and [`clock`] the times among them, [`sql`]
//! writes queries, [`sink`] says where files go. [`model`] and [`rules`] are tables themselves,
//! [`exchange`] the lists that others keep, [`store`] and [`http`] the resource.

pub mod clock;
pub mod exchange;
pub mod http;
pub mod kind;
pub mod model;
pub mod moment;
pub mod rules;
pub mod sink;
pub mod sql;
pub mod store;
pub mod value;
