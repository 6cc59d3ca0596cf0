//! Decompression into exactly as many bytes as a page says it has, and never more.

use std::io::Read;

use super::footer::{invalid, unsupported};
use crate::encryption::engine::EngineError;

/// How a column's pages are compressed (`parquet.thrift`, `CompressionCodec`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Uncompressed,
    Snappy,
    Gzip,
    Brotli,
    /// LZ4 in Hadoop's frames, in LZ4's own, or in none: writers disagree.
    Lz4,
    Zstd,
    Lz4Raw,
}

impl Codec {
    /// # Errors
    /// LZO, which nothing writes, and what is newer than this version.
    pub(super) fn from_number(number: i64) -> Result<Self, EngineError> {
        Ok(match number {
            0 => Self::Uncompressed,
            1 => Self::Snappy,
            2 => Self::Gzip,
            4 => Self::Brotli,
            5 => Self::Lz4,
            6 => Self::Zstd,
            7 => Self::Lz4Raw,
            3 => return Err(unsupported("LZO compression", "rewrite the file with another codec")),
            _ => {
                return Err(unsupported("an unknown compression", "it is newer than this version"));
            }
        })
    }
}

/// What a thread keeps from page to page.
pub(super) struct Decompressor {
    zstd: zstd::bulk::Decompressor<'static>,
}

impl Decompressor {
    pub(super) fn new() -> Result<Self, EngineError> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new()? })
    }

    /// Appends exactly `size` bytes.
    ///
    /// # Errors
    /// The input is damaged, or has another number of bytes in it; then no more than that many
    /// were made.
    pub(super) fn append(
        &mut self,
        codec: Codec,
        input: &[u8],
        size: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EngineError> {
        let start = out.len();
        match codec {
            Codec::Uncompressed if input.len() == size => out.extend_from_slice(input),
            Codec::Uncompressed => return Err(wrong_size()),
            Codec::Gzip => read(flate2::bufread::MultiGzDecoder::new(input), size, out)?,
            Codec::Brotli => read(brotli::Decompressor::new(input, 4096), size, out)?,
            Codec::Snappy | Codec::Zstd | Codec::Lz4 | Codec::Lz4Raw => {
                out.resize(start + size, 0);
                let made = self.fill(codec, input, &mut out[start..]);
                if made.ok_or_else(damaged)? != size {
                    return Err(wrong_size());
                }
            }
        }
        match out.len() - start == size {
            true => Ok(()),
            false => Err(wrong_size()),
        }
    }

    /// Fills a slice, which says how many bytes may be made, and returns how many were.
    fn fill(&mut self, codec: Codec, input: &[u8], out: &mut [u8]) -> Option<usize> {
        match codec {
            Codec::Snappy if snap::raw::decompress_len(input).ok()? != out.len() => None,
            Codec::Snappy => snap::raw::Decoder::new().decompress(input, out).ok(),
            Codec::Zstd => self.zstd.decompress_to_buffer(input, out).ok(),
            Codec::Lz4 => fill_hadoop_lz4(input, out)
                .or_else(|| fill_framed_lz4(input, out))
                .or_else(|| lz4_flex::block::decompress_into(input, out).ok()),
            _ => lz4_flex::block::decompress_into(input, out).ok(),
        }
    }
}

/// Reads one byte more than there should be, to see that there is none.
fn read(decoder: impl Read, size: usize, out: &mut Vec<u8>) -> Result<(), EngineError> {
    out.reserve(size);
    decoder.take(size as u64 + 1).read_to_end(out).map(drop).map_err(|_| damaged())
}

/// Hadoop's frames: the length of the block, the length of its compressed bytes, both in 4 bytes,
/// most significant first, and these bytes.
fn fill_hadoop_lz4(mut input: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut made = 0;
    while !input.is_empty() {
        let (length, rest) = input.split_first_chunk()?;
        let (compressed, rest) = rest.split_first_chunk()?;
        let block = rest.split_at_checked(u32::from_be_bytes(*compressed) as usize)?;
        let part = out.get_mut(made..)?.get_mut(..u32::from_be_bytes(*length) as usize)?;
        if lz4_flex::block::decompress_into(block.0, part).ok()? != part.len() {
            return None;
        }
        (made, input) = (made + part.len(), block.1);
    }
    Some(made)
}

fn fill_framed_lz4(input: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut decoder = lz4_flex::frame::FrameDecoder::new(input);
    decoder.read_exact(out).ok()?;
    (decoder.read(&mut [0]).ok()? == 0).then_some(out.len())
}

fn damaged() -> EngineError {
    invalid("a page cannot be decompressed")
}

fn wrong_size() -> EngineError {
    invalid("a page has another size than its header says")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::io::Write;

    use super::*;

    fn compress(codec: Codec, plain: &[u8]) -> Vec<u8> {
        match codec {
            Codec::Uncompressed => plain.to_vec(),
            Codec::Snappy => snap::raw::Encoder::new().compress_vec(plain).unwrap(),
            Codec::Gzip => {
                let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
                gzip.write_all(plain).unwrap();
                gzip.finish().unwrap()
            }
            Codec::Brotli => {
                let mut out = vec![];
                brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(plain).unwrap();
                out
            }
            Codec::Lz4 => {
                let block = lz4_flex::block::compress(plain);
                let lengths =
                    [plain.len(), block.len()].map(|length| (length as u32).to_be_bytes());
                [lengths.concat(), block].concat()
            }
            Codec::Lz4Raw => lz4_flex::block::compress(plain),
            Codec::Zstd => zstd::bulk::compress(plain, 1).unwrap(),
        }
    }

    fn append(codec: Codec, input: &[u8], size: usize) -> Result<Vec<u8>, EngineError> {
        let mut out = vec![];
        Decompressor::new().unwrap().append(codec, input, size, &mut out).map(|()| out)
    }

    const ALL: [Codec; 7] = [
        Codec::Uncompressed,
        Codec::Snappy,
        Codec::Gzip,
        Codec::Brotli,
        Codec::Lz4,
        Codec::Zstd,
        Codec::Lz4Raw,
    ];

    #[test]
    fn a_page_comes_out_in_exactly_its_size() {
        let plain = b"lake ".repeat(1000);
        for codec in ALL {
            let input = compress(codec, &plain);
            assert_eq!(append(codec, &input, plain.len()).unwrap(), plain, "{codec:?}");
            for size in [plain.len() - 1, plain.len() + 1, 0] {
                append(codec, &input, size).unwrap_err();
            }
        }
    }

    #[test]
    fn an_lz4_page_may_have_other_frames() {
        let plain = b"lake ".repeat(1000);
        let mut frame = lz4_flex::frame::FrameEncoder::new(vec![]);
        frame.write_all(&plain).unwrap();
        for input in [frame.finish().unwrap(), lz4_flex::block::compress(&plain)] {
            assert_eq!(append(Codec::Lz4, &input, plain.len()).unwrap(), plain);
        }
    }

    #[test]
    fn a_bomb_makes_no_more_than_the_page_has() {
        let bomb = vec![0; 64 << 20];
        for codec in ALL {
            let mut out = vec![];
            let input = compress(codec, &bomb);
            Decompressor::new().unwrap().append(codec, &input, 1000, &mut out).unwrap_err();
            assert!(out.capacity() < 1 << 20, "{codec:?}");
        }
    }

    #[test]
    fn a_damaged_page_is_an_error() {
        for codec in &ALL[1..] {
            append(*codec, &[7; 40], 500).unwrap_err();
        }
    }
}
