//! Which state follows which, and what a change does to a record.

use serde_json::{Map, Value};

use super::model::{Change, Dataset, Draft, Facts, STATUSES, Status};
use crate::{
    error::{Error, Wrong},
    metadata::http::{
        body,
        text::{check_id, check_text, nearest, shortened},
    },
};

/// So many entries of a history are kept.
pub const MOST_CHANGES: usize = 100;

/// So much of a reason is kept, in bytes.
pub const LONGEST_REASON: usize = 1_000;

const MOST_TAGS: usize = 50;
const MOST_INPUTS: usize = 100;

/// The largest number that every reader of JSON keeps exactly.
const MOST: u64 = (1 << 53) - 1;

/// The members that lakehand itself writes.
const READ_ONLY: [&str; 8] =
    ["id", "route", "delivery", "createdAt", "updatedAt", "readyAt", "history", "historyDropped"];

/// The members that a caller may change.
const EDITABLE: [&str; 11] = [
    "status",
    "reason",
    "by",
    "container",
    "path",
    "files",
    "bytes",
    "tags",
    "owner",
    "runId",
    "inputs",
];

/// The states that may follow one, itself included.
pub fn allowed(from: Status, is_new_delivery: bool) -> Vec<Status> {
    use Status::{Archived, Failed, Landing, Processing, Quarantined, Ready, Received};
    let next: &[Status] = match from {
        Landing => &[Received, Processing, Ready, Failed, Quarantined, Archived],
        Received => &[Processing, Ready, Failed, Quarantined, Archived],
        Processing => &[Ready, Failed, Quarantined, Archived],
        // A new delivery, a retry, a release.
        Ready | Failed | Quarantined => {
            &[Received, Processing, Ready, Failed, Quarantined, Archived]
        }
        Archived if is_new_delivery => &[Received, Processing, Ready, Failed, Quarantined],
        Archived => &[],
    };
    STATUSES.into_iter().filter(|status| *status == from || next.contains(status)).collect()
}

/// What happened to a dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Where it stands now.
    pub status: Status,
    /// When, RFC 3339.
    pub at: String,
    /// Who says so.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// The run that did it.
    pub run_id: Option<String>,
    /// The delivery, if it is of one.
    pub delivery: Option<u32>,
}

impl Dataset {
    /// A dataset that begins with an event.
    pub fn begin(id: &str, facts: Facts, event: Event) -> Self {
        let mut dataset = Self {
            id: id.to_owned(),
            status: event.status,
            facts,
            created_at: event.at.clone(),
            ..Self::default()
        };
        dataset.note(event);
        dataset
    }

    /// Takes an event; `Err` with the allowed states if its status cannot follow.
    ///
    /// # Errors
    /// `Conflict`, with the dataset.
    pub fn apply(&mut self, event: Event) -> Result<(), Error> {
        let is_new = event.delivery > self.delivery;
        let allowed = allowed(self.status, is_new);
        if !allowed.contains(&event.status) {
            return Err(self.refusal(event.status, &allowed));
        }
        self.note(event);
        Ok(())
    }

    /// Adds an entry to the history, without asking whether the status may follow.
    pub(super) fn note(&mut self, event: Event) {
        let Event { status, at, by, reason, run_id, delivery } = event;
        let reason = reason.map(|reason| shortened(&reason, LONGEST_REASON));
        self.status = status;
        self.reason.clone_from(&reason);
        self.updated_at.clone_from(&at);
        if status == Status::Ready {
            self.ready_at = Some(at.clone());
        }
        self.delivery = delivery.or(self.delivery);
        self.history.push(Change { at, status, by, reason, run_id, delivery });
        let surplus = self.history.len().saturating_sub(MOST_CHANGES);
        self.history.drain(..surplus);
        self.history_dropped += surplus as u64;
    }

    fn refusal(&self, wanted: Status, allowed: &[Status]) -> Error {
        let names: Vec<_> =
            allowed.iter().filter(|it| **it != self.status).map(|it| it.name()).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let why = match self.status {
            Status::Archived => "; only a new delivery takes it back",
            _ => "",
        };
        Error::conflict(
            format!("status: from {} to {wanted} is not allowed, but to {names}{why}", self.status),
            self,
        )
    }
}

