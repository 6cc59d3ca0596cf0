//! The alarm: any failure payload becomes one clear, safe message per incident.
//!
//! Reading order: [`incident`] is what a payload becomes; [`intake`] reads payloads, [`cause`] finds
//! what went wrong in their texts and [`codes`] explains it; [`mask`] takes secrets out first of all;
//! [`assemble`] makes the incident, with its [`severity`], its [`link`]s and its [`fingerprint`].

pub mod assemble;
pub mod cause;
pub mod codes;
pub mod fingerprint;
pub mod incident;
pub mod intake;
pub mod link;
pub mod mask;
pub mod severity;
