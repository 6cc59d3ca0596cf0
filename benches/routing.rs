//! Routing files on Azurite beside the same job in Python, in turns on one Azurite.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lakehand::stores::{
    Condition, StoreError,
    blobs::{Attributes, BlobPath, Blobs},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    azurite::Azurite,
    peer::Peer,
    process::cpu,
    table::{Table, decimals, median},
    worker::Worker,
};

/// How many files at a time: what both sides do by themselves, and so many events at once.
const PARALLEL: usize = 5;

const ROUNDS: usize = 5;

/// What is moved each time.
struct Load {
    name: &'static str,
    files: usize,
    size: usize,
}

const LOADS: [Load; 2] = [
    Load { name: "500 files of 4 KiB", files: 500, size: 4 << 10 },
    Load { name: "50 files of 1 MiB", files: 50, size: 1 << 20 },
];

const INTRODUCTION: &str = "\
## Routing

Every file is copied inside the storage service, verified and removed from where it landed. \
`peer.py` does no more than that, with `azure-storage-blob`; the worker also keeps a ledger of each \
step, flushed to the disk. All four took turns on one Azurite, both processes kept running; medians \
of 5 rounds. Calls are the requests in Azurite's own log.

";

/// Who moves the files.
#[derive(Clone, Copy, PartialEq)]
enum Mover {
    Events,
    Sweep,
    Threads,
    Loop,
}

const MOVERS: [(Mover, &str); 4] = [
    (Mover::Events, "lakehand, 5 events at a time"),
    (Mover::Sweep, "lakehand, a sweep"),
    (Mover::Threads, "Python, 5 threads"),
    (Mover::Loop, "Python, a loop"),
];

/// One measured move of a load.
struct Run {
    seconds: f64,
    calls: f64,
    /// CPU seconds of the mover.
    own: f64,
    /// CPU seconds of Azurite.
    azurite: f64,
}

struct Site {
    azurite: Azurite,
    blobs: Arc<dyn Blobs>,
    worker: Worker,
    peer: Peer,
    _root: TempDir,
}

/// Measures every load with every mover.
pub(crate) async fn measure() -> String {
    let mut site = Site::new().await;
    // The first moves find a cold Azurite.
    for (mover, _) in MOVERS {
        site.run(mover, &LOADS[0], "warm").await;
    }
    let mut report = INTRODUCTION.to_owned();
    for load in &LOADS {
        report += &site.measure(load).await;
    }
    report
}

impl Site {
    async fn new() -> Self {
        let azurite = Azurite::start(None);
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let account = azurite.connection_string();
        Self {
            blobs: azurite.blobs().await,
            worker: Worker::start(root.path(), Some(&account)),
            peer: Peer::start(&account),
            azurite,
            _root: root,
        }
    }

    async fn measure(&mut self, load: &Load) -> String {
        let mut runs = MOVERS.map(|_| Vec::new());
        for round in 0..ROUNDS {
            for turn in 0..MOVERS.len() {
                let at = (round + turn) % MOVERS.len();
                runs[at].push(self.run(MOVERS[at].0, load, &format!("round-{round}")).await);
            }
        }
        table(load, &runs)
    }

    /// Lets a mover move a load.
    async fn run(&mut self, mover: Mover, load: &Load, round: &str) -> Run {
        let prefix = format!("{round}/{}/", mover as u8);
        let names: Vec<_> = (0..load.files).map(|n| format!("{prefix}file-{n:04}.csv")).collect();
        fill(&*self.blobs, &names, load.size).await.unwrap();
        let own = match mover {
            Mover::Events | Mover::Sweep => self.worker.id(),
            Mover::Threads | Mover::Loop => self.peer.id(),
        };
        let calls = self.azurite.requests().await;
        let before = [own, self.azurite.id()].map(cpu);
        let began = Instant::now();
        self.move_all(mover, &names, &prefix).await;
        let seconds = began.elapsed().as_secs_f64();
        let after = [own, self.azurite.id()].map(cpu);
        let calls = self.azurite.requests().await - calls;
        self.check_and_clear(&prefix, load.files).await.unwrap();
        let spent = |at: usize| (after[at] - before[at]).as_secs_f64();
        Run { seconds, calls: calls as f64, own: spent(0), azurite: spent(1) }
    }

