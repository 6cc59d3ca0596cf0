//! PagerDuty: an event of its Events API v2
//! (<https://developer.pagerduty.com/docs/send-alert-event>).

use serde_json::{Map, Value, json};

use super::{
    super::incident::{Incident, Severity},
    notice::{Kind, Notice, Style},
    outline::Outline,
    text, words,
};

/// The greatest length of a summary, in characters.
const SUMMARY: usize = 1_024;

/// The greatest length of a key, in characters.
const KEY: usize = 255;

/// How many characters of a cause, and of the whole text of an error.
const MESSAGE: (usize, usize) = (8_000, 16_000);

/// The event that says this, without the `routing_key`, which the sender adds. The key that tells
/// a repeat is the incident's id.
pub fn event(notice: &Notice<'_>, style: &Style) -> Value {
    let outline = Outline::new(notice, style);
    let links: Vec<_> =
        outline.links.iter().map(|(title, url)| json!({ "href": url, "text": title })).collect();
    json!({
        "event_action": if notice.resolved() { "resolve" } else { "trigger" },
        "dedup_key": key(notice),
        "client": "lakehand",
        "payload": payload(notice, &outline),
        "links": links,
    })
}

/// A test has a key of its own, so that it does not join the incident that it looks like.
fn key(notice: &Notice<'_>) -> String {
    let id = text::some_line(&notice.incident.id, KEY - 5);
    if notice.kind == Kind::Test { format!("test-{id}") } else { id }
}

fn payload(notice: &Notice<'_>, outline: &Outline) -> Value {
    let incident = notice.incident;
    let mut payload = json!({
        "summary": text::line(&format!("{}: {}", outline.word, outline.title), SUMMARY),
        "source": source(incident),
        "severity": severity(notice),
        "custom_details": details(outline),
    });
    let optional = [
        ("timestamp", incident.at.and_then(words::stamp)),
        ("component", incident.pipeline.clone()),
        ("group", incident.factory.as_ref().map(|factory| factory.name.clone())),
        ("class", incident.cause.code.clone()),
    ];
    for (name, value) in optional {
        let value = value.map(|it| text::line(&it, KEY)).filter(|it| !it.is_empty());
        if let Some(value) = value {
            payload[name] = Value::from(value);
        }
    }
    payload
}

fn source(incident: &Incident) -> String {
    let factory = incident.factory.as_ref().map(|factory| &factory.name);
    let names = [factory, incident.pipeline.as_ref(), incident.dataset.as_ref()];
    let names = names.into_iter().flatten().map(|name| text::line(name, KEY));
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "lakehand".to_owned())
}

fn severity(notice: &Notice<'_>) -> &'static str {
    match notice.incident.severity {
        _ if notice.kind == Kind::Test => "info",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
    }
}

fn details(outline: &Outline) -> Map<String, Value> {
    let mut details = Map::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            details.insert(name.to_owned(), Value::from(value));
        }
    };
    for (name, value) in &outline.rows {
        add(name, Some(value.clone()));
    }
    add("State", outline.lead.clone());
    add("What went wrong", outline.cause.as_ref().map(|it| text::cut(it, MESSAGE.0)));
    add("Message", outline.elsewhere.clone());
    add("What it means", outline.help.as_ref().map(|help| help.explanation.clone()));
    add("Next step", outline.help.as_ref().map(|help| help.next_step.clone()));
    let also = (!outline.examples.is_empty()).then(|| outline.examples.join("\n"));
    add("Also", also);
    add("The whole message", outline.raw.as_ref().map(|it| text::cut(it, MESSAGE.1)));
    details
}
