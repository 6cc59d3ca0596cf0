//! Microsoft Teams: an Adaptive Card 1.5 for a Workflows webhook.
//!
//! Teams takes 28 KiB of what it makes of a card, which is more than what was sent, so a card is
//! kept to 20 KiB. A `TextBlock` and a `Fact` read Markdown: what they hold is escaped. The texts
//! of errors are `TextRun`s, which read none
//! (<https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features>).

use serde_json::{Value, json};

use super::{
    super::incident::{Help, Severity},
    notice::{Notice, Style},
    outline::Outline,
    room,
};

/// The greatest size of a message in bytes of UTF-8.
pub const LIMIT: usize = 20 * 1024;

/// The id of the part of the card that is folded.
const FOLDED: &str = "whole-message";

/// What the flow behind the webhook expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// A message with the card attached, as the template "When a Teams webhook request is
    /// received" does.
    #[default]
    Message,
    /// The card alone.
    Card,
}

/// The body of the request that posts this, at most [`LIMIT`] bytes.
pub fn message(notice: &Notice<'_>, style: &Style, envelope: Envelope) -> Value {
    let outline = Outline::new(notice, style);
    let build = |outline: &Outline| enveloped(card(outline), envelope);
    room::largest(&outline, build, |text| text.len() <= LIMIT)
}

fn enveloped(card: Value, envelope: Envelope) -> Value {
    match envelope {
        Envelope::Card => card,
        Envelope::Message => json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": card,
            }],
        }),
    }
}

fn card(outline: &Outline) -> Value {
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": { "width": "Full" },
        "fallbackText": escape(&format!("{}: {}", outline.word, outline.title)),
        "body": body(outline),
        "actions": actions(outline),
    })
}

fn body(outline: &Outline) -> Vec<Value> {
    let mut body = vec![banner(outline)];
    body.extend(outline.lead.as_ref().map(|lead| block(lead)));
    if let Some(cause) = &outline.cause {
        body.extend([heading("What went wrong"), run(cause)]);
    }
    body.extend(outline.elsewhere.as_ref().map(|it| block(it)));
    body.extend(outline.help.iter().flat_map(help));
    body.extend(outline.examples.iter().map(|example| block(example)));
    body.extend(facts(&outline.rows));
    body.extend(outline.raw.as_ref().map(|raw| folded(raw)));
    body
}

fn banner(outline: &Outline) -> Value {
    let style = match outline.severity {
        _ if outline.resolved => "good",
        Severity::Info => "accent",
        Severity::Warning => "warning",
        Severity::Error | Severity::Critical => "attention",
    };
    json!({
        "type": "Container",
        "style": style,
        "bleed": true,
        "items": [
            { "type": "TextBlock", "text": outline.word, "size": "Small", "weight": "Bolder",
              "wrap": true },
            { "type": "TextBlock", "text": escape(&outline.title), "size": "Large",
              "weight": "Bolder", "wrap": true, "spacing": "None", "style": "heading" },
        ],
    })
}

fn block(text: &str) -> Value {
    json!({ "type": "TextBlock", "text": escape(text), "wrap": true })
}

fn heading(text: &str) -> Value {
    json!({
        "type": "TextBlock", "text": text, "wrap": true, "weight": "Bolder", "isSubtle": true,
        "size": "Small", "spacing": "Medium",
    })
}

/// Text as it is, with its line ends.
fn run(text: &str) -> Value {
    let pieces: Vec<_> = undated(text)
        .iter()
        .map(|text| json!({ "type": "TextRun", "text": text, "fontType": "Monospace" }))
        .collect();
    json!({ "type": "RichTextBlock", "inlines": pieces, "spacing": "Small" })
}

/// The text in pieces none of which holds `{{DATE(` or `{{TIME(`, which a card would replace by
/// the reader's local time.
fn undated(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (piece, remainder) = rest.split_at(at + 1);
        pieces.push(piece);
        rest = remainder;
    }
    pieces.push(rest);
    pieces
}

fn help(help: &Help) -> Vec<Value> {
    vec![
        heading("What it means"),
        block(&help.explanation),
        heading("Next step"),
        block(&help.next_step),
    ]
}

fn facts(rows: &[(String, String)]) -> Option<Value> {
    let fact =
        |(name, value): &(String, String)| json!({ "title": escape(name), "value": escape(value) });
    let facts: Vec<_> = rows.iter().map(fact).collect();
    (!rows.is_empty()).then(|| json!({ "type": "FactSet", "facts": facts, "spacing": "Medium" }))
}

fn folded(raw: &str) -> Value {
    json!({
        "type": "Container",
        "id": FOLDED,
        "isVisible": false,
        "items": [heading("The whole message"), run(raw)],
    })
}

/// At most six, which is as many as Teams shows.
fn actions(outline: &Outline) -> Vec<Value> {
    let open =
        |title: &str, url: &str| json!({ "type": "Action.OpenUrl", "title": title, "url": url });
    let mut actions: Vec<_> =
        outline.links.iter().take(4).map(|(title, url)| open(title, url)).collect();
    let source = outline.help.as_ref().map(|help| help.source.as_str()).unwrap_or_default();
    if !source.is_empty() {
        actions.push(open("About this error", source));
    }
    if outline.raw.is_some() {
        actions.push(json!({
            "type": "Action.ToggleVisibility",
            "title": "Whole message",
            "targetElements": [FOLDED],
        }));
    }
    actions
}

/// A line in which nothing is Markdown, a mention, an entity or a date of a card.
fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for (at, character) in line.char_indices() {
        if is_markup(character) || begins_list(line, at, character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn is_markup(character: char) -> bool {
    matches!(
        character,
        '\\' | '*' | '_' | '`' | '~' | '[' | ']' | '<' | '>' | '&' | '{' | '}' | '#' | '|' | '!'
    )
}

/// Whether the character makes the beginning of the line an item, as `-`, `+` and `1.` do.
fn begins_list(line: &str, at: usize, character: char) -> bool {
    let number = !line[..at].is_empty() && line[..at].bytes().all(|byte| byte.is_ascii_digit());
    match character {
        '-' | '+' | '=' => line[..at].chars().all(|it| it == character),
        '.' | ')' => number,
        _ => false,
    }
}
