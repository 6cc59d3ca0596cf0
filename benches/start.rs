//! From the start of the process to the first 200, and the memory it has then.

use std::path::Path;

use crate::{
    azurite::Azurite,
    process::{Memory, memory},
    table::{Table, decimals, mebibytes, median},
    worker::Worker,
};

const RUNS: usize = 20;

const INTRODUCTION: &str = "\
## Start

From just before `exec` of `lakehand serve` to the end of the first 200 on `GET /`, asked every \
100 µs. A first start also makes the embedded store.

";

/// Measures the start on the local lake and on an account.
pub(crate) fn measure() -> String {
    let azurite = Azurite::start(None, false);
    let account = azurite.connection_string();
    let mut table = Table::new(&[
        &*format!("{RUNS} starts each"),
        "median ms",
        "min ms",
        "max ms",
        "resident MiB",
        "peak MiB",
    ]);
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (name, account) in [("local lake", None), ("Azurite", Some(&*account))] {
        let first = || {
            let fresh = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            start(fresh.path(), account)
        };
        add(&mut table, &format!("{name}, first start"), first);
        start(root.path(), account);
        add(&mut table, &format!("{name}, later start"), || start(root.path(), account));
    }
    INTRODUCTION.to_owned() + &table.into_text() + "\n"
}

fn add(table: &mut Table, name: &str, start: impl Fn() -> (f64, Memory)) {
    let runs: Vec<_> = (0..RUNS).map(|_| start()).collect();
    let times = || runs.iter().map(|(milliseconds, _)| *milliseconds);
    let memory = |of: fn(&Memory) -> u64| runs.iter().map(|(_, memory)| of(memory)).max().unwrap();
    table.row(&[
        &name,
        &decimals(median(times()), 1),
        &decimals(times().fold(f64::INFINITY, f64::min), 1),
        &decimals(times().fold(0.0, f64::max), 1),
        &mebibytes(memory(|memory| memory.resident)),
        &mebibytes(memory(|memory| memory.peak)),
    ]);
}

/// One start, in milliseconds, and the memory after it.
fn start(root: &Path, account: Option<&str>) -> (f64, Memory) {
    let worker = Worker::start(root, account);
    (worker.started_in.as_secs_f64() * 1000.0, memory(worker.id()))
}
