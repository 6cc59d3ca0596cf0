//! One process with all that it starts, measured from outside.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// The unit of CPU time in `/proc`: a hundredth of a second on every architecture.
const TICK: f64 = 0.01;

/// How often memory is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// From its start to its end, in seconds.
    pub(crate) wall: f64,
    /// CPU time of all its processes and of the kernel for them, in seconds.
    pub(crate) cpu: f64,
    /// The most memory that was resident in all its processes at a time, in KiB.
    pub(crate) peak: u64,
    /// Bytes written.
    pub(crate) bytes: u64,
}

/// Waits until the disk has what was written so far.
pub(crate) fn settle() {
    assert!(Command::new("sync").status().unwrap().success());
}

/// Runs a command that writes a file or a folder.
pub(crate) fn run(command: &mut Command, output: &Path) -> Run {
    let (before, start) = (cpu_of_children(), Instant::now());
    let mut child = command.spawn().unwrap();
    let (id, is_done) = (child.id(), AtomicBool::new(false));
    let (status, wall, peak) = thread::scope(|scope| {
        let peak = scope.spawn(|| peak(id, &is_done));
        let status = child.wait().unwrap();
        let wall = start.elapsed().as_secs_f64();
        is_done.store(true, Ordering::Relaxed);
        (status, wall, peak.join().unwrap())
    });
    assert!(status.success(), "{command:?}: {status}");
    Run { wall, cpu: cpu_of_children() - before, peak, bytes: size(output) }
}

/// The CPU time, in seconds, of all children that were waited for, and of theirs.
fn cpu_of_children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The name in parentheses may hold anything; the two times are the 14th and 15th field after it.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2).map(|text| text.parse::<f64>().unwrap());
    ticks.sum::<f64>() * TICK
}

fn peak(id: u32, is_done: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !is_done.load(Ordering::Relaxed) {
        let alone = memory(id, "VmHWM:");
        peak = peak.max(alone).max(tree(id).into_iter().map(|id| memory(id, "VmRSS:")).sum());
        thread::sleep(PAUSE);
    }
    peak
}

/// A process and all below it.
fn tree(id: u32) -> Vec<u32> {
    let mut all = vec![id];
    let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    for task in tasks {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|id| id.parse().ok()).flat_map(tree));
    }
    all
}

/// What a process holds, in KiB; 0 when it has ended.
fn memory(id: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// The bytes of a file, or of all files in a folder.
fn size(path: &Path) -> u64 {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| size(&entry.unwrap().path())).sum(),
        Err(_) => fs::metadata(path).unwrap().len(),
    }
}
