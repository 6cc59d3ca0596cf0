//! One blob: looked at, worked on beside its destination, and committed in one step.
//!
//! Nothing is seen of the work before the commit, and nothing is left of it if it fails. The
//! source is read at one version only; a destination that is there is replaced only at the version
//! that was looked at. Whoever loses a race starts again, with a new key.

use std::{
    io::Write,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tokio::runtime::Handle;
use uuid::Uuid;

use super::{
    Report, Tools,
    audit::{Caller, Deed},
    choose::Place,
    failure::{Failure, Kind},
    format::Format,
    memory::Share,
    records::{self, Record},
    task::Task,
    thread::on_thread,
};
use crate::{
    encryption::{
        engine::Totals,
        policy::Policy,
        streams::{BlobSink, BlobSource, Staged},
    },
    routing::{Source, route::OnConflict},
    stores::{
        Fault, StoreError,
        blobs::{Attributes, BlobPath, Blobs},
    },
};

/// How often a race may be lost; somebody else makes progress each time.
const TRIES: usize = 4;

/// The least memory an engine gets beside the parts of blobs that are held.
const LEAST_MEMORY: usize = 16 << 20;

/// A file beyond this length, in bytes, may use all memory at once.
const LARGE: usize = 32 << 20;

/// What is done to a file.
#[derive(Clone, Debug)]
pub enum Change {
    /// Its columns are protected.
    Protect(Policy),
    /// Its columns are opened.
    Open {
        /// These; all that can be had back if there are none.
        columns: Vec<String>,
        /// The key-encryption keys that may be used.
        configured: Vec<String>,
        /// Who asks.
        caller: Caller,
    },
}

/// The work on one blob.
#[derive(Clone, Debug)]
pub struct Job {
    /// The blob that is read.
    pub source: Source,
    /// Another account's name and store, if the destination is there.
    pub elsewhere: Option<(String, Arc<dyn Blobs>)>,
    /// Where the outcome goes.
    pub destination: BlobPath,
    /// Where it goes when that name is taken, under the `version` policy.
    pub spare: Option<BlobPath>,
    /// What to do when the name is taken.
    pub on_conflict: OnConflict,
    /// Whether what an earlier attempt upon the same source version made there counts as our own,
    /// whatever the rules were then.
    pub is_resumed: bool,
    /// What the outcome carries beside its own labels.
    pub attributes: Attributes,
    /// The format of the source and of the outcome.
    pub format: Format,
    /// What is done.
    pub change: Change,
    /// Where records go that cannot be worked on; without it, the first one ends the work.
    pub rejects: Option<BlobPath>,
    /// When to give up.
    pub deadline: Instant,
}

/// The outcome of an engine, not yet committed.
pub(super) struct Made {
    pub(super) staged: Staged,
    pub(super) rejects: Option<Staged>,
    pub(super) totals: Totals,
}

impl Job {
    /// Runs the job to its end.
    ///
    /// # Errors
    /// See [`Failure`]; nothing is written then.
    pub async fn run(&self, tools: &Tools) -> Result<Report, Failure> {
        self.check()?;
        let (mut memory, mut is_recorded) = (self.memory(tools), false);
        for _ in 0..TRIES {
            match self.attempt(tools, memory, &mut is_recorded).await {
                Err(Failure::Rival(_)) => {}
                Err(Failure::TooLarge(_)) if memory < tools.memory.total() => {
                    memory = tools.memory.total();
                }
                // What is left to be missing is a container.
                Err(Failure::Store(error)) if error.fault == Fault::NotFound => {
                    self.create_containers(tools).await?;
                }
                done => return done,
            }
        }
        Err(Failure::Rival(self.display(&self.destination)))
    }

    async fn create_containers(&self, tools: &Tools) -> Result<(), StoreError> {
        self.store(tools).create_container(self.destination.container()).await?;
        match &self.rejects {
            Some(rejects) => tools.blobs.create_container(rejects.container()).await,
            None => Ok(()),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let refused = |kind, field, reason: &str| Err(Failure::refused(kind, field, reason));
        let Source { path, properties } = &self.source;
        let places = [Some(&self.destination), self.spare.as_ref(), self.rejects.as_ref()];
        if self.elsewhere.is_none() && places.into_iter().flatten().any(|place| place == path) {
            return refused(Kind::Wrong, "destination", "it is the source; write elsewhere");
        }
        if self.rejects.as_ref() == Some(&self.destination) {
            return refused(Kind::Wrong, "rejects", "it is the destination; write elsewhere");
        }
        if properties.tier.as_deref() == Some("Archive") {
            let reason = "it is archived; give it another tier first, which takes hours";
            return refused(Kind::Taken, "source", reason);
        }
        if self.rejects.is_some() && !self.format.is_text() {
            let reason = "a Parquet file has no records that could be rejected; leave it out";
            return refused(Kind::Wrong, "rejects", reason);
        }
        Ok(())
    }

    pub(super) fn store<'a>(&'a self, tools: &'a Tools) -> &'a Arc<dyn Blobs> {
        self.elsewhere.as_ref().map_or(&tools.blobs, |(_, store)| store)
    }

    /// A place as people and the ledger read it.
    pub(super) fn display(&self, path: &BlobPath) -> String {
        match &self.elsewhere {
            Some((account, _)) => format!("{account}:{path}"),
            None => path.to_string(),
        }
    }

    async fn attempt(
        &self,
        tools: &Tools,
        memory: usize,
        is_recorded: &mut bool,
    ) -> Result<Report, Failure> {
        let started = Instant::now();
        let fingerprint = self.fingerprint(tools).await?;
        let place = match self.choose(tools, &fingerprint).await? {
            Ok(place) => place,
            Err(done) => return Ok(done),
        };
        let share = tools.memory.take(memory, self.deadline).await?;
        let task = self.task(tools, &share).await?;
        let record = Record {
            id: Uuid::new_v4().simple().to_string(),
            source: self.source.path.to_string(),
            envelope: task.envelope().clone(),
        };
        let key = task.key().cloned();
        if let Change::Open { caller, .. } = &self.change
            && !*is_recorded
        {
            let destination = Some(self.display(&place.path));
            let deed = Deed::of("decrypt", caller, &self.source.path, task.envelope());
            Deed { destination, ..deed }.record(&*tools.documents).await?;
            *is_recorded = true;
        }
        let made = self.make(tools, &place, task, share).await?;
        let totals = made.totals;
        self.commit(tools, &place, made, &record, &fingerprint).await?;
        Ok(Report {
            source: record.source,
            destination: self.display(&place.path),
            totals,
            seconds: started.elapsed().as_secs_f64(),
            key_id: key.as_ref().map(|key| key.name.clone()),
            key_version: key.map(|key| key.version),
            already_done: false,
        })
    }

    async fn task(&self, tools: &Tools, share: &Share) -> Result<Task, Failure> {
        let etag = self.source.properties.etag.as_str();
        let said = match self.format.is_text() {
            true => records::find(tools, &self.source).await?,
            false => None,
        };
        match &self.change {
            Change::Protect(policy) => {
                if said.is_some() {
                    let reason = "it is protected already; begin with the plaintext";
                    return Err(Failure::refused(Kind::Unfit, "source", reason));
                }
                let (format, source, share) =
                    (self.format.clone(), self.source(tools), share.clone());
                let read = move || format.columns(&source, for_engine(&share));
                let columns = on_thread(&self.source.path, read).await?;
                Task::protect(tools, policy, &self.format, &columns, etag).await
            }
            Change::Open { columns, configured, .. } => {
                let said = match said {
                    None if !self.format.is_text() => {
                        let (format, source) = (self.format.clone(), self.source(tools));
                        on_thread(&self.source.path, move || format.envelope(&source)).await?
                    }
                    said => said,
                };
                let envelope = said.ok_or_else(|| {
                    let reason = "nothing says how it is protected: it is not, or it lost its metadata, its record and its sidecar";
                    Failure::refused(Kind::Unfit, "source", reason)
                })?;
                Task::open(tools, envelope, columns, configured).await
            }
        }
    }

    fn source(&self, tools: &Tools) -> BlobSource {
        let Source { path, properties } = &self.source;
        BlobSource::new(Arc::clone(&tools.blobs), path.clone(), properties, Handle::current())
    }

    fn sink(&self, blobs: &Arc<dyn Blobs>, path: &BlobPath) -> BlobSink {
        BlobSink::new(Arc::clone(blobs), path.clone(), Uuid::new_v4(), Handle::current())
    }

    /// How much memory the file most probably needs: small ones are worked on side by side. If it
    /// is not enough, the file gets all there is.
    fn memory(&self, tools: &Tools) -> usize {
        let length = usize::try_from(self.source.properties.length).unwrap_or(usize::MAX);
        match length > LARGE {
            true => tools.memory.total(),
            false => HELD.min(4 * length) + (2 * length).max(LEAST_MEMORY),
        }
    }

    /// Runs the engine. It keeps its share until its thread has ended, whoever waits for it.
    async fn make(
        &self,
        tools: &Tools,
        place: &Place,
        task: Task,
        share: Share,
    ) -> Result<Made, Failure> {
        let format = self.format.clone();
        let source = self.source(tools);
        let sink = self.sink(self.store(tools), &place.path);
        let mut rejects = self.rejects.as_ref().map(|path| self.sink(&tools.blobs, path));
        let stop = Stop::default();
        let (stopped, deadline) = (Arc::clone(&stop.0), self.deadline);
        let progress = move |_: Totals| match stopped.load(Ordering::Relaxed) {
            false if Instant::now() < deadline => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let work = move || {
            let aside = rejects.as_mut().map(|rejects| rejects as &mut dyn Write);
            let memory = for_engine(&share);
            let (sink, totals) = format.run(task, &source, sink, aside, memory, &progress)?;
            let staged = sink.finish()?;
            let rejects = rejects.map(BlobSink::finish).transpose()?;
            Ok(Made { staged, rejects, totals })
        };
        let made = on_thread(&self.source.path, work).await;
        drop(stop);
        made
    }
}

/// What the parts of blobs take that are held at most, in bytes.
const HELD: usize = BlobSource::MEMORY + BlobSink::MEMORY;

/// What is left for the engine of a share when the parts of blobs that are held are counted.
fn for_engine(share: &Share) -> usize {
    share.size.saturating_sub(HELD).max(LEAST_MEMORY)
}

/// Ends the engine's thread when nobody waits for it any more.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
