//! Slack: Block Kit for an incoming webhook.
//!
//! Everything from outside is `plain_text`, in which nothing is formatted; `&`, `<` and `>` are
//! escaped in it too (<https://docs.slack.dev/messaging/formatting-message-text>). Besides the
//! limits of each block (<https://docs.slack.dev/reference/block-kit/blocks>) a message of more
//! than some 13,200 characters is refused with `msg_blocks_too_long`, which is not documented.

use serde_json::{Value, json};

use super::{
    super::incident::{Help, Severity},
    notice::{Notice, Style},
    outline::Outline,
    room, text,
};

/// The greatest size of a message in characters of JSON.
pub const LIMIT: usize = 12_900;

/// The greatest length of the text of a section, of a header and of a button, in characters.
const SECTION: usize = 3_000;
const HEADER: usize = 150;
const BUTTON: usize = 75;

/// The greatest number of fields of a section.
const FIELDS: usize = 10;

/// The body of the request that posts this, at most [`LIMIT`] characters.
pub fn message(notice: &Notice<'_>, style: &Style) -> Value {
    let outline = Outline::new(notice, style);
    room::largest(&outline, build, |text| text.chars().count() <= LIMIT)
}

fn build(outline: &Outline) -> Value {
    let title = format!("{}: {}", outline.word, outline.title);
    json!({
        "text": plain(&title, SECTION),
        "blocks": blocks(outline),
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn blocks(outline: &Outline) -> Vec<Value> {
    let mut blocks = vec![header(outline)];
    blocks.extend(outline.lead.as_ref().map(|lead| section(lead)));
    if let Some(cause) = &outline.cause {
        blocks.extend([label("What went wrong"), section(cause)]);
    }
    blocks.extend(outline.elsewhere.as_ref().map(|it| section(it)));
    blocks.extend(outline.help.iter().flat_map(help));
    if !outline.examples.is_empty() {
        blocks.extend([label("Also"), section(&outline.examples.join("\n"))]);
    }
    blocks.extend(outline.rows.chunks(FIELDS / 2).map(fields));
    if let Some(raw) = &outline.raw {
        blocks.extend([label("The whole message"), section(raw)]);
    }
    blocks.extend(buttons(outline));
    blocks
}

fn header(outline: &Outline) -> Value {
    let sign = match outline.severity {
        _ if outline.resolved => '🟢',
        Severity::Info => '🔵',
        Severity::Warning => '🟡',
        Severity::Error => '🔴',
        Severity::Critical => '🚨',
    };
    let title = format!("{sign} {}: {}", outline.word, outline.title);
    json!({ "type": "header", "text": plain_text(&title, HEADER) })
}

fn label(label: &str) -> Value {
    json!({ "type": "section", "text": bold(label) })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": plain_text(text, SECTION) })
}

fn help(help: &Help) -> Vec<Value> {
    vec![
        label("What it means"),
        section(&help.explanation),
        label("Next step"),
        section(&help.next_step),
    ]
}

/// Names at the left, values at the right.
fn fields(rows: &[(String, String)]) -> Value {
    let pair = |(name, value): &(String, String)| {
        let simple = name.chars().all(|it| it.is_alphanumeric() || it == ' ');
        let name = if simple { bold(name) } else { plain_text(name, 2_000) };
        [name, plain_text(value, 2_000)]
    };
    json!({ "type": "section", "fields": rows.iter().flat_map(pair).collect::<Vec<_>>() })
}

fn buttons(outline: &Outline) -> Option<Value> {
    let source = outline.help.as_ref().map(|help| help.source.clone()).unwrap_or_default();
    let read = Some(("About this error".to_owned(), source)).filter(|(_, url)| !url.is_empty());
    let button = |(title, url): &(String, String)| json!({ "type": "button", "text": plain_text(title, BUTTON), "url": url });
    let buttons: Vec<_> = outline.links.iter().chain(read.as_ref()).map(button).collect();
    (!buttons.is_empty()).then(|| json!({ "type": "actions", "elements": buttons }))
}

/// Words of our own, which hold no markup.
fn bold(words: &str) -> Value {
    json!({ "type": "mrkdwn", "text": format!("*{words}*") })
}

fn plain_text(text: &str, limit: usize) -> Value {
    let text = plain(text, limit);
    let text = if text.trim().is_empty() { "–".to_owned() } else { text };
    json!({ "type": "plain_text", "emoji": false, "text": text })
}

/// The text escaped, at most `limit` characters, which Slack counts in UTF-16.
fn plain(text: &str, limit: usize) -> String {
    text::fit(text, limit, cost).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cost(character: char) -> usize {
    match character {
        '&' => 5,
        '<' | '>' => 4,
        other => other.len_utf16(),
    }
}
