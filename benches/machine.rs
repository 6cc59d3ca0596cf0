//! The head of the results: when, on what, with what.

use std::{fs, process::Command, thread};

use time::OffsetDateTime;

use crate::peer;

const INTRODUCTION: &str = "\
# Benchmarks

Written by `cargo bench --bench measurements`; [benches/README.md](../benches/README.md) says what \
each part does. Figures of one run are comparable with each other, and with those of no other \
machine.

";

/// Date, machine and versions.
pub(crate) fn description() -> String {
    let date = OffsetDateTime::now_utc().date();
    let cores = thread::available_parallelism().unwrap();
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let gibibytes = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1_048_576.0;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let node = version("node", &["--version"]);
    let python = version(&peer::python(), &["--version"]);
    let sdk = include_str!("requirements.txt").lines().next().unwrap_or_default();
    format!(
        "{INTRODUCTION}{date}: {cores} cores ({processor}), {gibibytes:.0} GiB of memory, Linux \
         {kernel}; lakehand {}, Azurite 3.35.0 on Node {node}, {python} with {sdk}.\n\n",
        env!("CARGO_PKG_VERSION"),
    )
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([':', ' ', '\t']).trim().to_owned())
}

fn version(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
