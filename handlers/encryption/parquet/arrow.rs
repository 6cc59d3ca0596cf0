//! The Arrow schema that Arrow's writers put into the footer under `ARROW:schema`: base64 of an
//! encapsulated IPC message, which is a flatbuffer. Readers take types from it that Parquet does
//! not have (zones of timestamps, durations, dictionaries, large strings), so that it is kept, and
//! edited where a column becomes cells.
//!
//! A flatbuffer's table begins with the distance to its layout, which tables of one shape share. A
//! changed field gets a layout of its own, at the end, without what it is to lose. (FlatBuffers
//! internals; Arrow's `Message.fbs` and `Schema.fbs`.)

use base64::{Engine, engine::general_purpose::STANDARD};

use super::pairs::NewType;

/// How deep fields may be nested.
const DEPTH: usize = 64;

/// Fields of the tables, by number.
const MESSAGE_HEADER: usize = 2;
const SCHEMA_FIELDS: usize = 1;
const FIELD_TYPE: usize = 2;
const FIELD_TYPE_TABLE: usize = 3;
const FIELD_DICTIONARY: usize = 4;
const FIELD_CHILDREN: usize = 5;
const FIELD_METADATA: usize = 6;

/// Numbers of types. The tables of the first two are empty, so that any table will do for them.
const BINARY: u8 = 4;
const UTF8: u8 = 5;
const STRUCT: u8 = 13;
const RUN_END_ENCODED: u8 = 22;

/// What stands before a message, and its own length.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The same schema with the new types of some leaves; none if it does not have as many leaves as
/// the file, or cannot be read.
pub(super) fn update(text: &str, types: &[Option<NewType>]) -> Option<String> {
    let message = STANDARD.decode(text).ok()?;
    // Old writers have the length alone.
    let message = message.strip_prefix(&CONTINUATION).unwrap_or(&message);
    let (length, bytes) = message.split_first_chunk()?;
    let bytes = bytes.get(..u32::from_le_bytes(*length) as usize)?.to_vec();
    let mut schema = Schema { visits: bytes.len(), bytes, types: types.iter() };
    let root = schema.follow(0)?;
    let header = schema.follow(schema.slot(root, MESSAGE_HEADER)??)?;
    for field in schema.tables(header, SCHEMA_FIELDS)? {
        schema.update(field, DEPTH)?;
    }
    if schema.types.next().is_some() {
        return None;
    }
    let mut bytes = schema.bytes;
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let length = u32::try_from(bytes.len()).ok()?.to_le_bytes();
    Some(STANDARD.encode([&CONTINUATION[..], &length, &bytes].concat()))
}

struct Schema<'t> {
    bytes: Vec<u8>,
    types: std::slice::Iter<'t, Option<NewType>>,
    /// How many fields may still be visited: tables can be shared, and so be many more than bytes.
    visits: usize,
}

