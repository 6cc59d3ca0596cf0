//! Secrets in texts: each is replaced before anything else reads the text.
//!
//! What surrounds a secret stays, so that people see which one it was: `sig=***`.

mod names;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

pub use names::is_secret_name;

/// What stands where a secret was.
pub const MASK: &str = "***";

/// A way to find secrets: `keep` and `end` are left, what is between them is a secret.
struct Rule {
    pattern: Regex,
    /// Whether what was found is a secret, where its place alone does not tell.
    applies: fn(&str) -> bool,
}

/// The rules, in the order in which they are applied.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let separator = names::SEPARATOR;
    let named = names::pattern();
    let hosts = names::WEBHOOK_HOSTS;
    let always: fn(&str) -> bool = |_| true;
    [
        (format!(r"(?s)(?<keep>{})(?<secret>.*?)(?<end>{}|\z)", pem("BEGIN"), pem("END")), always),
        (r"(?<keep>)(?<secret>eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*){0,4})".to_owned(), always),
        (format!(r"(?<keep>(?i-u:{hosts})(?::\d+)?(?:\\*/|%(?:25)*2[fF]))(?<secret>[^\s\x22'<>]+)"), always),
        (r"(?<keep>(?i-u:authorization)[\x22'\\]*\s*[:=]\s*[\x22'\\]*(?:\w+\s+)?)(?<secret>[^\s\x22'\\,;<>]+)".to_owned(), always),
        (r"(?<keep>(?i-u:bearer)\s+)(?<secret>[\w.~+/=-]{8,})".to_owned(), is_opaque),
        (r"(?<keep>\w://[^\s/@\x22'<>?#:]*:)(?<secret>[^\s/@\x22'<>]+)(?<end>@)".to_owned(), always),
        (r"(?<keep>(?i-u:https?)://)(?<secret>[^\s/@\x22'<>?#:]+)(?<end>@)".to_owned(), always),
        (format!(r"(?<keep>{named}{separator})(?<secret>{})", names::VALUE), always),
        (format!(r"(?<keep>{})(?<secret>{})", names::word_pattern(), names::VALUE), always),
        (format!(r"(?<keep>(?i-u:[?&;]|%(?:25)*3f|%(?:25)*26|u0026)(?i-u:code|sig|key){separator})(?<secret>[^\s&\x22'<>;,]+)"), always),
        (r"(?<keep>(?i-u:key|secret|token|signature|credential|password)s?\W{1,12}(?:(?i-u:is|was|value)\W{1,4})?)(?<secret>[\w+/-]{20,}={0,2})".to_owned(), is_random),
    ]
    .into_iter()
    .map(|(pattern, applies)| Rule {
        pattern: Regex::new(&pattern).expect("the patterns are constants, and a test uses them"),
        applies,
    })
    .collect()
});

fn pem(part: &str) -> String {
    format!(r"-----{part} [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
}

/// A text without its secrets.
pub fn masked(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    for rule in RULES.iter() {
        if let Cow::Owned(changed) = rule.pattern.replace_all(&text, |found: &Captures<'_>| {
            let secret = &found["secret"];
            if secret.is_empty() || !(rule.applies)(secret) {
                return found[0].to_owned();
            }
            let semicolon = if secret.ends_with(';') { ";" } else { "" };
            let end = found.name("end").map_or(semicolon, |end| end.as_str());
            format!("{}{MASK}{end}", &found["keep"])
        }) {
            text = Cow::Owned(changed);
        }
    }
    text.into_owned()
}

/// Whether a word after `Bearer` is a token and not the next word of a sentence.
fn is_opaque(word: &str) -> bool {
    word.len() >= 20 || word.contains(|c: char| c.is_ascii_digit())
}

/// Whether a word is made by chance, as keys are and names of columns and constraints are not.
fn is_random(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    digits >= 3 || word.contains(['+', '='])
}
