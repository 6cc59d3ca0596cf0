//! Tables: what is ingested, from where, how far.
//!
//! [`kind`] and [`value`] know watermarks, [`moment`] and [`clock`] the times among them, [`sql`]
//! writes queries.

pub mod clock;
pub mod kind;
pub mod moment;
pub mod sql;
pub mod value;
