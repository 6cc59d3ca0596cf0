//! The values of Thrift's compact protocol, one after another.

use std::borrow::Cow;

use super::bits::put_varint;

/// How deep values may be nested; Parquet's own metadata needs 6.
pub(super) const DEPTH: usize = 32;

/// How many elements a list may have that somebody asks for: an element of one byte takes 16 as a
/// slice.
const ELEMENTS: usize = 1 << 20;

/// The wire types; the two booleans are their own values.
pub(super) mod kind {
    pub(in super::super) const TRUE: u8 = 1;
    pub(in super::super) const FALSE: u8 = 2;
    pub(in super::super) const BYTE: u8 = 3;
    pub(in super::super) const I16: u8 = 4;
    pub(in super::super) const I32: u8 = 5;
    pub(in super::super) const I64: u8 = 6;
    pub(in super::super) const DOUBLE: u8 = 7;
    pub(in super::super) const BINARY: u8 = 8;
    pub(in super::super) const LIST: u8 = 9;
    pub(in super::super) const SET: u8 = 10;
    pub(in super::super) const MAP: u8 = 11;
    pub(in super::super) const STRUCT: u8 = 12;
    pub(in super::super) const UUID: u8 = 13;
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

pub(super) type Result<T> = std::result::Result<T, Malformed>;

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

    pub(super) fn zigzag(&mut self) -> Result<i64> {
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
    pub(super) fn field(&mut self, last: &mut i16, depth: usize) -> Result<Option<Field<'a>>> {
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

/// A field of a struct, its value as it is written.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    pub(super) id: i16,
    pub(super) kind: u8,
    pub(super) value: Cow<'a, [u8]>,
}

pub(super) fn read_binary(value: &[u8]) -> Result<&[u8]> {
    let mut cursor = Cursor::new(value);
    let length = cursor.length()?;
    cursor.take(length)
}

pub(super) fn read_text(value: &[u8]) -> Result<&str> {
    let text = std::str::from_utf8(read_binary(value)?);
    text.map_err(|_| Malformed::Wrong("text that is not UTF-8"))
}

pub(super) fn read_list(value: &[u8]) -> Result<Vec<&[u8]>> {
    let mut cursor = Cursor::new(value);
    let (element, length) = cursor.list_head()?;
    if length > ELEMENTS {
        return Err(Malformed::Wrong("a list of too many elements"));
    }
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

pub(super) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63) as u64);
}
