//! Gzip (RFC 1952, several members) and Zstandard (RFC 8878, several frames) around text.
//!
//! Both are known by their first bytes, which no text begins with. What comes out is bounded: a
//! few kilobytes may claim to be terabytes.

use std::io::{self, Read, Write};

use flate2::{read::MultiGzDecoder, write::GzEncoder};

use super::counting::{Count, Counting};
use crate::encryption::engine::EngineError;

/// Cells only lose what base64 added, and do so at this level: the usual one takes longer, for a
/// hundredth.
const GZIP_LEVEL: flate2::Compression = flate2::Compression::new(2);

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// Bytes that [`Compression::of`] needs.
    pub(super) const MAGIC: usize = 4;

    /// What the first bytes of a file say.
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0x1F, 0x8B, ..] => Self::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "text",
            Self::Gzip => "gzip",
            Self::Zstd => "Zstandard",
        }
    }
}

/// How much may come out of a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in all.
    pub total: u64,
    /// Bytes out for each byte in.
    pub ratio: u64,
    /// Bytes out from which on the ratio counts: a short file of zeros is harmless.
    pub ratio_from: u64,
}

impl Default for Limits {
    /// Any size, a thousand to one beyond 10 MiB; gzip itself ends at 1,032 to one.
    fn default() -> Self {
        Self { total: u64::MAX, ratio: 1000, ratio_from: 10 << 20 }
    }
}

/// Reads what is inside. A Zstandard frame may ask for a window of half the memory.
///
/// # Errors
/// The decoder cannot be made.
pub(super) fn decompress<'a>(
    reader: impl Read + Send + 'a,
    compression: Compression,
    limits: Limits,
    memory: usize,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    let compressed = Count::default();
    let counted = Counting { inner: Failing { inner: reader }, count: compressed.clone() };
    let inner: Box<dyn Read + Send + 'a> = match compression {
        Compression::None => return Ok(Box::new(counted)),
        Compression::Gzip => Box::new(MultiGzDecoder::new(counted)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(counted)?;
            decoder.window_log_max((memory / 2).max(1024).ilog2().min(27))?;
            Box::new(decoder)
        }
    };
    Ok(Box::new(Bounded { inner, compression, limits, compressed, out: 0 }))
}

/// Marks the errors of the source, so that they are not taken for those of the decoder.
struct Failing<R> {
    inner: R,
}

impl<R: Read> Read for Failing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => io::Error::other(EngineError::Io(error)),
        })
    }
}

/// The error of an engine that travelled through a reader.
pub(super) fn unwrapped(error: io::Error) -> EngineError {
    error.downcast::<EngineError>().unwrap_or_else(EngineError::Io)
}

struct Bounded<R> {
    inner: R,
    compression: Compression,
    limits: Limits,
    compressed: Count,
    out: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer).map_err(|error| self.damaged(error))?;
        self.out += read as u64;
        self.check()?;
        Ok(read)
    }
}

impl<R> Bounded<R> {
    fn damaged(&self, error: io::Error) -> io::Error {
        let ours = error.get_ref().is_some_and(|inner| inner.is::<EngineError>());
        if ours || error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        // The library has no code for it, only this text.
        if error.to_string().contains("too much memory") {
            let reason = "its window takes more than half of the memory that is allowed; raise \
                          LAKEHAND_MEMORY, or compress it with a smaller window";
            let subject = "this Zstandard file".to_owned();
            return io::Error::other(EngineError::Unsupported { subject, reason: reason.into() });
        }
        let reason = format!("after {} bytes of content: {error}", self.out);
        io::Error::other(EngineError::Invalid { format: self.compression.name(), reason })
    }

    fn check(&self) -> io::Result<()> {
        let Limits { total, ratio, ratio_from } = self.limits;
        let reason = if self.out > total {
            format!("more than {total} bytes come out of it; raise the limit, or split the file")
        } else if self.out > ratio_from && self.out / ratio > self.compressed.get() {
            format!("more than {ratio} bytes come out of each byte")
        } else {
            return Ok(());
        };
        let subject = format!("this {} file", self.compression.name());
        Err(io::Error::other(EngineError::Unsupported { subject, reason }))
    }
}

/// Compresses what is written.
pub(super) enum Compressor<W: Write> {
    None(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Compressor<W> {
    pub(super) fn new(compression: Compression, sink: W) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None(sink),
            Compression::Gzip => Self::Gzip(GzEncoder::new(sink, GZIP_LEVEL)),
            Compression::Zstd => {
                let mut encoder =
                    zstd::stream::write::Encoder::new(sink, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Writes what is still held.
    pub(super) fn finish(self) -> io::Result<()> {
        let mut sink = match self {
            Self::None(sink) => sink,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        sink.flush()
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::None(sink) => sink.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{super::testing::packed, *};

    const MEMORY: usize = 8 << 20;

    fn unpacked(bytes: &[u8], limits: Limits) -> Result<Vec<u8>, EngineError> {
        let mut out = Vec::new();
        let mut reader = decompress(bytes, Compression::of(bytes), limits, MEMORY)?;
        reader.read_to_end(&mut out).map_err(unwrapped)?;
        Ok(out)
    }

    #[test]
    fn members_and_frames_follow_each_other() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let two = [packed(compression, b"one,"), packed(compression, b"two")].concat();
            assert_eq!(Compression::of(&two), compression);
            assert_eq!(unpacked(&two, Limits::default()).unwrap(), b"one,two");
        }
    }

    #[test]
    fn a_bomb_is_stopped() {
        let zeros = vec![0; 12 << 20];
        let bomb = packed(Compression::Zstd, &zeros);
        let error = unpacked(&bomb, Limits::default()).unwrap_err().to_string();
        assert!(error.contains("more than 1000 bytes come out of each byte"), "{error}");
        let gzip = packed(Compression::Gzip, &zeros);
        let strict = Limits { ratio: 100, ..Limits::default() };
        assert!(matches!(unpacked(&gzip, strict), Err(EngineError::Unsupported { .. })));
        let total = Limits { total: 1 << 20, ..Limits::default() };
        let error = unpacked(&gzip, total).unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
        assert_eq!(
            unpacked(&packed(Compression::Zstd, &zeros[..9 << 20]), Limits::default())
                .unwrap()
                .len(),
            9 << 20
        );
    }

    #[test]
    fn a_window_larger_than_half_the_memory_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(23).unwrap();
        encoder.write_all(&vec![b'x'; 9 << 20]).unwrap();
        let frame = encoder.finish().unwrap();
        let error = unpacked(&frame, Limits::default()).unwrap_err().to_string();
        assert!(error.contains("raise LAKEHAND_MEMORY"), "{error}");
    }

    #[test]
    fn damage_is_told_from_a_failing_source() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let text: Vec<_> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
            let whole = packed(compression, &text);
            let mut flipped = whole.clone();
            flipped[whole.len() / 2] ^= 1;
            for broken in [&whole[..whole.len() / 2], &whole[..5], &flipped] {
                let error = unpacked(broken, Limits::default()).unwrap_err();
                assert!(matches!(error, EngineError::Invalid { .. }), "{error}");
            }
            let source = whole[..100].chain(Gone);
            let mut reader = decompress(source, compression, Limits::default(), MEMORY).unwrap();
            let error = unwrapped(reader.read_to_end(&mut Vec::new()).unwrap_err());
            assert!(matches!(error, EngineError::Io(_)), "{error}");
        }
    }

    struct Gone;

    impl Read for Gone {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
}
