//! What every channel shows of an incident: plain text without control characters and of bounded
//! length, not yet escaped.

use super::{
    super::incident::{Condition, Factory, FactoryKind, FailureType, Help, Incident, Severity},
    notice::{Kind, Notice, Style},
    private, text, words,
};

/// How many characters a value may have.
const VALUE: usize = 300;

/// How many facts of the payload are shown.
const FACTS: usize = 8;

/// How many links, and the longest address of one.
const LINKS: (usize, usize) = (4, 1_800);

/// How many of the reports of a summary are shown.
const EXAMPLES: usize = 5;

/// How many characters of an error's text are kept before a channel cuts it to its own room.
const MESSAGE: usize = 64 * 1024;

/// What every channel shows of an incident.
#[derive(Debug)]
pub(super) struct Outline {
    /// How bad it is.
    pub(super) severity: Severity,
    /// Whether all is well again.
    pub(super) resolved: bool,
    /// One word: the severity, or what became of it.
    pub(super) word: &'static str,
    /// What it is about, on one line.
    pub(super) title: String,
    /// What became of it, on one line; nothing for an incident that has just begun.
    pub(super) lead: Option<String>,
    /// Names and values, each on one line.
    pub(super) rows: Vec<(String, String)>,
    /// Why; may have several lines.
    pub(super) cause: Option<String>,
    /// The whole text of the error, if it is more than the cause.
    pub(super) raw: Option<String>,
    /// Where the text of the error is, if this channel must not show it.
    pub(super) elsewhere: Option<String>,
    /// What a well-known error means, and what to do.
    pub(super) help: Option<Help>,
    /// Other reports of the same, each on one line.
    pub(super) examples: Vec<String>,
    /// Titles and plain `https` addresses.
    pub(super) links: Vec<(String, String)>,
}

impl Outline {
    /// What there is to show in a channel of this style.
    pub(super) fn new(notice: &Notice<'_>, style: &Style) -> Self {
        let incident = &*private::shown(notice.incident, style);
        let message = |text: &str| {
            Some(text::cut(text::clean(text).trim(), MESSAGE)).filter(|text| !text.is_empty())
        };
        let cause = message(&incident.cause.root);
        Self {
            severity: incident.severity,
            resolved: notice.resolved(),
            word: word(notice),
            title: text::some_line(&incident.title, 150),
            lead: lead(notice, style),
            rows: rows(incident, style),
            raw: message(&incident.cause.raw).filter(|raw| Some(raw) != cause.as_ref()),
            cause,
            elsewhere: elsewhere(notice.incident, style),
            help: incident.help.as_ref().map(help),
            examples: examples(&notice.kind, style),
            links: links(incident, style),
        }
    }
}

