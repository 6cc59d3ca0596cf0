//! The alarm: any failure payload becomes one clear, safe message per incident.
//!
//! Reading order: [`incident`] is what a payload becomes; [`choose`] says which rules mean it;
//! [`deliver`] brings a rendered message to its channel.

pub mod choose;
pub mod deliver;
pub mod incident;
