//! Pages of what values become.

use super::{
    bits::{HybridWriter, width},
    change::Column,
    memory::Memory,
    page,
    parts::Parts,
    schema::Leaf,
    values::Values,
};
use crate::encryption::engine::EngineError;

/// How many values a page has before the next one begins: rows of nulls take no bytes.
const PAGE_VALUES: u32 = 1 << 20;

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

/// Writes pages of what values become.
pub(super) struct Writer<'a, G> {
    column: &'a mut Column,
    give: G,
    memory: Memory,
    repetitions: HybridWriter,
    definitions: HybridWriter,
    done: Done,
    /// How many bits of the last byte are taken by booleans.
    bits: u32,
}

impl<'a, G: FnMut(Done) -> bool> Writer<'a, G> {
    pub(super) fn new(column: &'a mut Column, memory: Memory, give: G) -> Self {
        Self {
            give,
            memory,
            repetitions: HybridWriter::new(width(column.read.max_repetition)),
            definitions: HybridWriter::new(width(column.read.max_definition)),
            column,
            done: Done::default(),
            bits: 0,
        }
    }

    pub(super) fn write_all(
        &mut self,
        parts: &Parts<'_>,
        mut values: Values<'_>,
        count: u32,
    ) -> Result<(), EngineError> {
        let leaf = &self.column.read;
        let (deepest, nested) = (u32::from(leaf.max_definition), leaf.max_repetition > 0);
        let (makes_null, is_changed) = (self.column.makes_null(), values.are_changed());
        let (mut levels, mut left) = (parts.levels(leaf), count as usize);
        while left > 0 {
            for [repetition, definition] in levels.next(left)? {
                if repetition == 0 && !self.start_row() {
                    return Ok(());
                }
                left -= 1;
                self.done.continues |= self.done.rows == 0;
                self.done.count += 1;
                if nested {
                    self.repetitions.push(repetition);
                }
                let there = definition == deepest;
                if deepest > 0 {
                    self.definitions.push(definition - u32::from(there && makes_null));
                }
                match there {
                    true if makes_null => {}
                    true => self.write_value(values.next()?, is_changed)?,
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

    fn write_value(&mut self, value: &[u8], is_changed: bool) -> Result<(), EngineError> {
        let out = &mut self.done.values;
        match is_changed {
            true => out.extend_from_slice(value),
            false => self.column.append(value, out, &mut self.bits)?,
        }
        self.memory.check(out.len(), || format!("a row of column `{}`", self.column.read.path))
    }
}

/// An empty page, for a chunk that would have none.
pub(super) fn empty_page(leaf: &Leaf) -> Done {
    let levels = usize::from(leaf.max_repetition > 0) + usize::from(leaf.max_definition > 0);
    let mut head = page::write_header(0, 4 * levels as u32);
    head.resize(head.len() + 4 * levels, 0);
    Done { head, ..Done::default() }
}
