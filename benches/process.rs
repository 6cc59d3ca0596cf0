//! What Linux says about a process.

use std::{fs, time::Duration};

/// The unit of CPU time in `/proc`: a hundredth of a second on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// The memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: u64,
    /// The most that was ever resident.
    pub(crate) peak: u64,
}

/// The memory of a process.
pub(crate) fn memory(id: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches([':', '\t', ' ', 'k', 'B']).parse().unwrap()
    };
    Memory { resident: field("VmRSS"), peak: field("VmHWM") }
}

/// The CPU time that a process has used, its own and the kernel's for it.
pub(crate) fn cpu(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // The name in parentheses may hold anything; user and system time are the 12th and 13th field
    // after it.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|text| text.parse::<u32>().unwrap());
    TICK * ticks.sum()
}
