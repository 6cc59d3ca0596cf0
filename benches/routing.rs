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
    Load { name: "100 files of 1 MiB", files: 100, size: 1 << 20 },
];

const INTRODUCTION: &str = "\
## Routing

Every file is copied inside the storage service, verified and removed from where it landed. \
`peer.py` does no more than that, with `azure-storage-blob`; the worker also keeps a ledger of each \
step, flushed to the disk. All four take turns on one Azurite, in 5 rounds, both processes kept \
running. Calls are the requests in the log of another Azurite, in a round of its own. Azurite is one \
Node process on one core: where it is busy about 100 %, it is the limit and not who calls it.

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

/// One measured move of a load, in seconds.
struct Run {
    time: f64,
    /// The mover's CPU time.
    own: f64,
    /// Azurite's CPU time.
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
    let mut counting = Site::new(true).await;
    let mut site = Site::new(false).await;
    // The first moves find a cold Azurite.
    for (mover, _) in MOVERS {
        site.run(mover, &LOADS[0], "warm").await;
    }
    let mut report = INTRODUCTION.to_owned();
    for load in &LOADS {
        let mut calls = [0; MOVERS.len()];
        for ((mover, _), calls) in MOVERS.iter().zip(&mut calls) {
            *calls = counting.count(*mover, load).await;
        }
        report += &table(load, &calls, &site.rounds(load).await);
    }
    report
}

impl Site {
    async fn new(log: bool) -> Self {
        let azurite = Azurite::start(None, log);
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

    /// Lets every mover move a load once a round; each round begins with another one.
    async fn rounds(&mut self, load: &Load) -> [Vec<Run>; MOVERS.len()] {
        let mut runs = MOVERS.map(|_| Vec::new());
        for round in 0..ROUNDS {
            for turn in 0..MOVERS.len() {
                let at = (round + turn) % MOVERS.len();
                runs[at].push(self.run(MOVERS[at].0, load, &format!("round-{round}")).await);
            }
        }
        runs
    }

    /// Lets a mover move a load, and measures.
    async fn run(&mut self, mover: Mover, load: &Load, round: &str) -> Run {
        let prefix = format!("{round}/{}/", mover as u8);
        let names = self.fill(load, &prefix).await.unwrap();
        let own = match mover {
            Mover::Events | Mover::Sweep => self.worker.id(),
            Mover::Threads | Mover::Loop => self.peer.id(),
        };
        let processes = [own, self.azurite.id()];
        let (before, began) = (processes.map(cpu), Instant::now());
        self.move_all(mover, &names, &prefix).await;
        let (time, after) = (began.elapsed().as_secs_f64(), processes.map(cpu));
        self.check_and_clear(&prefix, load.files).await.unwrap();
        let spent = |at: usize| (after[at] - before[at]).as_secs_f64();
        Run { time, own: spent(0), azurite: spent(1) }
    }

    /// Lets a mover move a load, and counts the requests that reach Azurite.
    async fn count(&mut self, mover: Mover, load: &Load) -> u64 {
        let names = self.fill(load, "counted/").await.unwrap();
        let before = self.azurite.requests().await;
        self.move_all(mover, &names, "counted/").await;
        let after = self.azurite.requests().await;
        self.check_and_clear("counted/", load.files).await.unwrap();
        after - before
    }

    /// Lets files land.
    async fn fill(&self, load: &Load, prefix: &str) -> Result<Vec<String>, StoreError> {
        let content = Bytes::from(vec![b'x'; load.size]);
        let attributes = Attributes::default();
        let names = (0..load.files).map(|number| format!("{prefix}file-{number:04}.csv"));
        let writes = stream::iter(names).map(async |name| {
            let path = BlobPath::new("landing", &name).unwrap();
            self.blobs.write(&path, content.clone(), &attributes, &Condition::Absent).await?;
            Ok(name)
        });
        writes.buffered(PARALLEL).try_collect().await
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

/// One load's figures: the time as the median of the rounds, CPU time as the mean.
fn table(load: &Load, calls: &[u64], runs: &[Vec<Run>]) -> String {
    let mut table = Table::new(&[
        load.name,
        "files/s",
        "calls per file",
        "own CPU ms per file",
        "Azurite's CPU ms per file",
        "Azurite busy",
    ]);
    let files = load.files as f64;
    for (((_, name), runs), calls) in MOVERS.iter().zip(runs).zip(calls) {
        let per_file = |value: f64| value * 1000.0 / (files * ROUNDS as f64);
        let busy = sum(runs, |run| run.azurite) / sum(runs, |run| run.time);
        table.row(&[
            name,
            &decimals(files / median(runs.iter().map(|run| run.time)), 0),
            &decimals(*calls as f64 / files, 2),
            &decimals(per_file(sum(runs, |run| run.own)), 2),
            &decimals(per_file(sum(runs, |run| run.azurite)), 2),
            &format!("{:.0} %", 100.0 * busy),
        ]);
    }
    table.into_text() + &ratios(runs) + "\n"
}

fn sum(runs: &[Run], value: fn(&Run) -> f64) -> f64 {
    runs.iter().map(value).sum()
}

/// How often the worker does what Python does once, by the clock (the two of one round compared,
/// then the median taken) and by CPU time.
fn ratios(runs: &[Vec<Run>]) -> String {
    let [events, sweep, threads, one] = runs else { unreachable!("one for each mover") };
    let clock = |worker: &[Run], python: &[Run]| {
        let rounds = worker.iter().zip(python);
        median(rounds.map(|(worker, python)| python.time / worker.time))
    };
    let cpu = |worker, python| sum(python, |run| run.own) / sum(worker, |run| run.own);
    format!(
        "\nBy events the worker moves {:.1} times as many files a second as Python's threads and \
         {:.1} times as many as its loop, by a sweep {:.1} and {:.1} times. For each file, Python's \
         threads use {:.1} times the CPU time of the worker with events and {:.1} times that of its \
         sweep.\n",
        clock(events, threads),
        clock(events, one),
        clock(sweep, threads),
        clock(sweep, one),
        cpu(events, threads),
        cpu(sweep, threads),
    )
}
