//! Which engine a file is for.

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

use super::{task::Task, written::Written};
use crate::encryption::{
    csv::{self, CsvOptions},
    engine::{EngineError, Opening, Source, Totals, Work},
    envelope::Envelope,
    json_lines::{self, JsonLinesOptions},
    parquet,
    streams::SourceReader,
};

/// A format, and what is said of a file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Delimited text.
    Csv(CsvOptions),
    /// One JSON value a line.
    JsonLines,
}

/// Extensions by format; gzip and Zstandard around text are known by content.
const EXTENSIONS: [(&str, &[&str]); 3] = [
    ("parquet", &["parquet"]),
    ("csv", &["csv", "tsv", "txt"]),
    ("jsonl", &["jsonl", "ndjson", "json"]),
];

impl Format {
    /// The format of this name: `parquet`, `csv` or `jsonl`.
    pub fn named(name: &str, csv: &CsvOptions) -> Option<Self> {
        match name {
            "parquet" => Some(Self::Parquet),
            "csv" => Some(Self::Csv(csv.clone())),
            "jsonl" => Some(Self::JsonLines),
            _ => None,
        }
    }

    /// The format that a file's name tells, whatever the case; `.gz` and `.zst` may follow. A
    /// `.tsv` has tabs, unless another delimiter than the default is given.
    pub fn of_file(name: &str, csv: &CsvOptions) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let packed = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst"));
        let (_, extension) = packed.unwrap_or(&name).rsplit_once('.')?;
        let known = EXTENSIONS.iter().find(|(_, known)| known.contains(&extension))?;
        let mut csv = csv.clone();
        if extension == "tsv" && csv.delimiter == CsvOptions::default().delimiter {
            csv.delimiter = '\t';
        }
        Self::named(known.0, &csv).filter(|format| packed.is_none() || format.is_text())
    }

    /// Whether ciphertext is base64, and the envelope stands beside the file.
    pub fn is_text(&self) -> bool {
        !matches!(self, Self::Parquet)
    }

    /// The names of the columns.
    ///
    /// # Errors
    /// The file is not of this format.
    pub fn columns(&self, source: &dyn Source, memory: usize) -> Result<Vec<String>, EngineError> {
        match self {
            Self::Parquet => {
                Ok(parquet::columns(source)?.columns.into_iter().map(|it| it.path).collect())
            }
            Self::Csv(options) => csv::columns(SourceReader::new(source), options, memory),
            Self::JsonLines => {
                json_lines::columns(SourceReader::new(source), &JsonLinesOptions::default(), memory)
            }
        }
    }

    /// What the file itself says of its protection; text files say nothing.
    ///
    /// # Errors
    /// The file is not of this format.
    pub fn envelope(&self, source: &dyn Source) -> Result<Option<Envelope>, EngineError> {
        match self {
            Self::Parquet => parquet::envelope(source),
            Self::Csv(_) | Self::JsonLines => Ok(None),
        }
    }

    /// Does the task and verifies what was written; for threads on which waiting keeps nobody else
    /// waiting. A flush of the sink ends a part that may be replaced by itself.
    ///
    /// # Errors
    /// See [`EngineError`]; what is written by then is worth nothing.
    pub fn run<'a, W: Write + Send + Sync>(
        &self,
        task: Task,
        source: &dyn Source,
        sink: W,
        rejects: Option<&'a mut dyn Write>,
        memory: usize,
        progress: &'a (dyn Fn(Totals) -> ControlFlow<()> + Sync),
    ) -> Result<(W, Totals), EngineError> {
        let changed = task.columns();
        let mut written = Written::new(sink);
        let totals = self.rewrite(task, source, &mut written, rejects, memory, progress)?;
        if !self.is_text() {
            parquet::verify(source, &written, &changed)?;
        }
        if written.length() != totals.bytes_out {
            let text = format!("{} of {} bytes were written", written.length(), totals.bytes_out);
            return Err(EngineError::Io(io::Error::other(text)));
        }
        Ok((written.into_inner(), totals))
    }

    fn rewrite<'a>(
        &self,
        task: Task,
        source: &dyn Source,
        sink: impl Write + Send,
        rejects: Option<&'a mut dyn Write>,
        memory: usize,
        progress: &'a (dyn Fn(Totals) -> ControlFlow<()> + Sync),
    ) -> Result<Totals, EngineError> {
        let reader = SourceReader::new(source);
        match task {
            Task::Protect { columns, envelope } => {
                let work = Work { columns, envelope, memory, progress };
                match self {
                    Self::Parquet => parquet::protect(source, sink, work),
                    Self::Csv(options) => csv::protect(reader, sink, options, work, rejects),
                    Self::JsonLines => json_lines::protect(
                        reader,
                        sink,
                        &JsonLinesOptions::default(),
                        work,
                        rejects,
                    ),
                }
            }
            Task::Open { columns, .. } => {
                let opening = Opening { columns, memory, progress };
                match self {
                    Self::Parquet => parquet::open(source, sink, opening),
                    Self::Csv(options) => csv::open(reader, sink, options, opening),
                    Self::JsonLines => {
                        json_lines::open(reader, sink, &JsonLinesOptions::default(), opening)
                    }
                }
            }
        }
    }
}
