//! One blob arrived, by whatever trigger: decide, act, say what happened.

use super::{
    Routing, Source, dataset,
    ledger::{Entry, Note, State},
    mark,
    outcome::Outcome,
    pattern::Captures,
    protecting,
    resume::resume,
    route::{Action, OnConflict, Route, choose},
    template::{Facts, Template, version_name},
    transfer::{Transfer, Transferred, remove_source},
};
use crate::{
    config::is_original,
    stores::{
        StoreError,
        blobs::{Attributes, BlobPath, CopyState, Metadata},
        optional,
    },
};

/// Handles the arrival of the blob with this name, however often and however late it is announced.
///
/// # Errors
/// A failure that may be over at the next try; the caller asks for a redelivery. Everything that
/// would fail for ever ends in the quarantine and is `Ok`.
pub async fn arrive(routing: &Routing<'_>, path: &BlobPath) -> Result<Outcome, StoreError> {
    if !routing.active.config.is_landing(path.container()) {
        return Ok(Outcome::Ignored("its container is not a landing container"));
    }
    match optional(routing.blobs.head(path).await)? {
        Some(properties) => receive(routing, &Source { path: path.clone(), properties }).await,
        None => depart(routing, path).await,
    }
}

/// The same for a blob whose properties are known.
///
/// # Errors
/// As [`arrive`].
pub async fn receive(routing: &Routing<'_>, source: &Source) -> Result<Outcome, StoreError> {
    let Source { path, properties } = source;
    if is_folder(source) {
        return Ok(Outcome::Ignored("it is a folder"));
    }
    if mark::is_ours(&properties.metadata, path) {
        return Ok(Outcome::Ignored("lakehand wrote it"));
    }
    if let Some(entry) = routing.ledger.find(path, &properties.etag).await? {
        if entry.state.is_final() {
            return conclude(routing, source, entry).await;
        }
        if let Some(delivery) = resume(routing, source, &entry).await? {
            let note = Note { route: entry.route, dataset: entry.dataset, ..Note::default() };
            return accept(routing, source, delivery, note).await;
        }
    }
    if properties.copy == Some(CopyState::Pending) {
        return settle(routing, source, "it is still being copied here").await;
    }
    let chosen = choose(&routing.active.config.routes, path, properties);
    let is_marker = chosen.as_ref().is_some_and(|(route, _)| route.is_marker(path));
    if properties.length == 0 && !is_marker && !has_rested(routing, source) {
        return settle(routing, source, "it is empty and may still be written").await;
    }
    match chosen {
        None => quarantine(routing, source, "no route takes it", Note::default()).await,
        Some((route, captures)) if route.complete.is_some() => {
            dataset::receive(routing, route, &captures, source).await
        }
        Some((route, captures)) => {
            let note = Note { route: Some(route.name.clone()), ..Note::default() };
            let delivery = deliver(routing, route, &captures, source, &note).await?;
            accept(routing, source, delivery, note).await
        }
    }
}

/// What came of it in the end: what was refused goes to the quarantine.
async fn accept(
    routing: &Routing<'_>,
    source: &Source,
    delivery: Delivery,
    note: Note,
) -> Result<Outcome, StoreError> {
    match delivery {
        Delivery::Outcome(outcome) => Ok(outcome),
        Delivery::Refused(reason) => quarantine(routing, source, &reason, note).await,
    }
}

/// A name that stands for a folder: a stub of the data lake driver, or an empty name with a slash
/// at its end.
pub fn is_folder(source: &Source) -> bool {
    let Source { path, properties } = source;
    let stub = properties.metadata.get("hdi_isfolder");
    stub.is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || (path.name().ends_with('/') && properties.length == 0)
}

/// Whether the blob has been there unchanged for the settle time.
pub fn has_rested(routing: &Routing<'_>, source: &Source) -> bool {
    let settle = routing.active.config.landing.settle;
    (routing.ledger.now)() - source.properties.last_modified >= settle
}

async fn settle(
    routing: &Routing<'_>,
    source: &Source,
    reason: &str,
) -> Result<Outcome, StoreError> {
    let note = Note { reason: Some(reason.to_owned()), ..Note::default() };
    routing.ledger.note(source, State::Settling, &note).await?;
    Ok(Outcome::Settling(reason.to_owned()))
}

/// The blob is not there: it was handled before, or somebody took it.
async fn depart(routing: &Routing<'_>, path: &BlobPath) -> Result<Outcome, StoreError> {
    let Some(entry) = routing.ledger.history(path).await?.into_iter().next() else {
        return Ok(Outcome::Gone);
    };
    if entry.state.is_final() && !entry.is_source_removed() {
        let etag = crate::stores::ETag::new(&entry.etag);
        routing.ledger.note_removed(path, &etag).await?;
    }
    Ok(repeated(entry))
}

/// The destination is recorded already; only the source may be left.
async fn conclude(
    routing: &Routing<'_>,
    source: &Source,
    entry: Entry,
) -> Result<Outcome, StoreError> {
    if entry.source_kept {
        routing.ledger.note_kept(&source.path, &entry).await?;
    } else {
        remove_source(routing.blobs, source, &routing.ledger).await?;
    }
    Ok(repeated(entry))
}

fn repeated(entry: Entry) -> Outcome {
    match entry.destination {
        Some(destination) if entry.state.is_final() => Outcome::Repeated(destination),
        _ => Outcome::Gone,
    }
}

/// What came of sending a blob where its route says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// This.
    Outcome(Outcome),
    /// It can never be delivered there, for this reason, and belongs in the quarantine.
    Refused(String),
}

