//! What a report changes, and what there is to say now. Pure: the clock is an argument.

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

use std::time::Duration;

use time::OffsetDateTime;

use super::record::{Acknowledgement, Claim, Fate, Record, Said, Spacing, Status, Told};
use crate::alerts::{
    deliver::channel::Occasion,
    incident::{Condition, Incident},
};

/// So many reports are kept as examples for a summary.
const MOST_EXAMPLES: usize = 5;

/// So many notices are remembered.
const MOST_NOTICES: usize = 30;

/// How long one worker may take to say something before another one does.
const CLAIM: Duration = Duration::from_secs(300);

/// The record after one more report of something that is wrong.
pub fn fired(there: Option<Record>, incident: Incident, now: OffsetDateTime) -> Record {
    match there {
        Some(mut record) if record.status == Status::Open => {
            record.reports += 1;
            record.last_at = now.max(record.last_at);
            record.told.unsaid += 1;
            if record.examples.len() < MOST_EXAMPLES {
                record.examples.push(incident);
            }
            record
        }
        there => opened(there.map(|record| record.told), incident, now),
    }
}

fn opened(before: Option<Told>, incident: Incident, now: OffsetDateTime) -> Record {
    let before = before.unwrap_or_default();
    Record {
        id: incident.id.clone(),
        status: Status::Open,
        pipeline: incident.pipeline.clone(),
        opened_at: now,
        last_at: now,
        resolved_at: None,
        reports: 1,
        incident: Incident { condition: Condition::Fired, ..incident },
        examples: Vec::new(),
        // What was said in the course before is remembered, and its numbers are not used again.
        told: Told { number: before.number, notices: before.notices, ..Told::default() },
        acknowledged: None,
    }
}

/// The record once its cause is gone; `None` if it is closed already.
pub fn resolved(mut record: Record, now: OffsetDateTime) -> Option<Record> {
    if record.status == Status::Resolved {
        return None;
    }
    record.status = Status::Resolved;
    record.resolved_at = Some(now);
    Some(record)
}

/// The record once somebody looks after it; `None` if it is closed.
pub fn acknowledged(mut record: Record, acknowledgement: Acknowledgement) -> Option<Record> {
    if record.status == Status::Resolved {
        return None;
    }
    record.acknowledged = Some(acknowledgement);
    Some(record)
}

/// What there is to say of an incident now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// This.
    Now(Occasion),
    /// Another worker is about to say it.
    Claimed,
    /// Its further reports are gathered until then.
    Gathered(OffsetDateTime),
    /// Nothing.
    Nothing,
}

/// What there is to say now.
pub fn due(record: &Record, now: OffsetDateTime) -> Due {
    let told = &record.told;
    if told.claim.as_ref().is_some_and(|claim| claim.until > now) {
        return Due::Claimed;
    }
    let has_passed = |at: Option<OffsetDateTime>| at.is_none_or(|at| at <= now);
    match (record.status, told.opened) {
        // What ended before anybody heard of it is still told, for it did go wrong: as its opening.
        (_, None) => Due::Now(Occasion::Opened),
        (Status::Resolved, Some(_)) if told.resolved => Due::Nothing,
        (Status::Resolved, Some(_)) => Due::Now(Occasion::Resolved),
        (Status::Open, Some(_)) if told.unsaid > 0 => match told.window_ends {
            Some(end) if end > now => Due::Gathered(end),
            _ => Due::Now(Occasion::Summary),
        },
        (Status::Open, Some(_)) => {
            let remind = has_passed(told.reminder_at) && record.acknowledged.is_none();
            if remind { Due::Now(Occasion::Reminder) } else { Due::Nothing }
        }
    }
}

/// Takes the right to say something, so that no other worker says it meanwhile.
pub fn claim(mut record: Record, occasion: Occasion, by: &str, now: OffsetDateTime) -> Record {
    let unsaid = record.told.unsaid;
    record.told.claim = Some(Claim { by: by.to_owned(), occasion, unsaid, until: now + CLAIM });
    record
}

/// The record after something was said, or could not be. It counts as said if one channel or the
/// outbox took it, or if no channel wants to hear it; else it is due again.
pub fn said(
    mut record: Record,
    claim: &Claim,
    notices: Vec<Said>,
    spacing: &Spacing,
    now: OffsetDateTime,
) -> Record {
    let told = &mut record.told;
    if told.claim.as_ref() == Some(claim) {
        told.claim = None;
    }
    let taken = notices.is_empty() || notices.iter().any(|said| said.outcome != Fate::Failed);
    told.notices.extend(notices);
    let surplus = told.notices.len().saturating_sub(MOST_NOTICES);
    told.notices.drain(..surplus);
    if !taken {
        return record;
    }
    told.number += 1;
    told.reminder_at = Some(now + spacing.repeat);
    match claim.occasion {
        Occasion::Opened => {
            told.opened = Some(now);
            told.window_ends = Some(now + spacing.window);
        }
        Occasion::Summary => {
            told.unsaid = told.unsaid.saturating_sub(claim.unsaid);
            told.window_ends = Some(now + spacing.window);
            record.examples.clear();
        }
        Occasion::Reminder => {}
        Occasion::Resolved => told.resolved = true,
    }
    record
}

/// The name of the next notice, the same for every try to send it.
pub fn key(record: &Record) -> String {
    format!("{}-{}", record.id, record.told.number)
}
