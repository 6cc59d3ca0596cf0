//! A data page, taken apart.

use super::{
    bits::{Hybrid, width},
    codec::{Codec, Decompressor},
    footer::{invalid, unsupported},
    page::{Kind as PageKind, RLE},
    schema::Leaf,
    values::after_length,
    wire::Malformed,
    worker::Task,
};
use crate::encryption::engine::EngineError;

/// How many levels are read at once.
const BATCH: usize = 256;

/// A data page, taken apart.
pub(super) struct Parts<'a> {
    pub(super) repetitions: &'a [u8],
    pub(super) definitions: &'a [u8],
    pub(super) values: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn read(
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

    /// The levels of all values.
    pub(super) fn levels(&self, leaf: &Leaf) -> Levels<'a> {
        let [widest, deepest] = [leaf.max_repetition, leaf.max_definition];
        Levels {
            repetitions: Hybrid::new(self.repetitions, width(widest)),
            definitions: Hybrid::new(self.definitions, width(deepest)),
            largest: [widest, deepest].map(u32::from),
            batch: [[0; BATCH]; 2],
        }
    }

    /// How many values are not null.
    pub(super) fn count_values(&self, leaf: &Leaf, values: u32) -> Result<u32, Malformed> {
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

/// Levels of a page, read some at a time.
pub(super) struct Levels<'a> {
    repetitions: Hybrid<'a>,
    definitions: Hybrid<'a>,
    /// The highest repetition and definition level there may be.
    largest: [u32; 2],
    batch: [[u32; BATCH]; 2],
}

impl Levels<'_> {
    /// The next repetition and definition levels, so many at most. Levels that a column does not
    /// have are 0.
    pub(super) fn next(
        &mut self,
        most: usize,
    ) -> Result<impl Iterator<Item = [u32; 2]>, Malformed> {
        let count = most.min(BATCH);
        let ([repetitions, definitions], [widest, deepest]) = (&mut self.batch, self.largest);
        let (repetitions, definitions) = (&mut repetitions[..count], &mut definitions[..count]);
        if widest > 0 {
            self.repetitions.fill(repetitions)?;
        }
        if deepest > 0 {
            self.definitions.fill(definitions)?;
        }
        let too_high = |levels: &[u32], largest| levels.iter().any(|level| *level > largest);
        if too_high(repetitions, widest) || too_high(definitions, deepest) {
            return Err(Malformed::Wrong("a level is higher than the schema allows"));
        }
        Ok(repetitions.iter().zip(definitions.iter()).map(|(one, other)| [*one, *other]))
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
