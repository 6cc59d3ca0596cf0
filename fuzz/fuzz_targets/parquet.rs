//! Any bytes, as a file or as a footer behind a few pages: what is protected opens again.
#![no_main]

use std::{io, sync::LazyLock};

use lakehand::encryption::{
    engine::Source,
    envelope::ProtectedColumn,
    parquet::{self, columns},
    policy::{Method, Output},
};
use libfuzzer_sys::fuzz_target;

mod work;

/// Pages that a footer may be about: three values in a page of each version.
static PAGES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let first = b"\x15\x00\x15\x2a\x15\x2a\x2c\x15\x06\x15\x00\x15\x06\x15\x06\x00\x00";
    let second =
        b"\x15\x06\x15\x2a\x15\x2a\x5c\x15\x06\x15\x00\x15\x06\x15\x00\x15\x00\x15\x00\x12\x00\x00";
    let values = b"\x03\0\0\0one\x03\0\0\0two\x03\0\0\0six";
    [b"PAR1", &first[..], values, second, values].concat()
});

struct Bytes(Vec<u8>);

impl Source for Bytes {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.0.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

fn protected(path: &str) -> ProtectedColumn {
    ProtectedColumn {
        path: path.to_owned(),
        method: Method::Randomized,
        output: Output::Base64,
        bind: false,
        key: None,
        original: None,
    }
}

fuzz_target!(|input: (bool, &[u8])| {
    let (is_footer, bytes) = input;
    let file = match is_footer {
        true => {
            let length = (bytes.len() as u32).to_le_bytes();
            Bytes([&PAGES, bytes, &length, b"PAR1"].concat())
        }
        false => Bytes(bytes.to_vec()),
    };
    let _ = parquet::open(&file, io::sink(), work::open(&[]));
    let Ok(info) = columns(&file) else { return };
    let paths: Vec<_> = info.columns.into_iter().map(|column| column.path).collect();
    for chosen in [&paths[..0], &paths] {
        let chosen: Vec<_> = chosen.iter().collect();
        let mut sealed = Vec::new();
        let mut work = work::protect(&chosen);
        work.envelope.columns = chosen.iter().map(|path| protected(path)).collect();
        let Ok(totals) = parquet::protect(&file, &mut sealed, work) else { return };
        let mut back = Vec::new();
        let opened = parquet::open(&Bytes(sealed), &mut back, work::open(&chosen));
        assert_eq!(opened.expect("what was sealed opens").cells, totals.cells);
    }
});
