//! What holds of any incident in any channel.

use proptest::{collection::vec, option, prelude::*};
use time::{Duration, OffsetDateTime};

use super::{
    super::super::incident::{Cause, Condition, Fact, Factory, Help, Link, Memory, Severity},
    *,
};

/// Short and very long texts, many of them of what means something to some channel.
fn text() -> impl Strategy<Value = String> {
    let telling = "(?s)[<>&\"'\\\\*_`~\\[\\]{}#|!@\r\n\u{202e}\u{0}\u{2028}a😀-]{0,60}";
    let hostile = prop::sample::select(vec![
        "<!channel>",
        "<at>x</at>",
        "\r\nBcc: x@y.example",
        "{{DATE(2026-12-01T00:00:00Z)}}",
        "</div><script>",
        "\u{1b}[0m",
        "&&&&",
        "😀",
        "\"\\",
        "1. x",
        "javascript:x",
    ]);
    let repeated = (hostile, 1_usize..4_000).prop_map(|(text, times)| text.repeat(times));
    prop_oneof![2 => any::<String>(), 4 => telling, 3 => repeated, 1 => Just(String::new())]
}

fn url() -> impl Strategy<Value = String> {
    let long = text().prop_map(|text| format!("https://a.example/?q={text}"));
    prop_oneof![long, text(), Just(format!("https://a.example/{}", "x".repeat(1_700)))]
}

fn moment() -> impl Strategy<Value = OffsetDateTime> {
    let all = -377_705_116_800_i64..=253_402_300_799;
    all.prop_map(|second| OffsetDateTime::from_unix_timestamp(second).unwrap())
}

fn severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(vec![
        Severity::Info,
        Severity::Warning,
        Severity::Error,
        Severity::Critical,
    ])
}

prop_compose! {
    fn cause()(root in text(), raw in text(), code in option::of(text()), status in any::<Option<u16>>())
        -> Cause
    {
        Cause { root, raw, code, status, ..Cause::default() }
    }
}

prop_compose! {
    fn named()(
        id in text(), title in text(), pipeline in option::of(text()), run_id in option::of(text()),
        factory in option::of(text()), activities in vec(text(), 0..5), table in option::of(text()),
        dataset in option::of(text()), owner in option::of(text()),
    ) -> Incident {
        let factory = factory.map(|name| Factory { name, ..Factory::default() });
        Incident { id, title, pipeline, run_id, factory, activities, table, dataset, owner, ..Incident::default() }
    }
}

prop_compose! {
    fn incident()(
        named in named(), cause in cause(), severity in severity(), at in option::of(moment()),
        help in option::of((text(), text(), url())), duration in any::<Option<f64>>(),
        links in vec((text(), url()), 0..7), facts in vec((text(), text()), 0..30),
        success in option::of(moment()), over in any::<bool>(),
    ) -> Incident {
        let condition = if over { Condition::Resolved } else { Condition::Fired };
        let help = help.map(|(explanation, next_step, source)| Help { explanation, next_step, source });
        let links = links.into_iter().map(|(title, url)| Link { title, url }).collect();
        let facts = facts.into_iter().map(|(name, value)| Fact { name, value }).collect();
        let memory = Some(Memory { last_success: success, failures: 1, runs: 2 });
        Incident { cause, severity, at, help, duration, links, facts, memory, condition, ..named }
    }
}

fn kinds(incident: &Incident, since: OffsetDateTime) -> [Kind<'_>; 5] {
    let after = since - OffsetDateTime::UNIX_EPOCH;
    [
        Kind::Opened,
        Kind::Reminder { since },
        Kind::Summary { count: usize::MAX, examples: vec![incident; 9] },
        Kind::Resolved { after: if after.is_negative() { Duration::MAX } else { after } },
        Kind::Test,
    ]
}

fn strings<'a>(value: &'a Value, under: &str, found: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) => found.push((under.to_owned(), text)),
        Value::Array(items) => items.iter().for_each(|item| strings(item, under, found)),
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| strings(value, name, found))
        }
        _ => {}
    }
}

fn check_teams(message: &Value) {
    assert!(message.to_string().len() <= teams::LIMIT, "{}", message.to_string().len());
    assert!(message["attachments"][0]["content"]["actions"].as_array().unwrap().len() <= 6);
    check_blocks(&message["attachments"][0]["content"]["body"]);
}

/// Every text that reads Markdown has it escaped.
fn check_blocks(value: &Value) {
    for item in value.as_array().unwrap() {
        for field in ["text", "title", "value"] {
            let text = item[field].as_str().unwrap_or_default();
            let kept = text.replace("\\\\", "");
            let mut before = ' ';
            for character in kept.chars() {
                assert!(before == '\\' || !"*_`~[]<>&{}#|!".contains(character), "{text}");
                assert!(!character.is_control());
                before = character;
            }
        }
        ["items", "facts"]
            .iter()
            .filter(|it| item[*it].is_array())
            .for_each(|it| check_blocks(&item[*it]));
    }
}

fn check_slack(message: &Value) {
    assert!(message.to_string().chars().count() <= slack::LIMIT);
    assert!(message["blocks"].as_array().unwrap().len() <= 50);
    let mut texts = Vec::new();
    strings(message, "", &mut texts);
    for (name, text) in texts.iter().filter(|(name, _)| name == "text") {
        assert!(!text.contains(['<', '>']), "{name}: {text}");
        let rest = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
        assert!(!rest.contains('&') && !text.is_empty() && text.encode_utf16().count() <= 3_000);
    }
    for block in message["blocks"].as_array().unwrap() {
        let header = block["type"] == "header";
        let length = block["text"]["text"].as_str().unwrap_or_default().encode_utf16().count();
        assert!(!header || length <= 150);
        assert!(block["fields"].as_array().is_none_or(|fields| fields.len() <= 10));
    }
}

fn check_mail(mail: &email::Mail) {
    assert!(mail.subject.chars().count() <= 150 && !mail.subject.chars().any(char::is_control));
    for tag in mail.html.split('<').skip(1) {
        let name = tag.split(|it: char| !it.is_alphanumeric() && it != '/' && it != '!').next();
        let name = name.unwrap().trim_start_matches('/');
        let ours = "!DOCTYPE html head meta title body table tr td div b ul li a";
        assert!(ours.split(' ').any(|it| it == name), "<{name}");
    }
    let links = mail.html.split("href=\"").skip(1);
    links.for_each(|link| assert!(link.starts_with("https://"), "{link}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_incident_is_said_safely(
        incident in incident(), since in moment(), include_message in any::<bool>(), kind in 0_usize..5,
    ) {
        let style = Style { include_message, ..Style::default() };
        let kind = kinds(&incident, since)[kind].clone();
        let notice = Notice { incident: &incident, kind };
        check_teams(&teams::message(&notice, &style, teams::Envelope::Message));
        check_slack(&slack::message(&notice, &style));
        check_mail(&email::mail(&notice, &style));
        let event = pagerduty::event(&notice, &style);
        prop_assert!(event["payload"]["summary"].as_str().unwrap().chars().count() <= 1_024);
        prop_assert!(event["dedup_key"].as_str().unwrap().chars().count() <= 255);
        prop_assert!(event.to_string().len() <= 512 * 1_024);
        let body = webhook::body(&notice, &style, None).json;
        prop_assert!(body["incident"]["cause"].is_object(), "{}", body["incident"]["title"]);
    }
}
