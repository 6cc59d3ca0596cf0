//! One file of this machine: worked on beside its destination, and renamed when it is verified.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
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
        envelope::{Envelope, WrappedKeys},
        parquet,
        policy::Policy,
        streams::{FileSink, FileSource, SourceReader},
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
        match self.format.is_text() {
            true => Ok(self.record()?.map(|record| record.envelope)),
            false => self.format.envelope(&self.source).map_err(|error| self.failed(error)),
        }
    }

    /// What the sidecar says.
    fn record(&self) -> Result<Option<Record>, Failure> {
        let place = sidecar(&self.path);
        let Ok(text) = fs::read(&place) else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let reason = format!("its sidecar {}: {error}", place.display());
            Failure::refused(Kind::Unfit, "source", reason)
        })
    }

    /// Gives the file other wrappings of its data keys; data stays as it is.
    ///
    /// # Errors
    /// The file is not protected, or cannot be written; then it is as it was.
    pub fn rewrap(&self, keys: WrappedKeys) -> Result<(), Failure> {
        let unprotected =
            || Failure::refused(Kind::Unfit, "source", "nothing says that it is protected");
        if self.format.is_text() {
            let mut record = self.record()?.ok_or_else(unprotected)?;
            record.envelope.keys = keys;
            return put_sidecar(&self.path, &record).map_err(|error| failed(&self.path, error));
        }
        let envelope = Envelope { keys, ..self.envelope()?.ok_or_else(unprotected)? };
        let footer = parquet::with_envelope(&self.source, &envelope);
        let (offset, tail) = footer.map_err(|error| self.failed(error))?;
        self.replace_tail(offset, &tail).map_err(|error| failed(&self.path, error))
    }

    /// Writes the file anew with another end, and the same permissions.
    fn replace_tail(&self, offset: u64, tail: &[u8]) -> io::Result<()> {
        let (temporary, mut file) = Temporary::beside(&self.path)?;
        let mut start = SourceReader::new(&self.source).take(offset);
        io::copy(&mut start, &mut file)?;
        file.write_all(tail)?;
        file.set_permissions(fs::metadata(&self.path)?.permissions())?;
        file.sync_all()?;
        temporary.become_file(&self.path, true)
    }

    /// Protects columns and throws the outcome away: its numbers are exact.
    ///
    /// # Errors
    /// What [`protect`](Self::protect) would fail at, but for keys and the destination.
    pub fn rehearse(
        &self,
        policy: &Policy,
        counts_rejects: bool,
        progress: Progress<'_>,
    ) -> Result<Totals, Failure> {
        let task = Task::rehearse(policy, &self.format, &self.columns()?)?;
        let mut nowhere = io::sink();
        let rejects = counts_rejects.then_some(&mut nowhere as &mut dyn Write);
        self.run(task, io::sink(), rejects, progress).map(|(_, totals)| totals)
    }

    /// Opens columns and throws the outcome away.
    ///
    /// # Errors
    /// What [`write`](Self::write) would fail at, but for the destination.
    pub fn rehearse_opening(&self, task: Task, progress: Progress<'_>) -> Result<Totals, Failure> {
        self.run(task, io::sink(), None, progress).map(|(_, totals)| totals)
    }

    fn run<'a, W: Write + Send + Sync>(
        &self,
        task: Task,
        sink: W,
        rejects: Option<&'a mut dyn Write>,
        progress: Progress<'a>,
    ) -> Result<(W, Totals), Failure> {
        let done = self.format.run(task, &self.source, sink, rejects, self.memory, progress);
        done.map_err(|error| self.failed(error))
    }

    /// Protects columns; `rejects` is the file for records that cannot be.
    ///
    /// # Errors
    /// See [`Failure`]; nothing is at the destination then.
    pub async fn protect(
        &self,
        tools: &Tools,
        policy: &Policy,
        (destination, replace): (&Path, bool),
        rejects: Option<&Path>,
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
        let report = self.write(task, (destination, replace), rejects, progress)?;
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
        (destination, replace): (&Path, bool),
        rejects: Option<&Path>,
        progress: Progress<'_>,
    ) -> Result<Report, Failure> {
        let started = Instant::now();
        self.check_free("destination", destination, replace)?;
        if let Some(rejects) = rejects {
            self.check_rejects(rejects, destination, replace)?;
        }
        let key = task.key().cloned();
        let mut out = Output::beside(destination)?;
        let mut aside = rejects.map(Output::beside).transpose()?;
        let rejects = aside.as_mut().map(|aside| &mut aside.file as &mut dyn Write);
        let (_, totals) = self.run(task, &mut out.file, rejects, progress)?;
        if let Some(aside) = aside.filter(|_| totals.rejected > 0) {
            aside.become_file(replace)?;
        }
        out.become_file(replace)?;
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

    /// Refuses a name that is the source's, or taken by what is not to be replaced.
    fn check_free(
        &self,
        field: &'static str,
        destination: &Path,
        replace: bool,
    ) -> Result<(), Failure> {
        let there = fs::canonicalize(destination).ok();
        if there.is_some() && there == fs::canonicalize(&self.path).ok() {
            let reason = "it is the source; write elsewhere";
            return Err(Failure::refused(Kind::Wrong, field, reason));
        }
        match there.is_some() && !replace {
            true => Err(exists(field, destination)),
            false => Ok(()),
        }
    }

    fn check_rejects(
        &self,
        rejects: &Path,
        destination: &Path,
        replace: bool,
    ) -> Result<(), Failure> {
        let wrong = |reason| Err(Failure::refused(Kind::Wrong, "rejects", reason));
        if !self.format.is_text() {
            return wrong("a Parquet file has no records that could be rejected; leave it out");
        }
        let place = |path: &Path| std::path::absolute(path).ok();
        if place(rejects) == place(destination) {
            return wrong("it is the destination; write elsewhere");
        }
        self.check_free("rejects", rejects, replace)
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

fn exists(field: &'static str, destination: &Path) -> Failure {
    let reason = format!("{} exists already; --force replaces it", destination.display());
    Failure::refused(Kind::Taken, field, reason)
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

/// A file to be, and nothing until then.
struct Output<'a> {
    place: &'a Path,
    temporary: Temporary,
    file: BufWriter<FileSink>,
}

impl<'a> Output<'a> {
    fn beside(place: &'a Path) -> Result<Self, Failure> {
        let (temporary, file) = Temporary::beside(place).map_err(|error| failed(place, error))?;
        let file = FileSink::new(file).map_err(|error| failed(place, error))?;
        Ok(Self { place, temporary, file: BufWriter::with_capacity(1 << 20, file) })
    }

    fn become_file(self, replace: bool) -> Result<(), Failure> {
        let Self { place, temporary, file } = self;
        let file = file.into_inner().map_err(|error| failed(place, error.into()))?;
        file.finish().map_err(|error| failed(place, error))?;
        temporary.become_file(place, replace).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists("destination", place),
            _ => failed(place, error),
        })
    }
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
