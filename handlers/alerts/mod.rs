//! The alarm: any failure payload becomes one clear, safe message per incident.
//!
//! Reading order: [`incident`] is what a payload becomes; [`course`] says what there is to tell of
//! it, and when; [`choose`] which rules mean it; [`render`] how each channel says it; [`deliver`]
//! brings a rendered message to its channel.

pub mod choose;
pub mod course;
pub mod deliver;
pub mod incident;
pub mod render;
