//! From the pages of a column to pages of cells, or back.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{
    bits::{Hybrid, HybridWriter, width},
    codec::{Codec, Decompressor},
    footer::{invalid, unsupported},
    memory::Memory,
    page::{self, Header, Kind as PageKind, RLE},
    schema::Leaf,
    thrift::Malformed,
    values::{Dictionary, Values, after_length},
};
use crate::encryption::{
    canonical::{Kind, Physical},
    cell::{CellError, Opener, Protector},
    engine::EngineError,
};

/// How many values a page has before the next one begins: rows of nulls take no bytes.
const PAGE_VALUES: u32 = 1 << 20;

/// How many levels are read at once.
const BATCH: usize = 256;

/// What is done to each value of a column.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// A text becomes a cell.
    Protect(Protector),
    /// A cell becomes a value of this type.
    Open(Opener, Kind),
}

/// The work on one column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Which leaf of the schema it is.
    pub(super) leaf: usize,
    /// The leaf as it is read.
    pub(super) read: Leaf,
    /// What is done to its values.
    pub(super) change: Change,
}

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

/// A page that is done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The header and the levels.
    pub(super) head: Vec<u8>,
    /// The values.
    pub(super) values: Vec<u8>,
    /// How many values it has, nulls included.
    pub(super) count: u32,
    /// How many of them begin a row.
    pub(super) rows: u64,
    /// Whether the first of them belongs to the row before.
    pub(super) continues: bool,
    /// How many are null.
    pub(super) nulls: u64,
}

impl Done {
    /// How many bytes it takes.
    pub(super) fn length(&self) -> u64 {
        (self.head.len() + self.values.len()) as u64
    }
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
        let dictionary =
            dictionary(task, column.read.kind, self.memory.page, &mut self.decompressor)?;
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
    kind: Kind,
    allowed: usize,
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
    let read = Dictionary::read(kind, header.encoding, &bytes, header.values, allowed)?;
    Ok(Some(Arc::clone(known.insert(Arc::new(read)))))
}

/// A data page, taken apart.
struct Parts<'a> {
    repetitions: &'a [u8],
    definitions: &'a [u8],
    values: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(
        task: &'a Task,
        leaf: &Leaf,
        decompressor: &mut Decompressor,
        page: &'a mut Vec<u8>,
    ) -> Result<Self, EngineError> {
        match task.header.kind {
            PageKind::Second { definition, repetition, compressed } => {
                let short = || invalid("a page is shorter than its levels");
                let levels = definition.checked_add(repetition).ok_or_else(short)?;
                let (levels, body) = task.body.split_at_checked(levels).ok_or_else(short)?;
                let size = task.header.uncompressed.checked_sub(levels.len()).ok_or_else(short)?;
                let (repetitions, definitions) = levels.split_at(repetition);
                let codec = if compressed { task.shared.codec } else { Codec::Uncompressed };
                let values = plain(codec, body, size, decompressor, page)?;
                Ok(Self { repetitions, definitions, values })
            }
            PageKind::First { definition, repetition } => {
                let (codec, size) = (task.shared.codec, task.header.uncompressed);
                let mut bytes = plain(codec, &task.body, size, decompressor, page)?;
                let mut levels = |largest: u16, encoding: i64| {
                    if largest == 0 {
                        return Ok(&[][..]);
                    }
                    if encoding != RLE {
                        return Err(unsupported(
                            &format!("column `{}`", leaf.path),
                            "its levels have the deprecated encoding BIT_PACKED",
                        ));
                    }
                    let levels = after_length(bytes)?;
                    bytes = &bytes[levels.len() + size_of::<u32>()..];
                    Ok(levels)
                };
                let repetitions = levels(leaf.max_repetition, repetition)?;
                let definitions = levels(leaf.max_definition, definition)?;
                Ok(Self { repetitions, definitions, values: bytes })
            }
            PageKind::Dictionary | PageKind::Other => Err(invalid("a page has no data")),
        }
    }

    /// How many values are not null.
    fn count_values(&self, leaf: &Leaf, values: u32) -> Result<u32, Malformed> {
        if leaf.max_definition == 0 {
            return Ok(values);
        }
        let deepest = u32::from(leaf.max_definition);
        let mut levels = Hybrid::new(self.definitions, width(leaf.max_definition));
        let (mut batch, mut count, mut left) = ([0; BATCH], 0, values as usize);
        while left > 0 {
            let batch = &mut batch[..left.min(BATCH)];
            levels.fill(batch)?;
            left -= batch.len();
            count += batch.iter().filter(|level| **level == deepest).count();
        }
        Ok(count as u32)
    }
}

/// A page's bytes, decompressed if they have to be.
fn plain<'a>(
    codec: Codec,
    body: &'a [u8],
    size: usize,
    decompressor: &mut Decompressor,
    page: &'a mut Vec<u8>,
) -> Result<&'a [u8], EngineError> {
    match codec {
        Codec::Uncompressed if body.len() == size => Ok(body),
        _ if size == 0 => Ok(&[]),
        _ => {
            page.clear();
            decompressor.append(codec, body, size, page)?;
            Ok(page)
        }
    }
}

/// Writes pages of what values become.
struct Writer<'a, G> {
    column: &'a mut Column,
    give: G,
    memory: Memory,
    repetitions: HybridWriter,
    definitions: HybridWriter,
    done: Done,
    /// How many bits of the last byte are taken by booleans.
    bits: u32,
    plain: Vec<u8>,
}

