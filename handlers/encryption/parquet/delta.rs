//! Numbers written as differences (`DELTA_BINARY_PACKED`), and the two encodings of byte arrays
//! that build on them. (Parquet's encodings document.) Everything is read value by value, so that
//! a false count allocates nothing.

use super::{
    bits::{split, unpack, varint},
    wire::Malformed,
};

/// Numbers of 64 bits; those of 32 bits are their lower half.
#[derive(Clone, Debug)]
pub(super) struct Deltas<'a> {
    /// What follows the current block's head.
    bytes: &'a [u8],
    values_per_mini: u64,
    minis_per_block: u64,
    /// How many numbers are still to come.
    left: u64,
    /// The next number, if it is the first, or else the last one.
    value: i64,
    is_first: bool,
    min_delta: i64,
    /// The bit widths of the block's remaining mini blocks.
    widths: &'a [u8],
    mini: &'a [u8],
    /// How many of the mini block are read.
    read: u64,
}

impl<'a> Deltas<'a> {
    pub(super) fn new(mut bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (block, minis_per_block) = (varint(&mut bytes)?, varint(&mut bytes)?);
        let (left, first) = (varint(&mut bytes)?, zigzag(&mut bytes)?);
        let values_per_mini = block.checked_div(minis_per_block).unwrap_or(0);
        if values_per_mini == 0 || values_per_mini % 8 != 0 || block % minis_per_block != 0 {
            return Err(Malformed::Wrong("the block size of deltas"));
        }
        Ok(Self {
            bytes,
            values_per_mini,
            minis_per_block,
            left,
            value: first,
            is_first: true,
            min_delta: 0,
            widths: &[],
            mini: &[],
            read: values_per_mini,
        })
    }

    /// Fails unless exactly so many numbers follow; without it, a false count takes forever.
    fn expect(self, count: u64) -> Result<Self, Malformed> {
        match self.left == count {
            true => Ok(self),
            false => Err(Malformed::Wrong("another number of lengths than of values")),
        }
    }

    pub(super) fn next(&mut self) -> Result<i64, Malformed> {
        self.left = self.left.checked_sub(1).ok_or(Malformed::Short)?;
        if std::mem::take(&mut self.is_first) {
            return Ok(self.value);
        }
        if self.read == self.values_per_mini {
            self.start_mini()?;
        }
        let width = u32::from(self.widths[0]);
        let bit = self.read as usize * width as usize;
        let delta = unpack(self.mini, bit, width).ok_or(Malformed::Short)? as i64;
        self.value = self.value.wrapping_add(self.min_delta).wrapping_add(delta);
        self.read += 1;
        Ok(self.value)
    }

    fn start_mini(&mut self) -> Result<(), Malformed> {
        self.widths = self.widths.get(1..).unwrap_or_default();
        if self.widths.is_empty() {
            self.min_delta = zigzag(&mut self.bytes)?;
            (self.widths, self.bytes) = split(self.bytes, self.minis_per_block)?;
        }
        let width = u64::from(self.widths[0]);
        if width > 64 {
            return Err(Malformed::Wrong("a delta of more than 64 bits"));
        }
        // The last mini block may be cut off after its last value.
        let length = (self.values_per_mini / 8).saturating_mul(width);
        (self.mini, self.bytes) = split(self.bytes, length.min(self.bytes.len() as u64))?;
        self.read = 0;
        Ok(())
    }

    /// What follows the numbers.
    fn rest(mut self) -> Result<&'a [u8], Malformed> {
        while self.left > 0 {
            self.next()?;
        }
        Ok(self.bytes)
    }
}

fn zigzag(bytes: &mut &[u8]) -> Result<i64, Malformed> {
    let value = varint(bytes)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Byte arrays after all their lengths (`DELTA_LENGTH_BYTE_ARRAY`).
#[derive(Clone, Debug)]
pub(super) struct Lengths<'a> {
    lengths: Deltas<'a>,
    data: &'a [u8],
}

impl<'a> Lengths<'a> {
    /// So many values.
    pub(super) fn new(bytes: &'a [u8], count: u64) -> Result<Self, Malformed> {
        let lengths = Deltas::new(bytes)?.expect(count)?;
        Ok(Self { data: lengths.clone().rest()?, lengths })
    }

    pub(super) fn next(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.lengths.next()? as u32;
        let value;
        (value, self.data) = split(self.data, length.into())?;
        Ok(value)
    }
}

/// Byte arrays of which the beginning may be that of the one before (`DELTA_BYTE_ARRAY`).
#[derive(Debug)]
pub(super) struct Prefixes<'a> {
    prefixes: Deltas<'a>,
    suffixes: Lengths<'a>,
    value: Vec<u8>,
}

impl<'a> Prefixes<'a> {
    /// So many values.
    pub(super) fn new(bytes: &'a [u8], count: u64) -> Result<Self, Malformed> {
        let prefixes = Deltas::new(bytes)?.expect(count)?;
        let suffixes = Lengths::new(prefixes.clone().rest()?, count)?;
        Ok(Self { prefixes, suffixes, value: Vec::new() })
    }

    pub(super) fn next(&mut self) -> Result<&[u8], Malformed> {
        let prefix = self.prefixes.next()? as u32 as usize;
        if prefix > self.value.len() {
            return Err(Malformed::Wrong("a prefix is longer than the value before"));
        }
        self.value.truncate(prefix);
        self.value.extend_from_slice(self.suffixes.next()?);
        Ok(&self.value)
    }
}
