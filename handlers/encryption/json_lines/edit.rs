//! Rewriting the protected values of a chunk.

use super::{
    find::{Finder, Found},
    options::Lines,
    scan::{Kind, is_literal, walk},
    value::{canonical, is_marked, write, write_base64},
};
use crate::encryption::{
    engine::EngineError,
    text::{Change, Chunk, Fault, Piece, Rewrite, RowError, Target},
};

/// A longer cell is not worth keeping its memory.
const LONG_CELL: usize = 1 << 20;

/// Rewrites lines of one file.
#[derive(Clone)]
pub(super) struct Rows<'a> {
    targets: Vec<Target>,
    finder: Finder<'a>,
    rejecting: bool,
    cell: Vec<u8>,
}

impl<'a> Rows<'a> {
    /// `paths` are those of the targets.
    pub(super) fn new(paths: &'a [String], targets: Vec<Target>, rejecting: bool) -> Self {
        Self { targets, finder: Finder::new(paths), rejecting, cell: Vec::new() }
    }
}

impl Rewrite for Rows<'_> {
    fn rewrite(&mut self, chunk: &Chunk, piece: &mut Piece) -> Result<(), EngineError> {
        let valid = std::str::from_utf8(chunk.records()).is_ok();
        let lines = chunk.records().split_inclusive(|byte| *byte == b'\n');
        for (number, line) in (chunk.line..).zip(lines) {
            if line.trim_ascii().is_empty() {
                piece.bytes.extend_from_slice(line);
                continue;
            }
            let (length, totals) = (piece.bytes.len(), piece.totals);
            match self.line(line, valid, piece) {
                Ok(()) => piece.totals.rows += 1,
                Err(RowError::Fatal(error)) => return Err(error),
                Err(RowError::Fault(fault)) if !self.rejecting => {
                    return Err(fault.at::<Lines>(number));
                }
                Err(RowError::Fault(fault)) => {
                    piece.bytes.truncate(length);
                    piece.totals = totals;
                    piece.reject(number, &fault, line);
                }
            }
        }
        Ok(())
    }
}

impl Rows<'_> {
    fn line(&mut self, line: &[u8], valid: bool, piece: &mut Piece) -> Result<(), RowError> {
        if !valid && std::str::from_utf8(line).is_err() {
            return Err(Fault("a byte is not valid UTF-8".to_owned()).into());
        }
        self.finder.reset();
        walk(line, &mut self.finder)?;
        let mut copied = 0;
        for found in &self.finder.found {
            if found.kind == Kind::Null {
                piece.totals.nulls += 1;
                continue;
            }
            piece.bytes.extend_from_slice(&line[copied..found.span.start]);
            copied = found.span.end;
            self.cell.clear();
            self.cell.shrink_to(LONG_CELL);
            let target = &mut self.targets[found.column];
            target.rewrite(&line[found.span.clone()], found, &mut self.cell, &mut piece.bytes)?;
            piece.totals.cells += 1;
        }
        piece.bytes.extend_from_slice(&line[copied..]);
        Ok(())
    }
}

impl Target {
    /// Appends what becomes of a string or a literal.
    fn rewrite(
        &mut self,
        scalar: &[u8],
        found: &Found,
        cell: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        if self.makes_null() {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        if matches!(self.change, Change::Open(_)) && found.kind == Kind::Literal {
            return Err(self.not_opened().into());
        }
        self.apply(&canonical(scalar, found.kind)?, cell)?;
        let text = std::str::from_utf8(cell).map_err(|_| self.not_text())?;
        match &self.change {
            Change::Protect(protector) if protector.is_reversible() => {
                write_base64(text, found.kind, out);
            }
            // Anything else would let a cell change the line around it.
            Change::Open(_) if is_marked(scalar) && !is_literal(cell) => {
                return Err(self.not_opened().into());
            }
            Change::Open(_) if is_marked(scalar) => out.extend_from_slice(cell),
            _ => write(text, out),
        }
        Ok(())
    }
}
