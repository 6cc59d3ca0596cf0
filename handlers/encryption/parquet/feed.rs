//! What is to be written, in the order of the file.

use std::sync::{Arc, Mutex};

use super::{
    change::Column,
    chunk::{self, Chunk},
    footer::{FileMetadata, invalid},
    memory::Memory,
    page::{Header, Kind},
    window::Window,
    wire::Malformed,
    worker::{Shared, Task},
};
use crate::encryption::engine::{EngineError, Source};

/// The next thing to write.
pub(super) enum Step {
    /// A column chunk as it is.
    Copy(Chunk),
    /// A page that becomes others, how many of these may wait, and how much memory it all takes.
    Page { task: Task, waiting: usize, weight: usize },
    /// The end of a chunk whose pages became others.
    End { chunk: Chunk, column: usize, rows: u64 },
    /// The end of a row group of so many rows.
    Rows(u64),
}

/// Whether there is something to write now.
pub(super) enum Next {
    Step(Step),
    /// There is, and it needs more memory than is free.
    Full,
    Nothing,
}

/// Reads the pages of all row groups, one after another.
pub(super) struct Feed<'s> {
    source: &'s dyn Source,
    groups: std::vec::IntoIter<(Vec<Chunk>, u64)>,
    /// The rest of the current row group.
    chunks: std::iter::Enumerate<std::vec::IntoIter<Chunk>>,
    rows: Option<u64>,
    /// For each leaf, which of the columns that are worked on it is.
    columns: Vec<Option<usize>>,
    open: Option<Open<'s>>,
    memory: Memory,
}

/// A column chunk whose pages are being read.
struct Open<'s> {
    chunk: Chunk,
    column: usize,
    /// How many rows its row group has.
    rows: u64,
    window: Window<'s>,
    /// How many values are still to come.
    values: u64,
    shared: Option<Arc<Shared>>,
    /// A header whose page did not fit into the free memory.
    header: Option<Header>,
}

impl<'s> Feed<'s> {
    /// Validates every row group and chunk of the footer, so that what cannot be done is refused
    /// before anything is written.
    pub(super) fn new(
        source: &'s dyn Source,
        metadata: &FileMetadata<'_>,
        data_end: u64,
        columns: &[Column],
        memory: Memory,
    ) -> Result<Self, EngineError> {
        let leaves = &metadata.schema.leaves;
        let mut by_leaf = vec![None; leaves.len()];
        columns.iter().enumerate().for_each(|(number, column)| by_leaf[column.leaf] = Some(number));
        let groups = metadata.groups(data_end)?;
        for (chunks, _) in &groups {
            for (chunk, _) in chunks.iter().zip(&by_leaf).filter(|(_, column)| column.is_some()) {
                chunk.codec()?;
            }
        }
        Ok(Self {
            source,
            groups: groups.into_iter(),
            chunks: Vec::new().into_iter().enumerate(),
            rows: None,
            columns: by_leaf,
            open: None,
            memory,
        })
    }

    /// What comes next, if it takes no more memory than this.
    pub(super) fn next(&mut self, free: usize) -> Result<Next, EngineError> {
        if let Some(open) = &mut self.open {
            let next = open.next(free, &self.memory)?;
            if let Next::Step(Step::End { .. }) = next {
                self.open = None;
            }
            return Ok(next);
        }
        if let Some((leaf, chunk)) = self.chunks.next() {
            let Some(column) = self.columns[leaf] else { return Ok(Next::Step(Step::Copy(chunk))) };
            let rows = self.rows.unwrap_or(0);
            self.open = Some(Open::new(self.source, chunk, column, rows, self.memory.step));
            return self.next(free);
        }
        if let Some(rows) = self.rows.take() {
            return Ok(Next::Step(Step::Rows(rows)));
        }
        let Some((chunks, rows)) = self.groups.next() else { return Ok(Next::Nothing) };
        (self.chunks, self.rows) = (chunks.into_iter().enumerate(), Some(rows));
        self.next(free)
    }
}

impl<'s> Open<'s> {
    fn new(source: &'s dyn Source, chunk: Chunk, column: usize, rows: u64, step: usize) -> Self {
        let window = Window::new(source, chunk.start, chunk.end, step);
        Self { chunk, column, rows, window, values: chunk.values, shared: None, header: None }
    }

    fn next(&mut self, free: usize, memory: &Memory) -> Result<Next, EngineError> {
        let header = loop {
            if let Some(header) = self.header.take() {
                break header;
            }
            if self.values == 0 {
                return Ok(Next::Step(Step::End {
                    chunk: self.chunk,
                    column: self.column,
                    rows: self.rows,
                }));
            }
            let (header, _) = Header::read(&mut self.window)?;
            memory.check(header.compressed.max(header.uncompressed), || "a page".to_owned())?;
            match header.kind {
                Kind::First { .. } | Kind::Second { .. } => break header,
                Kind::Dictionary => self.read_dictionary(header)?,
                Kind::Other => drop(self.window.take(header.compressed)?),
            }
        };
        let shared = Arc::clone(self.shared()?);
        let dictionary = shared.dictionary_page.as_ref();
        let pages = dictionary.map(|(header, _)| header).into_iter().chain([&header]);
        let sizes: Vec<_> = pages.map(|page| (page.compressed, page.uncompressed)).collect();
        let waiting = memory.waiting(&header);
        let weight = memory.weight(&sizes, waiting);
        if weight > free {
            self.header = Some(header);
            return Ok(Next::Full);
        }
        self.values = self.values.checked_sub(header.values.into()).ok_or_else(wrong_count)?;
        let body = self.window.take(header.compressed)?;
        Ok(Next::Step(Step::Page { task: Task { shared, header, body }, waiting, weight }))
    }

    fn read_dictionary(&mut self, header: Header) -> Result<(), EngineError> {
        if self.shared.is_some() {
            return Err(invalid("a column chunk has a dictionary after its values"));
        }
        let body = self.window.take(header.compressed)?;
        self.share(Some((header, body))).map(drop)
    }

    fn shared(&mut self) -> Result<&Arc<Shared>, EngineError> {
        match self.shared.is_some() {
            true => self.shared.as_ref().ok_or(Malformed::Short.into()),
            false => self.share(None),
        }
    }

    fn share(
        &mut self,
        dictionary_page: Option<(Header, bytes::Bytes)>,
    ) -> Result<&Arc<Shared>, EngineError> {
        let shared = Shared {
            column: self.column,
            codec: self.chunk.codec()?,
            dictionary_page,
            dictionary: Mutex::new(None),
        };
        Ok(self.shared.insert(Arc::new(shared)))
    }
}

/// A chunk's pages have more values than its metadata says.
pub(super) fn wrong_count() -> EngineError {
    invalid("a column's pages have another number of values than its metadata says")
}

impl FileMetadata<'_> {
    /// The chunks of each row group and how many rows it has.
    pub(super) fn groups(&self, data_end: u64) -> Result<Vec<(Vec<Chunk>, u64)>, EngineError> {
        let leaves = &self.schema.leaves;
        let mut groups = Vec::new();
        for bytes in self.row_groups()? {
            let (fields, rows) = chunk::read_group(bytes)?;
            let chunks = chunk::chunks(&fields, leaves)?;
            let read = |(bytes, leaf)| Chunk::read(bytes, leaf, data_end);
            groups
                .push((chunks.into_iter().zip(leaves).map(read).collect::<Result<_, _>>()?, rows));
        }
        Ok(groups)
    }
}
