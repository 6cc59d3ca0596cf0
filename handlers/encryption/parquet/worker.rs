//! What a thread does with a page.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{
    cells::{Done, Writer},
    change::Column,
    codec::{Codec, Decompressor},
    memory::Memory,
    page::Header,
    parts::Parts,
    values::{Dictionary, Values},
};
use crate::encryption::engine::EngineError;

/// What the pages of one column chunk share.
pub(super) struct Shared {
    /// Which one of the columns that are worked on.
    pub(super) column: usize,
    pub(super) codec: Codec,
    /// The dictionary page, as it was read.
    pub(super) dictionary_page: Option<(Header, Bytes)>,
    /// The dictionary, read by the first thread that needs it.
    pub(super) dictionary: Mutex<Option<Arc<Dictionary>>>,
}

/// A page on its way.
pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) header: Header,
    pub(super) body: Bytes,
}

/// A thread's own copy of all that it needs.
pub(super) struct Worker {
    columns: Vec<Column>,
    decompressor: Decompressor,
    /// The page that is worked on, decompressed.
    page: Vec<u8>,
    memory: Memory,
}

impl Worker {
    pub(super) fn new(columns: Vec<Column>, memory: Memory) -> Result<Self, EngineError> {
        Ok(Self { columns, decompressor: Decompressor::new()?, page: Vec::new(), memory })
    }

    /// Works on a page and gives away the pages it becomes, until `give` wants no more.
    pub(super) fn work(
        &mut self,
        task: &Task,
        give: impl FnMut(Done) -> bool,
    ) -> Result<(), EngineError> {
        let column = &mut self.columns[task.shared.column];
        let dictionary = dictionary(task, column, &self.memory, &mut self.decompressor)?;
        task.header.check(&task.body)?;
        let parts = Parts::read(task, &column.read, &mut self.decompressor, &mut self.page)?;
        let count = parts.count_values(&column.read, task.header.values)?;
        let encoding = task.header.encoding;
        let values =
            Values::new(column.read.kind, encoding, parts.values, count, dictionary.as_deref())?;
        let mut writer = Writer::new(column, self.memory, give);
        writer.write_all(&parts, values, task.header.values)
    }
}

/// The dictionary of a page's chunk.
fn dictionary(
    task: &Task,
    column: &mut Column,
    memory: &Memory,
    decompressor: &mut Decompressor,
) -> Result<Option<Arc<Dictionary>>, EngineError> {
    let Some((header, body)) = &task.shared.dictionary_page else { return Ok(None) };
    let mut known = task.shared.dictionary.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(dictionary) = &*known {
        return Ok(Some(Arc::clone(dictionary)));
    }
    header.check(body)?;
    let mut bytes = Vec::new();
    decompressor.append(task.shared.codec, body, header.uncompressed, &mut bytes)?;
    let read = Dictionary::read(column, header, &bytes, memory)?;
    Ok(Some(Arc::clone(known.insert(Arc::new(read)))))
}
