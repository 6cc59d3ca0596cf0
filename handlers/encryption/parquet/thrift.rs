//! Thrift's compact protocol, as far as Parquet's metadata needs it.
//!
//! A struct is read as its fields, and a field's value stays the bytes it was until somebody asks
//! for it. So whatever is not edited is written back exactly as it was, known or unknown.
//! (Thrift compact protocol specification; the structs are those of `parquet.thrift`.)

use std::borrow::Cow;

use super::{
    bits::put_varint,
    wire::{
        Cursor, DEPTH, Field, Malformed, Result, kind, put_zigzag, read_binary, read_list,
        read_text,
    },
};

/// How many fields a struct may have; Parquet's largest has 17.
const FIELDS: usize = 64;

/// A struct: its fields, by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Struct<'a> {
    fields: Vec<Field<'a>>,
}

impl<'a> Struct<'a> {
    /// Reads a struct that takes all of the bytes.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes);
        let read = Self::read(&mut cursor)?;
        if cursor.position() != bytes.len() {
            return Err(Malformed::Wrong("bytes after the end"));
        }
        Ok(read)
    }

    /// Reads a struct. A field that is there twice is an error, because readers disagree on which
    /// one counts.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self> {
        let (mut fields, mut last) = (Vec::<Field<'a>>::new(), 0);
        while let Some(field) = cursor.field(&mut last, DEPTH)? {
            if fields.iter().any(|known| known.id == field.id) {
                return Err(Malformed::Wrong("a field that is there twice"));
            }
            if fields.len() == FIELDS {
                return Err(Malformed::Wrong("a struct of too many fields"));
            }
            fields.push(field);
        }
        Ok(Self { fields })
    }

    /// Appends the struct.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut last = 0i16;
        for field in &self.fields {
            match field.id.checked_sub(last) {
                Some(delta @ 1..=15) => out.push((delta as u8) << 4 | field.kind),
                _ => {
                    out.push(field.kind);
                    put_zigzag(out, field.id.into());
                }
            }
            last = field.id;
            out.extend_from_slice(&field.value);
        }
        out.push(0);
    }

    /// The struct's bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// The field numbers, in the order they are written.
    pub(super) fn ids(&self) -> impl Iterator<Item = i16> {
        self.fields.iter().map(|field| field.id)
    }

    /// Whether the field is there.
    pub(super) fn has(&self, id: i16) -> bool {
        self.fields.iter().any(|field| field.id == id)
    }

    fn get(&self, id: i16, kinds: &[u8]) -> Result<Option<&Field<'a>>> {
        let Some(field) = self.fields.iter().find(|field| field.id == id) else { return Ok(None) };
        if !kinds.contains(&field.kind) {
            return Err(Malformed::Wrong("a field of another type"));
        }
        Ok(Some(field))
    }

    /// A whole number of any width.
    pub(super) fn integer(&self, id: i16) -> Result<Option<i64>> {
        let field = self.get(id, &[kind::BYTE, kind::I16, kind::I32, kind::I64])?;
        field
            .map(|field| match (field.kind, field.value.first()) {
                (kind::BYTE, Some(byte)) => Ok(i64::from(*byte as i8)),
                _ => Cursor::new(&field.value).zigzag(),
            })
            .transpose()
    }

    /// A whole number that must be there.
    pub(super) fn required(&self, id: i16) -> Result<i64> {
        self.integer(id)?.ok_or(Malformed::Wrong("a required number is missing"))
    }

    /// A whole number that is a size or a count, so not negative; 0 if it is not there.
    pub(super) fn size(&self, id: i16) -> Result<u64> {
        let value = self.integer(id)?.unwrap_or(0);
        u64::try_from(value).map_err(|_| Malformed::Wrong("a negative size"))
    }

    /// A boolean.
    pub(super) fn boolean(&self, id: i16) -> Result<Option<bool>> {
        Ok(self.get(id, &[kind::TRUE, kind::FALSE])?.map(|field| field.kind == kind::TRUE))
    }

    /// Bytes or text.
    pub(super) fn binary(&self, id: i16) -> Result<Option<&[u8]>> {
        self.get(id, &[kind::BINARY])?.map(|field| read_binary(&field.value)).transpose()
    }

    /// Text.
    pub(super) fn text(&self, id: i16) -> Result<Option<&str>> {
        self.get(id, &[kind::BINARY])?.map(|field| read_text(&field.value)).transpose()
    }

    /// A struct.
    pub(super) fn structure(&self, id: i16) -> Result<Option<Struct<'_>>> {
        self.get(id, &[kind::STRUCT])?.map(|field| Struct::parse(&field.value)).transpose()
    }

    /// A list of texts.
    pub(super) fn texts(&self, id: i16) -> Result<Option<Vec<&str>>> {
        let Some(values) = self.list(id)? else { return Ok(None) };
        values.into_iter().map(read_text).collect::<Result<_>>().map(Some)
    }

    /// The values of a list.
    pub(super) fn list(&self, id: i16) -> Result<Option<Vec<&[u8]>>> {
        self.get(id, &[kind::LIST])?.map(|field| read_list(&field.value)).transpose()
    }

    fn set(&mut self, id: i16, kind: u8, value: Vec<u8>) {
        let field = Field { id, kind, value: Cow::Owned(value) };
        match self.fields.iter_mut().find(|known| known.id == id) {
            Some(known) => *known = field,
            None => {
                let at = self.fields.iter().position(|known| known.id > id);
                self.fields.insert(at.unwrap_or(self.fields.len()), field);
            }
        }
    }

    /// Sets a whole number of 32 bits.
    pub(super) fn set_i32(&mut self, id: i16, value: i32) {
        self.set_integer(id, kind::I32, value.into());
    }

    /// Sets a whole number of 64 bits. File sizes stay far below 2^63.
    pub(super) fn set_i64(&mut self, id: i16, value: u64) {
        self.set_integer(id, kind::I64, value as i64);
    }

    fn set_integer(&mut self, id: i16, kind: u8, value: i64) {
        let mut bytes = Vec::new();
        put_zigzag(&mut bytes, value);
        self.set(id, kind, bytes);
    }

    /// Sets bytes or text.
    pub(super) fn set_binary(&mut self, id: i16, value: &[u8]) {
        let mut bytes = Vec::with_capacity(value.len() + 5);
        put_varint(&mut bytes, value.len() as u64);
        bytes.extend_from_slice(value);
        self.set(id, kind::BINARY, bytes);
    }

    /// Sets a struct.
    pub(super) fn set_structure(&mut self, id: i16, value: &Struct<'_>) {
        self.set(id, kind::STRUCT, value.to_bytes());
    }

    /// Sets a list of values of one type.
    pub(super) fn set_list<T: AsRef<[u8]>>(&mut self, id: i16, element: u8, values: &[T]) {
        let mut bytes = Vec::with_capacity(values.iter().map(|value| value.as_ref().len()).sum());
        match values.len() {
            length @ 0..15 => bytes.push((length as u8) << 4 | element),
            length => {
                bytes.push(0xf0 | element);
                put_varint(&mut bytes, length as u64);
            }
        }
        values.iter().for_each(|value| bytes.extend_from_slice(value.as_ref()));
        self.set(id, kind::LIST, bytes);
    }

    /// The same, independent of the bytes it was read from.
    pub(super) fn into_owned(self) -> Struct<'static> {
        let own = |Field { id, kind, value }: Field<'_>| Field {
            id,
            kind,
            value: Cow::Owned(value.into_owned()),
        };
        Struct { fields: self.fields.into_iter().map(own).collect() }
    }

    /// Takes a field away.
    pub(super) fn remove(&mut self, id: i16) {
        self.fields.retain(|field| field.id != id);
    }
}

/// The bytes of a list of whole numbers.
pub(super) fn integers(values: &[i64]) -> Vec<Vec<u8>> {
    let write = |value: &i64| {
        let mut bytes = Vec::new();
        put_zigzag(&mut bytes, *value);
        bytes
    };
    values.iter().map(write).collect()
}

#[cfg(test)]
mod tests;
