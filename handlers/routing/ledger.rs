//! The ledger: one entry per blob version that arrived, with every step it took.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Source;
use crate::stores::{
    Condition, ETag, Fault, StoreError,
    blobs::BlobPath,
    documents::{self, Collection, Document, Documents, Key, Query},
};

/// The state of one blob version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It waits for its dataset's marker.
    Waiting,
    /// It, or its dataset, must rest before it counts as complete.
    Settling,
    /// The store is still copying it.
    Copying,
    /// It is where its route says.
    Delivered,
    /// It is in the quarantine, with the reason.
    Quarantined,
    /// It can neither be delivered nor quarantined, and stays where it landed until somebody acts.
    Stuck,
}

impl Entry {
    /// Whether the source is known to be gone.
    pub fn is_source_removed(&self) -> bool {
        self.steps.iter().any(|step| step.step == REMOVED)
    }
}

impl State {
    /// Whether the destination holds the content, so that only the source is left to remove.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Quarantined)
    }
}

/// Something that happened to a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What: a [`State`] in camel case, or `sourceRemoved`.
    pub step: String,
    /// Where to, or why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The invocation that did it, as the host's log names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_id: Option<String>,
}

/// One blob version's entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The blob that landed, `container/name`.
    pub blob: BlobPath,
    /// Its version.
    pub etag: String,
    /// Its length in bytes.
    pub length: u64,
    /// The route that took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Where things stand.
    pub state: State,
    /// Where it went, `container/name`, with `account:` before it for another account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Why it waits or was quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The dataset it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The state that the copy at `destination` is to end in, known once there may be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<State>,
    /// Whether the source stays after the delivery, whatever the rules say later.
    #[serde(default)]
    pub source_kept: bool,
    /// Everything that happened, oldest first.
    pub steps: Vec<Step>,
}

/// What is to be noted.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// The route that took the blob.
    pub route: Option<String>,
    /// Where it goes.
    pub destination: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The dataset it belongs to.
    pub dataset: Option<String>,
    /// The state that the copy is to end in; with it, whether the source stays.
    pub aim: Option<(State, bool)>,
}

/// The ledger and what every note in it carries.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    /// Where it is kept.
    pub documents: &'a dyn Documents,
    /// How long an entry is kept after its last change.
    pub retention: std::time::Duration,
    /// The clock.
    pub now: fn() -> OffsetDateTime,
    /// The host's id of this invocation.
    pub invocation_id: Option<&'a str>,
}

/// An entry that keeps changing hands is given up after so many tries; each lost one means that
/// another writer won, so somebody always makes progress.
const TRIES: usize = 16;

/// More steps than this are never kept: an entry stays far below the 2 MB of a Cosmos DB item.
const MOST_STEPS: usize = 100;

/// The step that ends a move.
const REMOVED: &str = "sourceRemoved";

/// The step that renews the entry of a source that stays.
const KEPT: &str = "sourceKept";

