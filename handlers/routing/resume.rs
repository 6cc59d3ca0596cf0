//! Going on with a copy that an earlier invocation began.
//!
//! The rules may be others by now, the quarantine's reason may be over, or the first name may have
//! become free: a copy that was begun is still the one that counts, or there would be two.

use super::{
    Routing, Source,
    arrival::Delivery,
    ledger::{Entry, Note, State},
    mark,
    outcome::Outcome,
    route::OnConflict,
    transfer::{Transfer, Transferred},
};
use crate::stores::{
    StoreError,
    blobs::{Attributes, BlobPath, Blobs},
    optional,
};

/// Takes the copy that the entry tells of as far as it goes now; `None` if there is none.
///
/// # Errors
/// A failure that may be over at the next try.
pub(super) async fn resume(
    routing: &Routing<'_>,
    source: &Source,
    entry: &Entry,
) -> Result<Option<Delivery>, StoreError> {
    let Some((destination, aim)) = entry.destination.as_deref().zip(entry.aim) else {
        return Ok(None);
    };
    if aim != State::Quarantined && is_protecting(routing, source, entry) {
        return Ok(None);
    }
    let Some((elsewhere, target)) = locate(routing, destination) else { return Ok(None) };
    let store = elsewhere.map_or(routing.blobs, |(_, store)| store);
    let Some(copy) = optional(store.head(&target).await)? else {
        // The store took the copy on, and a copy does not vanish by itself, not even a failed one.
        let taken = entry.state == State::Copying;
        let reason = || format!("its copy to {destination} was taken before it could be verified");
        return Ok(taken.then(|| Delivery::Refused(reason())));
    };
    if !mark::is_from(&copy.metadata, &source.path, &source.properties.etag, &target) {
        return Ok(None);
    }
    let transfer = Transfer {
        source,
        from: routing.blobs,
        elsewhere,
        target: target.clone(),
        spare: None,
        on_conflict: OnConflict::Fail,
        attributes: Attributes::default(),
        keep_source: entry.source_kept,
        state: aim,
        note: note(entry, aim),
    };
    let transferred = transfer.complete(&routing.ledger, &target, &copy).await?;
    Ok(Some(Delivery::Outcome(outcome(entry, aim, transferred))))
}

/// Whether the entry's route protects: it finds what it began by itself, and a copy in clear that
/// was begun before it did so is not delivered any more.
fn is_protecting(routing: &Routing<'_>, source: &Source, entry: &Entry) -> bool {
    let mut routes = routing.active.config.routes.iter();
    let route = routes.find(|route| Some(&route.name) == entry.route.as_ref());
    route.is_some_and(|route| route.protection(&source.path).is_some())
}

/// Another account's name and store.
type Elsewhere<'a> = (&'a str, &'a dyn Blobs);

/// Reads `container/name`, or `account:container/name`, back from the ledger. A container has no
/// colon in its name.
fn locate<'a>(
    routing: &Routing<'a>,
    destination: &str,
) -> Option<(Option<Elsewhere<'a>>, BlobPath)> {
    let (place, name) = destination.split_once('/')?;
    let Some((account, container)) = place.split_once(':') else {
        return Some((None, BlobPath::new(place, name).ok()?));
    };
    let (account, store) = routing.active.accounts.get_key_value(account)?;
    Some((Some((account.as_str(), &**store)), BlobPath::new(container, name).ok()?))
}

fn note(entry: &Entry, aim: State) -> Note {
    Note {
        route: entry.route.clone(),
        dataset: entry.dataset.clone(),
        reason: entry.reason.clone().filter(|_| aim == State::Quarantined),
        ..Note::default()
    }
}

fn outcome(entry: &Entry, aim: State, transferred: Transferred) -> Outcome {
    match (transferred, aim) {
        (Transferred::Pending(destination), _) => Outcome::Copying(destination),
        (Transferred::Done(destination), State::Quarantined) => {
            Outcome::Quarantined { reason: entry.reason.clone().unwrap_or_default(), destination }
        }
        (Transferred::Done(destination), _) => {
            Outcome::Delivered { route: entry.route.clone().unwrap_or_default(), destination }
        }
        // Nothing is placed anew here, so nothing can be in the way.
        (Transferred::SourceChanged, _) => Outcome::Gone,
        (Transferred::Conflict(why) | Transferred::Refused(why), _) => Outcome::Stuck(why),
    }
}
