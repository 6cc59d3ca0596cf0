//! Reading `[alerts]`, `[[severity]]` and `[[inhibit]]`.

use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::{
    Surroundings, channels,
    section::{Found, Problems, Section},
};
use crate::alerts::{
    choose::{Glob, Inhibition, Property, SeverityRule, When},
    deliver::channel::Channel,
    incident::{Factory, FactoryKind, Severity},
    severity::Rules,
};

/// What is said of alerts.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// How long after a first message the further ones of its kind are gathered into one.
    pub window: Duration,
    /// After how long an incident that lasts is told of again.
    pub repeat: Duration,
    /// Where this app is reached by people, without a slash at its end; for links into it.
    pub base: Option<String>,
    /// Whether messages may go to this machine: for trials.
    pub loopback: bool,
    /// How bad some incidents are; the first that fits counts.
    pub severities: Vec<SeverityRule>,
    /// What mutes what.
    pub inhibitions: Vec<Inhibition>,
    /// Where messages go, in the order of the file.
    pub channels: Vec<Channel>,
    /// Pipelines that must run.
    pub expected: Vec<Expected>,
    /// What is presumed of a payload that does not say: where pipelines run.
    pub presumed: Rules,
}

/// `[[expect]]`: a pipeline that must report a run at least so often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its name.
    pub pipeline: String,
    /// How often.
    pub every: Duration,
}

/// The defaults of `[alerts]`.
const WINDOW: Duration = Duration::from_secs(5 * 60);
const REPEAT: Duration = Duration::from_secs(4 * 60 * 60);

/// How often a pipeline may be expected.
const LEAST: Duration = Duration::from_secs(60);
const MOST: Duration = Duration::from_secs(365 * 86_400);

/// The longest window: what waits in it is held in one document.
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// What is in the environment of an app in Azure, and nowhere else.
const IN_AZURE: &str = "WEBSITE_INSTANCE_ID";

/// The names of the severities.
pub(super) const SEVERITIES: [(&str, Severity); 4] = [
    ("info", Severity::Info),
    ("warning", Severity::Warning),
    ("error", Severity::Error),
    ("critical", Severity::Critical),
];

/// Reads everything that is said of alerts.
pub(super) fn read(
    root: &Section<'_>,
    around: &Surroundings<'_>,
    problems: &Problems<'_>,
) -> Alerts {
    let general = general(root.table("alerts"), around, problems);
    let known =
        channels::Known { zone: &general.zone, loopback: general.loopback, around, problems };
    Alerts {
        severities: root
            .tables("severity")
            .into_iter()
            .filter_map(|it| rule(it, problems))
            .collect(),
        inhibitions: root
            .tables("inhibit")
            .into_iter()
            .map(|it| inhibition(it, problems))
            .collect(),
        channels: channels::read(root.tables("channel"), &known),
        expected: root.tables("expect").into_iter().filter_map(expected).collect(),
        window: general.window,
        repeat: general.repeat,
        base: general.base,
        loopback: general.loopback,
        presumed: Rules { factory: general.factory, ..Rules::default() },
    }
}

/// Where pipelines run, for links to their runs.
fn factory(section: Section<'_>) -> Option<Factory> {
    let kinds = [("data_factory", FactoryKind::DataFactory), ("synapse", FactoryKind::Synapse)];
    let kind = section.choice("kind", &kinds, FactoryKind::DataFactory);
    let text = |name, example| section.required(name, example).map(Found::into_inner);
    let name = text("name", "adf-prod");
    let subscription = text("subscription", "00000000-0000-0000-0000-000000000000");
    let resource_group = text("resource_group", "rg-data");
    section.finish();
    Some(Factory { kind, name: name?, subscription, resource_group })
}

fn expected(section: Section<'_>) -> Option<Expected> {
    let pipeline = section.required("pipeline", "nightly").map(Found::into_inner);
    let every = section.span("every");
    if every.is_none_or(|every| every < LEAST || every > MOST) {
        section.problem("`every` must be from \"1m\" to \"365d\", such as every = \"25h\"");
    }
    section.finish();
    Some(Expected { pipeline: pipeline?, every: every? })
}

