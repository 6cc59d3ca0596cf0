//! Less of everything, until a message is as small as its channel wants it.

use serde_json::Value;

use super::{super::incident::Help, outline::Outline, text};

/// How much of each part is shown; lengths in characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    cause: usize,
    raw: usize,
    rows: usize,
    value: usize,
    help: usize,
    examples: usize,
    links: usize,
    address: usize,
}

/// From all there is to what fits in 10,000 characters, or 18 KiB, whatever is in it: a character
/// takes at most five once escaped, and at most four bytes.
const ROOMS: [Room; 6] = [
    room([4_000, 8_000, 24, 300], [600, 6, 4, 1_800]),
    room([3_000, 4_000, 24, 300], [600, 6, 4, 1_800]),
    room([2_500, 1_500, 24, 200], [600, 6, 4, 1_800]),
    room([1_500, 500, 20, 150], [500, 6, 4, 1_200]),
    room([800, 200, 14, 90], [400, 4, 4, 600]),
    room([200, 100, 6, 40], [120, 1, 2, 300]),
];

const fn room(texts: [usize; 4], others: [usize; 4]) -> Room {
    let [cause, raw, rows, value] = texts;
    let [help, examples, links, address] = others;
    Room { cause, raw, rows, value, help, examples, links, address }
}

/// The message with the most in it that is small enough.
pub(super) fn largest(
    outline: &Outline,
    build: impl Fn(&Outline) -> Value,
    is_small: impl Fn(&str) -> bool,
) -> Value {
    let mut message = Value::Null;
    for room in ROOMS {
        message = build(&within(outline, room));
        if is_small(&message.to_string()) {
            break;
        }
    }
    message
}

fn within(outline: &Outline, room: Room) -> Outline {
    let cut = |text: &String, limit| text::cut(text, limit);
    let pair =
        |(name, value): &(String, String)| (cut(name, room.value.min(60)), cut(value, room.value));
    Outline {
        title: outline.title.clone(),
        lead: outline.lead.clone(),
        rows: outline.rows.iter().take(room.rows).map(pair).collect(),
        cause: outline.cause.as_ref().map(|text| cut(text, room.cause)),
        raw: outline.raw.as_ref().map(|text| cut(text, room.raw)),
        elsewhere: outline.elsewhere.clone(),
        help: outline.help.as_ref().map(|it| help(it, room)),
        examples: outline.examples.iter().take(room.examples).cloned().collect(),
        links: links(outline, room),
        ..*outline
    }
}

fn help(help: &Help, room: Room) -> Help {
    let short = help.source.len() <= room.address;
    Help {
        explanation: text::cut(&help.explanation, room.help),
        next_step: text::cut(&help.next_step, room.help),
        source: if short { help.source.clone() } else { String::new() },
    }
}

fn links(outline: &Outline, room: Room) -> Vec<(String, String)> {
    let short = outline.links.iter().filter(|(_, url)| url.len() <= room.address);
    short.take(room.links).cloned().collect()
}
