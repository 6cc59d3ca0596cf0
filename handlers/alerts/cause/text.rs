//! Texts as people can read them.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

/// Escapes of HTML and JSON that were left in a text. A lone `\n` may be the beginning of a folder's
/// name, so it counts only where no letter or colon is before it.
static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"&(?<named>amp|lt|gt|quot|apos|nbsp);|&#(?<number>\d{1,7});|&#[xX](?<hex>[0-9a-fA-F]{1,6});",
        r"|\\+u(?<code>[0-9a-fA-F]{4})|(?<line>(?:\\r)?\\n)|(?<quote>\\+[\x22'])",
    ))
    .expect("the pattern is constant, and a test uses it")
});

/// A text without escapes and without control characters but line breaks.
pub fn readable(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    // Some are escaped twice: &amp;apos;
    for _ in 0..3 {
        let Cow::Owned(changed) =
            ESCAPE.replace_all(&text, |found: &Captures<'_>| plain(&text, found))
        else {
            break;
        };
        text = Cow::Owned(changed);
    }
    let text = text.replace("\r\n", "\n").replace('\t', " ");
    text.chars().filter(|letter| *letter == '\n' || !letter.is_control()).collect()
}

fn plain(text: &str, found: &Captures<'_>) -> String {
    let number = |name, base| found.name(name).map(|code| u32::from_str_radix(code.as_str(), base));
    if let Some(name) = found.name("named") {
        return named(name.as_str()).to_owned();
    }
    if let Some(quote) = found.name("quote") {
        return quote.as_str().trim_start_matches('\\').to_owned();
    }
    if let Some(line) = found.name("line") {
        let before = text[..line.start()].chars().next_back();
        let is_folder = line.len() == 2 && before.is_some_and(|c| c.is_alphanumeric() || c == ':');
        return if is_folder { line.as_str() } else { "\n" }.to_owned();
    }
    let code = number("number", 10).or_else(|| number("hex", 16)).or_else(|| number("code", 16));
    let letter = code.and_then(Result::ok).and_then(char::from_u32);
    letter.map_or_else(|| found[0].to_owned(), String::from)
}

fn named(name: &str) -> &'static str {
    match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => " ",
    }
}

/// At most so many characters of a text, with how many were cut said at its end.
pub fn cut(text: &str, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        return text.to_owned();
    }
    // What is said needs room for a number of any length.
    let kept = longest.saturating_sub(40);
    let begin: String = text.chars().take(kept).collect();
    let begin = begin.trim_end();
    format!("{begin}… ({} characters cut)", length - begin.chars().count())
}
