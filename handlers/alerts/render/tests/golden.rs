//! What five typical incidents look like in each channel, as agreed upon.

use std::{fs, path::Path};

use super::{super::notice::Style, *};

const RENEW: &str = "LAKEHAND_RENEW";

#[test]
fn typical_incidents_look_as_agreed_upon() {
    let incidents = samples::incidents();
    let changed: Vec<_> = samples::notices(&incidents)
        .iter()
        .flat_map(|(name, notice)| files(name, notice))
        .filter(|(name, text)| !is_agreed(name, text))
        .map(|(name, _)| name)
        .collect();
    assert!(
        changed.is_empty(),
        "{changed:?} changed; if that is meant, run this test with {RENEW}=1, and read the difference"
    );
}

fn files(name: &str, notice: &Notice<'_>) -> Vec<(String, String)> {
    let style = Style {
        read_at: Some(format!("https://lake.example/api/alerts/{}", notice.incident.id)),
        ..Style::default()
    };
    let mail = email::mail(notice, &style);
    let pretty = |value: Value| serde_json::to_string_pretty(&value).unwrap() + "\n";
    vec![
        (
            format!("{name}.teams.json"),
            pretty(teams::message(notice, &style, teams::Envelope::Message)),
        ),
        (format!("{name}.slack.json"), pretty(slack::message(notice, &style))),
        (format!("{name}.pagerduty.json"), pretty(pagerduty::event(notice, &style))),
        (format!("{name}.webhook.json"), pretty(webhook::body(notice, &style, None).json)),
        (format!("{name}.mail.html"), mail.html),
        (format!("{name}.mail.txt"), format!("Subject: {}\n\n{}", mail.subject, mail.text)),
    ]
}

fn is_agreed(name: &str, text: &str) -> bool {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/alerts/rendered"));
    let file = folder.join(name);
    if std::env::var_os(RENEW).is_some() {
        fs::create_dir_all(folder).unwrap();
        fs::write(&file, text).unwrap();
    }
    fs::read_to_string(&file).unwrap_or_default() == text
}