impl Schema<'_> {
    /// Updates a field and those below it. True if one was changed.
    fn update(&mut self, field: usize, depth: usize) -> Option<bool> {
        self.visits = self.visits.checked_sub(1)?;
        let depth = depth.checked_sub(1)?;
        let kind_at = self.slot(field, FIELD_TYPE)??;
        let kind = *self.bytes.get(kind_at)?;
        let mut children = self.tables(field, FIELD_CHILDREN)?;
        if kind == RUN_END_ENCODED {
            // The ends of its runs are no values.
            children = children.split_off(1.min(children.len()));
        }
        let mut changed = false;
        if children.is_empty() && kind != STRUCT {
            let Some(new) = self.types.next()? else { return Some(false) };
            self.slot(field, FIELD_TYPE_TABLE)??;
            *self.bytes.get_mut(kind_at)? = if *new == NewType::Text { UTF8 } else { BINARY };
            changed = true;
            self.remove(field, FIELD_DICTIONARY)?;
        }
        for child in children {
            changed |= self.update(child, depth)?;
        }
        if changed && self.is_extension(field)? {
            // The extension would not understand what it reads.
            self.remove(field, FIELD_METADATA)?;
        }
        Some(changed)
    }

    fn is_extension(&self, field: usize) -> Option<bool> {
        for pair in self.tables(field, FIELD_METADATA)? {
            let Some(key) = self.slot(pair, 0)? else { continue };
            let key = self.follow(key)?;
            let length = self.u32(key)? as usize;
            let key = self.bytes.get(key + 4..)?.get(..length)?;
            if key == b"ARROW:extension:name" {
                return Some(true);
            }
        }
        Some(false)
    }

    fn layout(&self, table: usize) -> Option<usize> {
        let distance = self.u32(table)? as i32;
        usize::try_from(i64::try_from(table).ok()? - i64::from(distance)).ok()
    }

    /// Where a field of a table is; the inner none if it is not there.
    fn slot(&self, table: usize, number: usize) -> Option<Option<usize>> {
        let layout = self.layout(table)?;
        let at = 4 + 2 * number;
        if at + 2 > usize::from(self.u16(layout)?) {
            return Some(None);
        }
        let distance = usize::from(self.u16(layout + at)?);
        Some((distance > 0).then_some(table + distance))
    }

    /// Takes a field of a table away, in a layout of the table's own.
    fn remove(&mut self, table: usize, number: usize) -> Option<()> {
        if self.slot(table, number)?.is_none() {
            return Some(());
        }
        let layout = self.layout(table)?;
        let length = usize::from(self.u16(layout)?);
        let mut own = self.bytes.get(layout..)?.get(..length)?.to_vec();
        own.get_mut(4 + 2 * number..)?.get_mut(..2)?.fill(0);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let distance =
            i32::try_from(i64::try_from(table).ok()? - i64::try_from(self.bytes.len()).ok()?);
        self.bytes.get_mut(table..table + 4)?.copy_from_slice(&distance.ok()?.to_le_bytes());
        self.bytes.append(&mut own);
        Some(())
    }

    /// The tables of a vector that is a field of a table.
    fn tables(&self, table: usize, number: usize) -> Option<Vec<usize>> {
        let Some(vector) = self.slot(table, number)? else { return Some(Vec::new()) };
        let vector = self.follow(vector)?;
        let length = self.u32(vector)? as usize;
        let all = self.bytes.get(vector + 4..)?.get(..length.checked_mul(4)?)?;
        (0..all.len() / 4).map(|number| self.follow(vector + 4 + 4 * number)).collect()
    }

    fn follow(&self, at: usize) -> Option<usize> {
        at.checked_add(self.u32(at)? as usize)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(*self.bytes.get(at..)?.first_chunk()?))
    }

    fn u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(*self.bytes.get(at..)?.first_chunk()?))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    /// pyarrow's own of `a: int32, b: dictionary<string>, c: struct<d: list<int64>>`.
    const SCHEMA: &str = "/////1ABAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAEAAAANP///wQAAAADAAAA9AAAAJgA\
        AAAEAAAAKP///wAAAQ0UAAAAGAAAAAQAAAABAAAAEAAAAAEAAABjAAAAVP///1D///8AAAEMFAAAABgAAAAEAAAAAQAA\
        ABAAAAABAAAAZAAAAHz///94////AAABAhAAAAAYAAAABAAAAAAAAAAEAAAAaXRlbQAAAABs////AAAAAUAAAAAQABgA\
        CAAGAAcADAAQABQAEAAAAAAAAQUUAAAAOAAAABwAAAAEAAAAAAAAAAEAAABiAAAACAAIAAAABAAIAAAABAAAALz///8A\
        AAABIAAAAAQABAAEAAAAEAAUAAgABgAHAAwAAAAQABAAAAAAAAECEAAAABwAAAAEAAAAAAAAAAEAAABhAAAACAAMAAgA\
        BwAIAAAAAAAAASAAAAA=";

    /// The number of each leaf's type, and whether it has a dictionary.
    fn leaves(text: &str) -> Vec<(u8, bool)> {
        let bytes = STANDARD.decode(text).unwrap()[8..].to_vec();
        let schema = Schema { visits: 100, bytes, types: [].iter() };
        let root = schema.follow(0).unwrap();
        let header = schema.slot(root, MESSAGE_HEADER).unwrap().unwrap();
        let header = schema.follow(header).unwrap();
        let mut fields = schema.tables(header, SCHEMA_FIELDS).unwrap();
        let mut leaves = Vec::new();
        while let Some(field) = (!fields.is_empty()).then(|| fields.remove(0)) {
            let mut children = schema.tables(field, FIELD_CHILDREN).unwrap();
            if children.is_empty() {
                let kind = schema.bytes[schema.slot(field, FIELD_TYPE).unwrap().unwrap()];
                leaves.push((kind, schema.slot(field, FIELD_DICTIONARY).unwrap().is_some()));
            }
            children.append(&mut fields);
            fields = children;
        }
        leaves
    }

    #[test]
    fn changed_leaves_become_bytes_or_text() {
        assert_eq!(leaves(SCHEMA), [(2, false), (UTF8, true), (2, false)]);
        let types = [None, Some(NewType::Binary), Some(NewType::Text)];
        let updated = update(SCHEMA, &types).unwrap();
        assert_eq!(leaves(&updated), [(2, false), (BINARY, false), (UTF8, false)]);
        assert_eq!(leaves(&update(SCHEMA, &[None; 3]).unwrap()), leaves(SCHEMA));
    }

    #[test]
    fn a_schema_of_other_leaves_is_not_updated() {
        assert_eq!(update(SCHEMA, &[None; 2]), None);
        assert_eq!(update(SCHEMA, &[None; 4]), None);
        assert_eq!(update("", &[]), None);
        assert_eq!(update("no base64", &[]), None);
    }

    proptest! {
        #[test]
        fn no_changed_bytes_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = STANDARD.decode(SCHEMA).unwrap();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            drop(update(&STANDARD.encode(bytes), &[Some(NewType::Binary); 3]));
        }
    }
}
