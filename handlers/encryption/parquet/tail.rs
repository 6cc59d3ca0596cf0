//! What stands between the data and the footer: bloom filters and page indexes of the columns that
//! are copied, at their new places, and the offset indexes of the others.

use std::io::Write;

use super::{
    chunk,
    fields::{column_chunk, column_metadata},
    footer::{FileMetadata, check_fields, invalid},
    memory::Memory,
    pipeline::{Output, PagePlace, Place},
    thrift::Struct,
    window::Window,
    wire::{Cursor, Malformed, kind},
};
use crate::encryption::engine::{EngineError, Source};

/// Where something is, and how long it is.
pub(super) type Range = (u64, u64);

/// The new places of what belongs to a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    pub(super) bloom_filter: Option<Range>,
    pub(super) column_index: Option<Range>,
    pub(super) offset_index: Option<Range>,
}

/// The longest header of a bloom filter.
const BLOOM_HEADER: usize = 256;

/// Writes it all and returns where it is, chunk by chunk.
pub(super) fn write<W: Write>(
    source: &dyn Source,
    metadata: &FileMetadata<'_>,
    places: &[Place],
    memory: Memory,
    out: &mut Output<'_, W>,
) -> Result<Vec<Tail>, EngineError> {
    let mut tails = vec![Tail::default(); places.len()];
    let writer = Copier { source, memory };
    each_chunk(metadata, |number, fields| {
        if places[number].pages.is_none() {
            tails[number].bloom_filter = writer.copy_bloom_filter(fields, out)?;
        }
        out.tell()
    })?;
    each_chunk(metadata, |number, fields| {
        if places[number].pages.is_none() {
            tails[number].column_index = writer.copy_column_index(fields, out)?;
        }
        out.tell()
    })?;
    each_chunk(metadata, |number, fields| {
        tails[number].offset_index = writer.write_offset_index(fields, &places[number], out)?;
        out.tell()
    })?;
    Ok(tails)
}

/// Calls with the number and the fields of each chunk.
fn each_chunk(
    metadata: &FileMetadata<'_>,
    mut call: impl FnMut(usize, &Struct<'_>) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let mut number = 0;
    for group in metadata.row_groups()? {
        let (group, _) = chunk::read_group(group)?;
        for bytes in chunk::chunks(&group, &metadata.schema.leaves)? {
            call(number, &Struct::parse(bytes)?)?;
            number += 1;
        }
    }
    Ok(())
}

struct Copier<'s> {
    source: &'s dyn Source,
    memory: Memory,
}

impl Copier<'_> {
    fn copy_bloom_filter<W: Write>(
        &self,
        fields: &Struct<'_>,
        out: &mut Output<'_, W>,
    ) -> Result<Option<Range>, EngineError> {
        let column = fields.structure(column_chunk::METADATA)?.unwrap_or_default();
        let Some(start) = position(&column, column_metadata::BLOOM_FILTER)? else {
            return Ok(None);
        };
        let length = match column.size(column_metadata::BLOOM_FILTER_LENGTH)? {
            0 => self.bloom_filter_length(start)?,
            length => length,
        };
        self.copy((start, length), out).map(Some)
    }

    /// Older files do not say how long a bloom filter is; its header does (`BloomFilterHeader`).
    fn bloom_filter_length(&self, start: u64) -> Result<u64, EngineError> {
        let mut window = self.window((start, BLOOM_HEADER as u64))?;
        let mut cursor = Cursor::new(window.peek(BLOOM_HEADER)?);
        let length = Struct::read(&mut cursor)?.size(1)?;
        Ok(cursor.position() as u64 + length)
    }

    fn copy_column_index<W: Write>(
        &self,
        fields: &Struct<'_>,
        out: &mut Output<'_, W>,
    ) -> Result<Option<Range>, EngineError> {
        let Some(start) = position(fields, column_chunk::COLUMN_INDEX)? else { return Ok(None) };
        self.copy((start, fields.size(column_chunk::COLUMN_INDEX_LENGTH)?), out).map(Some)
    }

    fn write_offset_index<W: Write>(
        &self,
        fields: &Struct<'_>,
        place: &Place,
        out: &mut Output<'_, W>,
    ) -> Result<Option<Range>, EngineError> {
        let Some(start) = position(fields, column_chunk::OFFSET_INDEX)? else { return Ok(None) };
        let bytes = match &place.pages {
            Some(pages) => offset_index(pages),
            None => {
                let column = fields.structure(column_chunk::METADATA)?.unwrap_or_default();
                let length = fields.size(column_chunk::OFFSET_INDEX_LENGTH)?;
                self.shifted((start, length), chunk::start(&column)?, place)?
            }
        };
        let at = out.totals.bytes_out;
        out.write_all(&bytes)?;
        Ok(Some((at, bytes.len() as u64)))
    }

    /// The offset index of a chunk that began at `start` and is at another place now. One that
    /// points to somewhere else is refused: there, it would point to anything.
    fn shifted(&self, range: Range, start: u64, place: &Place) -> Result<Vec<u8>, EngineError> {
        let length = usize::try_from(range.1).unwrap_or(usize::MAX);
        self.memory.check(length, || "an offset index".to_owned())?;
        let bytes = self.window(range)?.take(length)?;
        let mut index = Struct::parse(&bytes)?;
        check_fields(&index, 2, "an offset index")?;
        let mut locations = Vec::new();
        for location in index.list(1)?.unwrap_or_default() {
            let mut location = Struct::parse(location)?;
            let inside = location.size(1)?.checked_sub(start).filter(|at| *at < place.length);
            let inside = inside.ok_or(Malformed::Wrong("a page index points out of its column"))?;
            location.set_i64(1, place.start + inside);
            locations.push(location.to_bytes());
        }
        index.set_list(1, kind::STRUCT, &locations);
        Ok(index.to_bytes())
    }

    fn copy<W: Write>(&self, range: Range, out: &mut Output<'_, W>) -> Result<Range, EngineError> {
        let at = out.totals.bytes_out;
        self.window(range)?.copy(range.1, out)?;
        Ok((at, range.1))
    }

    fn window(&self, (start, length): Range) -> Result<Window<'_>, EngineError> {
        let end = start.checked_add(length).filter(|end| *end <= self.source.length());
        let end = end.ok_or_else(|| invalid("an index or bloom filter is not inside the file"))?;
        Ok(Window::new(self.source, start, end, self.memory.step))
    }
}

fn position(fields: &Struct<'_>, id: i16) -> Result<Option<u64>, Malformed> {
    Ok(Some(fields.size(id)?).filter(|position| *position > 0))
}

/// `OffsetIndex`: a `PageLocation` for each page.
fn offset_index(pages: &[PagePlace]) -> Vec<u8> {
    let location = |page: &PagePlace| {
        let mut location = Struct::default();
        location.set_i64(1, page.start);
        location.set_i32(2, page.length as i32);
        location.set_i64(3, page.first_row);
        location.to_bytes()
    };
    let mut index = Struct::default();
    index.set_list(1, kind::STRUCT, &pages.iter().map(location).collect::<Vec<_>>());
    index.to_bytes()
}
