//! Records that cannot be protected. Without a place for them the first one ends the work.
//!
//! The place gets one JSON object a line, `{"line":7,"reason":"…","record":"…"}`, or
//! `"recordBase64"` where the record is not UTF-8. It holds plaintext, and belongs where the
//! source is.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;

use super::chunks::Format;
use crate::encryption::engine::{EngineError, Totals};

/// What is wrong with a record, without any of its content.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

/// Why a record is not rewritten.
pub(crate) enum RowError {
    /// The record is to blame, and can be rejected.
    Fault(Fault),
    /// The work cannot go on.
    Fatal(EngineError),
}

impl From<EngineError> for RowError {
    fn from(error: EngineError) -> Self {
        Self::Fatal(error)
    }
}

impl From<Fault> for RowError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What became of a chunk.
#[derive(Default)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rejects: Vec<u8>,
    pub(crate) totals: Totals,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reject<'a> {
    line: u64,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_base64: Option<String>,
}

impl Piece {
    /// Puts a record aside.
    pub(crate) fn reject(&mut self, line: u64, fault: &Fault, record: &[u8]) {
        let text = std::str::from_utf8(record).ok();
        let base64 = text.is_none().then(|| BASE64_STANDARD.encode(record));
        let reject = Reject { line, reason: &fault.0, record: text, record_base64: base64 };
        serde_json::to_writer(&mut self.rejects, &reject).expect("memory takes any text");
        self.rejects.push(b'\n');
        self.totals.rejected += 1;
    }
}

impl Fault {
    /// The error of a format, where faults end the work.
    pub(crate) fn at<F: Format>(&self, line: u64) -> EngineError {
        EngineError::Invalid { format: F::NAME, reason: format!("line {line}: {}", self.0) }
    }
}