/// Reads a draft.
///
/// # Errors
/// `Fields` with all that is wrong.
pub fn read_draft(object: Map<String, Value>) -> Result<Draft, Error> {
    if let Some(problems) = read_only(&object) {
        return Err(Error::Fields(problems));
    }
    let draft: Draft = body::typed(object)?;
    let problems = problems(&draft);
    if !problems.is_empty() {
        return Err(Error::Fields(problems));
    }
    Ok(Draft { told_by: draft.run_id.clone(), ..draft })
}

/// The dataset's members that a caller may change, after a JSON Merge Patch (RFC 7396).
///
/// # Errors
/// `Fields` with all that is wrong, unknown or read-only.
pub fn patched(dataset: &Dataset, patch: &Map<String, Value>) -> Result<Draft, Error> {
    if let Some(mut problems) = read_only(patch) {
        problems.extend(unknown(patch));
        return Err(Error::Fields(problems));
    }
    let unknown: Vec<Wrong> = unknown(patch).collect();
    if !unknown.is_empty() {
        return Err(Error::Fields(unknown));
    }
    if patch.get("status").is_some_and(Value::is_null) {
        return Err(Wrong::new("status", "cannot be removed").into());
    }
    let mut merged = serde_json::to_value(&dataset.facts).unwrap_or_default();
    merge(&mut merged, &Value::Object(patch.clone()));
    let Value::Object(merged) = merged else { return Ok(Draft::default()) };
    let draft = read_draft(merged)?;
    let told_by = draft.told_by.filter(|_| patch.contains_key("runId"));
    Ok(Draft { told_by, ..draft })
}

/// Merges a patch into a value as RFC 7396 says: null removes, objects merge, all else replaces.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            fields.shift_remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), value);
        }
    }
}

fn read_only(object: &Map<String, Value>) -> Option<Vec<Wrong>> {
    let problems: Vec<Wrong> = object
        .keys()
        .filter_map(|name| match name.as_str() {
            "etag" => Some(Wrong::new(name, "is a version; send it as If-Match or ?etag=")),
            name if READ_ONLY.contains(&name) => {
                Some(Wrong::new(name, "is read-only; leave it out"))
            }
            _ => None,
        })
        .collect();
    (!problems.is_empty()).then_some(problems)
}

fn unknown(patch: &Map<String, Value>) -> impl Iterator<Item = Wrong> {
    let is_unknown = |name: &&String| {
        !EDITABLE.contains(&name.as_str()) && !READ_ONLY.contains(&name.as_str()) && *name != "etag"
    };
    patch.keys().filter(is_unknown).take(20).map(|name| {
        let hint = nearest(name, &EDITABLE).map(|near| format!("; did you mean `{near}`?"));
        let hint = hint.unwrap_or_default();
        let detail = format!("is not a field{hint}; known are: {}", EDITABLE.join(", "));
        Wrong::new(shortened(name, 200), detail)
    })
}

/// What in a draft is too long, too many or no text.
fn problems(draft: &Draft) -> Vec<Wrong> {
    let mut problems = Vec::new();
    let mut check = |checked: Result<(), Wrong>| problems.extend(checked.err());
    for (field, text, longest) in [
        ("container", &draft.container, 256),
        ("path", &draft.path, 1_024),
        ("owner", &draft.owner, 256),
        ("by", &draft.by, 128),
    ] {
        check(text.as_ref().map_or(Ok(()), |text| check_text(field, text, longest)));
    }
    check(draft.run_id.as_ref().map_or(Ok(()), |id| check_id("runId", id)));
    for (field, number) in [("files", draft.files), ("bytes", draft.bytes)] {
        if number > MOST {
            check(Err(Wrong::new(field, format!("must be at most {MOST}"))));
        }
    }
    if draft.tags.len() > MOST_TAGS {
        check(Err(Wrong::new("tags", format!("at most {MOST_TAGS} are allowed"))));
    }
    for (name, value) in draft.tags.iter().take(MOST_TAGS) {
        let field = format!("tags.{}", shortened(name, 128));
        check(check_text(&field, name, 128));
        check(check_text(&field, value, 1_024));
    }
    if draft.inputs.len() > MOST_INPUTS {
        check(Err(Wrong::new("inputs", format!("at most {MOST_INPUTS} are allowed"))));
    }
    for (index, id) in draft.inputs.iter().take(MOST_INPUTS).enumerate() {
        check(check_id(&format!("inputs[{index}]"), id));
    }
    problems
}

#[cfg(test)]
mod tests;
