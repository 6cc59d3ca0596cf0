//! What both targets do to a file.

use std::{collections::BTreeMap, ops::ControlFlow};

use lakehand::encryption::{
    cell::{ColumnKeys, DataKey, Opener, Protector},
    engine::{OpenedWith, Opening, ProtectedWith, Work},
    envelope::{Envelope, VERSION},
    policy::{Method, Output, Planned, Rule},
};

/// Small, so that chunks end often.
pub const MEMORY: usize = 1 << 16;

const KEY: [u8; 32] = [7; 32];

pub fn protect(columns: &[&String]) -> Work<'static> {
    let keys = ColumnKeys::new(Some(DataKey::new(KEY)), None);
    let columns = columns.iter().map(|path| {
        let (path, output) = (path.to_string(), Output::Base64);
        let rule = Rule { name: path.clone(), method: Method::Randomized, output, bind: false };
        let planned = Planned { path: path.clone(), rule };
        ProtectedWith {
            path,
            protector: Protector::new(&planned, &keys).expect("the key is there"),
        }
    });
    let envelope = Envelope {
        version: VERSION,
        policy: String::new(),
        source_etag: String::new(),
        columns: Vec::new(),
        keys: BTreeMap::new(),
    };
    Work {
        columns: columns.collect(),
        envelope,
        memory: MEMORY,
        progress: &|_| ControlFlow::Continue(()),
    }
}

pub fn open(columns: &[&String]) -> Opening<'static> {
    let columns = columns.iter().map(|path| {
        let opener = Opener::with_key(&KEY, &[], Output::Base64).expect("32 bytes are a key");
        OpenedWith { path: path.to_string(), opener }
    });
    let progress = &|_| ControlFlow::Continue(());
    // Cells are longer than values, and so are records.
    Opening { columns: columns.collect(), memory: 64 * MEMORY, progress }
}