    async fn move_all(&mut self, mover: Mover, names: &[String], prefix: &str) {
        match mover {
            Mover::Events => {
                let events = stream::iter(names).map(|name| self.worker.announce(name));
                events.buffer_unordered(PARALLEL).for_each(async |_| ()).await;
            }
            Mover::Sweep => drop(self.worker.sweep().await),
            Mover::Threads | Mover::Loop => {
                let parallel = if mover == Mover::Loop { 1 } else { PARALLEL };
                self.peer.run(&json!({"job": "move", "prefix": prefix, "parallel": parallel}));
            }
        }
    }

    /// Makes sure that every file arrived and none is left, and leaves Azurite as it was.
    async fn check_and_clear(&self, prefix: &str, files: usize) -> Result<(), StoreError> {
        let left = self.blobs.list("landing", "", None).await?.items;
        assert!(left.is_empty(), "{} files are left", left.len());
        let arrived = self.blobs.list("out", prefix, None).await?.items;
        assert_eq!(arrived.len(), files, "files that arrived");
        for listed in arrived {
            self.blobs.delete(&listed.path, &Condition::Always).await?;
        }
        Ok(())
    }
}

/// Lets files land.
async fn fill(blobs: &dyn Blobs, names: &[String], size: usize) -> Result<(), StoreError> {
    let content = Bytes::from(vec![b'x'; size]);
    let attributes = Attributes::default();
    let writes = stream::iter(names).map(async |name| {
        let path = BlobPath::new("landing", name).unwrap();
        blobs.write(&path, content.clone(), &attributes, &Condition::Absent).await.map(drop)
    });
    writes.buffer_unordered(PARALLEL).try_collect().await
}

/// One load's medians.
fn table(load: &Load, runs: &[Vec<Run>; MOVERS.len()]) -> String {
    let files = load.files as f64;
    let of = |runs: &[Run], value: fn(&Run) -> f64| median(runs.iter().map(value));
    let mut table = Table::new(&[
        load.name,
        "files/s",
        "calls per file",
        "own CPU ms per file",
        "Azurite's CPU ms per file",
        "Azurite busy",
    ]);
    for ((_, name), runs) in MOVERS.iter().zip(runs) {
        table.row(&[
            name,
            &decimals(files / of(runs, |run| run.seconds), 0),
            &decimals(of(runs, |run| run.calls) / files, 2),
            &decimals(of(runs, |run| run.own) * 1000.0 / files, 2),
            &decimals(of(runs, |run| run.azurite) * 1000.0 / files, 2),
            &format!("{:.0} %", of(runs, |run| 100.0 * run.azurite / run.seconds)),
        ]);
    }
    table.into_text() + &ratios(runs) + "\n"
}

/// How often the worker does what Python does once: in the same time, and with the same CPU time.
/// The two of one round are compared, then the middle one taken.
fn ratios(runs: &[Vec<Run>; MOVERS.len()]) -> String {
    let ratio = |worker: usize, python: usize, value: fn(&Run) -> f64| {
        let pairs = runs[worker].iter().zip(&runs[python]);
        decimals(median(pairs.map(|(worker, python)| value(python) / value(worker))), 1)
    };
    let seconds = |run: &Run| run.seconds;
    let own = |run: &Run| run.own;
    format!(
        "\nBy events, the worker moves {} times as many files a second as Python's threads and {} \
         times as many as its loop; a sweep {} and {} times. By events it uses the CPU {} times \
         less than the threads, by a sweep {} times less.\n",
        ratio(0, 2, seconds),
        ratio(0, 3, seconds),
        ratio(1, 2, seconds),
        ratio(1, 3, seconds),
        ratio(0, 2, own),
        ratio(1, 2, own),
    )
}
