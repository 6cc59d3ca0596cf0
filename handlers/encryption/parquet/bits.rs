//! Numbers of a few bits each: what levels, dictionary indices and deltas are written as.
//! (Parquet's encodings document; all of it is least significant bit first.)

use super::wire::Malformed;

/// The number of so many bits, 64 at most, that begins at this bit.
pub(super) fn unpack(bytes: &[u8], bit: usize, width: u32) -> Option<u64> {
    let (start, shift) = (bit / 8, bit as u32 % 8);
    let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
    if let Some(word) = bytes.get(start..).and_then(<[u8]>::first_chunk)
        && shift + width <= 64
    {
        return Some(u64::from_le_bytes(*word) >> shift & mask);
    }
    let length = (shift + width).div_ceil(8) as usize;
    let mut word = [0; 16];
    word[..length].copy_from_slice(bytes.get(start..)?.get(..length)?);
    Some((u128::from_le_bytes(word) >> shift) as u64 & mask)
}

/// Reads a number of 7 bits per byte.
pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Malformed::Short)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Malformed::Wrong("a number of more than 64 bits"))
}

/// Appends a number of 7 bits per byte.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads the hybrid of repeated and packed numbers (`RLE`) without its length.
#[derive(Clone, Debug)]
pub(super) struct Hybrid<'a> {
    bytes: &'a [u8],
    width: u32,
    left: u64,
    run: Run<'a>,
}

#[derive(Clone, Debug)]
enum Run<'a> {
    Repeated(u32),
    Packed { bytes: &'a [u8], bit: usize },
}

impl<'a> Hybrid<'a> {
    /// Numbers of so many bits, 32 at most.
    pub(super) fn new(bytes: &'a [u8], width: u32) -> Self {
        Self { bytes, width, left: 0, run: Run::Repeated(0) }
    }

    /// Reads as many numbers as the slice holds.
    pub(super) fn fill(&mut self, mut out: &mut [u32]) -> Result<(), Malformed> {
        while !out.is_empty() {
            if self.left == 0 {
                self.start_run()?;
            }
            let count = self.left.min(out.len() as u64) as usize;
            let (now, later) = out.split_at_mut(count);
            match &mut self.run {
                Run::Repeated(value) => now.fill(*value),
                Run::Packed { bytes, bit } => {
                    for value in now {
                        *value = unpack(bytes, *bit, self.width).ok_or(Malformed::Short)? as u32;
                        *bit += self.width as usize;
                    }
                }
            }
            self.left -= count as u64;
            out = later;
        }
        Ok(())
    }

    fn start_run(&mut self) -> Result<(), Malformed> {
        let head = varint(&mut self.bytes)?;
        let count = head >> 1;
        if head & 1 == 0 {
            let (value, rest) = split(self.bytes, u64::from(self.width.div_ceil(8)))?;
            let value = unpack(value, 0, value.len() as u32 * 8).ok_or(Malformed::Short)?;
            (self.left, self.run, self.bytes) = (count, Run::Repeated(value as u32), rest);
        } else {
            // The last group may be cut off; what is missing is noticed when it is asked for.
            let length = count.saturating_mul(self.width.into()).min(self.bytes.len() as u64);
            let (bytes, rest) = split(self.bytes, length)?;
            self.left = count.checked_mul(8).ok_or(Malformed::Wrong("a run is too long"))?;
            (self.run, self.bytes) = (Run::Packed { bytes, bit: 0 }, rest);
        }
        Ok(())
    }
}

/// Splits bytes at a length that may be wrong.
pub(super) fn split(bytes: &[u8], length: u64) -> Result<(&[u8], &[u8]), Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed::Short)?;
    bytes.split_at_checked(length).ok_or(Malformed::Short)
}

/// Writes the same hybrid.
#[derive(Debug)]
pub(super) struct HybridWriter {
    width: u32,
    out: Vec<u8>,
    value: u32,
    count: u64,
    /// Numbers that will be packed: full groups of 8, but for the last.
    packed: Vec<u32>,
}

/// Groups of 8 in a packed run, so that its head takes one byte.
const GROUPS: usize = 63;

impl HybridWriter {
    /// Numbers of so many bits, 32 at most.
    pub(super) fn new(width: u32) -> Self {
        Self { width, out: Vec::new(), value: 0, count: 0, packed: Vec::new() }
    }

    /// Adds a number.
    pub(super) fn push(&mut self, value: u32) {
        if value != self.value {
            self.end_run();
            self.value = value;
        }
        self.count += 1;
    }

    fn end_run(&mut self) {
        let missing = self.packed.len().next_multiple_of(8) - self.packed.len();
        let filling = self.count.min(missing as u64);
        self.pack(filling);
        if self.count >= 8 {
            self.flush_packed();
            put_varint(&mut self.out, self.count << 1);
            let bytes = self.value.to_le_bytes();
            self.out.extend_from_slice(&bytes[..self.width.div_ceil(8) as usize]);
            self.count = 0;
        } else {
            self.pack(self.count);
        }
    }

    fn pack(&mut self, count: u64) {
        self.packed.extend(std::iter::repeat_n(self.value, count as usize));
        self.count -= count;
        if self.packed.len() == GROUPS * 8 {
            self.flush_packed();
        }
    }

    fn flush_packed(&mut self) {
        if self.packed.is_empty() {
            return;
        }
        self.packed.resize(self.packed.len().next_multiple_of(8), 0);
        put_varint(&mut self.out, (self.packed.len() as u64 / 8) << 1 | 1);
        let (mut word, mut bits) = (0u64, 0);
        for value in self.packed.drain(..) {
            word |= u64::from(value) << bits;
            bits += self.width;
            while bits >= 8 {
                self.out.push(word as u8);
                (word, bits) = (word >> 8, bits - 8);
            }
        }
    }

    /// Appends what was written, after its length in 4 bytes, and begins anew.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.end_run();
        self.flush_packed();
        out.extend_from_slice(&(self.out.len() as u32).to_le_bytes());
        out.append(&mut self.out);
        self.value = 0;
    }
}

/// How many bits numbers up to this one need.
pub(super) fn width(largest: u16) -> u32 {
    16 - largest.leading_zeros()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            runs in prop::collection::vec((0u32..1 << 9, 1usize..40), 0..60),
            largest in 1u16..1 << 9,
        ) {
            let width = width(largest);
            let numbers: Vec<u32> = runs
                .iter()
                .flat_map(|(value, count)| std::iter::repeat_n(value % (u32::from(largest) + 1), *count))
                .collect();
            let mut writer = HybridWriter::new(width);
            numbers.iter().for_each(|value| writer.push(*value));
            let mut bytes = Vec::new();
            writer.finish(&mut bytes);
            let mut read = vec![0; numbers.len()];
            prop_assert_eq!(Hybrid::new(&bytes[4..], width).fill(&mut read), Ok(()));
            prop_assert_eq!(read, numbers);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), width in 0u32..=32) {
            let _ = Hybrid::new(&bytes, width).fill(&mut [0; 100]);
        }
    }

    #[test]
    fn a_long_run_takes_a_few_bytes() {
        let mut writer = HybridWriter::new(1);
        (0..1_000_000).for_each(|_| writer.push(1));
        let mut bytes = Vec::new();
        writer.finish(&mut bytes);
        assert_eq!(bytes, [4, 0, 0, 0, 0x80, 0x89, 0x7a, 1]);
    }

    #[test]
    fn an_empty_run_that_repeats_forever_ends() {
        assert_eq!(Hybrid::new(&[0; 64], 1).fill(&mut [0; 1]), Err(Malformed::Short));
    }
}
