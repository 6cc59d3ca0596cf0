//! Names and values in a text: `Pipeline: ingest` on a line of its own, or `*Pipeline:*` before one.

use std::{cmp::Reverse, sync::LazyLock};

use regex::Regex;

use super::fields::Fields;

/// What is taken of a text; other lines with a colon are sentences.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?m)^[ \t>*_•-]*(?P<name>(?i-u:pipe?line(?:[ _-]?name)?|(?:pipeline[ _-]?)?run[ _-]?id|activity(?:[ _-]?name)?",
        r"|failed[ _-]?activity|data[ _-]?factory(?:[ _-]?name)?|resource[ _-]?group|subscription(?:[ _-]?id)?|workspace",
        r"|environment|table(?:[ _-]?name)?|error[ _-]?code|error(?:[ _-]?message)?|status|time(?:stamp)?|severity))",
        r"[*_ ]*[:=][*_ ]*\n?[ \t*`]*(?P<value>[^\r\n*`]+)",
    ))
    .expect("the pattern is constant, and a test uses it")
});

/// The pairs of a text.
pub fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = PAIR.captures_iter(text).take(50);
    pairs.filter_map(|found| {
        Some((found.name("name")?.as_str(), found.name("value")?.as_str().trim()))
    })
}

/// A text without its pairs.
pub fn without(text: &str) -> String {
    PAIR.replace_all(text, "").trim().to_owned()
}

/// Adds the pairs in the members' texts as members, first those of the text with the most: one alone
/// may be a sentence.
pub fn add_from_texts(fields: &mut Fields) {
    let is_text = |text: &&str| text.contains([':', '=']) && !text.starts_with(['{', '[']);
    let texts = fields.iter().map(|field| field.text.as_str()).filter(is_text).take(50);
    let mut found: Vec<Vec<(String, String)>> = texts.map(owned).collect();
    found.sort_by_key(|pairs| Reverse(pairs.len()));
    found.iter().flatten().for_each(|(name, value)| fields.add(name, value));
}

fn owned(text: &str) -> Vec<(String, String)> {
    pairs(text).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_names_at_the_beginning_of_a_line_are_pairs() {
        let text = "*Pipeline:* `ingest`\n> Run ID: *7*\n- error_message = it broke: badly\n\
                    It said: nothing\nthe pipeline: x\n*Environment:*\nprod";
        let found: Vec<_> = pairs(text).collect();
        let expected = [
            ("Pipeline", "ingest"),
            ("Run ID", "7"),
            ("error_message", "it broke: badly"),
            ("Environment", "prod"),
        ];
        assert_eq!(found, expected);
        assert_eq!(without("Status: Failed\nIt broke"), "It broke");
    }
}