/// Sends the blob where its route says.
///
/// # Errors
/// As [`arrive`].
pub async fn deliver(
    routing: &Routing<'_>,
    route: &Route,
    captures: &Captures,
    source: &Source,
    note: &Note,
) -> Result<Delivery, StoreError> {
    if let Some(protect) = route.protection(&source.path) {
        return protecting::deliver(routing, (route, protect), captures, source, note).await;
    }
    let facts = facts(source, captures);
    let target = match destination(routing, &route.to, &facts) {
        Ok(target) => target,
        Err(reason) => return Ok(Delivery::Refused(reason)),
    };
    let elsewhere = route.to_account.as_deref();
    let accounts = &routing.active.accounts;
    let transfer = Transfer {
        source,
        from: routing.blobs,
        elsewhere: elsewhere.and_then(|name| Some((name, &**accounts.get(name)?))),
        spare: version_name(&target, &facts).ok(),
        on_conflict: conflict_policy(route, &target),
        target,
        attributes: attributes(route, source, &facts),
        keep_source: route.action == Action::Copy,
        state: State::Delivered,
        note: note.clone(),
    };
    Ok(match transfer.run(&routing.ledger).await? {
        Transferred::Done(destination) => {
            Delivery::Outcome(Outcome::Delivered { route: route.name.clone(), destination })
        }
        Transferred::Pending(destination) => Delivery::Outcome(Outcome::Copying(destination)),
        Transferred::SourceChanged => Delivery::Outcome(Outcome::Gone),
        Transferred::Conflict(taken) => {
            let name = &route.name;
            Delivery::Refused(format!("{taken} exists already and route {name} says so: fail"))
        }
        Transferred::Refused(reason) => Delivery::Refused(reason),
    })
}

/// What templates draw from.
pub(super) fn facts<'a>(source: &'a Source, captures: &'a Captures) -> Facts<'a> {
    let Source { path, properties } = source;
    Facts { captures, source: path, etag: &properties.etag, landed: properties.last_modified }
}

/// The name that a template gives, if a blob may go there.
pub(super) fn destination(
    routing: &Routing<'_>,
    to: &Template,
    facts: &Facts<'_>,
) -> Result<BlobPath, String> {
    let target = to.destination(facts).map_err(|error| error.to_string())?;
    routing.active.config.allows_target(target)
}

/// An `Original/` is never silently overwritten, also when a capture named it.
pub(super) fn conflict_policy(route: &Route, target: &BlobPath) -> OnConflict {
    match route.on_conflict {
        OnConflict::Replace if is_original(target.name()) => OnConflict::Version,
        policy => policy,
    }
}

/// What the delivered blob carries beside its mark.
pub(super) fn attributes(route: &Route, source: &Source, facts: &Facts<'_>) -> Attributes {
    let mut metadata = own_metadata(source);
    metadata.insert(mark::ROUTE.to_owned(), route.name.clone());
    let tags = route.tags.iter().map(|(name, value)| (name.clone(), value.render(facts)));
    Attributes { content_type: None, metadata, tags: tags.collect(), tier: route.tier.clone() }
}

/// The user's metadata, without what an earlier journey of the blob left there.
fn own_metadata(source: &Source) -> Metadata {
    let mut metadata = source.properties.metadata.clone();
    metadata.retain(|name, _| !name.starts_with("lakehand_"));
    metadata
}

/// Puts a blob aside with the reason, so that it is neither lost nor tried for ever.
///
/// # Errors
/// As [`arrive`].
pub async fn quarantine(
    routing: &Routing<'_>,
    source: &Source,
    reason: &str,
    note: Note,
) -> Result<Outcome, StoreError> {
    let captures = Captures::default();
    let facts = facts(source, &captures);
    let note = Note { reason: Some(reason.to_owned()), ..note };
    let config = &routing.active.config;
    let target = config.landing.quarantine.destination(&facts);
    let target = match target.map_err(|e| e.to_string()).and_then(|to| config.allows_target(to)) {
        Ok(target) => target,
        Err(error) => return stick(routing, source, &format!("{reason}; {error}"), note).await,
    };
    let mut metadata = own_metadata(source);
    metadata.insert(mark::REASON.to_owned(), mark::header_text(reason));
    let transfer = Transfer {
        source,
        from: routing.blobs,
        elsewhere: None,
        spare: version_name(&target, &facts).ok(),
        target,
        on_conflict: OnConflict::Version,
        attributes: Attributes { metadata, ..Attributes::default() },
        keep_source: false,
        state: State::Quarantined,
        note: note.clone(),
    };
    match transfer.run(&routing.ledger).await? {
        Transferred::Done(destination) => {
            Ok(Outcome::Quarantined { reason: reason.to_owned(), destination })
        }
        Transferred::Pending(destination) => Ok(Outcome::Copying(destination)),
        Transferred::SourceChanged => Ok(Outcome::Gone),
        Transferred::Conflict(why) | Transferred::Refused(why) => {
            let reason = format!("{reason}; the quarantine cannot take it either: {why}");
            stick(routing, source, &reason, note).await
        }
    }
}

async fn stick(
    routing: &Routing<'_>,
    source: &Source,
    reason: &str,
    note: Note,
) -> Result<Outcome, StoreError> {
    let note = Note { reason: Some(reason.to_owned()), ..note };
    routing.ledger.note(source, State::Stuck, &note).await?;
    Ok(Outcome::Stuck(reason.to_owned()))
}
