//! The values of a page, one after another, as the texts that are protected.

use super::{
    bits::{Hybrid, split, unpack},
    change::Column,
    delta::{Deltas, Lengths, Prefixes},
    footer::{invalid, unsupported},
    memory::Memory,
    page::{Header, PLAIN},
    wire::Malformed,
};
use crate::encryption::{
    canonical::{Kind, Physical},
    engine::EngineError,
};

/// How many dictionary indices are read at once.
const BATCH: usize = 256;

/// The texts of a dictionary, or what they become, and where each one ends.
#[derive(Debug)]
pub(super) struct Dictionary {
    entries: Vec<u8>,
    ends: Vec<u32>,
    is_changed: bool,
}

impl Dictionary {
    /// Reads a dictionary page of a column. Where equal values become equal cells, these are made
    /// here, once.
    pub(super) fn read(
        column: &mut Column,
        header: &Header,
        bytes: &[u8],
        memory: &Memory,
    ) -> Result<Self, EngineError> {
        if !matches!(header.encoding, PLAIN | PLAIN_DICTIONARY) {
            return Err(unsupported("a dictionary", "its values are not plain"));
        }
        let is_changed = column.changes_dictionary();
        let (mut entries, mut ends) = (Vec::new(), Vec::new());
        let mut values = Values::plain(column.read.kind, bytes);
        for _ in 0..header.values {
            let text = values.next()?;
            match is_changed {
                true => column.append(text, &mut entries, &mut 0)?,
                false => entries.extend_from_slice(text),
            }
            ends.push(entries.len() as u32);
            memory.check(entries.len() + size_of_val(&*ends), || "a dictionary".to_owned())?;
        }
        Ok(Self { entries, ends, is_changed })
    }

    fn get(&self, index: u32) -> Result<&[u8], EngineError> {
        let index = index as usize;
        let end =
            self.ends.get(index).ok_or_else(|| invalid("a value is not in the dictionary"))?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Ok(&self.entries[start as usize..*end as usize])
    }
}

/// Values of `Encoding`.
const PLAIN_DICTIONARY: i64 = 2;
const RLE: i64 = 3;
const DELTA_BINARY_PACKED: i64 = 5;
const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
const DELTA_BYTE_ARRAY: i64 = 7;
const RLE_DICTIONARY: i64 = 8;
const BYTE_STREAM_SPLIT: i64 = 9;

/// Gives the text of one value after another.
pub(super) struct Values<'a> {
    kind: Kind,
    encoded: Encoded<'a>,
    text: Vec<u8>,
}