fn word(notice: &Notice<'_>) -> &'static str {
    match notice.kind {
        Kind::Test => "Test",
        _ if notice.resolved() => "Resolved",
        _ => words::severity(notice.incident.severity),
    }
}

fn lead(notice: &Notice<'_>, style: &Style) -> Option<String> {
    match &notice.kind {
        Kind::Opened if notice.resolved() => Some("This is over.".to_owned()),
        Kind::Opened => None,
        Kind::Reminder { since } => {
            Some(format!("Still so: it began {}.", words::moment(*since, &style.zone)))
        }
        Kind::Summary { count, .. } => {
            let times = words::counted(u64::try_from(*count).unwrap_or(u64::MAX), "time");
            Some(format!("Reported {times} more since the first message."))
        }
        Kind::Resolved { after } => {
            Some(words::duration(after.as_seconds_f64()).map_or_else(
                || "This is over.".to_owned(),
                |it| format!("This is over, after {it}."),
            ))
        }
        Kind::Test => {
            Some("Nothing is wrong: someone tries whether messages arrive here.".to_owned())
        }
    }
}

fn elsewhere(incident: &Incident, style: &Style) -> Option<String> {
    let nothing = incident.cause.root.trim().is_empty() && incident.cause.raw.trim().is_empty();
    if style.include_message || nothing {
        return None;
    }
    let id = text::line(&incident.id, 64);
    Some(format!(
        "The text of the error is not shown here, for it may quote data. It is at /api/alerts/{id}, and in the monitor of the run."
    ))
}

fn help(help: &Help) -> Help {
    Help {
        explanation: text::line(&help.explanation, 600),
        next_step: text::line(&help.next_step, 600),
        source: text::address(&help.source, LINKS.1).unwrap_or_default(),
    }
}

fn rows(incident: &Incident, style: &Style) -> Vec<(String, String)> {
    let moment = |at| words::moment(at, &style.zone);
    let known = [
        ("Pipeline", incident.pipeline.clone()),
        (factory_kind(incident.factory.as_ref()), incident.factory.as_ref().map(factory)),
        ("Environment", incident.environment.clone()),
        ("Activity", activities(incident)),
        ("Table", incident.table.clone()),
        ("Dataset", incident.dataset.clone()),
        ("Owner", incident.owner.clone()),
        ("Error", code(incident)),
        ("Retry", incident.cause.retry.map(|it| words::retry(it).to_owned())),
        ("When", incident.at.map(moment)),
        ("Started", incident.started.map(moment)),
        ("Took", incident.duration.and_then(words::duration)),
        ("History", incident.memory.as_ref().map(|it| words::memory(it, &style.zone))),
        ("Run", incident.run_id.clone()),
        (
            "Root run",
            incident.root_run_id.clone().filter(|id| Some(id) != incident.run_id.as_ref()),
        ),
        ("Request", incident.cause.request_id.clone()),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let facts = incident.facts.iter().take(FACTS);
    known
        .chain(facts.map(|fact| (fact.name.clone(), fact.value.clone())))
        .map(|(name, value)| (text::some_line(&name, 60), text::line(&value, VALUE)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn factory_kind(factory: Option<&Factory>) -> &'static str {
    match factory.map(|factory| factory.kind) {
        Some(FactoryKind::Synapse) => "Workspace",
        _ => "Factory",
    }
}

fn factory(factory: &Factory) -> String {
    match &factory.resource_group {
        Some(group) => format!("{} (resource group {group})", factory.name),
        None => factory.name.clone(),
    }
}

/// The way to the activity that failed; of a long one, its beginning and its end.
fn activities(incident: &Incident) -> Option<String> {
    let way: Vec<_> = incident.activities.iter().map(|name| text::line(name, 80)).collect();
    match way.as_slice() {
        [] => None,
        [first, .., last] if way.len() > 3 => Some(format!("{first} → … → {last}")),
        way => Some(way.join(" → ")),
    }
}

fn code(incident: &Incident) -> Option<String> {
    let cause = &incident.cause;
    let kind = cause.failure_type.map(|kind| match kind {
        FailureType::UserError => "user error".to_owned(),
        FailureType::SystemError => "system error".to_owned(),
    });
    let status = cause.status.map(|status| format!("HTTP {status}"));
    let parts: Vec<_> = [cause.code.clone(), kind, status].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn examples(kind: &Kind<'_>, style: &Style) -> Vec<String> {
    let Kind::Summary { count, examples } = kind else { return Vec::new() };
    let mut lines: Vec<_> =
        examples.iter().take(EXAMPLES).map(|incident| example(incident, style)).collect();
    let more = count.saturating_sub(lines.len());
    if more > 0 && !lines.is_empty() {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn example(incident: &Incident, style: &Style) -> String {
    let shown = private::shown(incident, style);
    let over = if shown.condition == Condition::Resolved { "over: " } else { "" };
    let title = text::some_line(&shown.title, 150);
    match shown.at {
        Some(at) => format!("{}: {over}{title}", words::moment(at, &style.zone)),
        None => format!("{over}{title}"),
    }
}

fn links(incident: &Incident, style: &Style) -> Vec<(String, String)> {
    let here = style.read_at.iter().map(|url| ("Open in lakehand", url.as_str()));
    let given = incident.links.iter().map(|link| (link.title.as_str(), link.url.as_str()));
    let usable = given.filter_map(|(title, url)| linked(title, url)).take(LINKS.0);
    usable.chain(here.filter_map(|(title, url)| linked(title, url))).collect()
}

fn linked(title: &str, url: &str) -> Option<(String, String)> {
    Some((text::some_line(title, 60), text::address(url, LINKS.1)?))
}
