//! The Functions host, seen from both sides: the protocol, and the local stand-in for it.

pub mod dev;
pub mod functions;
pub mod package;
