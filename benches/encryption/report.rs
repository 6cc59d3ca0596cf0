//! The results as Markdown.

use crate::{
    MANY_ROWS, ROUNDS, ROWS,
    run::Run,
    table::{Table, decimals, mebibytes, median},
};

/// Every contender's runs; lakehand is the first and the mere copy the last.
pub(crate) type Results = [(&'static str, Vec<Run>)];

const INTRODUCTION: &str = "\
# Encryption

Written by `cargo bench --bench encryption`; [benches/README.md](../benches/README.md) says what it \
needs. Figures of one run are comparable with each other, and with those of no other machine.

";

const JOB: &str = "\
![Seconds and CPU seconds of each tool](encryption-benchmark.svg)

Five of the 12 columns of a Parquet file of invented people become cells of their own under \
AES-256-GCM. A whole process is measured, its start included, and all take turns. Memory is the most \
that all processes of a tool held together. lakehand also verifies what it wrote and waits until the \
disk has it; the others do neither. Each output was compared with the input, and a sample of its cells \
opened by another implementation.

";

pub(crate) fn text(head: &str, versions: &str, results: &Results, many: &Run) -> String {
    let (table, ratios) = (table(results), ratios(results));
    let (rows, wall, cpu) = (millions(MANY_ROWS), decimals(many.wall, 1), decimals(many.cpu, 1));
    let peak = mebibytes(many.peak);
    format!(
        "{INTRODUCTION}{head}, {versions}.\n\n{JOB}{table}\n{ratios}\n\nA file of {rows} rows took \
         lakehand {wall} s, {cpu} s of CPU time and {peak} MiB of memory.\n"
    )
}

fn table(results: &Results) -> String {
    let title = format!("{} rows, median of {ROUNDS}", millions(ROWS));
    let mut table = Table::new(&[&title, "s", "CPU s", "peak MiB", "MB written", "rows/s"]);
    for (name, runs) in results {
        table.row(&[
            name,
            &decimals(wall(runs), 2),
            &decimals(cpu(runs), 2),
            &decimals(median(runs.iter().map(|run| run.peak as f64)) / 1024.0, 0),
            &decimals(median(runs.iter().map(|run| run.bytes as f64)) / 1e6, 0),
            &decimals(f64::from(ROWS) / wall(runs), 0),
        ]);
    }
    table.into_text()
}

fn ratios(results: &Results) -> String {
    let [(_, own), others @ ..] = results else { return String::new() };
    let ratio = |(name, runs): &(&str, Vec<Run>)| {
        let (wall, cpu) = (wall(runs) / wall(own), cpu(runs) / cpu(own));
        format!("{name} {wall:.1} times the time and {cpu:.1} times the CPU time")
    };
    let ratios: Vec<_> = others.iter().map(ratio).collect();
    format!("Beside lakehand, it takes {}.", ratios.join("; "))
}

pub(crate) fn wall(runs: &[Run]) -> f64 {
    median(runs.iter().map(|run| run.wall))
}

pub(crate) fn cpu(runs: &[Run]) -> f64 {
    median(runs.iter().map(|run| run.cpu))
}

fn millions(rows: u32) -> String {
    format!("{} million", rows / 1_000_000)
}
