//! What all targets do to a file.

use std::{collections::BTreeMap, ops::ControlFlow};

use lakehand::encryption::{
    cell::{ColumnKeys, DataKey, Opener, Protector},
    engine::{OpenedWith, Opening, ProtectedWith, Work},
    envelope::{Envelope, FILE_KEY, NAMED_KEY, ProtectedColumn, VERSION},
    policy::{Method, Output, Planned, Rule},
};

/// Small, so that chunks end often, and an allocation that follows a claim of the file is seen.
pub const MEMORY: usize = 1 << 20;

/// The key of all seeds.
pub const KEY: [u8; 32] = [7; 32];

/// Equal values become equal cells, so that two files can be compared by their cells.
pub fn protect(columns: &[&String], memory: usize) -> Work<'static> {
    let key = || Some(DataKey::new(KEY));
    let keys = ColumnKeys::new(key(), key());
    let planned = columns.iter().map(|path| Planned {
        path: path.to_string(),
        rule: Rule {
            name: path.to_string(),
            method: Method::Deterministic,
            output: Output::Base64,
            bind: true,
        },
    });
    let planned: Vec<_> = planned.collect();
    let with = |planned: &Planned| ProtectedWith {
        path: planned.path.clone(),
        protector: Protector::new(planned, &keys).expect("the keys are there"),
    };
    let envelope = Envelope {
        version: VERSION,
        policy: String::new(),
        source_etag: String::new(),
        columns: planned.iter().map(ProtectedColumn::new).collect(),
        keys: BTreeMap::new(),
    };
    Work {
        columns: planned.iter().map(with).collect(),
        envelope,
        memory,
        progress: &|_| ControlFlow::Continue(()),
    }
}

/// Opens what [`protect`] protected. Cells are longer than values, and so are records.
pub fn open(columns: &[&String], memory: usize) -> Opening<'static> {
    let columns = columns.iter().map(|path| {
        let opener = Opener::with_key(&KEY, path.as_bytes(), Output::Base64);
        OpenedWith { path: path.to_string(), opener: opener.expect("32 bytes are a key") }
    });
    opening(columns.collect(), 64 * memory)
}

/// Opens what an envelope says is protected, as far as it makes sense.
pub fn open_by(envelope: &Envelope) -> Opening<'static> {
    let keys = [FILE_KEY, NAMED_KEY].map(|name| (name.to_owned(), DataKey::new(KEY)));
    let keys = BTreeMap::from(keys);
    let with = |column: &ProtectedColumn| {
        let opener = Opener::new(column, &keys).ok()?;
        Some(OpenedWith { path: column.path.clone(), opener })
    };
    opening(envelope.columns.iter().filter_map(with).collect(), MEMORY)
}

fn opening(columns: Vec<OpenedWith>, memory: usize) -> Opening<'static> {
    Opening { columns, memory, progress: &|_| ControlFlow::Continue(()) }
}
