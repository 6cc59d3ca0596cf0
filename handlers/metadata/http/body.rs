//! Reading a JSON body strictly: every problem that is found has the path of its field.

use axum::body::{self, Body};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::text::{nearest, shortened};
use crate::error::{Error, Wrong};

/// The longest body, in bytes.
pub const LONGEST: usize = 1 << 20;

/// So many problems of one body are named.
const MOST_PROBLEMS: usize = 20;

/// Reads the object that a body holds.
///
/// # Errors
/// `TooLarge`, or `Fields` that name the body.
pub async fn object(body: Body) -> Result<Map<String, Value>, Error> {
    let bytes = body::to_bytes(body, LONGEST).await.map_err(|_| Error::TooLarge(LONGEST))?;
    object_of(&bytes).map_err(|reason| Wrong::new("body", reason).into())
}

/// Reads an object, or a string that holds one: Data Factory sends what an expression gives.
///
/// # Errors
/// Why it is neither.
pub fn object_of(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let value = serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
    let value = match value {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::Null),
        value => value,
    };
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err("it is no object".to_owned()),
    }
}

/// Gives an object its type, which refuses unknown fields (`serde(deny_unknown_fields)`).
///
/// # Errors
/// `Fields` with all that is wrong, as far as it can be found: what was wrong is left out to look
/// for more, until something is missing that must be there.
pub fn typed<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Error> {
    let mut value = Value::Object(object);
    let mut problems: Vec<Wrong> = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(read) if problems.is_empty() => return Ok(read),
            Ok(_) => return Err(Error::Fields(problems)),
            Err(error) => error,
        };
        let (path, reason) = (error.path().clone(), error.into_inner().to_string());
        let found = problem(&path.to_string(), &reason);
        // A field that was left out because it was wrong is not missing.
        if !problems.iter().any(|known| known.field == found.field) {
            problems.push(found);
        }
        if problems.len() >= MOST_PROBLEMS || !remove(&mut value, &path) {
            return Err(Error::Fields(problems));
        }
    }
}

fn problem(path: &str, reason: &str) -> Wrong {
    if let Some((name, known)) = unknown_field(reason) {
        let hint = nearest(name, &known).map(|near| format!("; did you mean `{near}`?"));
        let hint = hint.unwrap_or_default();
        let detail = format!("is not a field{hint}; known are: {}", known.join(", "));
        return Wrong::new(shortened(path, 200), detail);
    }
    let is_root = path == ".";
    match missing_field(reason) {
        Some(name) if is_root => Wrong::new(name, "is missing"),
        Some(name) => Wrong::new(format!("{path}.{name}"), "is missing"),
        None if is_root => Wrong::new("body", shortened(reason, 300)),
        None => Wrong::new(shortened(path, 200), shortened(reason, 300)),
    }
}

/// The name and its alternatives, out of the message of serde's derived types.
fn unknown_field(reason: &str) -> Option<(&str, Vec<&str>)> {
    let (name, rest) = reason.strip_prefix("unknown field `")?.split_once("`, expected ")?;
    Some((name, rest.split('`').skip(1).step_by(2).collect()))
}

fn missing_field(reason: &str) -> Option<&str> {
    reason.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Leaves out what stands at a path; `false` if nothing does.
fn remove(value: &mut Value, path: &serde_path_to_error::Path) -> bool {
    use serde_path_to_error::Segment;
    let mut segments: Vec<&Segment> = path.iter().collect();
    let Some(last) = segments.pop() else { return false };
    let mut place = value;
    for segment in segments {
        let next = match segment {
            Segment::Map { key } => place.get_mut(key.as_str()),
            Segment::Seq { index } => place.get_mut(*index),
            _ => None,
        };
        let Some(next) = next else { return false };
        place = next;
    }
    match (last, place) {
        (Segment::Map { key }, Value::Object(fields)) => fields.shift_remove(key).is_some(),
        (Segment::Seq { index }, Value::Array(items)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Table {
        #[expect(dead_code, reason = "only whether it can be read counts")]
        name: String,
        #[expect(dead_code, reason = "only whether it can be read counts")]
        watermark: Option<Watermark>,
        #[serde(default)]
        #[expect(dead_code, reason = "only whether it can be read counts")]
        batch_size: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Watermark {
        #[serde(rename = "type")]
        #[expect(dead_code, reason = "only whether it can be read counts")]
        kind: String,
    }

    fn problems(value: Value) -> Vec<(String, String)> {
        let Value::Object(object) = value else { panic!("an object") };
        match typed::<Table>(object) {
            Err(Error::Fields(problems)) => {
                problems.into_iter().map(|wrong| (wrong.field, wrong.detail)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_problem_has_the_path_of_its_field() {
        let found = problems(json!({
            "name": 7, "batchsize": 1, "watermark": {"type": 1, "typ": "x"}
        }));
        let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        let wanted = ["name", "batchsize", "watermark.type", "watermark.typ"];
        assert_eq!(fields, wanted, "{found:?}");
        assert!(found[1].1.contains("did you mean `batchSize`?"), "{found:?}");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(problems(json!({}))[0].0, "name");
        let found = problems(json!({"name": "x", "watermark": {}}));
        assert_eq!(found, [("watermark.type".to_owned(), "is missing".to_owned())]);
    }

    #[test]
    fn many_problems_end() {
        let fields = (0..100).map(|n| (format!("x{n}"), json!(n)));
        let mut object: Map<String, Value> = fields.collect();
        object.insert("name".to_owned(), json!("x"));
        assert_eq!(problems(Value::Object(object)).len(), MOST_PROBLEMS);
    }

    #[test]
    fn an_object_may_come_as_a_string() {
        let object = object_of(br#""{\"a\": 1}""#).unwrap();
        assert_eq!(object["a"], 1);
        assert_eq!(object_of("\u{feff}{}".as_bytes()).unwrap(), Map::new());
        for wrong in ["", "[]", "null", "7", "\"x\"", "\"[]\"", "{", "{\"a\": \"\\ud800\"}"] {
            assert!(object_of(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