impl<'a, G: FnMut(Done) -> bool> Writer<'a, G> {
    fn new(column: &'a mut Column, memory: Memory, give: G) -> Self {
        Self {
            give,
            memory,
            repetitions: HybridWriter::new(width(column.read.max_repetition)),
            definitions: HybridWriter::new(width(column.read.max_definition)),
            column,
            done: Done::default(),
            bits: 0,
            plain: Vec::new(),
        }
    }

    fn write_all(
        &mut self,
        parts: &Parts<'_>,
        mut values: Values<'_>,
        count: u32,
    ) -> Result<(), EngineError> {
        let leaf = &self.column.read;
        let (deepest, widest) = (u32::from(leaf.max_definition), u32::from(leaf.max_repetition));
        let nested = widest > 0;
        let makes_null = leaf.optional
            && matches!(&self.column.change, Change::Protect(protector) if protector.makes_null());
        let mut repetitions = Hybrid::new(parts.repetitions, width(leaf.max_repetition));
        let mut definitions = Hybrid::new(parts.definitions, width(leaf.max_definition));
        let (mut repetition, mut definition) = ([0; BATCH], [0; BATCH]);
        let mut left = count as usize;
        while left > 0 {
            let batch = left.min(BATCH);
            left -= batch;
            if nested {
                repetitions.fill(&mut repetition[..batch])?;
            }
            if deepest > 0 {
                definitions.fill(&mut definition[..batch])?;
            }
            for (repetition, definition) in repetition.iter().zip(&definition).take(batch) {
                if *repetition == 0 && !self.start_row() {
                    return Ok(());
                }
                if *repetition > widest || *definition > deepest {
                    return Err(invalid("a level is higher than the schema allows"));
                }
                self.done.continues |= self.done.rows == 0;
                self.done.count += 1;
                if nested {
                    self.repetitions.push(*repetition);
                }
                let there = *definition == deepest;
                if deepest > 0 {
                    self.definitions.push(definition - u32::from(there && makes_null));
                }
                match there {
                    true if makes_null => {}
                    true => self.write_value(values.next()?)?,
                    false => self.done.nulls += 1,
                }
            }
        }
        self.flush();
        Ok(())
    }

    /// Begins a row, in a new page if this one is full. False if nobody wants more pages.
    fn start_row(&mut self) -> bool {
        let full = self.done.values.len() >= self.memory.target || self.done.count >= PAGE_VALUES;
        let wanted = !full || self.flush();
        self.done.rows += 1;
        wanted
    }

    fn flush(&mut self) -> bool {
        if self.done.count == 0 {
            return true;
        }
        let mut levels = Vec::new();
        if self.column.read.max_repetition > 0 {
            self.repetitions.finish(&mut levels);
        }
        if self.column.read.max_definition > 0 {
            self.definitions.finish(&mut levels);
        }
        let mut done = std::mem::take(&mut self.done);
        let size = levels.len() + done.values.len();
        done.head = page::write_header(done.count, size as u32);
        done.head.append(&mut levels);
        self.bits = 0;
        (self.give)(done)
    }

    fn write_value(&mut self, value: &[u8]) -> Result<(), EngineError> {
        let out = &mut self.done.values;
        match &mut self.column.change {
            Change::Protect(protector) => {
                with_length(out, |out| protector.protect(value, out))
                    .map_err(|error| refuse(error, &self.column.read.path))?;
            }
            Change::Open(opener, kind) => {
                self.plain.clear();
                let opened = opener.open(value, &mut self.plain);
                opened.map_err(|error| refuse(error, &self.column.read.path))?;
                write_plain(*kind, &self.plain, out, &mut self.bits)
                    .ok_or_else(|| EngineError::NotOpened(self.column.read.path.clone()))?;
            }
        }
        self.memory.check(out.len(), || format!("a row of column `{}`", self.column.read.path))
    }
}

/// Appends a value after its length.
fn with_length<E>(
    out: &mut Vec<u8>,
    append: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    append(out)?;
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Appends the value of a text in the plain encoding.
fn write_plain(kind: Kind, text: &[u8], out: &mut Vec<u8>, bits: &mut u32) -> Option<()> {
    match kind.physical() {
        Physical::Bytes => with_length(out, |out| kind.read_text(text, out)).ok(),
        Physical::Boolean => {
            let mut value = Vec::new();
            kind.read_text(text, &mut value).ok()?;
            if *bits == 0 {
                out.push(0);
            }
            *out.last_mut()? |= value.first()? << *bits;
            *bits = (*bits + 1) % 8;
            Some(())
        }
        _ => kind.read_text(text, out).ok(),
    }
}

fn refuse(error: CellError, path: &str) -> EngineError {
    match error {
        CellError::NotOpened => EngineError::NotOpened(path.to_owned()),
        other => unsupported(&format!("column `{path}`"), &other.to_string()),
    }
}

/// An empty page, for a chunk that would have none.
pub(super) fn empty_page(leaf: &Leaf) -> Done {
    let levels = usize::from(leaf.max_repetition > 0) + usize::from(leaf.max_definition > 0);
    let mut head = page::write_header(0, 4 * levels as u32);
    head.resize(head.len() + 4 * levels, 0);
    Done { head, ..Done::default() }
}
