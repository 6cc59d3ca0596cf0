//! One JSON value a line (RFC 8259, UTF-8).
//!
//! A column is the path of a leaf: the keys on the way to it, joined by dots; arrays are passed
//! through, so that `orders.note` is every `note` in a list of `orders`, and `tags` every element of
//! a list of texts. Every occurrence of a repeated key counts, and a key with escapes is the key
//! without them. Only protected values change; every other byte, blank lines too, stays as it is.
//!
//! - The value that is protected is the text of a string, unescaped, and the literal of a number
//!   or a boolean, as it stands there: equal values stay joinable with those of other formats.
//! - A cell is a JSON string of base64. Where the value was a number or a boolean, its first letter
//!   is escaped, as in `"\u0041bc…"`: the same string for every reader of JSON, and the mark by
//!   which opening gives the literal back. A program that writes the file anew loses the mark, and
//!   the value then comes back as a string.
//! - Null stays null. An object where a leaf is named is a fault.
//! - A string that is opened has the escapes it needs, not those it had.

mod edit;
mod find;
mod list;
mod options;
mod scan;
#[cfg(test)]
mod tests;
mod value;

use std::io::{Read, Write};

pub use options::JsonLinesOptions;

use self::{edit::Rows, list::Lister, options::Lines};
use super::{
    engine::{EngineError, Opening, Totals, Work},
    text::{Chunks, Input, Output, Target, encoding::Encoding, run, workers},
};

/// The paths of all leaves, in the order of their first occurrence. The whole input is read, since
/// any line may have a leaf that none before has; lines that are not JSON are left to [`protect`].
///
/// # Errors
/// The source fails, or there are more names than the memory should hold.
pub fn columns(
    reader: impl Read + Send,
    options: &JsonLinesOptions,
    memory: usize,
) -> Result<Vec<String>, EngineError> {
    let input = open_input(reader, options, memory)?;
    let mut chunks = Chunks::new(input.reader, &Lines, memory);
    let mut lister = Lister::new(memory / 4);
    while let Some(chunk) = chunks.next()? {
        lister.list(chunk.records())?;
    }
    Ok(lister.names())
}

/// Protects columns. Lines that are not valid go to `rejects`, one JSON object a line, with their
/// plaintext; without it, the first one is an error.
///
/// # Errors
/// See [`EngineError`]; what is written by then is worth nothing.
pub fn protect<'a>(
    reader: impl Read + Send,
    sink: impl Write + Send,
    options: &JsonLinesOptions,
    work: Work<'a>,
    rejects: Option<&'a mut dyn Write>,
) -> Result<Totals, EngineError> {
    let input = open_input(reader, options, work.memory)?;
    let rejecting = rejects.is_some();
    let output = Output::begin(&input, sink, rejects, work.progress)?;
    rewrite(input, output, Target::protect(work.columns)?, work.memory, rejecting)
}

/// Opens columns that [`protect`] protected.
///
/// # Errors
/// See [`EngineError`]; what is written by then is worth nothing.
pub fn open(
    reader: impl Read + Send,
    sink: impl Write + Send,
    options: &JsonLinesOptions,
    opening: Opening<'_>,
) -> Result<Totals, EngineError> {
    let input = open_input(reader, options, opening.memory)?;
    let output = Output::begin(&input, sink, None, opening.progress)?;
    rewrite(input, output, Target::open(opening.columns), opening.memory, false)
}

fn open_input<'a>(
    reader: impl Read + Send + 'a,
    options: &JsonLinesOptions,
    memory: usize,
) -> Result<Input<'a>, EngineError> {
    let input = Input::open(reader, Encoding::default(), options.limits, memory)?;
    if input.encoding == Encoding::default() {
        return Ok(input);
    }
    let reason = format!("the file is {}; JSON is exchanged as UTF-8", input.encoding.name());
    Err(EngineError::Invalid { format: "JSON Lines", reason })
}

fn rewrite<W: Write>(
    input: Input<'_>,
    mut output: Output<'_, W>,
    targets: Vec<Target>,
    memory: usize,
    rejecting: bool,
) -> Result<Totals, EngineError> {
    let paths: Vec<_> = targets.iter().map(|target| target.path.clone()).collect();
    let chunks = Chunks::new(input.reader, &Lines, memory);
    let rows = Rows::new(&paths, targets, rejecting);
    run(None, chunks, workers(&rows), memory, &mut output)?;
    output.finish()
}
