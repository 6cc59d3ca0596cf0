//! Rewriting the protected fields of a chunk.

use super::{
    options::Dialect,
    scan::{Field, Misquoted, Record},
};
use crate::encryption::{
    engine::EngineError,
    text::{Change, Chunk, Fault, Format, Piece, Rewrite, RowError, Target},
};

/// A longer cell is not worth keeping its memory.
const LONG_CELL: usize = 1 << 20;

/// A protected column and its index from 0.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) index: usize,
    pub(super) target: Target,
}

/// Rewrites records of one file.
#[derive(Clone)]
pub(super) struct Rows<'a> {
    dialect: &'a Dialect,
    places: Vec<Place>,
    /// Fields in a record.
    width: usize,
    rejecting: bool,
    fields: Vec<Field>,
    cell: Vec<u8>,
}

/// A chunk under way.
struct Progress<'a> {
    records: &'a [u8],
    /// Up to which byte the records are written.
    copied: usize,
    /// Up to which code unit lines are counted, and the line there.
    counted: (usize, u64),
    /// Whether all bytes are valid, so that no record needs to be looked at for it.
    valid: bool,
}

impl Progress<'_> {
    /// Writes what is unchanged before `start`; what is before `end` is dealt with.
    fn pass(&mut self, start: usize, end: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.records[self.copied..start]);
        self.copied = end;
    }
}

impl Rewrite for Rows<'_> {
    fn rewrite(&mut self, chunk: &Chunk, piece: &mut Piece) -> Result<(), EngineError> {
        let records = chunk.records();
        let units = self.dialect.encoding.units(records);
        let valid = self.dialect.encoding.is_valid(records);
        let mut progress = Progress { records, copied: 0, counted: (0, chunk.line), valid };
        let mut at = 0;
        while at < units.len() {
            let record = self.dialect.marks.record(&units, at, &mut self.fields);
            if !record.is_empty() {
                self.record(&record, &mut progress, piece)?;
            }
            at = record.end;
        }
        if units.len() * self.dialect.encoding.width() < records.len() {
            let line = self.line(&mut progress, units.len());
            return Err(self.dialect.invalid().at::<Dialect>(line));
        }
        progress.pass(records.len(), records.len(), &mut piece.bytes);
        Ok(())
    }
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        dialect: &'a Dialect,
        places: Vec<Place>,
        width: usize,
        rejecting: bool,
    ) -> Self {
        Self { dialect, places, width, rejecting, fields: Vec::new(), cell: Vec::new() }
    }

    fn record(
        &mut self,
        record: &Record,
        progress: &mut Progress<'_>,
        piece: &mut Piece,
    ) -> Result<(), EngineError> {
        let (length, copied, totals) = (piece.bytes.len(), progress.copied, piece.totals);
        let fault = match self.fields(record, progress, piece) {
            Ok(()) => {
                piece.totals.rows += 1;
                return Ok(());
            }
            Err(RowError::Fatal(error)) => return Err(error),
            Err(RowError::Fault(fault)) => fault,
        };
        let line = self.line(progress, record.start);
        // After a quote that is never closed nothing is known of the records.
        if !self.rejecting || record.misquoted == Some(Misquoted::Open) {
            return Err(fault.at::<Dialect>(line));
        }
        piece.bytes.truncate(length);
        (progress.copied, piece.totals) = (copied, totals);
        let width = self.dialect.encoding.width();
        progress.pass(width * record.start, width * record.end, &mut piece.bytes);
        let bytes = self.dialect.raw(progress.records, record.start, record.end);
        piece.reject(line, &fault, bytes);
        Ok(())
    }

    fn fields(
        &mut self,
        record: &Record,
        progress: &mut Progress<'_>,
        piece: &mut Piece,
    ) -> Result<(), RowError> {
        if !progress.valid || record.misquoted.is_some() {
            self.dialect.check(progress.records, record)?;
        }
        if self.fields.len() != self.width {
            let fields = self.fields.len();
            return Err(Fault(format!("{fields} fields instead of {}", self.width)).into());
        }
        for place in &mut self.places {
            let field = self.fields[place.index];
            if self.dialect.is_null(progress.records, field) {
                piece.totals.nulls += 1;
                continue;
            }
            let value = self.dialect.value(progress.records, field)?;
            let width = self.dialect.encoding.width();
            progress.pass(width * field.start, width * field.end, &mut piece.bytes);
            self.cell.clear();
            self.cell.shrink_to(LONG_CELL);
            place.target.write(self.dialect, &value, field.quoted, &mut self.cell, piece)?;
            piece.totals.cells += 1;
        }
        Ok(())
    }

    /// The line of the record at `at`, which no record before was asked for twice.
    fn line(&self, progress: &mut Progress<'_>, at: usize) -> u64 {
        let (counted, line) = progress.counted;
        let line = line + self.dialect.lines(self.dialect.raw(progress.records, counted, at));
        progress.counted = (at, line);
        line
    }
}

impl Target {
    /// Appends the field that a value becomes.
    fn write(
        &mut self,
        dialect: &Dialect,
        value: &str,
        quoted: bool,
        cell: &mut Vec<u8>,
        piece: &mut Piece,
    ) -> Result<(), RowError> {
        if self.makes_null() {
            return Ok(dialect.write_null(quoted, &mut piece.bytes)?);
        }
        self.apply(value.as_bytes(), cell)?;
        let text = std::str::from_utf8(cell).map_err(|_| self.not_text())?;
        if matches!(&self.change, Change::Protect(protector) if protector.is_reversible()) {
            dialect.write_base64(text, quoted, &mut piece.bytes);
        } else {
            dialect.write(text, quoted, &mut piece.bytes)?;
        }
        Ok(())
    }
}
