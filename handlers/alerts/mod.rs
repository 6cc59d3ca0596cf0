//! The alarm: any failure payload becomes one clear, safe message per incident.
//!
//! Reading order: [`incident`] is what a payload becomes; [`render`] is how each channel says it.

pub mod incident;
pub mod render;
