//! Measures the built worker from outside and writes what it finds to `docs/benchmarks.md`:
//! `cargo bench --bench measurements`, or with `-- start`, `-- routing`, `-- memory` or `-- metadata` at its end
//! one part alone, which is only printed.
#![expect(clippy::unwrap_used, reason = "a measurement fails by panicking")]

mod azurite;
mod client;
mod machine;
mod memory;
mod metadata;
mod peer;
mod process;
mod python;
mod routing;
mod start;
mod table;
mod worker;

use std::{fs, path::Path};

/// Where the results go, from the repository root.
const RESULTS: &str = "docs/benchmarks.md";

const INTRODUCTION: &str = "\
# Benchmarks

Written by `cargo bench --bench measurements`; [benches/README.md](../benches/README.md) says what \
each part does. Figures of one run are comparable with each other, and with those of no other \
machine. How long it takes to protect columns, and beside what, is in [encryption-benchmark.md](encryption-benchmark.md).

";

#[tokio::main]
async fn main() {
    let (flags, parts): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    if !flags.iter().any(|flag| flag == "--bench") {
        return println!("nothing is measured: `cargo test` runs this too, `cargo bench` means it");
    }
    let wanted = parts.into_iter().next();
    let wants = |part| wanted.as_deref().is_none_or(|wanted| wanted == part);
    let mut report = format!("{INTRODUCTION}{}, {}.\n\n", machine::description(), peer::versions());
    if wants("start") {
        report += &start::measure();
    }
    if wants("routing") {
        report += &routing::measure().await;
    }
    if wants("memory") {
        report += &memory::measure().await;
    }
    if wants("metadata") {
        report += &metadata::measure().await;
    }
    println!("{report}");
    if wanted.is_none() {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join(RESULTS);
        fs::create_dir_all(results.parent().unwrap()).unwrap();
        fs::write(results, report).unwrap();
    }
}
