//! lakehand: the pair of hands an Azure data pipeline hires.

pub mod settings;
pub mod stores;
