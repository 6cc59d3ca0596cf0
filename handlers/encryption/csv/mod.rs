//! Delimited text, as Data Factory and Spark write it.
//!
//! Only protected fields change; every other byte, with its quotes, spaces, line ends and byte
//! order mark, stays as it is. The rules:
//!
//! - A field that begins with the quote character is quoted. Inside, a doubled quote is a quote, and
//!   the escape character before a quote or before itself stands for that; before anything else it
//!   stands for itself. Text after the closing quote is a fault, since it shows that the file has
//!   other rules than these, and plaintext would move to other columns.
//! - Without a quote character, the escape character before a delimiter or before itself stands
//!   for that.
//! - Records end at LF, CRLF or CR. An empty line is not a record, and stays.
//! - An unquoted field that equals the null value is null and stays as it is; by default that is
//!   the empty field, so that `,,` is null and `,"",` is an empty string, which is protected.
//! - The value that is protected is the text, unescaped, as UTF-8. Ciphertext is base64, in quotes
//!   where the value was. What is opened is quoted where it was or must be.

mod edit;
mod header;
mod options;
mod scan;
#[cfg(test)]
mod tests;
mod value;

use std::io::{Read, Write};

pub use options::CsvOptions;

use self::{edit::Rows, options::Dialect};
use super::{
    engine::{EngineError, Opening, Totals, Work},
    text::{Chunks, Input, Output, Target, run, workers},
};

/// The names in the header, or the columns' numbers from `1`, as text, without one; empty if there
/// is no record. `memory` bounds the header's length.
///
/// # Errors
/// The options contradict each other, or the start of the file is not valid.
pub fn columns(
    reader: impl Read + Send,
    options: &CsvOptions,
    memory: usize,
) -> Result<Vec<String>, EngineError> {
    let input = Input::open(reader, options.encoding, options.limits, memory)?;
    let dialect = Dialect::new(options, input.encoding)?;
    let first = Chunks::new(input.reader, &dialect, memory).next()?;
    Ok(header::read(first.as_ref(), &dialect)?.names)
}

/// Protects columns. Records that are not valid go to `rejects`, one JSON object a line, with
/// their plaintext; without it, the first one is an error.
///
/// # Errors
/// See [`EngineError`]; what is written by then is worth nothing.
pub fn protect<'a>(
    reader: impl Read + Send,
    sink: impl Write + Send,
    options: &CsvOptions,
    work: Work<'a>,
    rejects: Option<&'a mut dyn Write>,
) -> Result<Totals, EngineError> {
    let input = Input::open(reader, options.encoding, options.limits, work.memory)?;
    let rejecting = rejects.is_some();
    let output = Output::begin(&input, sink, rejects, work.progress)?;
    let job = Job { options, targets: Target::protect(work.columns)?, memory: work.memory };
    job.run(input, output, rejecting)
}

/// Opens columns that [`protect`] protected.
///
/// # Errors
/// See [`EngineError`]; what is written by then is worth nothing.
pub fn open(
    reader: impl Read + Send,
    sink: impl Write + Send,
    options: &CsvOptions,
    opening: Opening<'_>,
) -> Result<Totals, EngineError> {
    let input = Input::open(reader, options.encoding, options.limits, opening.memory)?;
    let output = Output::begin(&input, sink, None, opening.progress)?;
    let job = Job { options, targets: Target::open(opening.columns), memory: opening.memory };
    job.run(input, output, false)
}

struct Job<'a> {
    options: &'a CsvOptions,
    targets: Vec<Target>,
    memory: usize,
}

impl Job<'_> {
    fn run<W: Write>(
        self,
        input: Input<'_>,
        mut output: Output<'_, W>,
        rejecting: bool,
    ) -> Result<Totals, EngineError> {
        let dialect = Dialect::new(self.options, input.encoding)?;
        let mut chunks = Chunks::new(input.reader, &dialect, self.memory);
        let mut first = chunks.next()?;
        let header = header::read(first.as_ref(), &dialect)?;
        let places = header.find(self.targets)?;
        if let Some(chunk) = &mut first {
            chunk.skip(header.length, &dialect);
            output.copy(&chunk.bytes[..chunk.start])?;
        }
        let rows = Rows::new(&dialect, places, header.names.len(), rejecting);
        run(first, chunks, workers(&rows), self.memory, &mut output)?;
        output.finish()
    }
}
