//! What CSV and JSON Lines share: bytes come in (decompressed, bounded), are cut into chunks of
//! whole records, rewritten on all cores, and leave in order under the same compression.
//!
//! Reading order: [`encoding`] and [`compression`] say what the bytes are; `chunks` cuts them;
//! `pipeline` runs the rewriting; `change` is what happens to one value; `rejects` is what becomes
//! of a record that cannot be protected.

mod change;
mod chunks;
pub mod compression;
mod counting;
pub mod encoding;
mod input;
mod output;
mod pipeline;
mod rejects;
pub(super) mod search;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod testing;

pub(super) use change::{Change, Target};
pub(super) use chunks::{Chunk, Chunks, Format};
pub(super) use input::Input;
pub(super) use output::Output;
pub(super) use pipeline::{Rewrite, run, workers};
pub(super) use rejects::{Fault, Piece, RowError};
