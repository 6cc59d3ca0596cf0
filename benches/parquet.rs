//! The Parquet engine on a file of your own, with a fixed key:
//!
//! ```text
//! cargo bench --bench parquet -- protect IN OUT full_name,email
//! cargo bench --bench parquet -- open IN OUT full_name,email
//! ```
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::{collections::BTreeMap, fs::File, ops::ControlFlow, time::Instant};

use lakehand::encryption::{
    cell::{ColumnKeys, DataKey, Opener, Protector},
    engine::{OpenedWith, Opening, ProtectedWith, Totals, Work},
    envelope::{Envelope, ProtectedColumn, VERSION},
    parquet,
    policy::{Method, Output, Planned, Rule},
    streams::FileSource,
};

const KEY: [u8; 32] = [7; 32];
const MEMORY: usize = 128 << 20;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|text| text != "--bench").collect();
    let [action, input, output, columns] = arguments.as_slice() else {
        return println!("protect or open, a file to read, a file to write, columns");
    };
    let source = FileSource::open(input.as_ref()).unwrap();
    let paths: Vec<String> = columns.split(',').map(str::to_owned).collect();
    let start = Instant::now();
    let totals = match action.as_str() {
        "protect" => protect(&source, output, &paths),
        _ => open(&source, output, &paths),
    };
    let written = FileSource::open(output.as_ref()).unwrap();
    parquet::verify(&source, &written, &paths).unwrap();
    println!("{:.3} s {totals:?}", start.elapsed().as_secs_f64());
}

fn protect(source: &FileSource, output: &str, paths: &[String]) -> Totals {
    let rule = |path: &String| Rule {
        name: path.clone(),
        method: std::env::var("METHOD").map_or(Method::Randomized, |method| {
            if method == "token" { Method::Token } else { Method::Deterministic }
        }),
        output: Output::Binary,
        bind: false,
    };
    let keys = ColumnKeys::new(Some(DataKey::new(KEY)), Some(DataKey::new(KEY)));
    let columns = paths.iter().map(|path| {
        let planned = Planned { path: path.clone(), rule: rule(path) };
        ProtectedWith { path: path.clone(), protector: Protector::new(&planned, &keys).unwrap() }
    });
    let protected = paths.iter().map(|path| ProtectedColumn {
        path: path.clone(),
        method: rule(path).method,
        output: Output::Binary,
        bind: false,
        key: None,
        original: None,
    });
    let envelope = Envelope {
        version: VERSION,
        policy: "bench".to_owned(),
        source_etag: String::new(),
        columns: protected.collect(),
        keys: BTreeMap::new(),
    };
    let progress = &|_| ControlFlow::Continue(());
    let work = Work { columns: columns.collect(), envelope, memory: MEMORY, progress };
    parquet::protect(source, File::create(output).unwrap(), work).unwrap()
}

fn open(source: &FileSource, output: &str, paths: &[String]) -> Totals {
    let opener = Opener::with_key(&KEY, &[], Output::Binary).unwrap();
    let with = |path: &String| OpenedWith { path: path.clone(), opener: opener.clone() };
    let progress = &|_| ControlFlow::Continue(());
    let opening = Opening { columns: paths.iter().map(with).collect(), memory: MEMORY, progress };
    parquet::open(source, File::create(output).unwrap(), opening).unwrap()
}
