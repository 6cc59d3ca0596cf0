//! The new footer: the old one, with what has changed.

use super::{
    FOOTER, chunk,
    fields::{column_chunk, column_metadata, file, row_group},
    footer::{FileMetadata, Footer, invalid, sealed, unsupported},
    page::{PLAIN, RLE},
    pipeline::Place,
    tail::{Range, Tail},
    thrift::{Struct, integers},
    types::type_number,
    wire::{Malformed, kind},
};
use crate::encryption::{
    canonical::Physical,
    engine::{EngineError, Source},
    envelope::{Envelope, FOOTER_KEY},
};

/// A column that changes: its leaf, and its new element in the schema.
#[derive(Clone, Debug)]
pub(super) struct NewElement {
    pub(super) leaf: usize,
    pub(super) element: Vec<u8>,
    pub(super) physical: Physical,
}

/// The footer's bytes.
pub(super) fn footer(
    metadata: &FileMetadata<'_>,
    changed: &[NewElement],
    pairs: &[(String, Option<String>)],
    places: &[Place],
    tails: &[Tail],
) -> Result<Vec<u8>, EngineError> {
    let mut fields = metadata.fields.clone();
    let mut elements = metadata.schema.elements.clone();
    for new in changed {
        elements[metadata.schema.leaves[new.leaf].element].clone_from(&new.element);
    }
    fields.set_list(file::SCHEMA, kind::STRUCT, &elements);
    fields.set_list(file::ROW_GROUPS, kind::STRUCT, &groups(metadata, changed, places, tails)?);
    set_pairs(&mut fields, pairs);
    set_orders(&mut fields, changed)?;
    Ok(fields.to_bytes())
}

/// Where the footer of a protected file begins, and all bytes from there on in which only the
/// envelope is another one.
///
/// # Errors
/// As [`columns`](super::columns), and if the file is not protected.
pub fn with_envelope(
    source: &dyn Source,
    envelope: &Envelope,
) -> Result<(u64, Vec<u8>), EngineError> {
    let footer = Footer::read(source, FOOTER)?;
    let metadata = footer.parse()?;
    let mut pairs = metadata.key_values()?;
    let entry = pairs.iter_mut().find(|(key, _)| key == FOOTER_KEY);
    let (_, text) = entry.ok_or_else(|| invalid("it is not protected"))?;
    *text = Some(serde_json::to_string(envelope).map_err(std::io::Error::from)?);
    let mut fields = metadata.fields.clone();
    set_pairs(&mut fields, &pairs);
    Ok((footer.start, sealed(fields.to_bytes())?))
}

fn set_pairs(fields: &mut Struct<'_>, pairs: &[(String, Option<String>)]) {
    let write = |(key, value): &(String, Option<String>)| {
        let mut pair = Struct::default();
        pair.set_binary(1, key.as_bytes());
        if let Some(value) = value {
            pair.set_binary(2, value.as_bytes());
        }
        pair.to_bytes()
    };
    let pairs: Vec<_> = pairs.iter().map(write).collect();
    match pairs.is_empty() {
        true => fields.remove(file::KEY_VALUES),
        false => fields.set_list(file::KEY_VALUES, kind::STRUCT, &pairs),
    }
}

/// Changed columns have the order of their type (`ColumnOrder`, `TypeDefinedOrder`): another one
/// was that of the values they had.
fn set_orders(fields: &mut Struct<'_>, changed: &[NewElement]) -> Result<(), Malformed> {
    let Some(orders) = fields.list(file::COLUMN_ORDERS)? else { return Ok(()) };
    let mut orders: Vec<_> = orders.into_iter().map(<[u8]>::to_vec).collect();
    let mut order = Struct::default();
    order.set_structure(1, &Struct::default());
    for new in changed {
        *orders.get_mut(new.leaf).ok_or(Malformed::Wrong("too few column orders"))? =
            order.to_bytes();
    }
    fields.set_list(file::COLUMN_ORDERS, kind::STRUCT, &orders);
    Ok(())
}

