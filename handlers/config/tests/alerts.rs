//! What is read of alerts and channels, and what is refused.

use super::{ROUTE, assert_problems, parse_with};
use crate::{
    alerts::{
        choose::Property,
        deliver::channel::{Access, Method, Occasion, Target, Tls, Via},
        incident::{Incident, Severity},
        render::teams::Envelope,
    },
    config::Alerts,
};
use std::time::Duration;

const TEAMS: &str = "https://prod-1.westeurope.logic.azure.com:443/workflows/w0rkfl0w/triggers/manual/paths/invoke?sig=s3cr3t-s3cr3t";
const ACS: &str = "endpoint=https://r.communication.azure.com/;accesskey=c2VjcmV0LWtleQ==";

const SETTINGS: [(&str, &str); 9] = [
    ("LAKEHAND_TEAMS", TEAMS),
    ("LAKEHAND_SLACK", "https://hooks.slack.com/services/T/B/s3cr3t-s3cr3t"),
    ("LAKEHAND_HOOK", "https://hooks.example.com/s3cr3t-s3cr3t"),
    ("LAKEHAND_LOCAL", "http://127.0.0.1:8080/s3cr3t-s3cr3t"),
    ("LAKEHAND_KEY", "s3cr3t-s3cr3t"),
    ("LAKEHAND_ACS", ACS),
    ("LAKEHAND_MI__endpoint", "https://r.communication.azure.com"),
    ("LAKEHAND_MI__credential", "managedidentity"),
    ("LAKEHAND_EMPTY", " "),
];

fn read(text: &str) -> Result<Alerts, Vec<String>> {
    parse_with(&format!("{ROUTE}{text}"), &SETTINGS, None).map(|config| config.alerts)
}

fn target(text: &str) -> Target {
    let alerts = read(&format!("[[channel]]\nname = \"a\"\n{text}\n")).unwrap();
    alerts.channels.into_iter().next().unwrap().target
}

/// The problems of a channel with these fields.
fn fault(text: &str) -> String {
    let found = read(&format!("[[channel]]\nname = \"a\"\n{text}\n")).unwrap_err();
    assert!(!found.concat().contains("s3cr3t"), "{found:?}");
    found.join("\n")
}

#[test]
fn nothing_needs_to_be_said() {
    let alerts = read("").unwrap();
    assert_eq!((alerts.window.as_secs(), alerts.repeat.as_secs()), (300, 14_400));
    assert!(alerts.channels.is_empty() && alerts.severities.is_empty() && !alerts.loopback);
}

#[test]
fn a_channel_of_each_kind() {
    let Target::Teams { envelope, .. } = target("kind = \"teams\"\nurl = \"%LAKEHAND_TEAMS%\"")
    else {
        panic!("teams")
    };
    assert_eq!(envelope, Envelope::Message);
    let card = "kind = \"teams\"\nurl = \"%LAKEHAND_TEAMS%\"\nenvelope = \"card\"";
    assert!(matches!(target(card), Target::Teams { envelope: Envelope::Card, .. }));
    let slack = target("kind = \"slack\"\nurl = \"%LAKEHAND_SLACK%\"");
    assert!(matches!(slack, Target::Slack { .. }));
    let key = "kind = \"pagerduty\"\nrouting_key = \"%LAKEHAND_KEY%\"\nregion = \"eu\"";
    let Target::PagerDuty { url, routing_key } = target(key) else { panic!("pagerduty") };
    assert_eq!((url.host(), routing_key.expose()), ("events.eu.pagerduty.com", "s3cr3t-s3cr3t"));
    let hook = target(
        "kind = \"webhook\"\nurl = \"%LAKEHAND_HOOK%\"\nhosts = [\"hooks.example.com\"]\nmethod = \"PUT\"\ntemplate = \"{}\"\nheaders = { X-Key = \"%LAKEHAND_KEY%\", X-Team = \"data\" }",
    );
    assert!(!format!("{hook:?}").contains("s3cr3t"));
    let Target::Webhook(hook) = hook else { panic!("webhook") };
    assert_eq!((hook.method, hook.template.as_deref()), (Method::Put, Some("{}")));
    let headers: Vec<_> =
        hook.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(headers, [("X-Key", "s3cr3t-s3cr3t"), ("X-Team", "data")]);
}

const MAIL: &str = "kind = \"email\"\nfrom = \"Lakehand <l@example.com>\"\nto = [\"a@example.com\", \"b@example.com\"]\n";

