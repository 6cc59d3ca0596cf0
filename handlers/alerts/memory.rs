//! What the metadata API knows of an incident.

use time::OffsetDateTime;

use super::incident::{Incident, Memory};
use crate::{
    metadata::{
        http::time::read_time,
        months::Span,
        runs::{
            model::{Run, Status},
            store::Runs,
        },
    },
    stores::{StoreError, documents::Documents},
};

/// How far back runs are counted.
const REACH: time::Duration = time::Duration::days(7);

/// So many runs are counted at most.
const MOST: usize = 1_000;

/// Fills in what the incident's run is known to be about.
///
/// # Errors
/// The store's failure.
pub async fn name(documents: &dyn Documents, incident: &mut Incident) -> Result<(), StoreError> {
    let Some(id) = &incident.run_id else { return Ok(()) };
    let Some(Run { facts, .. }) = Runs::of(documents).look(id).await? else { return Ok(()) };
    incident.pipeline = incident.pipeline.take().or(facts.pipeline);
    incident.table = incident.table.take().or(facts.table);
    incident.dataset = incident.dataset.take().or(facts.dataset);
    incident.root_run_id = incident.root_run_id.take().or(facts.parent);
    Ok(())
}

/// How its pipeline did of late; `None` if nothing is known. What cannot be read is left out: an
/// alert does not wait for it.
pub async fn of(
    documents: &dyn Documents,
    incident: &Incident,
    now: OffsetDateTime,
) -> Option<Memory> {
    let pipeline = incident.pipeline.as_deref()?;
    let span = Span::last(REACH, now);
    let runs = match Runs::of(documents).newest("pipeline", pipeline, span, MOST).await {
        Ok(runs) => runs,
        Err(error) => {
            tracing::warn!(%error, "the runs of a pipeline cannot be read");
            return None;
        }
    };
    let ended = |status| runs.iter().filter(move |run| run.status == status);
    let ended_at = |run: &Run| read_time(run.ended_at.as_deref()?).ok();
    let last_success = ended(Status::Succeeded).filter_map(ended_at).max();
    let failures = ended(Status::Failed).count();
    let runs = ended(Status::Succeeded).count() + failures;
    let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
    (runs > 0).then(|| Memory { last_success, failures: count(failures), runs: count(runs) })
}