enum Encoded<'a> {
    /// Each after its length.
    Bytes(&'a [u8]),
    /// All of one width.
    Fixed {
        bytes: &'a [u8],
        width: usize,
    },
    /// A bit each.
    Bits {
        bytes: &'a [u8],
        bit: usize,
    },
    Indices {
        dictionary: &'a Dictionary,
        indices: Box<Indices<'a>>,
    },
    Booleans(Hybrid<'a>),
    Deltas {
        deltas: Deltas<'a>,
        width: usize,
        value: [u8; 8],
    },
    Lengths(Lengths<'a>),
    Prefixes(Prefixes<'a>),
    Streams(Streams<'a>),
}

/// Values of one width: all their first bytes, all their second bytes, and so on.
struct Streams<'a> {
    bytes: &'a [u8],
    count: usize,
    width: usize,
    at: usize,
    value: Vec<u8>,
}

/// Dictionary indices of a page, read some at a time.
struct Indices<'a> {
    hybrid: Hybrid<'a>,
    left: u32,
    batch: [u32; BATCH],
    at: usize,
    ready: usize,
}

impl<'a> Values<'a> {
    fn plain(kind: Kind, bytes: &'a [u8]) -> Self {
        let encoded = match (kind.physical(), kind.physical().width()) {
            (Physical::Boolean, _) => Encoded::Bits { bytes, bit: 0 },
            (_, Some(width)) => Encoded::Fixed { bytes, width },
            (_, None) => Encoded::Bytes(bytes),
        };
        Self { kind, encoded, text: Vec::new() }
    }

    /// The values of a page, of which so many are not null.
    pub(super) fn new(
        kind: Kind,
        encoding: i64,
        bytes: &'a [u8],
        count: u32,
        dictionary: Option<&'a Dictionary>,
    ) -> Result<Self, EngineError> {
        use Physical::{Boolean, Bytes, Double, Fixed, Float, Int32, Int64};
        let physical = kind.physical();
        let encoded = match (encoding, physical) {
            (PLAIN, _) => return Ok(Self::plain(kind, bytes)),
            (PLAIN_DICTIONARY | RLE_DICTIONARY, _) => {
                let dictionary = dictionary.ok_or_else(|| invalid("a dictionary is missing"))?;
                let indices = Box::new(Indices::new(bytes, count)?);
                Encoded::Indices { dictionary, indices }
            }
            (RLE, Boolean) => Encoded::Booleans(Hybrid::new(after_length(bytes)?, 1)),
            // Without values, some writers leave out even the head of what follows.
            (_, _) if count == 0 => Encoded::Bytes(&[]),
            (DELTA_BINARY_PACKED, Int32) => {
                Encoded::Deltas { deltas: Deltas::new(bytes)?, width: 4, value: [0; 8] }
            }
            (DELTA_BINARY_PACKED, Int64) => {
                Encoded::Deltas { deltas: Deltas::new(bytes)?, width: 8, value: [0; 8] }
            }
            (DELTA_LENGTH_BYTE_ARRAY, Bytes) => {
                Encoded::Lengths(Lengths::new(bytes, count.into())?)
            }
            (DELTA_BYTE_ARRAY, Bytes | Fixed(_)) => {
                Encoded::Prefixes(Prefixes::new(bytes, count.into())?)
            }
            (BYTE_STREAM_SPLIT, Int32 | Int64 | Float | Double | Fixed(_)) => {
                let (count, width) = (count as usize, physical.width().unwrap_or(0));
                Encoded::Streams(Streams { bytes, count, width, at: 0, value: Vec::new() })
            }
            _ => return Err(unsupported("a column's encoding", "it is unknown for its type")),
        };
        Ok(Self { kind, encoded, text: Vec::new() })
    }

    /// Whether what follows are not texts, but what they become.
    pub(super) fn are_changed(&self) -> bool {
        matches!(&self.encoded, Encoded::Indices { dictionary, .. } if dictionary.is_changed)
    }

    /// The text of the next value.
    pub(super) fn next(&mut self) -> Result<&[u8], EngineError> {
        if let Encoded::Indices { dictionary, indices } = &mut self.encoded {
            return dictionary.get(indices.next()?);
        }
        let stored = self.encoded.next(self.kind.physical().width())?;
        if self.kind.is_bytes() {
            return Ok(stored);
        }
        self.text.clear();
        self.kind.write_text(stored, &mut self.text).map_err(|_| wrong_length())?;
        Ok(&self.text)
    }
}

impl Encoded<'_> {
    /// The next value in its plain encoding, without its length; `width` is that of its type.
    fn next(&mut self, width: Option<usize>) -> Result<&[u8], EngineError> {
        Ok(match self {
            Self::Bytes(bytes) => {
                let (length, rest) = bytes.split_first_chunk().ok_or(Malformed::Short)?;
                let value;
                (value, *bytes) = split(rest, u32::from_le_bytes(*length).into())?;
                value
            }
            Self::Fixed { bytes, width } => {
                let value;
                (value, *bytes) = split(bytes, *width as u64)?;
                value
            }
            Self::Bits { bytes, bit } => {
                let value = unpack(bytes, *bit, 1).ok_or(Malformed::Short)?;
                *bit += 1;
                boolean(value == 1)
            }
            Self::Booleans(hybrid) => {
                let mut value = [0];
                hybrid.fill(&mut value)?;
                boolean(value == [1])
            }
            Self::Deltas { deltas, width, value } => {
                *value = deltas.next()?.to_le_bytes();
                &value[..*width]
            }
            Self::Lengths(lengths) => lengths.next()?,
            Self::Prefixes(prefixes) => {
                let value = prefixes.next()?;
                match width {
                    Some(width) if width != value.len() => return Err(wrong_length()),
                    _ => value,
                }
            }
            Self::Streams(streams) => streams.next()?,
            Self::Indices { .. } => return Err(invalid("an index is no value")),
        })
    }
}

impl Streams<'_> {
    fn next(&mut self) -> Result<&[u8], Malformed> {
        if self.at == self.count || Some(self.bytes.len()) != self.count.checked_mul(self.width) {
            return Err(Malformed::Short);
        }
        let value = (0..self.width).map(|stream| self.bytes[stream * self.count + self.at]);
        self.value.clear();
        self.value.extend(value);
        self.at += 1;
        Ok(&self.value)
    }
}

fn wrong_length() -> EngineError {
    invalid("a value has another length than its type")
}

fn boolean(value: bool) -> &'static [u8] {
    if value { &[1] } else { &[0] }
}

impl<'a> Indices<'a> {
    fn new(bytes: &'a [u8], count: u32) -> Result<Self, EngineError> {
        let (width, bytes) = bytes.split_first().map_or((0, bytes), |(width, rest)| (*width, rest));
        if width > 32 {
            return Err(invalid("dictionary indices of more than 32 bits"));
        }
        let hybrid = Hybrid::new(bytes, width.into());
        Ok(Self { hybrid, left: count, batch: [0; BATCH], at: 0, ready: 0 })
    }

    fn next(&mut self) -> Result<u32, Malformed> {
        if self.at == self.ready {
            self.ready = BATCH.min(self.left as usize);
            self.left -= self.ready as u32;
            self.at = 0;
            self.hybrid.fill(&mut self.batch[..self.ready])?;
        }
        let index = self.batch[..self.ready].get(self.at).ok_or(Malformed::Short)?;
        self.at += 1;
        Ok(*index)
    }
}

/// What follows a length of 4 bytes.
pub(super) fn after_length(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let (length, rest) = bytes.split_first_chunk().ok_or(Malformed::Short)?;
    Ok(split(rest, u32::from_le_bytes(*length).into())?.0)
}
