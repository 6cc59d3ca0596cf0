//! Thrift's compact protocol, as far as Parquet's metadata needs it.
//!
//! A struct is read as its fields, and a field's value stays the bytes it was until somebody asks
//! for it. So whatever is not edited is written back exactly as it was, known or unknown.
//! (Thrift compact protocol specification; the structs are those of `parquet.thrift`.)

use std::borrow::Cow;

use super::bits::put_varint;

/// How deep values may be nested; Parquet's own metadata needs 6.
const DEPTH: usize = 32;

/// How many fields a struct may have; Parquet's largest has 17.
const FIELDS: usize = 64;

/// The wire types; the two booleans are their own values.
pub(super) mod kind {
    pub(in super::super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(in super::super) const I32: u8 = 5;
    pub(in super::super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(in super::super) const BINARY: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const SET: u8 = 10;
    pub(super) const MAP: u8 = 11;
    pub(in super::super) const STRUCT: u8 = 12;
    pub(super) const UUID: u8 = 13;
}

/// Why bytes are no metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// They end too early; with more of them the answer may be another.
    #[error("the metadata ends too early")]
    Short,
    /// They are wrong whatever follows.
    #[error("the metadata is malformed: {0}")]
    Wrong(&'static str),
}

type Result<T> = std::result::Result<T, Malformed>;

/// Reads values one after another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes are read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Malformed::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or(Malformed::Short)?;
        let bytes = self.bytes.get(self.at..end).ok_or(Malformed::Short)?;
        self.at = end;
        Ok(bytes)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Wrong("a number of more than 64 bits"))
    }

    fn zigzag(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn length(&mut self) -> Result<usize> {
        let length = self.varint()?;
        u32::try_from(length)
            .map(|length| length as usize)
            .map_err(|_| Malformed::Wrong("a length"))
    }

    /// A list's element type and how many there are.
    fn list_head(&mut self) -> Result<(u8, usize)> {
        let head = self.byte()?;
        let length = if head >> 4 == 15 { self.length()? } else { usize::from(head >> 4) };
        Ok((head & 15, length))
    }

    /// The bytes of one value.
    fn value(&mut self, kind: u8) -> Result<&'a [u8]> {
        let start = self.at;
        self.skip(kind, DEPTH)?;
        Ok(&self.bytes[start..self.at])
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(Malformed::Wrong("nested too deeply"))?;
        match kind {
            kind::TRUE | kind::FALSE => {}
            kind::BYTE => drop(self.byte()?),
            kind::I16 | kind::I32 | kind::I64 => drop(self.varint()?),
            kind::DOUBLE => drop(self.take(8)?),
            kind::UUID => drop(self.take(16)?),
            kind::BINARY => {
                let length = self.length()?;
                self.take(length)?;
            }
            kind::LIST | kind::SET => {
                let (element, length) = self.list_head()?;
                for _ in 0..length {
                    self.skip_element(element, depth)?;
                }
            }
            kind::MAP => self.skip_map(depth)?,
            kind::STRUCT => while self.field(&mut 0, depth)?.is_some() {},
            _ => return Err(Malformed::Wrong("an unknown type of value")),
        }
        Ok(())
    }

    /// In lists and maps a boolean takes a byte.
    fn skip_element(&mut self, kind: u8, depth: usize) -> Result<()> {
        if matches!(kind, kind::TRUE | kind::FALSE) {
            return self.byte().map(drop);
        }
        self.skip(kind, depth)
    }

    fn skip_map(&mut self, depth: usize) -> Result<()> {
        let length = self.length()?;
        if length == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        for _ in 0..length {
            self.skip_element(kinds >> 4, depth)?;
            self.skip_element(kinds & 15, depth)?;
        }
        Ok(())
    }

    /// The next field of a struct; none at its end. `last` is the field before.
    fn field(&mut self, last: &mut i16, depth: usize) -> Result<Option<Field<'a>>> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        let delta = i16::from(head >> 4);
        let id = match delta {
            0 => i16::try_from(self.zigzag()?).map_err(|_| Malformed::Wrong("a field number"))?,
            _ => last.checked_add(delta).ok_or(Malformed::Wrong("a field number"))?,
        };
        *last = id;
        let kind = head & 15;
        let start = self.at;
        self.skip(kind, depth)?;
        Ok(Some(Field { id, kind, value: Cow::Borrowed(&self.bytes[start..self.at]) }))
    }
}

#[derive(Clone, Debug)]
struct Field<'a> {
    id: i16,
    kind: u8,
    value: Cow<'a, [u8]>,
}

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
        if cursor.at != bytes.len() {
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

fn read_binary(value: &[u8]) -> Result<&[u8]> {
    let mut cursor = Cursor::new(value);
    let length = cursor.length()?;
    cursor.take(length)
}

fn read_text(value: &[u8]) -> Result<&str> {
    let text = std::str::from_utf8(read_binary(value)?);
    text.map_err(|_| Malformed::Wrong("text that is not UTF-8"))
}

fn read_list(value: &[u8]) -> Result<Vec<&[u8]>> {
    let mut cursor = Cursor::new(value);
    let (element, length) = cursor.list_head()?;
    // Every element takes a byte at least, so that a false length allocates nothing.
    let mut values = Vec::with_capacity(length.min(value.len()));
    for _ in 0..length {
        values.push(match element {
            kind::TRUE | kind::FALSE => cursor.take(1)?,
            _ => cursor.value(element)?,
        });
    }
    Ok(values)
}

fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}
