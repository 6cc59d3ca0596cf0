//! When, on what, with what: the head of all results.

use std::{fs, process::Command, thread};

use time::OffsetDateTime;

/// Date, machine, its load, and the version of lakehand.
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
    format!(
        "{date}: {cores} cores ({processor}), {gibibytes:.0} GiB of memory, Linux {kernel}, load \
         {load} before the run; lakehand {}",
        env!("CARGO_PKG_VERSION"),
    )
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([':', ' ', '\t']).trim().to_owned())
}

/// What a program says of its version.
pub(crate) fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