fn groups(
    metadata: &FileMetadata<'_>,
    changed: &[NewElement],
    places: &[Place],
    tails: &[Tail],
) -> Result<Vec<Vec<u8>>, EngineError> {
    let leaves = &metadata.schema.leaves;
    let per_group = |number: usize| number * leaves.len()..(number + 1) * leaves.len();
    let mut groups = Vec::new();
    for (number, bytes) in metadata.row_groups()?.into_iter().enumerate() {
        let (fields, _) = chunk::read_group(bytes)?;
        let (places, tails) = (&places[per_group(number)], &tails[per_group(number)]);
        groups.push(rewrite_group(fields, changed, places, tails, leaves)?);
    }
    Ok(groups)
}

fn rewrite_group(
    mut fields: Struct<'_>,
    changed: &[NewElement],
    places: &[Place],
    tails: &[Tail],
    leaves: &[super::schema::Leaf],
) -> Result<Vec<u8>, EngineError> {
    let (mut chunks, mut uncompressed) = (Vec::new(), 0);
    for (leaf, bytes) in chunk::chunks(&fields, leaves)?.into_iter().enumerate() {
        let new = changed.iter().find(|new| new.leaf == leaf);
        let (place, tail) = (&places[leaf], &tails[leaf]);
        let chunk = match (new, &place.pages) {
            (Some(new), Some(pages)) => changed_chunk(bytes, new, place, pages.len(), tail)?,
            _ => moved_chunk(bytes, place, tail)?,
        };
        let written = Struct::parse(&chunk)?;
        let column = written.structure(column_chunk::METADATA)?.unwrap_or_default();
        uncompressed += column.size(column_metadata::UNCOMPRESSED)?;
        chunks.push(chunk);
    }
    fields.set_list(row_group::COLUMNS, kind::STRUCT, &chunks);
    fields.set_i64(row_group::UNCOMPRESSED, uncompressed);
    if fields.has(row_group::COMPRESSED) {
        fields.set_i64(row_group::COMPRESSED, places.iter().map(|place| place.length).sum());
    }
    match places.first() {
        Some(first) if fields.size(row_group::FILE_OFFSET)? > 0 => {
            fields.set_i64(row_group::FILE_OFFSET, first.start)
        }
        _ => {}
    }
    cut_sorting(&mut fields, changed)?;
    Ok(fields.to_bytes())
}

/// A sort order holds up to the first column that has changed, and would tell the order of what it
/// had (`SortingColumn`).
fn cut_sorting(fields: &mut Struct<'_>, changed: &[NewElement]) -> Result<(), Malformed> {
    let Some(sorting) = fields.list(row_group::SORTING)? else { return Ok(()) };
    let mut kept = Vec::new();
    for bytes in &sorting {
        let leaf = Struct::parse(bytes)?.size(1)?;
        if changed.iter().any(|new| new.leaf as u64 == leaf) {
            break;
        }
        kept.push(bytes.to_vec());
    }
    match kept.is_empty() {
        true => fields.remove(row_group::SORTING),
        false => fields.set_list(row_group::SORTING, kind::STRUCT, &kept),
    }
    Ok(())
}

