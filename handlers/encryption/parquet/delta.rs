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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::{super::bits::put_varint, *};

    fn zigzag(value: i64) -> u64 {
        (value << 1 ^ value >> 63) as u64
    }

    /// Blocks of one mini block of 8 numbers, each delta in full width.
    fn write(values: &[i64]) -> Vec<u8> {
        let first = values.first().copied().unwrap_or(0);
        let mut out = Vec::new();
        for number in [8, 1, values.len() as u64, zigzag(first)] {
            put_varint(&mut out, number);
        }
        let deltas: Vec<_> = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        for block in deltas.chunks(8) {
            let least = block.iter().copied().min().unwrap();
            put_varint(&mut out, zigzag(least));
            out.push(64);
            for at in 0..8 {
                let delta = block.get(at).map_or(0, |delta| delta.wrapping_sub(least));
                out.extend_from_slice(&delta.to_le_bytes());
            }
        }
        out
    }

    fn all(bytes: &[u8]) -> Result<Vec<i64>, Malformed> {
        let mut deltas = Deltas::new(bytes)?;
        (0..deltas.left).map(|_| deltas.next()).collect()
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(values in prop::collection::vec(any::<i64>(), 0..40)) {
            prop_assert_eq!(all(&write(&values)).unwrap(), values);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), count in 0u64..20) {
            if let Ok(mut deltas) = Deltas::new(&bytes) {
                (0..count).all(|_| deltas.next().is_ok());
            }
            if let Ok(mut lengths) = Lengths::new(&bytes, count) {
                while lengths.next().is_ok() {}
            }
            if let Ok(mut prefixes) = Prefixes::new(&bytes, count) {
                while prefixes.next().is_ok() {}
            }
        }
    }

    #[test]
    fn byte_arrays_share_their_beginnings() {
        let suffixes = [write(&[2, 1, 0]), b"abc".to_vec()].concat();
        let bytes = [write(&[0, 1, 2]), suffixes].concat();
        let mut prefixes = Prefixes::new(&bytes, 3).unwrap();
        for value in ["ab", "ac", "ac"] {
            assert_eq!(prefixes.next().unwrap(), value.as_bytes());
        }
        assert!(matches!(prefixes.next(), Err(Malformed::Short)));
    }

    #[test]
    fn a_false_count_width_or_prefix_is_refused() {
        let mut endless = Vec::new();
        for number in [128, 4, u64::MAX, 0] {
            put_varint(&mut endless, number);
        }
        assert!(matches!(Lengths::new(&endless, 3), Err(Malformed::Wrong(_))));
        assert!(matches!(Deltas::new(&[0, 0, 1, 0]), Err(Malformed::Wrong(_))));
        let mut wide = write(&[1, 2]);
        *wide.get_mut(5).unwrap() = 65;
        assert!(matches!(all(&wide), Err(Malformed::Wrong(_))));
        let early = [write(&[1]), write(&[0])].concat();
        let mut early = Prefixes::new(&early, 1).unwrap();
        assert!(matches!(early.next(), Err(Malformed::Wrong(_))));
    }
}
