//! Well-known error codes: what each means and what to do, from a file that is part of the binary.

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

use super::incident::{Help, Retry, Severity};

/// One error code.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The code as its service writes it.
    pub code: String,
    /// Other ways to write it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What the text of an error holds, in any case, whose code is not given.
    #[serde(default)]
    pub texts: Vec<String>,
    /// What happened, in plain words.
    pub explanation: String,
    /// What to do next: names a setting, a page or a command.
    pub next_step: String,
    /// Whether another try may help.
    pub retry: Retry,
    /// How bad it is, if that is not the same as for any failure.
    pub severity: Option<Severity>,
    /// Where it is documented.
    pub source: String,
    /// A message as it was recorded.
    pub message: String,
}

impl Code {
    /// What an incident says of it.
    pub fn help(&self) -> Help {
        Help {
            explanation: self.explanation.clone(),
            next_step: self.next_step.clone(),
            source: self.source.clone(),
        }
    }
}

#[derive(Deserialize)]
struct File {
    code: Vec<Code>,
}

struct Codes {
    all: Vec<Code>,
    /// The place in `all` by name in lower case.
    by_name: HashMap<String, usize>,
    /// The texts in lower case, the longest first, which are the most exact.
    by_text: Vec<(String, usize)>,
}

static CODES: LazyLock<Codes> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("codes.toml"))
        .expect("the file is constant, and a test reads it");
    let all = file.code;
    let mut by_name = HashMap::new();
    let mut by_text = Vec::new();
    for (place, code) in all.iter().enumerate() {
        for name in code.aliases.iter().chain([&code.code]) {
            by_name.insert(name.to_lowercase(), place);
        }
        by_text.extend(code.texts.iter().map(|text| (text.to_lowercase(), place)));
    }
    by_text.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    Codes { all, by_name, by_text }
});

/// All codes.
pub fn all() -> &'static [Code] {
    &CODES.all
}

/// The code of a name.
pub fn named(name: &str) -> Option<&'static Code> {
    CODES.by_name.get(&name.trim().to_lowercase()).map(|place| &CODES.all[*place])
}

/// The code of a text that does not give it.
pub fn recognized(text: &str) -> Option<&'static Code> {
    let text = text.to_lowercase();
    let found = CODES.by_text.iter().find(|(part, _)| text.contains(part.as_str()));
    found.map(|(_, place)| &CODES.all[*place])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::HashSet;

    use time::macros::datetime;
    use url::Url;

    use super::*;
    use crate::alerts::{intake, severity::Rules};

    #[test]
    fn each_message_leads_to_its_code() {
        for code in all() {
            let now = datetime!(2026-12-01 07:00 UTC);
            let body =
                serde_json::json!({"pipeline": "p", "errorMessage": code.message}).to_string();
            let incident = intake::read(body.as_bytes(), now, &Rules::default()).remove(0);
            assert_eq!(incident.help, Some(code.help()), "{} {:?}", code.code, incident.cause.code);
            assert_eq!(incident.cause.retry, Some(code.retry), "{}", code.code);
            assert!(incident.cause.code.is_some(), "{}", code.code);
        }
    }

    #[test]
    fn a_name_is_of_one_code() {
        let mut names = HashSet::new();
        for code in all() {
            for name in code.aliases.iter().chain([&code.code]).chain(&code.texts) {
                assert!(names.insert(name.to_lowercase()), "{name} is there twice");
            }
        }
        assert!(all().len() >= 40);
    }

    #[test]
    fn each_code_says_what_to_do_and_where_it_is_documented() {
        for code in all() {
            let source = Url::parse(&code.source).unwrap();
            assert_eq!(source.scheme(), "https", "{}", code.code);
            for text in [&code.explanation, &code.next_step] {
                assert!(text.ends_with('.') && (20..300).contains(&text.len()), "{}", code.code);
            }
            assert!(code.texts.iter().all(|text| text.len() >= 10), "{}", code.code);
        }
    }
}
