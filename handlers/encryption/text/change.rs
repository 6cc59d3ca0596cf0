//! What happens to one value.

use crate::encryption::{
    cell::{Opener, Protector},
    engine::{EngineError, OpenedWith, ProtectedWith},
};

/// A column and what happens to it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) path: String,
    pub(crate) change: Change,
}

/// Protected or opened.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "there are as many as columns and threads")]
pub(crate) enum Change {
    Protect(Protector),
    Open(Opener),
}

impl Target {
    /// The columns to protect.
    ///
    /// # Errors
    /// One whose cells would not be text.
    pub(crate) fn protect(columns: Vec<ProtectedWith>) -> Result<Vec<Self>, EngineError> {
        let target = |column: ProtectedWith| {
            let ProtectedWith { path, protector } = column;
            if !protector.output_is_text() {
                let (subject, reason) =
                    (format!("binary output of `{path}`"), "text formats have base64");
                return Err(EngineError::Unsupported { subject, reason: reason.to_owned() });
            }
            Ok(Self { path, change: Change::Protect(protector) })
        };
        columns.into_iter().map(target).collect()
    }

    /// The columns to open.
    pub(crate) fn open(columns: Vec<OpenedWith>) -> Vec<Self> {
        let target =
            |column: OpenedWith| Self { path: column.path, change: Change::Open(column.opener) };
        columns.into_iter().map(target).collect()
    }

    /// Appends what becomes of a value.
    pub(crate) fn apply(&mut self, value: &[u8], out: &mut Vec<u8>) -> Result<(), EngineError> {
        match &mut self.change {
            Change::Protect(protector) => {
                protector.protect(value, out).map_err(|error| EngineError::Unsupported {
                    subject: format!("column `{}`", self.path),
                    reason: error.to_string(),
                })
            }
            Change::Open(opener) => opener.open(value, out).map_err(|_| self.not_opened()),
        }
    }

    /// The error of a cell that does not open.
    pub(crate) fn not_opened(&self) -> EngineError {
        EngineError::NotOpened(self.path.clone())
    }

    /// The error of an opened value that a text format cannot hold.
    pub(crate) fn not_text(&self) -> EngineError {
        let reason = "an opened value is not text, and a text format cannot hold it".to_owned();
        EngineError::Unsupported { subject: format!("column `{}`", self.path), reason }
    }

    /// Whether values become null.
    pub(crate) fn makes_null(&self) -> bool {
        matches!(&self.change, Change::Protect(protector) if protector.makes_null())
    }
}
