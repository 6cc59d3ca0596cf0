//! What went wrong, out of the texts that services make of an error: activities around it peeled off,
//! the root cause first, the code that tells most.
//!
//! `text` takes escapes away, `find` finds ids, codes and statuses.

mod find;
#[cfg(test)]
mod tests;
mod text;

use serde_json::Value;

use super::codes;

pub use text::{cut, readable};

/// How often something is peeled off.
const DEEPEST: usize = 64;

/// What a text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The activities around the error, outermost first.
    pub activities: Vec<String>,
    /// The error codes, the one that tells most first.
    pub codes: Vec<String>,
    /// The root cause.
    pub root: String,
    /// The HTTP status that a service answered with.
    pub status: Option<u16>,
    /// The service's id of the request.
    pub request_id: Option<String>,
}

/// What stands around an activity's name before its error.
const AROUND: [(&str, &str); 6] = [
    ("Operation on target ", " failed:"),
    ("Activity failed because an inner activity failed; Inner activity name: ", ", Error:"),
    ("at Source '", "'"),
    ("at Sink '", "'"),
    ("at Join '", "'"),
    ("at Derive '", "'"),
];

/// The longest name of an activity, in bytes.
const LONGEST_NAME: usize = 260;

/// Reads a text; `code` is what stands apart from it.
pub fn find(text: &str, code: Option<&str>) -> Found {
    let text = readable(text);
    let mut found = Found {
        status: find::status(&text),
        request_id: find::request_id(&text),
        ..Found::default()
    };
    let rest = peel(&text, &mut found);
    let code = code.map(str::trim).filter(|code| !code.is_empty());
    found.codes.extend(find::codes(&text));
    // What is well known tells more than what is only called an error.
    let known = found.codes.iter().any(|code| codes::named(code).is_some());
    let recognized = codes::recognized(&text).filter(|_| !known);
    found.codes.extend(recognized.map(|code| code.code.clone()));
    found.codes.extend(code.map(str::to_owned));
    found.codes.dedup();
    found.root = root(&rest);
    found
}

/// Takes off what is around the error, and what is left is returned.
fn peel(text: &str, found: &mut Found) -> String {
    let mut rest = text.trim().to_owned();
    for _ in 0..DEEPEST {
        let Some(inner) = peeled(&rest, found) else { break };
        rest = inner;
    }
    rest
}

fn peeled(text: &str, found: &mut Found) -> Option<String> {
    if let Some((name, rest)) = AROUND.iter().find_map(|around| between(text, around)) {
        found.activities.push(name.to_owned());
        return Some(rest.to_owned());
    }
    if let Some(rest) = text.strip_prefix("Job failed due to reason:") {
        return Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty());
    }
    let object = find::object(text)?;
    let inner = described(&object, found)?;
    // The text around an object that is only a part of it says what was called.
    Some(readable(&inner)).filter(|inner| inner.len() < text.len())
}

/// The name and the error after it.
fn between<'a>(text: &'a str, (before, after): &(&str, &str)) -> Option<(&'a str, &'a str)> {
    let text = text.strip_prefix(before)?;
    let end = text.find(after).filter(|end| (1..=LONGEST_NAME).contains(end))?;
    let (name, rest) = (text[..end].trim(), &text[end + after.len()..]);
    let rest = rest.trim_start();
    // Data flows say on which line of their script: (Line 12/Col 3):
    let rest = match rest.strip_prefix("(Line ").and_then(|rest| rest.split_once(')')) {
        Some((_, rest)) => rest,
        None => rest,
    };
    let rest = rest.trim_start_matches([':', ' ', '\n']);
    (!name.is_empty() && !rest.is_empty() && !name.contains('\n')).then_some((name, rest))
}

/// An error object's message; its code and target are taken.
fn described(object: &Value, found: &mut Found) -> Option<String> {
    let object = object.as_object()?;
    let named = |name: &str| {
        let mut members = object.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        members.find_map(|(_, value)| find::plain(value))
    };
    let member = |names: &[&str]| names.iter().find_map(|name| named(name));
    if let Some(inner) = ["error", "Error"].iter().find_map(|name| object.get(*name)) {
        return if inner.is_object() { described(inner, found) } else { find::plain(inner) };
    }
    let code = member(&["statuscode", "errorcode", "code"]);
    let message = member(&["message", "errormessage", "detail", "title", "details"])?;
    // Inner codes come before those around them.
    found.codes.splice(0..0, code.filter(|code| code != "0"));
    found.activities.extend(member(&["target"]).filter(|target| !target.is_empty()));
    Some(message)
}

/// What people read first of what is left.
fn root(text: &str) -> String {
    let inner = find::message(text).unwrap_or_else(|| text.to_owned());
    find::without_ids(&inner)
}
