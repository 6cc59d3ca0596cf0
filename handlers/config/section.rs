//! Reading one table of a TOML document field by field, so that every problem is found in one go
//! and each has a line and a column.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ops::Range,
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::Problem;

/// A value and where it stands in the document, in bytes.
pub(super) type Found<T> = Spanned<T>;

/// All problems of one document, in the order they were found.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    text: &'a str,
    found: RefCell<Vec<Problem>>,
}

impl<'a> Problems<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, found: RefCell::default() }
    }

    /// Notes a problem at a place in the document.
    pub(super) fn add(&self, at: &Range<usize>, message: impl Into<String>) {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.found.borrow_mut().push(Problem {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        });
    }

    /// Parses a found text, noting why where it does not parse.
    pub(super) fn parse<T, E: std::fmt::Display>(
        &self,
        found: &Found<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = parse(found.get_ref());
        parsed.map_err(|error| self.add(&found.span(), error.to_string())).ok()
    }

    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|problem| (problem.line, problem.column));
        found
    }
}

/// One table; remembers which fields were asked for, so that [`finish`](Self::finish) can name the
/// ones nobody knows.
#[derive(Debug)]
pub(super) struct Section<'a> {
    table: &'a DeTable<'a>,
    at: Range<usize>,
    problems: &'a Problems<'a>,
    known: RefCell<Vec<&'static str>>,
    lenient: Cell<bool>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        table: &'a DeTable<'a>,
        at: Range<usize>,
        problems: &'a Problems<'a>,
    ) -> Self {
        Self { table, at, problems, known: RefCell::default(), lenient: Cell::default() }
    }

    /// Where the table begins.
    pub(super) fn at(&self) -> &Range<usize> {
        &self.at
    }

    /// Notes a problem of the table as a whole.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.problems.add(&self.at, message);
    }

    fn value(&self, name: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().push(name);
        self.table.get(name)
    }

    fn expected(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let kind = value.get_ref().type_str();
        self.problems.add(&value.span(), format!("`{name}` is {kind}, but {wanted} is needed"));
    }

    /// A string.
    pub(super) fn text(&self, name: &'static str) -> Option<Found<String>> {
        let value = self.value(name)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.expected(name, value, "a string");
        }
        text.map(|text| Spanned::new(value.span(), text.to_owned()))
    }

    /// A string that must be there.
    pub(super) fn required(&self, name: &'static str, example: &str) -> Option<Found<String>> {
        if !self.table.contains_key(name) {
            self.problem(format!("`{name}` is missing; write for example {name} = \"{example}\""));
        }
        self.text(name)
    }

    /// A string that is one of a few.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
        default: T,
    ) -> T {
        let Some(text) = self.text(name) else { return default };
        let chosen = choices.iter().find(|(word, _)| *word == text.get_ref().as_str());
        if chosen.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let message = format!("`{name}` must be one of {}", words.join(", "));
            self.problems.add(&text.span(), message);
        }
        chosen.map_or(default, |(_, value)| *value)
    }

    /// One string or a list of strings.
    pub(super) fn texts(&self, name: &'static str) -> Vec<Found<String>> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let items: Vec<_> = match value.get_ref().as_array() {
            Some(array) => array.iter().collect(),
            None => vec![value],
        };
        let text = |item: &Spanned<DeValue<'_>>| {
            let text = item.get_ref().as_str().map(str::to_owned);
            if text.is_none() {
                self.expected(name, item, "a string or a list of strings");
            }
            text.map(|text| Spanned::new(item.span(), text))
        };
        items.into_iter().filter_map(text).collect()
    }

    /// A table of strings.
    pub(super) fn map(&self, name: &'static str) -> BTreeMap<String, Found<String>> {
        let Some(value) = self.value(name) else { return BTreeMap::new() };
        let Some(table) = value.get_ref().as_table() else {
            self.expected(name, value, "a table of strings");
            return BTreeMap::new();
        };
        let mut pairs = BTreeMap::new();
        for (key, item) in table {
            match item.get_ref().as_str() {
                Some(text) => {
                    let found = Spanned::new(item.span(), text.to_owned());
                    pairs.insert(key.get_ref().to_string(), found);
                }
                None => self.expected(key.get_ref(), item, "a string"),
            }
        }
        pairs
    }

    /// A table inside this one.
    pub(super) fn table(&self, name: &'static str) -> Option<Section<'a>> {
        let value = self.value(name)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.expected(name, value, "a table");
        }
        Some(Section::new(table?, value.span(), self.problems))
    }

    /// The tables of an array of tables (`[[name]]`).
    pub(super) fn tables(&self, name: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.expected(name, value, &format!("an array of tables, written [[{name}]],"));
            return Vec::new();
        };
        let section = |item: &'a Spanned<DeValue<'a>>| {
            let table = item.get_ref().as_table();
            if table.is_none() {
                self.expected(name, item, "a table");
            }
            Some(Section::new(table?, item.span(), self.problems))
        };
        array.iter().filter_map(section).collect()
    }

    /// A boolean, false when nothing is said.
    pub(super) fn flag(&self, name: &'static str) -> bool {
        self.flag_or(name, false)
    }

    /// A boolean.
    pub(super) fn flag_or(&self, name: &'static str, default: bool) -> bool {
        let Some(value) = self.value(name) else { return default };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.expected(name, value, "true or false");
        }
        flag.unwrap_or(default)
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count(&self, name: &'static str, most: u64, default: u64) -> u64 {
        let Some(value) = self.value(name) else { return default };
        let number = value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
        let number = number.filter(|number| (1..=most).contains(number));
        if number.is_none() {
            let message = format!("`{name}` must be a whole number from 1 to {most}");
            self.problems.add(&value.span(), message);
        }
        number.unwrap_or(default)
    }

    /// A number above 0 and below 1.
    pub(super) fn part(&self, name: &'static str) -> Option<f64> {
        let value = self.value(name)?;
        let number = value.get_ref().as_float().and_then(|number| number.as_str().parse().ok());
        let number = number.filter(|number| *number > 0.0 && *number < 1.0);
        if number.is_none() {
            let message = format!("`{name}` must be a number above 0 and below 1, such as 0.99");
            self.problems.add(&value.span(), message);
        }
        number
    }

    /// A length in bytes: a whole number, or a string such as `"10 MiB"`.
    pub(super) fn size(&self, name: &'static str) -> Option<u64> {
        let value = self.value(name)?;
        let size = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            DeValue::String(text) => parse_size(text),
            _ => None,
        };
        if size.is_none() {
            self.expected(name, value, "a number of bytes, or a string such as \"10 MiB\",");
        }
        size
    }

    /// A time span, such as `"30s"`.
    pub(super) fn span(&self, name: &'static str) -> Option<Duration> {
        let text = self.text(name)?;
        let span = parse_span(text.get_ref());
        if span.is_none() {
            let message =
                format!("`{name}` must be a time span such as \"30s\", \"5m\", \"1h\" or \"7d\"");
            self.problems.add(&text.span(), message);
        }
        span
    }

    /// Takes every field for known: what the table is could not be told.
    pub(super) fn know_all(&self) {
        self.lenient.set(true);
    }

    /// Names every field that nobody asked for, with the nearest one that exists.
    pub(super) fn finish(self) {
        if self.lenient.get() {
            return;
        }
        let known = self.known.into_inner();
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let near = known.iter().max_by(|a, b| {
                strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name))
            });
            let hint = near.filter(|near| strsim::jaro_winkler(near, name) > 0.8).map_or_else(
                || format!("known here: {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.problems.add(&key.span(), format!("`{name}` is not a field; {hint}"));
        }
    }
}

/// Reads a length in bytes, such as `10 MiB`; `None` if it is none.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Reads a time span, such as `30s`, `5m`, `1h` or `7d`.
pub(crate) fn parse_span(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(factor).map(Duration::from_secs)
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}