/// What `[alerts]` says.
struct General {
    window: Duration,
    repeat: Duration,
    base: Option<String>,
    loopback: bool,
    zone: TimeZone,
    factory: Option<Factory>,
}

fn general(
    section: Option<Section<'_>>,
    around: &Surroundings<'_>,
    problems: &Problems<'_>,
) -> General {
    let Some(section) = section else {
        return General {
            window: WINDOW,
            repeat: REPEAT,
            base: None,
            loopback: false,
            zone: TimeZone::UTC,
            factory: None,
        };
    };
    let general = General {
        window: section.span("window").unwrap_or(WINDOW),
        repeat: section.span("repeat").unwrap_or(REPEAT),
        base: section.text("base").and_then(|text| problems.parse(&text, base)),
        loopback: section.flag("loopback"),
        zone: zone(&section, problems).unwrap_or(TimeZone::UTC),
        factory: section.table("factory").and_then(factory),
    };
    if general.window > LONGEST_WINDOW {
        section.problem("`window` must be no longer than \"24h\"");
    }
    if general.repeat < general.window.max(Duration::from_secs(60)) {
        section.problem("`repeat` must be at least \"1m\" and no shorter than `window`");
    }
    if general.loopback && around.environment.contains_key(IN_AZURE) {
        section.problem("`loopback` is for trials on your own machine; in Azure, remove it");
    }
    section.finish();
    general
}

/// An address without anything after its path.
fn base(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "`base` must be the address at which people reach this app, such as \"https://APP.azurewebsites.net\"";
    let url = Url::parse(text).map_err(|_| WRONG)?;
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let web =
        url.scheme() == "https" || (url.scheme() == "http" && url.host_str() == Some("localhost"));
    let whole = bare && web && url.password().is_none();
    whole.then(|| url.as_str().trim_end_matches('/').to_owned()).ok_or(WRONG)
}

/// A time zone by its name in the IANA database.
pub(super) fn zone(section: &Section<'_>, problems: &Problems<'_>) -> Option<TimeZone> {
    let name = section.text("time_zone")?;
    problems.parse(&name, |name| {
        TimeZone::get(name).map_err(|_| {
            format!("`{name}` is no time zone; write for example time_zone = \"Europe/Berlin\"")
        })
    })
}

/// What an incident must be like.
pub(super) fn when(section: Option<Section<'_>>, problems: &Problems<'_>) -> When {
    let Some(section) = section else { return When::default() };
    let globs = |name| {
        let texts = section.texts(name).into_iter();
        texts.map(|text: Found<String>| Glob::new(text.get_ref())).collect()
    };
    let when = When {
        severity: words(section.texts("severity"), &SEVERITIES, problems),
        pipeline: globs("pipeline"),
        table: globs("table"),
        owner: globs("owner"),
        code: globs("code"),
        environment: globs("environment"),
    };
    section.finish();
    when
}

/// Each text as what it names.
pub(super) fn words<T: Copy>(
    texts: Vec<Found<String>>,
    choices: &[(&str, T)],
    problems: &Problems<'_>,
) -> Vec<T> {
    let parse = |text: &Found<String>| {
        problems.parse(text, |text| {
            let chosen = choices.iter().find(|(word, _)| *word == text);
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            chosen
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("`{text}` is none of {}", words.join(", ")))
        })
    };
    texts.iter().filter_map(parse).collect()
}

fn rule(section: Section<'_>, problems: &Problems<'_>) -> Option<SeverityRule> {
    let when = when(section.table("when"), problems);
    let severity = section.required("severity", "critical").map(|text| vec![text]);
    let severity = words(severity.unwrap_or_default(), &SEVERITIES, problems).pop();
    section.finish();
    Some(SeverityRule { when, severity: severity? })
}

fn inhibition(section: Section<'_>, problems: &Problems<'_>) -> Inhibition {
    let inhibition = Inhibition {
        source: when(section.table("source"), problems),
        target: when(section.table("target"), problems),
        same: words(section.texts("same"), &Property::NAMES, problems),
    };
    // With an empty side, every incident would mute, or be muted.
    if inhibition.source.is_empty() || inhibition.target.is_empty() {
        section.problem("`source` and `target` must each say something, as in source = { code = \"FactoryDown\" }");
    }
    section.finish();
    inhibition
}
