//! An incident without the texts of errors, for channels that must not show the values of rows
//! that such texts quote.

use std::borrow::Cow;

use super::{
    super::incident::{Cause, Fact, Incident},
    notice::Style,
};

/// The shortest value that is looked for in the text of the error: shorter ones, such as counts,
/// are in many texts by chance.
const TELLING: usize = 12;

/// What of the incident the style lets a channel show.
pub(super) fn shown<'a>(incident: &'a Incident, style: &Style) -> Cow<'a, Incident> {
    if style.include_message {
        Cow::Borrowed(incident)
    } else {
        Cow::Owned(without_texts(incident))
    }
}

fn without_texts(incident: &Incident) -> Incident {
    let mut shown = incident.clone();
    // A payload without a title of its own is given one made of its text.
    shown.title = title(incident);
    shown.cause.root = String::new();
    shown.cause.raw = String::new();
    shown.facts.retain(|fact| !quotes(fact, &incident.cause));
    shown
}

/// Whether a fact repeats a part of the error's text, or has it within.
fn quotes(fact: &Fact, cause: &Cause) -> bool {
    let value = fact.value.trim();
    let within =
        value.len() >= TELLING && (cause.root.contains(value) || cause.raw.contains(value));
    within || (!cause.root.is_empty() && value.contains(&cause.root))
}

/// A title of nothing but names.
fn title(incident: &Incident) -> String {
    let named = [
        ("Pipeline", &incident.pipeline),
        ("Table", &incident.table),
        ("Dataset", &incident.dataset),
    ];
    let subject =
        named.iter().find_map(|(kind, name)| Some(format!("{kind} {}", (*name).as_ref()?)));
    let subject = subject.unwrap_or_else(|| "An alert".to_owned());
    match &incident.cause.code {
        Some(code) => format!("{subject}: {code}"),
        None => subject,
    }
}
