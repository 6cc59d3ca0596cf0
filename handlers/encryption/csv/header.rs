//! The columns of a file, and where protected ones stand.

use super::{
    edit::Place,
    options::Dialect,
    scan::{Field, Misquoted, Record},
};
use crate::encryption::{
    engine::EngineError,
    policy::Misfit,
    text::{Chunk, Fault, Format, Target},
};

/// What the first record says.
#[derive(Default)]
pub(super) struct Header {
    pub(super) names: Vec<String>,
    /// Bytes before the first record of values.
    pub(super) length: usize,
}

/// Reads the first record, before which there may be empty lines.
pub(super) fn read(chunk: Option<&Chunk>, dialect: &Dialect) -> Result<Header, EngineError> {
    let records = chunk.map_or(&[][..], Chunk::records);
    let units = dialect.encoding.units(records);
    let (mut at, mut fields) = (0, Vec::new());
    while at < units.len() {
        let record = dialect.marks.record(&units, at, &mut fields);
        if !record.is_empty() {
            let line = 1 + dialect.lines(dialect.raw(records, 0, at));
            let header = dialect.header(records, &record, &fields);
            return header.map_err(|fault| fault.at::<Dialect>(line));
        }
        at = record.end;
    }
    Ok(Header::default())
}

impl Dialect {
    fn header(&self, bytes: &[u8], record: &Record, fields: &[Field]) -> Result<Header, Fault> {
        self.check(bytes, record)?;
        if !self.header {
            let names = (1..=fields.len()).map(|number| number.to_string()).collect();
            return Ok(Header { names, length: 0 });
        }
        let name = |field: &Field| Ok(self.value(bytes, *field)?.into_owned());
        let names = fields.iter().map(name).collect::<Result<_, _>>()?;
        Ok(Header { names, length: record.end * self.encoding.width() })
    }

    /// Whether a record is well-formed, whatever its number of fields.
    pub(super) fn check(&self, bytes: &[u8], record: &Record) -> Result<(), Fault> {
        let reason = match record.misquoted {
            Some(Misquoted::Open) => "a quote is opened and never closed",
            Some(Misquoted::TextAfter) => {
                "text follows a closing quote; set `quote` and `escape` to what the file has"
            }
            None if self.encoding.is_valid(self.raw(bytes, record.start, record.end)) => {
                return Ok(());
            }
            None => return Err(self.invalid()),
        };
        Err(Fault(reason.to_owned()))
    }
}

impl Header {
    /// Finds each column; the places are sorted.
    ///
    /// # Errors
    /// A column that is not there, or whose name stands there twice.
    pub(super) fn find(&self, targets: Vec<Target>) -> Result<Vec<Place>, EngineError> {
        let place = |target| self.place(target);
        let mut places = targets.into_iter().map(place).collect::<Result<Vec<_>, _>>()?;
        places.sort_by_key(|place| place.index);
        places.dedup_by_key(|place| place.index);
        Ok(places)
    }

    fn place(&self, target: Target) -> Result<Place, EngineError> {
        let named = self.names.iter().enumerate().filter(|(_, name)| **name == target.path);
        let found: Vec<_> = named.map(|(index, _)| index).collect();
        match found[..] {
            [index] => Ok(Place { index, target }),
            [] => Err(Misfit::UnknownColumn {
                name: target.path,
                nearest: None,
                columns: self.names.clone(),
            }
            .into()),
            _ => Err(EngineError::Unsupported {
                subject: format!("column `{}`", target.path),
                reason: format!("{} columns have this name; rename them", found.len()),
            }),
        }
    }
}
