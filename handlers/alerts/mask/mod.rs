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

/// A way to find secrets: the groups `keep` and `end` are left, `secret` between them is one.
struct Rule {
    pattern: Regex,
    /// Whether what was found is a secret, where its place alone does not tell.
    applies: fn(&str) -> bool,
}

/// The rules, in the order in which they are applied.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut rules = by_form();
    rules.extend(by_name());
    rules
});

/// Secrets that are told by what they look like or where they stand.
fn by_form() -> Vec<Rule> {
    let hosts = names::WEBHOOK_HOSTS;
    let header = r"(?i-u:authorization)[\x22'\\]*\s*[:=]\s*[\x22'\\]*(?:\w+\s+)?";
    vec![
        always(&format!("(?s)(?<keep>{})(?<secret>.*?)(?<end>{}|\\z)", pem("BEGIN"), pem("END"))),
        always(r"(?<keep>)(?<secret>eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*){0,4})"),
        always(&format!(
            r"(?<keep>(?i-u:{hosts})(?::\d+)?(?:\\*/|%(?:25)*2[fF]))(?<secret>[^\s\x22'<>]+)"
        )),
        always(&format!(r"(?<keep>{header})(?<secret>[^\s\x22'\\,;<>]+)")),
        sometimes(r"(?<keep>(?i-u:bearer)\s+)(?<secret>[\w.~+/=-]{8,})", is_opaque),
        // Of an address only the password is one, but a user alone is a token.
        always(r"(?<keep>\w://[^\s/@\x22'<>?#:]*:)(?<secret>[^\s/@\x22'<>]+)(?<end>@)"),
        always(r"(?<keep>(?i-u:https?)://)(?<secret>[^\s/@\x22'<>?#:]+)(?<end>@)"),
    ]
}

/// Secrets that are told by their names.
fn by_name() -> Vec<Rule> {
    let separator = names::SEPARATOR;
    let (named, word, member) = (names::pattern(), names::word_pattern(), names::member_pattern());
    let begin = "(?i-u:[?&;]|%(?:25)*3f|%(?:25)*26|u0026)(?i-u:code|sig|key)";
    let spoken = r"(?i-u:key|secret|token|signature|credential|password)s?\W{1,12}(?:(?i-u:is|was|value)\W{1,4})?";
    vec![
        always(&format!("(?<keep>{named}{separator})(?<secret>{})", names::VALUE)),
        always(&format!("(?<keep>{member}{separator})(?<secret>{})", names::MEMBER)),
        always(&format!("(?<keep>{word})(?<secret>{})", names::MEMBER)),
        always(&format!(r"(?<keep>{begin}{separator})(?<secret>[^\s&\x22'<>;,]+)")),
        sometimes(&format!(r"(?<keep>{spoken})(?<secret>[\w+/-]{{20,}}={{0,2}})"), is_random),
    ]
}

fn always(pattern: &str) -> Rule {
    sometimes(pattern, |_| true)
}

fn sometimes(pattern: &str, applies: fn(&str) -> bool) -> Rule {
    let pattern = Regex::new(pattern).expect("the patterns are constants, and a test uses them");
    Rule { pattern, applies }
}

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
