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
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    let load = load.split(' ').next().unwrap_or_default();
    let node = version("node", &["--version"]);
    let python = version(&peer::python(), &["--version"]);
    let azurite = azurite();
    let sdk = include_str!("requirements.txt").lines().next().unwrap_or_default();
    format!(
        "{INTRODUCTION}{date}: {cores} cores ({processor}), {gibibytes:.0} GiB of memory, Linux \
         {kernel}, load {load} before the run; lakehand {}, Azurite {azurite} on Node {node}, {python} with {sdk}.\n\n",
        env!("CARGO_PKG_VERSION"),
    )
}

fn azurite() -> String {
    let package = include_str!("../tests/azurite/package.json");
    let package: serde_json::Value = serde_json::from_str(package).unwrap();
    package["dependencies"]["azurite"].as_str().unwrap().to_owned()
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
