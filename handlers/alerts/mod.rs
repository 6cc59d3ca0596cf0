//! The alarm: any failure payload becomes one clear, safe message per incident.
//!
//! Reading order: [`incident`] is what a payload becomes; [`intake`] reads payloads, [`cause`] finds
//! what went wrong in their texts and [`codes`] explains it; [`mask`] takes secrets out first of all;
//! [`assemble`] makes the incident, with its [`severity`], its [`link`]s and its [`fingerprint`].
//! [`course`] says what there is to tell of it, and when; [`choose`] which rules mean it; [`render`]
//! how each channel says it; [`deliver`] brings a rendered message to its channel; [`announce`] does
//! all that for one incident, and [`http`] is the resource; [`watch`] finds what nobody posts.

pub mod announce;
pub mod assemble;
pub mod cause;
pub mod choose;
pub mod codes;
pub mod course;
pub mod deliver;
pub mod fingerprint;
pub mod http;
pub mod incident;
pub mod intake;
pub mod link;
pub mod mask;
pub mod memory;
pub mod render;
pub mod severity;
pub mod watch;
