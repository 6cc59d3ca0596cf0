//! From a value to a cell, or back.

use super::{footer::unsupported, schema::Leaf};
use crate::encryption::{
    canonical::{Kind, Physical},
    cell::{CellError, Opener, Protector},
    engine::EngineError,
};

/// What is done to each value of a column.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// A text becomes a cell.
    Protect(Box<Protector>),
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
    /// A value on its way from a cell.
    plain: Vec<u8>,
}

impl Column {
    pub(super) fn new(leaf: usize, read: Leaf, change: Change) -> Self {
        Self { leaf, read, change, plain: Vec::new() }
    }

    /// Whether values become null.
    pub(super) fn makes_null(&self) -> bool {
        self.read.optional
            && matches!(&self.change, Change::Protect(protector) if protector.makes_null())
    }

    /// Whether the cells of a dictionary's values will do for all values.
    pub(super) fn changes_dictionary(&self) -> bool {
        matches!(&self.change, Change::Protect(protector) if protector.keeps_equality())
    }

    /// Appends what a value becomes, in the plain encoding. `bits` says how many bits of the last
    /// byte are taken by booleans.
    pub(super) fn append(
        &mut self,
        value: &[u8],
        out: &mut Vec<u8>,
        bits: &mut u32,
    ) -> Result<(), EngineError> {
        let path = &self.read.path;
        match &mut self.change {
            Change::Protect(protector) => with_length(out, |out| protector.protect(value, out))
                .map_err(|error| refuse(error, path)),
            Change::Open(opener, kind) => {
                self.plain.clear();
                opener.open(value, &mut self.plain).map_err(|error| refuse(error, path))?;
                write_plain(*kind, &self.plain, out, bits)
                    .ok_or_else(|| EngineError::NotOpened(path.clone()))
            }
        }
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
