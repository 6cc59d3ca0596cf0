//! Everything that invokes the worker, started together.

use std::sync::Arc;

use notify::RecommendedWatcher;
use tokio::{net::TcpListener, task::JoinSet};
use url::Url;

use super::{
    arrivals::Arrivals,
    blob_trigger::BlobTrigger,
    event_grid::EventFunction,
    front,
    plan::{Plan, Planned},
    queue_trigger::QueueTrigger,
    receipts::Receipts,
    replay::Replay,
    scan::Scan,
    stop::Stop,
    timer_trigger::TimerTrigger,
    watcher::watch,
    worker::Worker,
};
use crate::{host::functions::Trigger, settings::Storage, stores::open::Stores};

/// The address that stands for the local lake, which has none: `.invalid` is nobody's (RFC 2606).
const LAKE: &str = "https://lake.blob.invalid";

/// What every trigger needs.
#[derive(Debug)]
pub(super) struct Triggers {
    /// What to run.
    pub(super) plan: Plan,
    /// The stores that triggers watch.
    pub(super) stores: Stores,
    /// Who runs it.
    pub(super) worker: Worker,
}

impl Triggers {
    /// Starts every trigger that is not switched off, the HTTP front and the replays.
    pub(super) fn start(
        &self,
        listener: TcpListener,
        replays: Vec<Replay>,
        stop: &Stop,
    ) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for function in self.plan.functions.iter().filter(|function| !function.disabled) {
            match &function.binding.trigger {
                Trigger::Blob { container, token } => {
                    self.start_blob(&mut tasks, function, container, token, stop);
                }
                Trigger::Queue { queue } => {
                    for worker in self.worker.instances() {
                        tasks.spawn(self.queue(function, queue, worker).run(stop.clone()));
                    }
                }
                Trigger::Timer { .. } => {
                    tasks.spawn(self.timer(function).run(stop.clone()));
                }
                Trigger::Http { .. } | Trigger::EventGrid => {}
            }
        }
        let events = self.event_function();
        let webhook = (!self.plan.event_grid().disabled).then(|| events.clone());
        tasks.spawn(front::serve(listener, front::front(&self.worker, webhook), stop.clone()));
        tasks.spawn(begin(self.worker.clone(), replays, events, stop.clone()));
        tasks
    }

    fn start_blob(
        &self,
        tasks: &mut JoinSet<()>,
        function: &Planned,
        container: &str,
        token: &str,
        stop: &Stop,
    ) {
        let receipts = Arc::new(Receipts::new(Arc::clone(&self.stores.documents)));
        let (arrivals, line) = Arrivals::new();
        let scan = Scan {
            container: container.to_owned(),
            blobs: Arc::clone(&self.stores.blobs),
            receipts: Arc::clone(&receipts),
            arrivals: arrivals.clone(),
            report: self.worker.report,
        };
        let trigger = BlobTrigger {
            function: function.name,
            binding: function.binding.name.clone(),
            token: token.to_owned(),
            by_name: self.event_function(),
            account: self.account(),
            tries: self.plan.limits.blob_tries,
            worker: self.worker.clone(),
            blobs: Arc::clone(&self.stores.blobs),
            queues: Arc::clone(&self.stores.queues),
            receipts,
        };
        let at_once = self.plan.limits.blobs_at_once;
        let watcher = self.watch(container, &arrivals);
        tasks.spawn(scan.run(stop.clone()));
        let stop = stop.clone();
        tasks.spawn(async move {
            trigger.run(line, &arrivals, at_once, &stop).await;
            drop(watcher);
        });
    }

    /// Watches the lake, if there is one and the system can; the scan does without.
    fn watch(&self, container: &str, arrivals: &Arrivals) -> Option<RecommendedWatcher> {
        let Storage::Lake = self.plan.settings.storage else { return None };
        let lake = &self.plan.settings.lake;
        let warn = |error: notify::Error| {
            let line = format!("cannot watch {}: {error}; files are noticed later", lake.display());
            self.worker.report.event(&line);
        };
        watch(lake, container, arrivals.clone()).map_err(warn).ok()
    }

    fn queue(&self, function: &Planned, queue: &str, worker: Worker) -> QueueTrigger {
        QueueTrigger {
            function: function.name,
            binding: function.binding.name.clone(),
            queue: queue.to_owned(),
            tries: self.plan.limits.queue_tries,
            worker,
            queues: Arc::clone(&self.stores.queues),
        }
    }

    fn timer(&self, function: &Planned) -> TimerTrigger {
        TimerTrigger {
            function: function.name,
            binding: function.binding.name.clone(),
            worker: self.worker.clone(),
        }
    }

    fn event_function(&self) -> EventFunction {
        let function = self.plan.event_grid();
        EventFunction {
            function: function.name,
            binding: function.binding.name.clone(),
            worker: self.worker.clone(),
        }
    }

    fn account(&self) -> Url {
        match &self.plan.settings.storage {
            Storage::Account(connection) => connection.blob.clone(),
            Storage::Lake => LAKE.parse().expect("a constant address is one"),
        }
    }
}

/// Says when the worker is ready, and replays what was asked for.
async fn begin(worker: Worker, replays: Vec<Replay>, events: EventFunction, stop: Stop) {
    if !matches!(stop.or(worker.port()).await, Some(Ok(_))) {
        return;
    }
    worker.report.event("the worker is ready");
    for replay in replays {
        if stop.or(replay.run(&events)).await.is_none() {
            return;
        }
    }
}
