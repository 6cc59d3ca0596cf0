//! Patterns over `container/name`: literal text with named captures.
//!
//! `{name}` takes one or more characters other than `/`, `{name...}` takes slashes too, `{{` and
//! `}}` are literal braces. Captures are greedy, so `{stem}.{extension}` splits at the last dot.

use std::collections::BTreeMap;

use regex::Regex;

use crate::stores::blobs::BlobPath;

/// What each capture of a pattern took from a name.
pub type Captures = BTreeMap<String, String>;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
    names: Vec<String>,
    literal_start: String,
    ends_open: bool,
}

/// Why a text is not a pattern or a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Syntax {
    /// A brace without its partner.
    #[error("a single `{0}`: write `{{name}}` for a capture, `{{{{` or `}}}}` for a literal brace")]
    Brace(char),
    /// A capture whose name is not a word.
    #[error("`{{{0}}}` is not a capture: use letters, digits and `_`, starting with a letter")]
    Name(String),
    /// The same capture twice.
    #[error("the capture `{{{0}}}` appears twice")]
    Repeated(String),
    /// A capture with the name of a built-in field.
    #[error("`{{{0}}}` is built in: choose another name for the capture")]
    Reserved(String),
    /// No slash between container and name.
    #[error("a container and a path are needed, such as `landing/{{file...}}`")]
    NoPath,
    /// Two captures with nothing between them.
    #[error("`{{{0}}}` follows another capture directly: put text between them")]
    Adjacent(String),
}

/// One element of a pattern or a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text that stands for itself.
    Literal(String),
    /// `{name}`, or `{name...}` when it is open.
    Field { name: String, open: bool },
}

/// The names that templates give a meaning of their own.
pub(super) const BUILT_IN: [&str; 9] =
    ["container", "path", "guid", "yyyy", "MM", "dd", "HH", "mm", "ss"];

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The first fault of its text.
    pub fn parse(text: &str) -> Result<Self, Syntax> {
        let pieces = split(text)?;
        let names = capture_names(&pieces)?;
        if !text
            .split_once('/')
            .is_some_and(|(container, path)| !container.is_empty() && !path.is_empty())
        {
            return Err(Syntax::NoPath);
        }
        let source: String = pieces.iter().map(expression).collect();
        let regex = Regex::new(&format!("^(?s:{source})$")).map_err(|_| Syntax::NoPath)?;
        let literal_start = match pieces.first() {
            Some(Piece::Literal(start)) => start.clone(),
            _ => String::new(),
        };
        let ends_open = matches!(pieces.last(), Some(Piece::Field { open: true, .. }));
        Ok(Self { text: text.to_owned(), regex, names, literal_start, ends_open })
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of its captures, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it ends in an open capture, as the pattern of a dataset must.
    pub fn ends_open(&self) -> bool {
        self.ends_open
    }

    /// The container, unless a capture takes part in it.
    pub fn container(&self) -> Option<&str> {
        self.literal_start.split_once('/').map(|(container, _)| container)
    }

    /// What each capture takes from `path`, `None` if the pattern does not match.
    pub fn captures(&self, path: &BlobPath) -> Option<Captures> {
        let text = path.to_string();
        let found = self.regex.captures(&text)?;
        let pairs = self.names.iter().map(|name| (name.clone(), found[name.as_str()].to_owned()));
        Some(pairs.collect())
    }

    /// The part of a matching name before its last capture: the folder of a dataset.
    pub fn folder(&self, path: &BlobPath) -> Option<String> {
        let text = path.to_string();
        let last = self.regex.captures(&text)?.name(self.names.last()?)?.start();
        Some(text.get(path.container().len() + 1..last)?.to_owned())
    }

    /// Why `path` does not match, for a person.
    pub fn explain(&self, path: &BlobPath) -> String {
        if path.to_string().starts_with(&self.literal_start) {
            format!("the rest of the name does not fit `{}`", self.text)
        } else {
            format!("the name does not start with `{}`", self.literal_start)
        }
    }
}

fn capture_names(pieces: &[Piece]) -> Result<Vec<String>, Syntax> {
    let mut names: Vec<String> = Vec::new();
    let mut after_field = false;
    for piece in pieces {
        let Piece::Field { name, .. } = piece else {
            after_field = false;
            continue;
        };
        if BUILT_IN.contains(&name.as_str()) {
            return Err(Syntax::Reserved(name.clone()));
        }
        if names.contains(name) {
            return Err(Syntax::Repeated(name.clone()));
        }
        if after_field {
            return Err(Syntax::Adjacent(name.clone()));
        }
        after_field = true;
        names.push(name.clone());
    }
    Ok(names)
}

