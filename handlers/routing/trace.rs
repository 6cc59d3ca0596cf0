//! The story of one blob: every version that arrived and every step it took.

use std::{fmt, sync::Arc};

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};

use super::ledger::{Entry, Ledger};
use crate::{
    app::App,
    error::Error,
    stores::{StoreError, blobs::BlobPath},
};

/// What the ledger knows of a blob.
#[derive(Debug, Serialize)]
pub struct Trace {
    /// The blob, `container/name`.
    pub blob: BlobPath,
    /// How many versions of it are known.
    pub count: usize,
    /// They, the last one to move first.
    pub value: Vec<Entry>,
}

/// Asks the ledger.
///
/// # Errors
/// The store's failure.
pub async fn trace(ledger: &Ledger<'_>, blob: BlobPath) -> Result<Trace, StoreError> {
    let value = ledger.history(&blob).await?;
    Ok(Trace { blob, count: value.len(), value })
}

/// The query of `GET /api/trace`.
#[derive(Debug, Deserialize)]
pub struct Question {
    blob: Option<String>,
}

/// `GET /api/trace?blob=container/name`.
///
/// # Errors
/// `Parameter` if not one blob is named, `NotFound` if the ledger does not know it.
pub async fn get(
    State(app): State<Arc<App>>,
    question: Result<Query<Question>, QueryRejection>,
) -> Result<Json<Trace>, Error> {
    let wrong = |reason: String| Error::Parameter { name: "blob", reason };
    let Query(question) = question.map_err(|rejection| wrong(rejection.body_text()))?;
    let name = question.blob.unwrap_or_default();
    let blob: BlobPath = name.parse().map_err(|error| wrong(format!("{error}")))?;
    let trace = trace(&app.ledger(None), blob).await?;
    if trace.value.is_empty() {
        return Err(Error::NotFound(format!(
            "the ledger does not know {}; it may never have arrived, or longer ago than LAKEHAND_LEDGER_DAYS",
            trace.blob
        )));
    }
    Ok(Json(trace))
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.value {
            writeln!(f, "{}  version {}  {} bytes", entry.blob, entry.etag, entry.length)?;
            let facts =
                [("route", &entry.route), ("dataset", &entry.dataset), ("reason", &entry.reason)];
            for (name, value) in facts {
                if let Some(value) = value {
                    writeln!(f, "  {name}: {value}")?;
                }
            }
            for step in &entry.steps {
                write!(f, "  {}  {}", step.at, step.step)?;
                if let Some(detail) = &step.detail {
                    write!(f, "  {detail}")?;
                }
                if let Some(id) = &step.invocation_id {
                    write!(f, "  (invocation {id})")?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
