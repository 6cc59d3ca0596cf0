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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::encryption::engine::Source;

    struct File(Vec<u8>);

    impl Source for File {
        fn length(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
            buffer.copy_from_slice(&self.0[offset as usize..][..buffer.len()]);
            Ok(())
        }
    }

    fn read(file: &File, step: usize) -> Result<(Header, Bytes), EngineError> {
        Header::read(&mut Window::new(file, 0, file.length(), step))
    }

    /// A header of a page with one value and so many bytes.
    fn header(compressed: i32) -> Struct<'static> {
        let mut details = Struct::default();
        details.set_i32(1, 1);
        let mut header = Struct::default();
        for (id, value) in [(1, 2), (2, 3), (3, compressed)] {
            header.set_i32(id, value);
        }
        header.set_structure(7, &details);
        header
    }

    #[test]
    fn what_is_written_is_read() {
        let mut file = write_header(70_000, 5);
        let length = file.len();
        file.extend_from_slice(b"value");
        let (header, bytes) = read(&File(file), 100).unwrap();
        assert_eq!((header.length, bytes.len()), (length, length));
        assert_eq!((header.compressed, header.uncompressed, header.values), (5, 5, 70_000));
        assert_eq!(header.kind, Kind::First { definition: RLE, repetition: RLE });
        assert!(header.has_data());
    }

    #[test]
    fn a_header_may_have_long_statistics_but_not_endless_ones() {
        let mut long = header(0);
        long.set_binary(9, &[7; 5_000]);
        let file = File(long.to_bytes());
        assert_eq!(read(&file, 1_000).unwrap().0.length, file.0.len());
        read(&file, 100).unwrap_err();
    }

    #[test]
    fn false_sizes_are_refused() {
        let mut short = header(5).to_bytes();
        short.extend_from_slice(b"four");
        read(&File(short), 100).unwrap_err();
        read(&File(header(-1).to_bytes()), 100).unwrap_err();
        let mut details = Struct::default();
        details.set_i32(1, -1);
        let mut negative = header(0);
        negative.set_structure(7, &details);
        read(&File(negative.to_bytes()), 100).unwrap_err();
    }

    #[test]
    fn a_page_without_its_details_is_refused() {
        let mut header = header(0);
        header.remove(7);
        read(&File(header.to_bytes()), 100).unwrap_err();
    }

    #[test]
    fn a_checksum_tells_of_a_changed_byte() {
        let mut header = header(5);
        header.set_i32(4, 0x3610_a686);
        let (header, _) = read(&File([header.to_bytes(), vec![0; 5]].concat()), 100).unwrap();
        header.check(b"hello").unwrap();
        header.check(b"hallo").unwrap_err();
    }
}