impl Ledger<'_> {
    /// The entry of one blob version.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn find(&self, blob: &BlobPath, etag: &ETag) -> Result<Option<Entry>, StoreError> {
        let found: Option<Document<Entry>> =
            documents::read(self.documents, Collection::Ledger, &key(blob, etag)).await?;
        Ok(found.map(|document| document.body))
    }

    /// Every version of a blob that arrived, the last one to move first, at most 100.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn history(&self, blob: &BlobPath) -> Result<Vec<Entry>, StoreError> {
        let versions = blob.to_string();
        let page = self.documents.list(Collection::Ledger, &Query::of(&versions)).await?;
        let mut entries = Vec::new();
        for document in page.items {
            entries.push(documents::typed::<Entry>(document)?.body);
        }
        entries.sort_by(|a, b| last_step(b).cmp(last_step(a)));
        Ok(entries)
    }

    /// Notes a new state. Returns without writing when the entry says the same already, or when it
    /// is final and the note is not: a slow worker must not undo what a fast one finished.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn note(&self, source: &Source, state: State, note: &Note) -> Result<(), StoreError> {
        let step = self.step(name_of(state), note.destination.as_ref().or(note.reason.as_ref()));
        self.change(&source.path, &source.properties.etag, Some(fresh(source)), |entry| {
            let same = entry.state == state
                && entry.reason == note.reason
                && note
                    .destination
                    .as_ref()
                    .is_none_or(|to| Some(to) == entry.destination.as_ref());
            let late = entry.state.is_final() && !state.is_final();
            if late || (same && !entry.steps.is_empty()) {
                return false;
            }
            entry.state = state;
            entry.reason.clone_from(&note.reason);
            for (field, value) in [
                (&mut entry.route, &note.route),
                (&mut entry.destination, &note.destination),
                (&mut entry.dataset, &note.dataset),
            ] {
                if value.is_some() {
                    field.clone_from(value);
                }
            }
            if let Some((aim, source_kept)) = note.aim {
                entry.aim = Some(aim);
                entry.source_kept = source_kept;
            }
            entry.steps.push(step.clone());
            true
        })
        .await
    }

    /// Renews the entry of a source that stays, well before it expires: without it, the source
    /// would count as an arrival again.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn note_kept(&self, blob: &BlobPath, entry: &Entry) -> Result<(), StoreError> {
        let last = OffsetDateTime::parse(last_step(entry), &Rfc3339).ok();
        if last.is_some_and(|last| (self.now)() - last < self.retention / 2) {
            return Ok(());
        }
        let step = self.step(KEPT.to_owned(), None);
        self.change(blob, &ETag::new(&entry.etag), None, |entry| {
            entry.steps.push(step.clone());
            true
        })
        .await
    }

    /// Notes that the source is gone, after its delivery; without an entry there is nothing to add to.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn note_removed(&self, blob: &BlobPath, etag: &ETag) -> Result<(), StoreError> {
        let step = self.step(REMOVED.to_owned(), None);
        self.change(blob, etag, None, |entry| {
            let known = entry.steps.iter().any(|known| known.step == step.step);
            if !known {
                entry.steps.push(step.clone());
            }
            !known
        })
        .await
    }

    fn step(&self, step: String, detail: Option<&String>) -> Step {
        let at = (self.now)().replace_nanosecond(0).unwrap_or_else(|_| (self.now)());
        Step {
            at: at.format(&Rfc3339).unwrap_or_default(),
            step,
            detail: detail.cloned(),
            invocation_id: self.invocation_id.map(str::to_owned),
        }
    }

    /// Reads, changes and writes back under the version that was read, until nobody comes between.
    async fn change(
        &self,
        blob: &BlobPath,
        etag: &ETag,
        initial: Option<Entry>,
        mut apply: impl FnMut(&mut Entry) -> bool + Send,
    ) -> Result<(), StoreError> {
        let key = key(blob, etag);
        for _ in 0..TRIES {
            let found = documents::read(self.documents, Collection::Ledger, &key).await?;
            let (mut entry, condition) = match (found, &initial) {
                (Some(Document { body, etag, .. }), _) => (body, Condition::Matches(etag)),
                (None, Some(initial)) => (initial.clone(), Condition::Absent),
                (None, None) => return Ok(()),
            };
            if !apply(&mut entry) {
                return Ok(());
            }
            let surplus = entry.steps.len().saturating_sub(MOST_STEPS);
            entry.steps.drain(..surplus);
            let body = documents::body_of(&key, &entry)?;
            let keep = Some(self.retention);
            match self.documents.put(Collection::Ledger, &key, &body, &condition, keep).await {
                Err(error) if matches!(error.fault, Fault::Changed | Fault::AlreadyExists) => {}
                other => return other.map(drop),
            }
        }
        let detail = "others keep changing it; try again";
        Err(StoreError::new(Fault::Unavailable, "note", key, detail))
    }
}

fn key(blob: &BlobPath, etag: &ETag) -> Key {
    Key::new(blob.to_string(), etag.as_str())
}

fn fresh(source: &Source) -> Entry {
    Entry {
        blob: source.path.clone(),
        etag: source.properties.etag.as_str().to_owned(),
        length: source.properties.length,
        route: None,
        state: State::Settling,
        destination: None,
        reason: None,
        dataset: None,
        aim: None,
        source_kept: false,
        steps: Vec::new(),
    }
}

fn name_of(state: State) -> String {
    let name = serde_json::to_value(state).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn last_step(entry: &Entry) -> &str {
    entry.steps.last().map_or("", |step| step.at.as_str())
}
