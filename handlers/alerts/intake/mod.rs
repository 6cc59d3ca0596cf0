//! Bytes in, incidents out: every payload that people let their alerts post is understood without
//! being told what it is, and what is not understood is sent as it is.
//!
//! [`shape`] tells payloads apart, [`fields`] reads their members, [`flat`], [`monitor`] and
//! [`lineage`] make [`report`]s of them, and [`tolerant`] reads what was meant to be JSON.

pub mod fields;
pub mod flat;
pub mod lineage;
pub mod moment;
pub mod monitor;
pub mod pairs;
pub mod report;
pub mod shape;
#[cfg(test)]
mod tests;
pub mod tolerant;

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use time::OffsetDateTime;

use super::{assemble, incident::Incident, severity::Rules};
use report::Report;

/// How many bytes of a payload are read.
pub const LONGEST_PAYLOAD: usize = 1 << 20;
/// How many incidents one payload makes at most.
pub const MOST_INCIDENTS: usize = 100;

/// What a payload tells of, at least one incident and at most [`MOST_INCIDENTS`]. What is neither
/// JSON nor meant to be is a text.
pub fn read(body: &[u8], now: OffsetDateTime, rules: &Rules) -> Vec<Incident> {
    let text = decoded(body);
    let mut reports = reports(&text);
    let are_left_out = reports.len() > MOST_INCIDENTS;
    reports.truncate(MOST_INCIDENTS);
    let mut incidents: Vec<Incident> =
        reports.into_iter().map(|report| assemble::incident(report, now, rules)).collect();
    if let Some(last) = incidents.last_mut().filter(|_| are_left_out) {
        last.facts.push(assemble::fact("Left out", "more of the same payload"));
    }
    incidents
}

/// The text, in UTF-8 or what its byte order mark says, cut to what is read.
fn decoded(body: &[u8]) -> Cow<'_, str> {
    let body = &body[..body.len().min(LONGEST_PAYLOAD)];
    let (encoding, mark) = Encoding::for_bom(body).unwrap_or((UTF_8, 0));
    encoding.decode_without_bom_handling(&body[mark..]).0
}

fn reports(text: &str) -> Vec<Report> {
    let text = text.trim();
    let form = form_payload(text);
    let text = form.as_deref().unwrap_or(text);
    let reports = match serde_json::from_str(text) {
        Ok(value) => shape::reports(&value),
        Err(_) => vec![tolerant::report(text)],
    };
    if reports.is_empty() { vec![tolerant::report(text)] } else { reports }
}

/// The JSON in a form's member `payload`, as messages to Slack were posted once.
fn form_payload(text: &str) -> Option<String> {
    let form = text.strip_prefix("payload=")?;
    let mut members = url::form_urlencoded::parse(text.as_bytes());
    (!form.is_empty()).then(|| members.next().map(|(_, value)| value.into_owned()))?
}
