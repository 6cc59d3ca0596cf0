//! The manners of the metadata API: the same for every resource.
//!
//! [`body`] reads JSON strictly and names what is wrong by its path, [`query`] does so with the
//! parameters of an address, [`conditions`] keeps updates from being lost, [`list`] and [`token`]
//! answer page by page, [`resource`] reads the path of one and tells that it is gone, [`versioned`]
//! answers with the version of what was asked for.

pub mod body;
pub mod conditions;
pub mod list;
pub mod query;
pub mod resource;
pub mod text;
pub mod time;
pub mod token;
pub mod versioned;
