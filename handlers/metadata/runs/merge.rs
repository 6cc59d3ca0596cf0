//! Putting events together. The result is the same whatever their order, and however often each of
//! them arrives: every part of the state is a maximum, a minimum or a union.
//!
//! The latest attempt counts; in it, an end beats everything else, and of several ends the latest.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::model::{Counters, Facts, Failure, Run, Status};

/// So many ids of inputs, and of outputs, are kept: the first ones in their order.
const MOST_IDS: usize = 100;

/// When something happened, RFC 3339 with six digits of a second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// Whether the event said so itself. If not, it is when the event arrived.
    pub said: bool,
    /// The time.
    pub at: String,
}

/// What an event says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Where the run stands; nothing, if the event only adds facts.
    pub status: Option<Status>,
    /// Of which attempt.
    pub attempt: u32,
    /// When that was.
    pub at: Option<Moment>,
    /// When the run started.
    pub started: Option<Moment>,
    /// Whether it is the start: if it does not say when that was, it is when it arrived.
    pub is_start: bool,
    /// What the run is about.
    pub facts: Facts,
    /// What it reads.
    pub inputs: Vec<String>,
    /// What it writes.
    pub outputs: Vec<String>,
    /// What came of it.
    pub result: Result,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Result {
    /// How much it did.
    #[serde(skip_serializing_if = "is_default")]
    pub counters: Counters,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// The errors that its output lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Failure>,
    /// What it put out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Map<String, Value>>,
    /// The members of the output that were too large.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_dropped: Vec<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A value, and when it was said. The greater one wins: said beats assumed, then later beats
/// earlier, and if all is equal, the value itself decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stamped<T> {
    #[serde(flatten)]
    when: Moment,
    value: T,
}

/// One status of the latest attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Cell {
    #[serde(flatten)]
    when: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Stamped<Result>>,
}

/// All that is kept of a run's events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Merged {
    attempt: u32,
    facts: BTreeMap<String, Stamped<String>>,
    inputs: BTreeSet<String>,
    outputs: BTreeSet<String>,
    started: Option<Moment>,
    cells: BTreeMap<Status, Cell>,
}

impl Merged {
    /// Takes one event. `arrived` is when, RFC 3339 with six digits of a second.
    pub fn take(&mut self, event: &Event, arrived: &str) {
        let assumed = || Moment { said: false, at: arrived.to_owned() };
        let when = event.at.clone().unwrap_or_else(assumed);
        self.take_facts(&event.facts, &when);
        union(&mut self.inputs, &event.inputs);
        union(&mut self.outputs, &event.outputs);
        if event.attempt > self.attempt {
            self.attempt = event.attempt;
            self.cells.clear();
            self.started = None;
        }
        let started = event.started.clone().or_else(|| event.is_start.then(assumed));
        if let Some(started) = started.filter(|_| event.attempt == self.attempt) {
            self.start(started);
        }
        if let Some(status) = event.status.filter(|_| event.attempt == self.attempt) {
            self.take_status(status, when, &event.result);
        }
    }

    fn take_facts(&mut self, facts: &Facts, when: &Moment) {
        let Ok(Value::Object(facts)) = serde_json::to_value(facts) else { return };
        for (name, value) in facts {
            let Value::String(value) = value else { continue };
            let stamped = Stamped { when: when.clone(), value };
            let key = |it: &Stamped<String>| (it.when.clone(), it.value.clone());
            if self.facts.get(&name).is_none_or(|known| key(known) < key(&stamped)) {
                self.facts.insert(name, stamped);
            }
        }
    }

    /// The earliest time that was said; or else the earliest that was assumed.
    fn start(&mut self, moment: Moment) {
        let is_better = |known: &Moment| match moment.said.cmp(&known.said) {
            Ordering::Equal => moment.at < known.at,
            other => other.is_gt(),
        };
        if self.started.as_ref().is_none_or(is_better) {
            self.started = Some(moment);
        }
    }

    fn take_status(&mut self, status: Status, when: Moment, result: &Result) {
        let result = (*result != Result::default())
            .then(|| Stamped { when: when.clone(), value: result.clone() });
        let Some(cell) = self.cells.get_mut(&status) else {
            self.cells.insert(status, Cell { when, result });
            return;
        };
        // An event that does not say when may arrive again, and then it did not happen again.
        let is_better = match when.said.cmp(&cell.when.said) {
            Ordering::Equal if when.said => when.at > cell.when.at,
            Ordering::Equal => when.at < cell.when.at,
            other => other.is_gt(),
        };
        if is_better {
            cell.when = when;
        }
        let key = |it: &Stamped<Result>| (it.when.clone(), text_of(&it.value));
        if let Some(result) = result
            && cell.result.as_ref().is_none_or(|known| key(known) < key(&result))
        {
            cell.result = Some(result);
        }
    }

    /// The status that counts, and its cell.
    fn standing(&self) -> Option<(Status, &Cell)> {
        let key = |(status, cell): &(&Status, &Cell)| match status.is_terminal() {
            true => (true, cell.when.at.clone(), **status),
            // A queued run cannot follow a running one.
            false => (false, String::new(), **status),
        };
        self.cells.iter().max_by_key(key).map(|(status, cell)| (*status, cell))
    }

    /// What all of it comes to.
    pub fn run(&self, id: &str, created_at: &str, updated_at: &str) -> Run {
        let standing = self.standing();
        let (status, cell) = standing.map_or((Status::Queued, None), |(s, cell)| (s, Some(cell)));
        let ended = cell.filter(|_| status.is_terminal()).map(|cell| cell.when.at.clone());
        let started = self.started.as_ref().map(|moment| moment.at.clone());
        let counters = self.cells.iter().rev().filter(|(other, _)| !other.is_terminal());
        let results = counters.filter_map(|(_, cell)| cell.result.as_ref());
        let before = results.fold(Counters::default(), |all, it| all.or(it.value.counters));
        let result = cell.and_then(|cell| cell.result.as_ref());
        let result = result.map(|result| result.value.clone()).unwrap_or_default();
        Run {
            id: id.to_owned(),
            status,
            attempt: self.attempt.max(1),
            facts: self.facts(),
            inputs: self.inputs.iter().cloned().collect(),
            outputs: self.outputs.iter().cloned().collect(),
            duration_seconds: duration(started.as_deref(), ended.as_deref()),
            started_at: started,
            ended_at: ended,
            counters: result.counters.or(before),
            error: result.error,
            errors: result.errors,
            output: result.output,
            output_dropped: result.output_dropped,
            created_at: created_at.to_owned(),
            updated_at: updated_at.to_owned(),
        }
    }

    fn facts(&self) -> Facts {
        let value =
            |(name, it): (&String, &Stamped<String>)| (name.clone(), it.value.as_str().into());
        let facts: Map<String, Value> = self.facts.iter().map(value).collect();
        serde_json::from_value(Value::Object(facts)).unwrap_or_default()
    }
}

fn union(known: &mut BTreeSet<String>, more: &[String]) {
    known.extend(more.iter().cloned());
    while known.len() > MOST_IDS {
        known.pop_last();
    }
}

fn text_of(result: &Result) -> String {
    serde_json::to_string(result).unwrap_or_default()
}

/// The seconds from one time to another, unless they are in the wrong order.
fn duration(from: Option<&str>, to: Option<&str>) -> Option<f64> {
    let read = crate::metadata::http::time::read_time;
    let seconds = (read(to?).ok()? - read(from?).ok()?).as_seconds_f64();
    (seconds >= 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests;