#[test]
fn mail_has_three_ways() {
    let email = |more: &str| match target(&format!("{MAIL}{more}")) {
        Target::Email(email) => email,
        target => panic!("{target:?}"),
    };
    let smtp = email(
        "via = \"smtp\"\nsmtp = { host = \"mail.example.com\", user = \"u\", password = \"%LAKEHAND_KEY%\" }",
    );
    assert_eq!(smtp.to.len(), 2);
    let Via::Smtp(server) = smtp.via else { panic!("smtp") };
    assert_eq!((server.port, server.tls), (587, Tls::StartTls));
    assert!(!format!("{server:?}").contains("s3cr3t"));
    let relay = email("via = \"smtp\"\nsmtp = { host = \"relay\", tls = \"none\", port = 2525 }");
    let Via::Smtp(server) = relay.via else { panic!("smtp") };
    assert_eq!((server.port, server.login.is_none()), (2525, true));
    let acs = email("via = \"acs\"\nconnection = \"%LAKEHAND_ACS%\"");
    assert!(!format!("{acs:?}").contains("c2Vj"));
    let Via::CommunicationServices { url, access: Access::Key(_) } = acs.via else {
        panic!("a key")
    };
    assert_eq!(url.host(), "r.communication.azure.com");
    let identity = email("via = \"acs\"\nconnection = \"%LAKEHAND_MI%\"");
    assert!(matches!(identity.via, Via::CommunicationServices { access: Access::Identity(_), .. }));
    let app = target(
        "kind = \"email\"\nto = \"a@example.com\"\nvia = \"logic_app\"\nurl = \"%LAKEHAND_TEAMS%\"",
    );
    assert!(matches!(app, Target::Email(email) if matches!(email.via, Via::LogicApp(_))));
}

