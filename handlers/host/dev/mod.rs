//! `lakehand dev`: a stand-in for the Functions host on this machine, over the host's own
//! protocol. It starts the worker, fires its triggers and forwards its HTTP requests.

mod arrivals;
mod banner;
mod blob_trigger;
mod envelope;
mod event_grid;
mod exit_rules;
mod forward;
mod front;
mod limits;
mod local_settings;
mod plan;
mod process;
mod queue_trigger;
mod receipts;
mod replay;
mod report;
mod scan;
mod stop;
mod timer_trigger;
mod triggers;
mod watcher;
mod worker;

use std::{io, net::Ipv4Addr, path::PathBuf, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

pub use local_settings::InvalidSettings;
pub use plan::local_environment;
pub use process::GaveUp;

use self::{
    plan::Plan,
    process::supervise,
    replay::Replay,
    report::Report,
    stop::Stopper,
    triggers::Triggers,
    worker::{State, Worker},
};
use crate::{
    settings::{Environment, Problem},
    stores::{StoreError, open},
};

/// The port of the Core Tools, and ours unless another is asked for.
pub const DEFAULT_PORT: u16 = 7071;

/// How long invocations may go on after the wish to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the command line asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of the local lake; the setting `LAKEHAND_LAKE`, or `lake`, without it.
    pub lake: Option<PathBuf>,
    /// The loopback port to serve.
    pub port: u16,
    /// Files of recorded events to deliver once the worker is ready.
    pub replay: Vec<PathBuf>,
    /// How many worker processes share the work, as so many instances would; at least 1.
    pub workers: u8,
    /// Whether to print the worker's whole log.
    pub verbose: bool,
}

/// Why `lakehand dev` did not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `local.settings.json` cannot be used.
    #[error(transparent)]
    LocalSettings(#[from] InvalidSettings),
    /// Settings are missing or wrong: all of them.
    #[error("{}", lines(.0))]
    Settings(Vec<Problem>),
    /// There are no rules to work by.
    #[error("there is no {}; go to the folder of your lakehand.toml, or name it in LAKEHAND_CONFIG (`lakehand package app` writes an example into app/)", .0.display())]
    NoConfig(PathBuf),
    /// A recorded event cannot be read.
    #[error("cannot replay {file}: {reason}")]
    Replay {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The port cannot be had.
    #[error(
        "cannot listen on 127.0.0.1:{port}: {reason}; end what uses it (another `lakehand dev` or `func start`?) or choose another port with --port"
    )]
    Port {
        /// The port.
        port: u16,
        /// The system's reason.
        reason: io::Error,
    },
    /// The storage does not answer, or refuses.
    #[error(
        "{0}; is the storage there? For Azurite, start it first; for the local lake, unset LAKEHAND_STORAGE"
    )]
    Store(#[from] StoreError),
    /// The system refuses something ordinary.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
    /// The worker failed three times.
    #[error(transparent)]
    Worker(#[from] GaveUp),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// Runs until Ctrl-C or SIGTERM.
///
/// # Errors
/// [`Error`] says why it did not start or had to end, and what to do.
pub async fn run(options: Options, environment: Environment) -> Result<(), Error> {
    let report = Report { verbose: options.verbose };
    let replays: Vec<Replay> =
        options.replay.iter().map(|file| Replay::read(file)).collect::<Result<_, _>>()?;
    let plan = Plan::read(&options, environment)?;
    let listener = listen(options.port).await?;
    let stores = open::open(&plan.settings)?;
    stores.blobs.create_container(&plan.settings.landing).await?;
    stores.queues.create(&plan.settings.queue).await?;
    report.text(&banner::banner(&plan, listener.local_addr()?));

    let (worker_stopper, worker_stop) = Stopper::new();
    let (stopper, stop) = Stopper::new();
    let mut supervisors = JoinSet::new();
    let mut processes = Vec::new();
    for name in names(options.workers) {
        let (state, listening) = watch::channel(State::Starting);
        processes.push(listening);
        supervisors.spawn(supervise(plan.program(name)?, state, report, worker_stop.clone()));
    }
    let worker = Worker::new(processes, report, plan.patience(), plan.deadline());
    let triggers = Triggers { plan, stores, worker };
    let tasks = triggers.start(listener, replays, &stop);
    end(supervisors, tasks, stopper, worker_stopper, report).await
}

/// What the worker processes are called.
fn names(workers: u8) -> Vec<String> {
    match workers {
        1 => vec!["the worker".to_owned()],
        _ => (1..=workers).map(|number| format!("worker {number}")).collect(),
    }
}

/// Waits for the wish to end or for the worker to fail for good, then ends everything in order:
/// the triggers first, the worker last.
async fn end(
    mut supervisors: JoinSet<Result<(), GaveUp>>,
    mut tasks: JoinSet<()>,
    stopper: Stopper,
    worker_stopper: Stopper,
    report: Report,
) -> Result<(), Error> {
    tokio::select! {
        interrupted = interrupted() => interrupted?,
        Some(gave_up) = supervisors.join_next() => {
            return Ok(gave_up.map_err(io::Error::other)??);
        }
    }
    report.event("stopping");
    stopper.stop();
    let finished = timeout(FAREWELL, async { while tasks.join_next().await.is_some() {} });
    if finished.await.is_err() {
        report.event("some invocations did not finish in time; they will be delivered again");
    }
    tasks.shutdown().await;
    worker_stopper.stop();
    while let Some(ended) = supervisors.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn listen(port: u16) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|reason| Error::Port { port, reason })
}

/// Returns at Ctrl-C or SIGTERM.
async fn interrupted() -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
