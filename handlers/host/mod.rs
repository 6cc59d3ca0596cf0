//! The protocol between the Azure Functions host and a custom handler; nobody else knows it.
//!
//! Source: the host's own code, version 4, and its documentation of custom handlers. The host
//! asks `GET /` until it is answered, posts an [`envelope`] to `/{function}` for each trigger, and
//! forwards HTTP requests as they are to `/api/...`.

pub mod boundary;
pub mod dev;
pub mod envelope;
pub mod functions;
pub mod invoke;
pub mod package;
pub mod reply;
mod trim;