#[test]
fn a_channel_says_what_it_wants_to_hear() {
    let text = "[alerts]\nwindow = \"1m\"\nrepeat = \"1h\"\nbase = \"https://a.azurewebsites.net/\"\ntime_zone = \"Europe/Berlin\"\n\
        [[channel]]\nname = \"a\"\nkind = \"slack\"\nurl = \"%LAKEHAND_SLACK%\"\ninclude_message = false\noccasions = [\"opened\", \"resolved\"]\nwhen = { severity = [\"critical\"], pipeline = \"ingest-*\" }\n\
        [[channel]]\nname = \"b\"\nkind = \"slack\"\nurl = \"%LAKEHAND_SLACK%\"\ntime_zone = \"Asia/Tokyo\"\n";
    let alerts = read(text).unwrap();
    assert_eq!(
        (alerts.window, alerts.repeat),
        (Duration::from_secs(60), Duration::from_secs(3600))
    );
    assert_eq!(alerts.base.as_deref(), Some("https://a.azurewebsites.net"));
    let [a, b] = &alerts.channels[..] else { panic!("two channels") };
    assert_eq!(a.zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(b.zone.iana_name(), Some("Asia/Tokyo"));
    assert!(!a.include_message && b.include_message);
    let severe = Incident {
        severity: Severity::Critical,
        pipeline: Some("ingest-sales".to_owned()),
        ..Incident::default()
    };
    assert!(a.wants(&severe, Occasion::Opened) && b.wants(&severe, Occasion::Reminder));
    assert!(!a.wants(&severe, Occasion::Reminder));
    assert!(!a.wants(&Incident::default(), Occasion::Opened));
}

#[test]
fn rules_for_severities_and_what_mutes_what() {
    let alerts = read("[[severity]]\nwhen = { code = [\"22*\"], environment = \"prod\" }\nseverity = \"critical\"\n\
        [[inhibit]]\nsource = { code = \"FactoryDown\" }\ntarget = { table = \"*\" }\nsame = [\"factory\"]\n").unwrap();
    assert_eq!(alerts.severities[0].severity, Severity::Critical);
    assert_eq!(alerts.inhibitions[0].same, [Property::Factory]);
}

#[test]
fn a_secret_is_never_written_down() {
    for (value, expected) in [
        (TEAMS, "a secret is never written here"),
        ("https://evil.example/%LAKEHAND_KEY%", "a secret is never written here"),
        ("%PATH%", "a secret is never written here"),
        ("%LAKEHAND_GONE%", "the setting LAKEHAND_GONE is missing"),
        ("%LAKEHAND_EMPTY%", "the setting LAKEHAND_EMPTY is missing"),
        ("%LAKEHAND_HOOK%", "its host `hooks.example.com` is none of those allowed here"),
        ("%LAKEHAND_KEY%", "it is not an absolute address"),
        ("%LAKEHAND_LOCAL%", "it must begin with https://"),
    ] {
        let found = fault(&format!("kind = \"teams\"\nurl = \"{value}\""));
        assert!(found.starts_with("8:7: ") && found.contains(expected), "{value}: {found}");
    }
}

#[test]
fn everything_that_is_wrong_has_a_place() {
    for (text, expected) in [
        ("", "`kind` is missing"),
        ("kind = \"sms\"\nnumber = \"1\"", "`kind` must be one of"),
        ("kind = \"slack\"", "`url` is missing"),
        (
            "kind = \"slack\"\nurl = \"%LAKEHAND_SLACK%\"\nenvelope = \"card\"",
            "`envelope` is not a field",
        ),
        ("kind = \"webhook\"\nurl = \"%LAKEHAND_HOOK%\"", "(none is); add it to `hosts`"),
        (
            "kind = \"webhook\"\nurl = \"%LAKEHAND_HOOK%\"\nhosts = \"hooks.example.com\"\ntemplate = \"{% if %}\"",
            "template",
        ),
        (
            "kind = \"webhook\"\nurl = \"%LAKEHAND_HOOK%\"\nhosts = \"hooks.example.com\"\nheaders = { Host = \"x\" }",
            "no header that may be set",
        ),
        (
            "kind = \"slack\"\nurl = \"%LAKEHAND_SLACK%\"\nwhen = { severity = \"bad\" }",
            "`bad` is none of",
        ),
        (
            "kind = \"slack\"\nurl = \"%LAKEHAND_SLACK%\"\nwhen = { pipelines = \"a\" }",
            "did you mean `pipeline`?",
        ),
        (
            "kind = \"slack\"\nurl = \"%LAKEHAND_SLACK%\"\ntime_zone = \"Mars\"",
            "`Mars` is no time zone",
        ),
        ("kind = \"email\"\nvia = \"smtp\"\nto = []", "`to` must name"),
        ("kind = \"email\"\nvia = \"fax\"\nto = \"a@example.com\"", "`via` must be one of"),
        (
            "kind = \"email\"\nvia = \"smtp\"\nfrom = \"l@example.com\"\nto = \"a@example.com\\nBcc: b@example.com\"",
            "is no mail address",
        ),
    ] {
        let found = fault(text);
        assert!(found.contains(expected), "{text}: {found}");
    }
    for (more, expected) in [
        ("via = \"smtp\"", "`smtp` is missing"),
        ("via = \"smtp\"\nsmtp = { host = \"h\", user = \"u\" }", "go together"),
        (
            "via = \"smtp\"\nsmtp = { host = \"h\", tls = \"none\", user = \"u\", password = \"%LAKEHAND_KEY%\" }",
            "not sent in the clear",
        ),
        (
            "via = \"smtp\"\nsmtp = { host = \"h\", password = \"plain\", user = \"u\" }",
            "never written here",
        ),
        ("via = \"acs\"\nconnection = \"%LAKEHAND_KEY%\"", "must have the form endpoint="),
        ("via = \"acs\"\nconnection = \"%LAKEHAND_GONE%\"", "LAKEHAND_GONE is missing"),
    ] {
        let found = fault(&format!("{MAIL}{more}"));
        assert!(found.contains(expected), "{more}: {found}");
    }
}

#[test]
fn what_is_general_is_checked_too() {
    let table = [
        ("[alerts]\nwindow = \"2d\"\nrepeat = \"7d\"", ("5:1", "no longer than \"24h\"")),
        ("[alerts]\nwindow = \"5m\"\nrepeat = \"4m\"", ("5:1", "no shorter than `window`")),
        ("[alerts]\nbase = \"http://example.com\"", ("6:8", "the address at which people reach")),
        (
            "[alerts]\nbase = \"https://u:p@example.com\"",
            ("6:8", "the address at which people reach"),
        ),
        ("[alerts]\ncolour = 1", ("6:1", "is not a field")),
        ("[[inhibit]]\nsource = { code = \"x\" }", ("5:1", "must each say something")),
        ("[[severity]]\nwhen = { code = \"x\" }", ("5:1", "`severity` is missing")),
    ];
    for (text, problem) in table {
        assert_problems(&read(text).unwrap_err(), &[problem]);
    }
    let twice =
        "[[channel]]\nname = \"a\"\nkind = \"slack\"\nurl = \"%LAKEHAND_SLACK%\"\n".repeat(2);
    assert_problems(&read(&twice).unwrap_err(), &[("9:1", "named twice")]);
}

#[test]
fn this_machine_is_written_to_in_trials_alone() {
    let text = format!(
        "{ROUTE}[alerts]\nloopback = true\n[[channel]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"%LAKEHAND_LOCAL%\"\n"
    );
    assert!(parse_with(&text, &SETTINGS, None).unwrap().alerts.loopback);
    let azure: Vec<_> = SETTINGS.into_iter().chain([("WEBSITE_INSTANCE_ID", "1")]).collect();
    assert!(parse_with(&text, &azure, None).unwrap_err()[0].contains("`loopback` is for trials"));
}
