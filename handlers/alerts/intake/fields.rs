//! What a payload says, as a flat list of names and texts, whatever its nesting and casing.

use serde_json::{Map, Value};

use crate::alerts::mask::{MASK, is_secret_name, masked};

/// How deep objects, and texts that hold objects, are followed.
const DEEPEST: usize = 16;
/// How many members of a payload are looked at.
const MOST: usize = 600;

/// How much of one text is looked at, in bytes.
const LONGEST: usize = 128 << 10;

/// One member.
#[derive(Clone, Debug)]
pub struct Field {
    /// The names on the way to it, each in lower case and only letters and digits, with dots between.
    pub path: String,
    /// Its own name as it was written.
    pub name: String,
    /// Its text, masked.
    pub text: String,
    /// How deep it was found.
    depth: usize,
}

/// All members of a payload that have a text, the outer ones first.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<Field>);

impl Fields {
    /// Takes all members of a value.
    pub fn of(value: &Value) -> Self {
        let mut fields = Self::default();
        fields.walk(value, "", "", 0);
        fields.0.sort_by_key(|field| field.depth);
        fields
    }

    /// Adds a member that was found otherwise.
    pub fn add(&mut self, name: &str, text: &str) {
        let path = plain_name(name);
        let text =
            if is_secret_name(&path) { MASK.to_owned() } else { masked(beginning(text, LONGEST)) };
        self.push(path, name, text, 0);
    }

    /// The text of the first member that has one of the names; earlier names and outer members come
    /// first. A name with a dot asks for the names before it too.
    pub fn get(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .find_map(|name| self.0.iter().find(|field| is_at(&field.path, name)))
            .map(Field::text)
    }

    /// All members.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    fn walk(&mut self, value: &Value, path: &str, name: &str, depth: usize) {
        if depth > DEEPEST || self.0.len() >= MOST {
            return;
        }
        match value {
            Value::Object(object) => self.walk_object(object, path, depth),
            Value::Array(list) => {
                list.iter().for_each(|item| self.walk(item, path, name, depth + 1));
            }
            Value::String(text) => self.walk_text(text, path, name, depth),
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) => {
                self.push(path.to_owned(), name, value.to_string(), depth);
            }
        }
    }

    fn walk_object(&mut self, object: &Map<String, Value>, path: &str, depth: usize) {
        if let Some((name, value)) = named_value(object) {
            self.walk(value, &joined(path, &plain_name(name)), name, depth + 1);
        }
        for (name, value) in object {
            self.walk(value, &joined(path, &plain_name(name)), name, depth + 1);
        }
    }

    fn walk_text(&mut self, text: &str, path: &str, name: &str, depth: usize) {
        if is_secret_name(path.rsplit('.').next().unwrap_or(path)) {
            return self.push(path.to_owned(), name, MASK.to_owned(), depth);
        }
        if let Some(inner) = held_json(text) {
            self.walk(&inner, path, name, depth + 1);
        }
        self.push(path.to_owned(), name, masked(beginning(text.trim(), LONGEST)), depth);
    }

    fn push(&mut self, path: String, name: &str, text: String, depth: usize) {
        if !text.is_empty() && self.0.len() < MOST {
            let name = masked(name.trim().trim_end_matches(':'));
            self.0.push(Field { path, name, text, depth });
        }
    }
}

impl Field {
    fn text(&self) -> &str {
        &self.text
    }
}

/// At most so many bytes of a text, up to where a word ends: half a secret is hard to tell.
fn beginning(text: &str, longest: usize) -> &str {
    if text.len() <= longest {
        return text;
    }
    let text = &text[..text.floor_char_boundary(longest)];
    text.rfind(char::is_whitespace).map_or("", |end| &text[..end])
}

/// A name in lower case with nothing but letters and digits: `Pipeline RunId:` and `pipeline_run_id`
/// are one.
pub fn plain_name(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).take(100).collect()
}

/// The object or list that a text holds.
pub fn held_json(text: &str) -> Option<Value> {
    let text = text.trim();
    let is_likely = text.starts_with(['{', '[']) && text.ends_with(['}', ']']);
    let value: Value = if is_likely { serde_json::from_str(text).ok()? } else { return None };
    Some(value)
}

/// Facts of cards and fields of messages: `{"name": "Pipeline", "value": "ingest"}`.
fn named_value(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let name =
        ["name", "title", "Name", "Title"].iter().find_map(|name| object.get(*name)?.as_str());
    let value = ["value", "Value"].iter().find_map(|name| object.get(*name));
    name.zip(value)
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn is_at(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}
