//! Parquet: what can be read is protected, verified and opened again.

use std::io;

use lakehand::encryption::{
    engine::Source,
    parquet::{self, columns},
};

use super::work::{self, MEMORY};

/// A file in memory.
pub struct Bytes(pub Vec<u8>);

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

/// Calls the engine, and panics if it is wrong.
pub fn check(file: &[u8]) {
    check_file(&Bytes(file.to_vec()));
}

/// The same for a file that is there already.
pub fn check_file(file: &Bytes) {
    let Ok(info) = columns(file) else { return };
    let paths: Vec<_> = info.columns.into_iter().map(|column| column.path).collect();
    for chosen in [&paths[..0], &paths[..paths.len().min(1)], &paths] {
        let chosen: Vec<_> = chosen.iter().collect();
        let mut sealed = Vec::new();
        let work = work::protect(&chosen, MEMORY);
        let Ok(totals) = parquet::protect(file, &mut sealed, work) else { continue };
        let (sealed, mut back) = (Bytes(sealed), Vec::new());
        let changed: Vec<_> = chosen.iter().map(|path| (*path).clone()).collect();
        if parquet::verify(file, &sealed, &changed).is_err() {
            // The service would throw it away; the other implementation is stricter.
            continue;
        }
        let opened = parquet::open(&sealed, &mut back, work::open(&chosen, MEMORY));
        assert_eq!(opened.expect("what was sealed opens").cells, totals.cells);
    }
}
