//! Pages: what a column chunk consists of (`parquet.thrift`, `PageHeader`).

use bytes::Bytes;

use super::{
    footer::invalid,
    thrift::Struct,
    window::Window,
    wire::{Cursor, Malformed},
};
use crate::encryption::engine::EngineError;

/// Value of `Encoding` for plain values.
pub(super) const PLAIN: i64 = 0;

/// Value of `Encoding` for levels.
pub(super) const RLE: i64 = 3;

/// What a page says of itself.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// How many bytes the header itself has.
    pub(super) length: usize,
    /// How many bytes follow it.
    pub(super) compressed: usize,
    /// How many these become.
    pub(super) uncompressed: usize,
    /// CRC-32 of what follows.
    pub(super) crc: Option<u32>,
    /// How many values the page has, nulls included.
    pub(super) values: u32,
    /// How they are encoded (`Encoding`).
    pub(super) encoding: i64,
    /// What kind of page it is.
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dictionary,
    /// Levels with their lengths before them, all compressed.
    First {
        definition: i64,
        repetition: i64,
    },
    /// Levels that are not compressed, of these lengths; and values, which may be.
    Second {
        definition: usize,
        repetition: usize,
        compressed: bool,
    },
    /// An index, which nobody reads.
    Other,
}

impl Header {
    /// Reads a page's header and goes on to what follows it.
    pub(super) fn read(window: &mut Window<'_>) -> Result<(Self, Bytes), EngineError> {
        // Only statistics can make it long.
        let (mut length, longest) = (512, 16 * window.step());
        loop {
            let bytes = window.peek(length)?;
            let (read, all) = (bytes.len(), bytes.len() < length);
            match Self::parse(bytes) {
                Ok(header) => {
                    let bytes = window.take(header.length)?;
                    if header.compressed as u64 > window.left() {
                        return Err(invalid("a page is longer than its column"));
                    }
                    return Ok((header, bytes));
                }
                Err(Malformed::Short) if !all && read < longest => length = read * 8,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let fields = Struct::read(&mut cursor)?;
        let size = |id| u32::try_from(fields.required(id)?).map_err(|_| Malformed::Wrong("a size"));
        let (details, kind) = details(&fields)?;
        let empty = Struct::default();
        let details = details.as_ref().unwrap_or(&empty);
        let encoding = if matches!(kind, Kind::Second { .. }) { 4 } else { 2 };
        let values = details.size(1)?;
        Ok(Self {
            length: cursor.position(),
            compressed: size(3)? as usize,
            uncompressed: size(2)? as usize,
            crc: fields.integer(4)?.map(|crc| crc as u32),
            values: i32::try_from(values).map_err(|_| Malformed::Wrong("a count"))? as u32,
            encoding: details.integer(encoding)?.unwrap_or(PLAIN),
            kind,
        })
    }

    /// Whether values are in it.
    pub(super) fn has_data(&self) -> bool {
        matches!(self.kind, Kind::First { .. } | Kind::Second { .. })
    }

    /// Compares what follows the header with its checksum, if it has one.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), EngineError> {
        let Some(expected) = self.crc else { return Ok(()) };
        let mut crc = flate2::Crc::new();
        crc.update(body);
        match crc.sum() == expected {
            true => Ok(()),
            false => Err(invalid("a page has another checksum than its header says")),
        }
    }
}

/// The part of a header that its kind of page has.
fn details<'a>(fields: &'a Struct<'_>) -> Result<(Option<Struct<'a>>, Kind), Malformed> {
    let part = |id| {
        let part = fields.structure(id)?;
        part.map(Some).ok_or(Malformed::Wrong("a page header without its details"))
    };
    Ok(match fields.required(1)? {
        0 => {
            let part = part(5)?;
            let encoding = |id| part.as_ref().map_or(Ok(RLE), |part| part.required(id));
            let kind = Kind::First { definition: encoding(3)?, repetition: encoding(4)? };
            (part, kind)
        }
        2 => (part(7)?, Kind::Dictionary),
        3 => {
            let part = part(8)?.unwrap_or_default();
            let kind = Kind::Second {
                definition: part.size(5)? as usize,
                repetition: part.size(6)? as usize,
                compressed: part.boolean(7)?.unwrap_or(true),
            };
            (Some(part), kind)
        }
        _ => (None, Kind::Other),
    })
}

/// The header of a plain, uncompressed page of the first version.
pub(super) fn write_header(values: u32, size: u32) -> Vec<u8> {
    let mut details = Struct::default();
    details.set_i32(1, values as i32);
    for (id, encoding) in [(2, PLAIN), (3, RLE), (4, RLE)] {
        details.set_i32(id, encoding as i32);
    }
    let mut header = Struct::default();
    for (id, value) in [(1, 0), (2, size as i32), (3, size as i32)] {
        header.set_i32(id, value);
    }
    header.set_structure(5, &details);
    header.to_bytes()
}
