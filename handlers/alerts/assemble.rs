//! An incident out of what a payload reports.

use time::OffsetDateTime;

use super::{
    cause::{self, Found, cut, readable},
    codes::{self, Code},
    fingerprint,
    incident::{Cause, Condition, Fact, Factory, FailureType, Incident, Link, Retry, Severity},
    intake::report::Report,
    link,
    mask::masked,
    severity::{self, Rules},
};

/// The longest title, in characters.
pub const LONGEST_TITLE: usize = 150;
/// The longest root cause, in characters.
pub const LONGEST_ROOT: usize = 2_000;
/// The longest text as it came, in characters.
pub const LONGEST_RAW: usize = 16_000;
/// The longest name, id or code, in characters.
const LONGEST_NAME: usize = 260;
/// The longest value of a fact, in characters.
const LONGEST_VALUE: usize = 500;
/// How many activities, facts and links there are.
const MOST: usize = 30;

/// Makes the incident; `now` is when it was received.
pub fn incident(report: Report, now: OffsetDateTime, rules: &Rules) -> Incident {
    let found = cause::find(&report.text, report.code.as_deref());
    let code = found.codes.iter().find_map(|code| codes::named(code));
    let factory = factory(report.factory.clone(), rules);
    let severity = severity::of(
        report.severity.as_deref(),
        code.and_then(|code| code.severity).or(report.is_cancelled.then_some(Severity::Warning)),
        report.condition,
        rules.severity,
    );
    let mut incident = Incident {
        condition: report.condition,
        severity,
        shape: report.shape.to_owned(),
        pipeline: report.pipeline.as_deref().and_then(name),
        run_id: report.run_id.as_deref().and_then(name),
        root_run_id: report.root_run_id.as_deref().and_then(name),
        activities: activities(&report, &found),
        table: report.table.as_deref().and_then(name),
        dataset: report.dataset.as_deref().and_then(name),
        owner: report.owner.as_deref().and_then(name),
        environment: report.environment.as_deref().and_then(name),
        cause: why(&report, &found, code),
        help: code.map(Code::help).filter(|_| report.condition == Condition::Fired),
        at: report.at.or(report.ended).or(Some(now)),
        started: report.started,
        duration: duration(&report),
        links: links(&report, factory.as_ref()),
        facts: report.facts.iter().take(MOST).map(|each| fact(&each.name, &each.value)).collect(),
        factory,
        ..Incident::default()
    };
    incident.title = title(&incident, &report);
    incident.id = fingerprint::id(&incident, report.key.as_deref());
    incident
}

/// A fact with texts that may be shown.
pub fn fact(name: &str, value: &str) -> Fact {
    Fact { name: shown(name, 80), value: shown(value, LONGEST_VALUE) }
}

/// A text that may be shown: readable, masked once more after what was escaped in it is not, and cut.
fn shown(text: &str, longest: usize) -> String {
    cut(masked(&readable(text)).trim(), longest)
}

/// A name on one line.
fn name(text: &str) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(shown(&line, LONGEST_NAME).replace('\n', " ")).filter(|name| !name.is_empty())
}

fn factory(factory: Option<Factory>, rules: &Rules) -> Option<Factory> {
    let Some(found) = factory else { return rules.factory.clone() };
    let found = Factory {
        name: name(&found.name)?,
        subscription: found.subscription.as_deref().and_then(name),
        resource_group: found.resource_group.as_deref().and_then(name),
        ..found
    };
    let Some(known) =
        rules.factory.as_ref().filter(|known| known.name.eq_ignore_ascii_case(&found.name))
    else {
        return Some(found);
    };
    Some(Factory {
        kind: known.kind,
        subscription: found.subscription.or_else(|| known.subscription.clone()),
        resource_group: found.resource_group.or_else(|| known.resource_group.clone()),
        ..found
    })
}

fn activities(report: &Report, found: &Found) -> Vec<String> {
    let mut activities: Vec<String> =
        found.activities.iter().take(MOST).filter_map(|activity| name(activity)).collect();
    // The payload names the activity of its own pipeline, which is the outermost.
    if let Some(own) =
        report.activity.as_deref().and_then(name).filter(|own| !activities.contains(own))
    {
        activities.insert(0, own);
    }
    activities.dedup();
    activities
}

fn why(report: &Report, found: &Found, code: Option<&Code>) -> Cause {
    let raw = shown(&report.text, LONGEST_RAW);
    let root = shown(&found.root, LONGEST_ROOT);
    Cause {
        code: found.codes.first().and_then(|code| name(code)),
        failure_type: report.failure_type,
        raw: if raw == root { String::new() } else { raw },
        root: if root.is_empty() { without_cause(report) } else { root },
        status: found.status,
        request_id: found.request_id.clone(),
        retry: retry(report, found, code),
    }
}

/// What is said where a payload gives no reason.
fn without_cause(report: &Report) -> String {
    match (report.condition, report.is_cancelled) {
        (Condition::Resolved, _) => String::new(),
        (Condition::Fired, true) => "The run was cancelled.".to_owned(),
        (Condition::Fired, false) => "The alert says no reason.".to_owned(),
    }
}

fn retry(report: &Report, found: &Found, code: Option<&Code>) -> Option<Retry> {
    let of_status = match found.status {
        Some(408 | 429 | 500..=599) => Some(Retry::Helps),
        Some(400 | 401 | 403 | 404 | 405 | 413) => Some(Retry::Useless),
        _ => None,
    };
    let of_type = match report.failure_type {
        Some(FailureType::SystemError) => Some(Retry::Helps),
        _ => None,
    };
    let is_over = report.condition == Condition::Resolved;
    let is_refused = found.status.is_some_and(|status| matches!(status, 401 | 403 | 404));
    let of_code = code.map(|code| if is_refused { Retry::Useless } else { code.retry });
    of_code.or(of_status).or(of_type).filter(|_| !is_over)
}

fn duration(report: &Report) -> Option<f64> {
    let between = || Some((report.ended? - report.started?).as_seconds_f64());
    report.duration.or_else(between).filter(|seconds| *seconds >= 0.0)
}

fn links(report: &Report, factory: Option<&Factory>) -> Vec<Link> {
    let run = report.run_id.as_deref().or(report.root_run_id.as_deref());
    let own = factory.and_then(|factory| {
        run.and_then(|run| link::run(factory, run)).or_else(|| link::monitor(factory))
    });
    own.into_iter().chain(report.links.iter().cloned()).take(MOST).collect()
}

/// One line: the pipeline, what it did and why.
fn title(incident: &Incident, report: &Report) -> String {
    let first = incident.cause.root.lines().next().unwrap_or_default();
    let own = report.title.as_deref().and_then(name);
    let title = match (&incident.pipeline, incident.condition) {
        (Some(pipeline), Condition::Resolved) => format!("{pipeline} is right again"),
        (Some(pipeline), Condition::Fired) => {
            let verb = if report.is_cancelled { "was cancelled" } else { "failed" };
            let activity = incident.activities.last().map(|name| format!(" in {name}"));
            let why = incident.cause.code.as_deref().unwrap_or(first);
            format!("{pipeline} {verb}{}: {why}", activity.unwrap_or_default())
        }
        (None, Condition::Resolved) => format!("{} is right again", own.as_deref().unwrap_or("It")),
        (None, Condition::Fired) => own.unwrap_or_else(|| first.to_owned()),
    };
    let title = name(&title).unwrap_or_else(|| "An alert without a text".to_owned());
    cut(&title, LONGEST_TITLE)
}
