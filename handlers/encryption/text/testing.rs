//! What the tests of both formats share.

use std::{collections::BTreeMap, io::Read, ops::ControlFlow};

use super::compression::{Compression, Compressor, Limits, decompress};
use crate::encryption::{
    cell::{ColumnKeys, DataKey, Opener, Protector},
    engine::{OpenedWith, Opening, ProtectedWith, Totals, Work},
    envelope::{Envelope, ProtectedColumn, VERSION},
    policy::{Method, Output, Planned, Rule},
};

pub(crate) const MEMORY: usize = 128 << 20;

const GO_ON: &(dyn Fn(Totals) -> ControlFlow<()> + Sync) = &|_| ControlFlow::Continue(());

fn key() -> DataKey {
    DataKey::new([7; 32])
}

pub(crate) fn work(columns: &[(&str, Method)], memory: usize) -> Work<'static> {
    let keys = ColumnKeys::new(Some(key()), Some(key()));
    let columns = columns.iter().map(|(path, method)| {
        let rule = Rule {
            name: (*path).to_owned(),
            method: method.clone(),
            output: Output::Base64,
            bind: true,
        };
        let planned = Planned { path: (*path).to_owned(), rule };
        let protector = Protector::new(&planned, &keys).unwrap();
        ProtectedWith { path: planned.path, protector }
    });
    Work { columns: columns.collect(), envelope: envelope(), memory, progress: GO_ON }
}

fn envelope() -> Envelope {
    Envelope {
        version: VERSION,
        policy: String::new(),
        source_etag: String::new(),
        columns: Vec::new(),
        keys: BTreeMap::new(),
    }
}

pub(crate) fn opening(columns: &[&str]) -> Opening<'static> {
    let keys = BTreeMap::from([("k".to_owned(), key())]);
    let columns = columns.iter().map(|path| {
        let column = ProtectedColumn {
            path: (*path).to_owned(),
            method: Method::Randomized,
            output: Output::Base64,
            bind: true,
            key: Some("k".to_owned()),
            original: None,
        };
        OpenedWith { path: column.path.clone(), opener: Opener::new(&column, &keys).unwrap() }
    });
    Opening { columns: columns.collect(), memory: MEMORY, progress: GO_ON }
}

pub(crate) fn replace(text: &str) -> Method {
    Method::Replace { new_value: text.to_owned() }
}

pub(crate) fn mask(count: usize) -> Method {
    Method::Mask { masking_char: '*', chars_to_mask: count, from_end: false }
}

pub(crate) fn packed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut compressor = Compressor::new(compression, &mut out).unwrap();
    compressor.write_all(bytes).unwrap();
    compressor.finish().unwrap();
    out
}

pub(crate) fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let compression = Compression::of(bytes);
    let mut reader = decompress(bytes, compression, Limits::default(), MEMORY).unwrap();
    reader.read_to_end(&mut out).unwrap();
    out
}
