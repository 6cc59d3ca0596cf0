//! The Parquet engine, on files that the crate `parquet` writes and reads.

pub(crate) mod files;
pub(crate) mod fixtures;
mod hostile;
mod leaks;
mod memory;
mod metadata;
mod published;
mod python;
mod round_trips;

use std::{collections::BTreeMap, io, ops::ControlFlow};

use lakehand::encryption::{
    cell::{ColumnKeys, DataKey, Opener, Protector},
    engine::{EngineError, OpenedWith, Opening, ProtectedWith, Source, Totals, Work},
    envelope::{Envelope, ProtectedColumn, VERSION},
    parquet,
    policy::{Method, Output, Planned, Rule},
};

pub(crate) const KEY: [u8; 32] = [7; 32];
pub(crate) const MEMORY: usize = 32 << 20;

/// A file in memory.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Source for Bytes {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let missing = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let start = usize::try_from(offset).map_err(|_| missing())?;
        let bytes = self.0.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or_else(missing)?);
        Ok(())
    }
}

/// A rule for one column.
pub(crate) fn rule(path: &str, method: Method, output: Output) -> Planned {
    let rule = Rule { name: path.to_owned(), method, output, bind: false };
    Planned { path: path.to_owned(), rule }
}

/// Randomized cells as bytes.
pub(crate) fn randomized(path: &str) -> Planned {
    rule(path, Method::Randomized, Output::Binary)
}

pub(crate) fn protect_with(
    file: &Bytes,
    plans: &[Planned],
    memory: usize,
) -> Result<(Bytes, Totals), EngineError> {
    let key = || Some(DataKey::new(KEY));
    let keys = ColumnKeys::new(key(), key());
    let columns = plans.iter().map(|planned| ProtectedWith {
        path: planned.path.clone(),
        protector: Protector::new(planned, &keys).unwrap(),
    });
    let protected = plans.iter().map(|planned| ProtectedColumn {
        path: planned.path.clone(),
        method: planned.rule.method.clone(),
        output: planned.rule.output,
        bind: planned.rule.bind,
        key: Some("file".to_owned()),
        original: None,
    });
    let envelope = Envelope {
        version: VERSION,
        policy: "tests".to_owned(),
        source_etag: "\"1\"".to_owned(),
        columns: protected.collect(),
        keys: BTreeMap::new(),
    };
    let progress = &|_| ControlFlow::Continue(());
    let mut out = Vec::new();
    let work = Work { columns: columns.collect(), envelope, memory, progress };
    let totals = parquet::protect(file, &mut out, work)?;
    let out = Bytes(out);
    let paths: Vec<_> = plans.iter().map(|planned| planned.path.clone()).collect();
    parquet::verify(file, &out, &paths)?;
    assert_eq!(totals.bytes_out, out.length());
    Ok((out, totals))
}

pub(crate) fn protect(file: &Bytes, paths: &[&str]) -> Result<(Bytes, Totals), EngineError> {
    let plans: Vec<_> = paths.iter().map(|path| randomized(path)).collect();
    protect_with(file, &plans, MEMORY)
}

pub(crate) fn open(file: &Bytes, paths: &[&str]) -> Result<Bytes, EngineError> {
    let envelope = parquet::envelope(file)?.ok_or(EngineError::Stopped)?;
    let opener = |path: &&str| {
        let column = envelope.columns.iter().find(|column| column.path == **path);
        let output = column.map_or(Output::Binary, |column| column.output);
        let opener = Opener::with_key(&KEY, &[], output).unwrap();
        OpenedWith { path: (*path).to_owned(), opener }
    };
    let opening = opening(paths.iter().map(opener).collect());
    let mut out = Vec::new();
    parquet::open(file, &mut out, opening)?;
    let out = Bytes(out);
    let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
    parquet::verify(file, &out, &paths)?;
    Ok(out)
}

pub(crate) fn opening(columns: Vec<OpenedWith>) -> Opening<'static> {
    Opening { columns, memory: MEMORY, progress: &|_| ControlFlow::Continue(()) }
}

pub(crate) fn paths(file: &Bytes) -> Vec<String> {
    let info = parquet::columns(file).unwrap();
    info.columns.into_iter().map(|column| column.path).collect()
}
