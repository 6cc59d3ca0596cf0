//! A route with `protect`: what is delivered is the blob with its columns encrypted.
//!
//! The order of effects is that of a transfer: the outcome is committed, the plaintext is kept where
//! the route says so, the delivery is noted, the source is removed last. A repeat finds the outcome
//! by its labels. What cannot be protected goes to the quarantine, never to the destination.

use std::sync::Arc;

use super::{
    Routing, Source,
    arrival::{self, Delivery},
    crash,
    ledger::{Note, State},
    outcome::Outcome,
    pattern::Captures,
    route::{Action, OnConflict, Protect, Route},
    template::{Facts, version_name},
    transfer::{Transfer, Transferred, remove_source},
};
use crate::{
    encryption::{
        keys::KeyError,
        service::{
            failure::Failure,
            format::Format,
            job::{Change, Job},
        },
    },
    stores::{Fault, StoreError, blobs::BlobPath},
};

/// Sends the protected blob where its route says.
///
/// # Errors
/// A failure that may be over at the next try, that of a key included: it is not the file's fault.
pub(super) async fn deliver(
    routing: &Routing<'_>,
    (route, protect): (&Route, &Protect),
    captures: &Captures,
    source: &Source,
    note: &Note,
) -> Result<Delivery, StoreError> {
    let facts = arrival::facts(source, captures);
    let job = match job(routing, (route, protect), source, &facts) {
        Ok(job) => job,
        Err(reason) => return Ok(Delivery::Refused(reason)),
    };
    let destination = match job.run(routing.tools).await {
        Ok(report) => report.destination,
        Err(Failure::SourceChanged(_)) => return Ok(Delivery::Outcome(Outcome::Gone)),
        Err(failure) => return refused(source, failure).map(Delivery::Refused),
    };
    crash::point("protected");
    if let Some(delivery) = keep_original(routing, (route, protect), source, &facts, note).await? {
        return Ok(delivery);
    }
    let keep_source = route.action == Action::Copy;
    let note = Note {
        destination: Some(destination.clone()),
        aim: Some((State::Delivered, keep_source)),
        ..note.clone()
    };
    routing.ledger.note(source, State::Delivered, &note).await?;
    crash::point("recorded");
    if !keep_source {
        remove_source(routing.blobs, source, &routing.ledger).await?;
    }
    Ok(Delivery::Outcome(Outcome::Delivered { route: route.name.clone(), destination }))
}

fn job(
    routing: &Routing<'_>,
    (route, protect): (&Route, &Protect),
    source: &Source,
    facts: &Facts<'_>,
) -> Result<Job, String> {
    let destination = arrival::destination(routing, &route.to, facts)?;
    let format = Format::of_file(source.path.name(), &protect.csv);
    let format = format.ok_or("its name does not tell a format that can be protected")?;
    let store = |name: &String| Some((name.clone(), routing.active.accounts.get(name)?));
    let elsewhere = route.to_account.as_ref().and_then(store);
    let mut attributes = arrival::attributes(route, source, facts);
    attributes.content_type.clone_from(&source.properties.content_type);
    Ok(Job {
        source: source.clone(),
        elsewhere: elsewhere.map(|(name, store)| (name, Arc::clone(store))),
        spare: version_name(&destination, facts).ok(),
        on_conflict: arrival::conflict_policy(route, &destination),
        destination,
        is_resumed: true,
        attributes,
        format,
        change: Change::Protect(protect.policy.clone()),
        rejects: None,
        deadline: routing.deadline,
    })
}

/// Why the file is refused for ever; the error is a failure that may pass.
fn refused(source: &Source, failure: Failure) -> Result<String, StoreError> {
    let later = |why: &dyn ToString| {
        Err(StoreError::new(Fault::Unavailable, "protect", &source.path, why.to_string()))
    };
    match failure {
        Failure::Refused(refusal) => Ok(format!("it cannot be protected: {}", refusal.reason)),
        Failure::TooLarge(reason) => Ok(format!("it cannot be protected: {reason}")),
        Failure::Store(error) | Failure::Key(KeyError::Store(error)) if error.is_transient() => {
            Err(error)
        }
        Failure::Store(StoreError { fault: Fault::Rejected, detail, .. }) => Ok(detail),
        other => later(&other),
    }
}

/// Keeps the plaintext where the route says; something other than `None` ends the delivery.
async fn keep_original(
    routing: &Routing<'_>,
    (route, protect): (&Route, &Protect),
    source: &Source,
    facts: &Facts<'_>,
    note: &Note,
) -> Result<Option<Delivery>, StoreError> {
    let Some(original) = &protect.original else { return Ok(None) };
    let refused =
        |reason: &str| Delivery::Refused(format!("its original cannot be kept: {reason}"));
    let target: BlobPath = match arrival::destination(routing, original, facts) {
        Ok(target) => target,
        Err(reason) => return Ok(Some(refused(&reason))),
    };
    let transfer = Transfer {
        source,
        from: routing.blobs,
        elsewhere: None,
        spare: version_name(&target, facts).ok(),
        target,
        on_conflict: OnConflict::Version,
        attributes: arrival::attributes(route, source, facts),
        keep_source: true,
        state: State::Settling,
        note: note.clone(),
    };
    let kept = transfer.run(&routing.ledger).await?;
    crash::point("kept");
    Ok(match kept {
        Transferred::Done(_) => None,
        Transferred::Pending(place) => Some(Delivery::Outcome(Outcome::Copying(place))),
        Transferred::SourceChanged => Some(Delivery::Outcome(Outcome::Gone)),
        Transferred::Conflict(why) | Transferred::Refused(why) => Some(refused(&why)),
    })
}
