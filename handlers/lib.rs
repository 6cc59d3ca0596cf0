//! lakehand: the pair of hands an Azure data pipeline hires.
//!
//! Reading order: [`app`] has the route table; [`host`] speaks the protocol of the Azure Functions
//! host; [`routing`] is what happens to a blob that arrives; [`config`] and [`settings`] are what
//! the user says; [`stores`] are the ports to Azure and to the local disk.

pub mod alerts;
pub mod app;
pub mod config;
pub mod encryption;
pub mod error;
pub mod host;
pub mod metadata;
pub mod openapi;
pub mod ops;
pub mod routing;
pub mod settings;
pub mod stores;