/// A chunk that was copied: all positions move with it.
fn moved_chunk(bytes: &[u8], place: &Place, tail: &Tail) -> Result<Vec<u8>, EngineError> {
    let mut fields = Struct::parse(bytes)?;
    let mut column = fields.structure(column_chunk::METADATA)?.unwrap_or_default().into_owned();
    let start = chunk::start(&column)?;
    let moved = |position: u64| {
        let inside = (start..=start + place.length).contains(&position);
        inside.then(|| position - start + place.start)
    };
    for id in
        [column_metadata::DATA_PAGE, column_metadata::INDEX_PAGE, column_metadata::DICTIONARY_PAGE]
    {
        match moved(column.size(id)?) {
            Some(position) => column.set_i64(id, position),
            // A required field.
            None if id == column_metadata::DATA_PAGE => column.set_i64(id, place.start),
            None => column.remove(id),
        }
    }
    // Without a bloom filter, Dremio keeps page headers where its length belongs; they say where
    // pages were, which no reader looks at, and which is wrong now.
    set_range(
        &mut column,
        column_metadata::BLOOM_FILTER,
        column_metadata::BLOOM_FILTER_LENGTH,
        tail.bloom_filter,
    );
    // It may also be where a copy of this metadata stood, and 0 says that there is none.
    let offset = moved(fields.size(column_chunk::FILE_OFFSET)?).unwrap_or(0);
    finish_chunk(&mut fields, &column, offset, tail);
    Ok(fields.to_bytes())
}

/// A chunk whose pages were changed. What said something about its old values is left out.
fn changed_chunk(
    bytes: &[u8],
    new: &NewElement,
    place: &Place,
    pages: usize,
    tail: &Tail,
) -> Result<Vec<u8>, EngineError> {
    let mut fields = Struct::parse(bytes)?;
    let old = fields.structure(column_chunk::METADATA)?.unwrap_or_default();
    let mut column = Struct::default();
    column.set_i32(column_metadata::TYPE, type_number(new.physical));
    column.set_list(column_metadata::ENCODINGS, kind::I32, &integers(&[PLAIN, RLE]));
    let path: Vec<_> = old.list(column_metadata::PATH)?.unwrap_or_default();
    column.set_list(column_metadata::PATH, kind::BINARY, &path);
    column.set_i32(column_metadata::CODEC, 0);
    column.set_i64(column_metadata::VALUES, old.size(column_metadata::VALUES)?);
    column.set_i64(column_metadata::UNCOMPRESSED, place.length);
    column.set_i64(column_metadata::COMPRESSED, place.length);
    column.set_i64(column_metadata::DATA_PAGE, place.start);
    let mut statistics = Struct::default();
    for (id, value) in [(1, 0), (2, PLAIN as i32), (3, pages as i32)] {
        statistics.set_i32(id, value);
    }
    column.set_list(column_metadata::ENCODING_STATISTICS, kind::STRUCT, &[statistics.to_bytes()]);
    finish_chunk(&mut fields, &column, place.start, tail);
    Ok(fields.to_bytes())
}

fn finish_chunk(fields: &mut Struct<'_>, column: &Struct<'_>, offset: u64, tail: &Tail) {
    fields.set_i64(column_chunk::FILE_OFFSET, offset);
    fields.set_structure(column_chunk::METADATA, column);
    set_range(
        fields,
        column_chunk::COLUMN_INDEX,
        column_chunk::COLUMN_INDEX_LENGTH,
        tail.column_index,
    );
    set_range(
        fields,
        column_chunk::OFFSET_INDEX,
        column_chunk::OFFSET_INDEX_LENGTH,
        tail.offset_index,
    );
}

fn set_range(fields: &mut Struct<'_>, position: i16, length: i16, range: Option<Range>) {
    match range {
        Some((start, size)) => {
            fields.set_i64(position, start);
            fields.set_i32(length, size as i32);
        }
        None => {
            fields.remove(position);
            fields.remove(length);
        }
    }
}

/// Refuses a column that is to change and has entries of its own in the footer: nobody knows
/// whether they hold values of it.
pub(super) fn check_changed(bytes: &[u8], path: &str) -> Result<(), EngineError> {
    let fields = Struct::parse(bytes)?;
    let column = fields.structure(column_chunk::METADATA)?.unwrap_or_default();
    match column.has(column_metadata::KEY_VALUES) {
        false => Ok(()),
        true => Err(unsupported(
            &format!("column `{path}`"),
            "its key-value metadata may hold values of it; write the file without them",
        )),
    }
}
