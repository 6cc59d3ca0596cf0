//! lakehand: the pair of hands an Azure data pipeline hires.

pub mod config;
pub mod host;
pub mod routing;
pub mod settings;
pub mod stores;
