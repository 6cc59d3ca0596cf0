//! How an incident is said: one message per kind of channel, each in its own syntax and within its
//! own limits, whatever the incident holds.
//!
//! Reading order: [`notice`] is what there is to say, and how a channel wants it said; `outline`
//! is what every channel shows of it, as plain text; each channel escapes that for its own syntax.

pub mod email;
pub mod notice;
mod outline;
pub mod pagerduty;
mod private;
mod room;
pub mod slack;
pub mod teams;
pub mod text;
pub mod webhook;
mod words;

#[cfg(test)]
mod tests;