fn expression(piece: &Piece) -> String {
    match piece {
        Piece::Literal(text) => regex::escape(text),
        Piece::Field { name, open: true } => format!("(?P<{name}>.+)"),
        Piece::Field { name, open: false } => format!("(?P<{name}>[^/]+)"),
    }
}

/// Splits a pattern or a template into its pieces.
pub(super) fn split(text: &str) -> Result<Vec<Piece>, Syntax> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            literal.push_str(brace);
            rest = after;
            continue;
        }
        let (inside, after) = rest
            .split_once('}')
            .filter(|_| brace == "{")
            .ok_or(Syntax::Brace(if brace == "{" { '{' } else { '}' }))?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(field(inside)?);
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

fn field(inside: &str) -> Result<Piece, Syntax> {
    let (name, open) = match inside.strip_suffix("...") {
        Some(name) => (name, true),
        None => (inside, false),
    };
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !word {
        return Err(Syntax::Name(inside.to_owned()));
    }
    Ok(Piece::Field { name: name.to_owned(), open })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn captures(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
        let found = Pattern::parse(pattern).unwrap().captures(&path.parse().unwrap())?;
        Some(found.into_iter().collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn captures_hold_what_they_took() {
        let table = [
            ("landing/{file}", "landing/x.csv", pairs(&[("file", "x.csv")])),
            ("landing/{file}", "landing/a/x.csv", None),
            ("landing/{file...}", "landing/a//x.csv", pairs(&[("file", "a//x.csv")])),
            ("landing/{a}/{b...}", "landing/s/t/u", pairs(&[("a", "s"), ("b", "t/u")])),
            ("landing/{a}/{b...}", "landing/s/", None),
            (
                "landing/{stem}.{ext}",
                "landing/x.tar.gz",
                pairs(&[("ext", "gz"), ("stem", "x.tar")]),
            ),
            ("landing/a+(b)[c].{ext}", "landing/a+(b)[c].csv", pairs(&[("ext", "csv")])),
            ("landing/{{x}}/{f}", "landing/{x}/y", pairs(&[("f", "y")])),
            ("landing/{f}", "landing/仓库 %20#?.csv", pairs(&[("f", "仓库 %20#?.csv")])),
            ("landing/{f}", "Landing/x".to_lowercase().as_str(), pairs(&[("f", "x")])),
            ("landing/Sales/{f}", "landing/sales/x", None),
        ]
        .map(|(pattern, path, wanted)| (pattern, path.to_owned(), wanted));
        for (pattern, path, wanted) in table {
            assert_eq!(captures(pattern, &path), wanted, "{pattern} on {path}");
        }
    }

    #[test]
    fn faults_are_named() {
        let table = [
            ("landing/{file", Syntax::Brace('{')),
            ("landing/file}", Syntax::Brace('}')),
            ("landing/{1st}", Syntax::Name("1st".to_owned())),
            ("landing/{}", Syntax::Name(String::new())),
            ("landing/{a}/{a}", Syntax::Repeated("a".to_owned())),
            ("landing/{a}{b}", Syntax::Adjacent("b".to_owned())),
            ("landing/{path...}", Syntax::Reserved("path".to_owned())),
            ("landing", Syntax::NoPath),
            ("/x", Syntax::NoPath),
        ];
        for (pattern, fault) in table {
            assert_eq!(Pattern::parse(pattern).unwrap_err(), fault, "{pattern}");
        }
    }

    #[test]
    fn a_folder_is_what_stands_before_the_last_capture() {
        let pattern = Pattern::parse("landing/drives/{dataset}/{file...}").unwrap();
        let folder = pattern.folder(&"landing/drives/q1/a/b.csv".parse().unwrap());
        assert_eq!(folder.as_deref(), Some("drives/q1/"));
    }

    proptest! {
        #[test]
        fn any_name_comes_through_an_open_capture(name in "[^\\p{Cc}]{1,60}") {
            let Ok(path) = BlobPath::new("landing", &name) else { return Ok(()) };
            let pattern = Pattern::parse("landing/{file...}").unwrap();
            prop_assert_eq!(&pattern.captures(&path).unwrap()["file"], &name);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-z{}./]{0,20}") {
            let _ = Pattern::parse(&text);
        }
    }
}
