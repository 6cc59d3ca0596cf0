//! Tests of what each channel is sent.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod golden;
mod properties;
mod samples;

use serde_json::{Value, json};

use super::{
    super::incident::Incident,
    email,
    notice::{Kind, Notice, Style},
    pagerduty, slack, teams,
    webhook::{self, Template, TemplateError},
};

fn rendered(template: &str) -> webhook::Body {
    let incident = samples::sql();
    let notice = Notice { incident: &incident, kind: Kind::Opened };
    webhook::body(&notice, &Style::default(), Some(&Template::new(template).unwrap()))
}

#[test]
fn a_template_writes_values_as_json() {
    let body = rendered(r#"{"text": {{ "Look: " ~ incident.cause.root }}, "more": {{ kind }}}"#);
    assert!(body.problem.is_none(), "{:?}", body.problem);
    let root = samples::sql().cause.root;
    assert_eq!(body.json, json!({ "text": format!("Look: {root}"), "more": "opened" }));
}

#[test]
fn a_template_that_fails_loses_no_alert() {
    let loops = "{% for a in incident.links %}x{% endfor %}";
    let wide = r#"{% for a in "x" * 90000 %}{% for b in "x" * 90000 %}1{% endfor %}{% endfor %}"#;
    for template in ["{\"text\": ", "{{ nothing.at.all }}", wide, loops, "{{ 'x' * 900000 }}"] {
        let body = rendered(template);
        assert!(body.problem.is_some(), "{template}");
        assert_eq!(body.json["kind"], "opened");
    }
}

#[test]
fn a_template_with_a_mistake_is_refused() {
    let refused = |source: &str| Template::new(source).unwrap_err();
    assert!(matches!(refused("{{ a "), TemplateError::Template(_)));
    assert!(matches!(refused("{%- set a = 1 %}"), TemplateError::Set));
    assert!(matches!(refused(&"x".repeat(20_000)), TemplateError::Long));
    assert!(matches!(refused(&"{% if a %}".repeat(1_000)), TemplateError::Template(_)));
}

#[test]
fn a_channel_without_messages_shows_none_of_their_text() {
    let mut incident = samples::sql();
    let secret = incident.cause.root.clone();
    incident.title = format!("Failed: {secret}");
    incident.facts[0].value = format!("seen: {secret}");
    let examples = vec![&incident];
    let style = Style { include_message: false, ..Style::default() };
    for kind in [Kind::Opened, Kind::Summary { count: 3, examples }] {
        let notice = Notice { incident: &incident, kind };
        let all = all(&notice, &style);
        assert!(!all.contains("Jansen"), "{all}");
        assert!(all.contains("/api/alerts/"), "{all}");
    }
}

#[test]
fn pagerduty_joins_all_that_is_said_of_an_incident() {
    let incident = samples::sql();
    let event = |kind| pagerduty::event(&Notice { incident: &incident, kind }, &Style::default());
    let since = incident.at.unwrap();
    let (opened, again) = (event(Kind::Opened), event(Kind::Reminder { since }));
    let over = event(Kind::Resolved { after: time::Duration::minutes(3) });
    assert_eq!(opened["dedup_key"], incident.id);
    assert_eq!(
        (&again["dedup_key"], &over["dedup_key"]),
        (&opened["dedup_key"], &opened["dedup_key"])
    );
    assert_eq!(
        (&again["event_action"], &over["event_action"]),
        (&json!("trigger"), &json!("resolve"))
    );
    assert_ne!(event(Kind::Test)["dedup_key"], opened["dedup_key"]);
}

#[test]
fn nothing_in_a_card_is_markup() {
    let title = "- **b** <at>Ann</at> [x](http://y) {{DATE(2026-12-01T00:00:00Z)}} &lt;";
    let mut incident = Incident { title: title.to_owned(), ..Incident::default() };
    incident.cause.root = title.to_owned();
    let notice = Notice { incident: &incident, kind: Kind::Opened };
    let card = teams::message(&notice, &Style::default(), teams::Envelope::Card);
    let escaped =
        r"\- \*\*b\*\* \<at\>Ann\</at\> \[x\](http://y) \{\{DATE(2026-12-01T00:00:00Z)\}\} \&lt;";
    assert_eq!(card["body"][0]["items"][1]["text"], escaped);
    let runs = card["body"][2]["inlines"].as_array().unwrap();
    let text: String = runs.iter().map(|run| run["text"].as_str().unwrap()).collect();
    assert_eq!(text, title);
    assert!(runs.iter().all(|run| !run["text"].as_str().unwrap().contains("{{")));
}

/// Everything every channel is sent, as one text.
fn all(notice: &Notice<'_>, style: &Style) -> String {
    let mail = email::mail(notice, style);
    let values: [Value; 5] = [
        teams::message(notice, style, teams::Envelope::Message),
        slack::message(notice, style),
        pagerduty::event(notice, style),
        webhook::body(notice, style, None).json,
        json!([mail.subject, mail.html, mail.text]),
    ];
    values.map(|value| value.to_string()).concat()
}
