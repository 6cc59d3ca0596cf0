//! One file of this machine: worked on beside its destination, and renamed when it is verified.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};

use uuid::Uuid;

use super::{
    Report, Tools,
    failure::{Failure, Kind},
    format::Format,
    records::Record,
    task::Task,
};
use crate::{
    encryption::{
        engine::{EngineError, Source, Totals},
        envelope::Envelope,
        policy::Policy,
        streams::{FileSink, FileSource},
    },
    stores::{Fault, StoreError},
};

/// What is told of the progress; the engine calls it from its own threads.
pub type Progress<'a> = &'a (dyn Fn(Totals) -> ControlFlow<()> + Sync);

/// A file that is open, and its format.
#[derive(Debug)]
pub struct LocalFile {
    path: PathBuf,
    source: FileSource,
    /// The format.
    pub format: Format,
    memory: usize,
}

impl LocalFile {
    /// Opens a file.
    ///
    /// # Errors
    /// It is not there.
    pub fn open(path: &Path, format: Format, memory: usize) -> Result<Self, Failure> {
        let source = FileSource::open(path).map_err(|error| {
            Failure::refused(Kind::Missing, "source", format!("{}: {error}", path.display()))
        })?;
        Ok(Self { path: path.to_owned(), source, format, memory })
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.source.length()
    }

    /// The paths of its columns.
    ///
    /// # Errors
    /// It is not of its format.
    pub fn columns(&self) -> Result<Vec<String>, Failure> {
        self.format.columns(&self.source, self.memory).map_err(|error| self.failed(error))
    }

    /// What it says of its own protection: in its footer, or in the sidecar beside it.
    ///
    /// # Errors
    /// It is not of its format.
    pub fn envelope(&self) -> Result<Option<Envelope>, Failure> {
        if !self.format.is_text() {
            return self.format.envelope(&self.source).map_err(|error| self.failed(error));
        }
        let Ok(text) = fs::read(sidecar(&self.path)) else { return Ok(None) };
        let record: Result<Record, _> = serde_json::from_slice(&text);
        match record {
            Ok(record) => Ok(Some(record.envelope)),
            Err(error) => {
                let reason = format!("its sidecar {}: {error}", sidecar(&self.path).display());
                Err(Failure::refused(Kind::Unfit, "source", reason))
            }
        }
    }

    /// Protects columns and throws the outcome away: its numbers are exact.
    ///
    /// # Errors
    /// What [`write`](Self::write) would fail at, but for keys and the destination.
    pub fn rehearse(&self, policy: &Policy, progress: Progress<'_>) -> Result<Totals, Failure> {
        let task = Task::rehearse(policy, &self.format, &self.columns()?)?;
        let done = self.format.run(task, &self.source, io::sink(), None, self.memory, progress);
        done.map(|(_, totals)| totals).map_err(|error| self.failed(error))
    }

    /// Protects columns.
    ///
    /// # Errors
    /// See [`Failure`]; nothing is at the destination then.
    pub async fn protect(
        &self,
        tools: &Tools,
        policy: &Policy,
        (destination, replace): (&Path, bool),
        progress: Progress<'_>,
    ) -> Result<Report, Failure> {
        if self.format.is_text() && self.envelope()?.is_some() {
            let reason = "it is protected already; begin with the plaintext";
            return Err(Failure::refused(Kind::Unfit, "source", reason));
        }
        let task = Task::protect(tools, policy, &self.format, &self.columns()?, "").await?;
        let id = Uuid::new_v4().simple().to_string();
        let source = self.path.display().to_string();
        let record = Record { id, source, envelope: task.envelope().clone() };
        let report = self.write(task, destination, replace, progress)?;
        if self.format.is_text() {
            put_sidecar(destination, &record).map_err(|error| failed(destination, error))?;
        }
        Ok(report)
    }

    /// Does a task.
    ///
    /// # Errors
    /// See [`Failure`]; nothing is at the destination then.
    pub fn write(
        &self,
        task: Task,
        destination: &Path,
        replace: bool,
        progress: Progress<'_>,
    ) -> Result<Report, Failure> {
        let started = Instant::now();
        let there = fs::canonicalize(destination).ok();
        if there.is_some() && there == fs::canonicalize(&self.path).ok() {
            let reason = "it is the source; write elsewhere";
            return Err(Failure::refused(Kind::Wrong, "destination", reason));
        }
        if there.is_some() && !replace {
            return Err(exists(destination));
        }
        let key = task.key().cloned();
        let (temporary, file) =
            Temporary::beside(destination).map_err(|error| failed(destination, error))?;
        let sink = FileSink::new(file).map_err(|error| failed(destination, error))?;
        let sink = BufWriter::with_capacity(1 << 20, sink);
        let done = self.format.run(task, &self.source, sink, None, self.memory, progress);
        let (sink, totals) = done.map_err(|error| self.failed(error))?;
        let sink = sink.into_inner().map_err(|error| failed(destination, error.into()))?;
        sink.finish().map_err(|error| failed(destination, error))?;
        temporary.become_file(destination, replace).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(destination),
            _ => failed(destination, error),
        })?;
        Ok(Report {
            source: self.path.display().to_string(),
            destination: destination.display().to_string(),
            totals,
            seconds: started.elapsed().as_secs_f64(),
            key_id: key.as_ref().map(|key| key.name.clone()),
            key_version: key.map(|key| key.version),
            already_done: false,
        })
    }

    fn failed(&self, error: EngineError) -> Failure {
        match error {
            EngineError::Misfit(misfit) => Failure::refused(Kind::Wrong, "columns", misfit),
            EngineError::Stopped => Failure::TooSlow,
            EngineError::Io(error) => failed(&self.path, error),
            unfit => Failure::refused(Kind::Unfit, "source", unfit),
        }
    }
}

fn exists(destination: &Path) -> Failure {
    let reason = format!("{} exists already; --force replaces it", destination.display());
    Failure::refused(Kind::Taken, "destination", reason)
}

fn failed(path: &Path, error: io::Error) -> Failure {
    StoreError::new(Fault::Unavailable, "work on", path.display(), error).into()
}

/// The place of the sidecar of a file.
pub fn sidecar(file: &Path) -> PathBuf {
    let leaf = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name("_lakehand").join(format!("{leaf}.json"))
}

fn put_sidecar(file: &Path, record: &Record) -> io::Result<()> {
    let place = sidecar(file);
    fs::create_dir_all(place.parent().unwrap_or(Path::new(".")))?;
    let (temporary, mut out) = Temporary::beside(&place)?;
    out.write_all(&serde_json::to_vec_pretty(record).map_err(io::Error::other)?)?;
    out.sync_all()?;
    temporary.become_file(&place, true)
}

/// A file that goes away unless it becomes another.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(file: &Path) -> io::Result<(Self, File)> {
        let leaf = file.file_name().unwrap_or_default().to_string_lossy();
        let name = format!(".{leaf}.{}.tmp", Uuid::new_v4().simple());
        let path = file.with_file_name(name);
        let opened = File::create_new(&path)?;
        Ok((Self(path), opened))
    }

    /// Takes the other's name; without `replace`, only if it is free at that moment.
    fn become_file(self, file: &Path, replace: bool) -> io::Result<()> {
        if replace {
            return fs::rename(&self.0, file);
        }
        fs::hard_link(&self.0, file)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
