//! Text that is safe to show, and no longer than there is room.

/// What a text without one is shown as, where a channel refuses an empty text.
const NOTHING: &str = "(empty)";

/// The text without characters that are not seen or that change how their neighbours are read:
/// control characters, marks and overrides of direction, tags. Line ends are `\n`, tabs are spaces.
pub fn clean(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter_map(visible).collect()
}

fn visible(character: char) -> Option<char> {
    match character {
        '\n' | '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\t' => Some(' '),
        // The marks, embeddings, overrides and isolates of the bidirectional algorithm.
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => None,
        // With them: word joiner, invisible operators, and the deprecated formatting characters.
        '\u{2060}'..='\u{206f}' => None,
        // Zero width, a byte order mark, annotations, tags, and what no text may hold.
        '\u{ad}' | '\u{200b}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => None,
        '\u{e0000}'..='\u{e007f}' | '\u{fffe}' | '\u{ffff}' => None,
        other if other.is_control() => None,
        other => Some(other),
    }
}

/// The text as [`clean`] leaves it, on one line, at most `limit` characters long.
pub fn line(text: &str, limit: usize) -> String {
    let words: Vec<_> = clean(text).split_whitespace().map(str::to_owned).collect();
    cut(&words.join(" "), limit)
}

/// As [`line()`], but never empty.
pub fn some_line(text: &str, limit: usize) -> String {
    let line = line(text, limit);
    if line.is_empty() { NOTHING.to_owned() } else { line }
}

/// The text if it has at most `limit` characters, else its beginning, followed by how much is
/// missing.
pub fn cut(text: &str, limit: usize) -> String {
    fit(text, limit, |_| 1)
}

/// As [`cut`], where each character takes the room that `cost` says, as it does once escaped. Less
/// room than the note on what is missing takes leaves nothing.
pub fn fit(text: &str, room: usize, cost: impl Fn(char) -> usize) -> String {
    let total = text.chars().count();
    if ends_within(text, room, &cost) == text.len() {
        return text.to_owned();
    }
    let note: usize = note(total).chars().map(&cost).sum();
    let Some(room) = room.checked_sub(note) else { return String::new() };
    let kept = &text[..ends_within(text, room, &cost)];
    format!("{kept}{}", self::note(total - kept.chars().count()))
}

fn note(missing: usize) -> String {
    format!("… ({missing} characters cut)")
}

/// Where the part of the text ends that takes no more than the room.
fn ends_within(text: &str, room: usize, cost: impl Fn(char) -> usize) -> usize {
    let mut taken = 0_usize;
    let over = text.char_indices().find(|(_, character)| {
        taken = taken.saturating_add(cost(*character));
        taken > room
    });
    over.map_or(text.len(), |(at, _)| at)
}

/// The text as HTML shows it, also within a quoted attribute.
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The address if it is an absolute `https` one without a user in it, of at most `limit` bytes and
/// as ASCII; else nothing.
pub fn address(text: &str, limit: usize) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    let address = url.as_str().replace('|', "%7C").replace('\'', "%27");
    (plain && address.len() <= limit && address.is_ascii()).then_some(address)
}

#[cfg(test)]
mod tests;
