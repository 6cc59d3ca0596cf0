//! The expression language of Data Factory, as far as the pipelines here use it.
//!
//! A missing member is an error, as it is there; `?.` makes it null.

use serde_json::{Value, json};

/// What expressions refer to.
pub(super) struct Scope<'a> {
    /// `pipeline()`.
    pub(super) pipeline: &'a Value,
    /// `item()`.
    pub(super) item: &'a Value,
    /// `activity('...')`, by name.
    pub(super) activities: &'a Value,
}

/// Computes a property: `@expression`, a text with `@{expression}` in it, or a plain value; and
/// everything of the kind inside of objects and lists.
pub(super) fn compute(property: &Value, scope: &Scope<'_>) -> Result<Value, String> {
    match property {
        Value::Object(object) if object.get("type") == Some(&json!("Expression")) => {
            compute(&object["value"], scope)
        }
        Value::Object(object) => {
            let members =
                object.iter().map(|(name, value)| Ok((name.clone(), compute(value, scope)?)));
            Ok(Value::Object(members.collect::<Result<_, String>>()?))
        }
        Value::Array(items) => items.iter().map(|item| compute(item, scope)).collect(),
        Value::String(text) => computed_text(text, scope),
        other => Ok(other.clone()),
    }
}

fn computed_text(text: &str, scope: &Scope<'_>) -> Result<Value, String> {
    match text.strip_prefix('@') {
        Some(rest) if rest.starts_with('@') => Ok(json!(rest)),
        Some(rest) if !rest.starts_with('{') => {
            let mut parser = Parser { text: rest, at: 0, scope };
            let value = parser.expression()?;
            parser.end()?;
            Ok(value)
        }
        _ if text.contains("@{") => interpolated(text, scope),
        _ => Ok(json!(text)),
    }
}

fn interpolated(text: &str, scope: &Scope<'_>) -> Result<Value, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("@{") {
        out.push_str(before);
        let mut parser = Parser { text: after, at: 0, scope };
        out.push_str(&as_text(&parser.expression()?));
        parser.skip("}")?;
        rest = &after[parser.at..];
    }
    Ok(json!(out + rest))
}

fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(flag) => (if *flag { "True" } else { "False" }).to_owned(),
        other => other.to_string(),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    scope: &'a Scope<'a>,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.blanks();
        let is_there = self.rest().starts_with(token);
        self.at += if is_there { token.len() } else { 0 };
        is_there
    }

    fn skip(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(format!("`{token}` expected at: {}", self.rest()))
        }
    }

    fn end(&mut self) -> Result<(), String> {
        self.blanks();
        if self.rest().is_empty() { Ok(()) } else { Err(format!("what is: {}", self.rest())) }
    }

    fn word(&mut self) -> &'a str {
        self.blanks();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.skip("'")?;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find('\'').ok_or("a text without end")?;
            out.push_str(&rest[..end]);
            self.at += end + 1;
            if !self.rest().starts_with('\'') {
                return Ok(out);
            }
            out.push('\'');
            self.at += 1;
        }
    }

    fn expression(&mut self) -> Result<Value, String> {
        self.blanks();
        let mut value = match self.rest().chars().next() {
            Some('\'') => json!(self.quoted()?),
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let word = self.word();
                json!(word.parse::<i64>().map_err(|error| format!("{word}: {error}"))?)
            }
            _ => self.named()?,
        };
        loop {
            let is_optional = self.take("?");
            let name = if self.take("[") {
                let index = self.expression()?;
                self.skip("]")?;
                index
            } else if self.take(".") {
                json!(self.word())
            } else {
                return Ok(value);
            };
            value = member(&value, &name, is_optional)?;
        }
    }

    fn named(&mut self) -> Result<Value, String> {
        let name = self.word();
        match name {
            "true" => return Ok(json!(true)),
            "false" => return Ok(json!(false)),
            "null" => return Ok(Value::Null),
            _ => self.skip("(")?,
        }
        let mut arguments = Vec::new();
        while !self.take(")") {
            if !arguments.is_empty() {
                self.skip(",")?;
            }
            arguments.push(self.expression()?);
        }
        self.call(name, &arguments)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let flag = |value: &Value| value.as_bool().ok_or(format!("{name}: {value} is no boolean"));
        let text = |value: &Value| {
            value.as_str().map(str::to_owned).ok_or(format!("{name}: {value} is no text"))
        };
        Ok(match (name, arguments) {
            ("pipeline", []) => self.scope.pipeline.clone(),
            ("item", []) => self.scope.item.clone(),
            ("activity", [name]) => member(self.scope.activities, name, false)?,
            ("concat", parts) => json!(parts.iter().map(as_text).collect::<String>()),
            ("coalesce", values) => {
                values.iter().find(|value| !value.is_null()).cloned().unwrap_or_default()
            }
            ("string", [value]) => json!(as_text(value)),
            ("toLower", [value]) => json!(text(value)?.to_lowercase()),
            ("encodeUriComponent", [value]) => json!(encoded(&text(value)?)),
            ("equals", [a, b]) => json!(a == b),
            ("not", [value]) => json!(!flag(value)?),
            ("and", [a, b]) => json!(flag(a)? && flag(b)?),
            (name, arguments) => return Err(format!("{name} with {} arguments", arguments.len())),
        })
    }
}

fn member(value: &Value, name: &Value, is_optional: bool) -> Result<Value, String> {
    let found = match name {
        Value::String(name) => value.get(name),
        name => name.as_u64().and_then(|index| value.get(usize::try_from(index).ok()?)),
    };
    match found {
        Some(found) => Ok(found.clone()),
        None if is_optional => Ok(Value::Null),
        None => Err(format!("the property {name} doesn't exist in {value}")),
    }
}

fn encoded(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&b);
    let byte = |b: u8| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}

#[test]
fn expressions_are_computed_as_data_factory_does() {
    let (pipeline, item) =
        (json!({"RunId": "r", "parameters": {"on": true}}), json!({"id": "a b"}));
    let activities = json!({"Get it": {"output": {"rows": [{"n": 1}], "none": null}}});
    let scope = Scope { pipeline: &pipeline, item: &item, activities: &activities };
    for (text, wanted) in [
        ("plain", json!("plain")),
        ("@@escaped", json!("@escaped")),
        ("@item().id", json!("a b")),
        ("@activity('Get it').output.rows[0].n", json!(1)),
        ("@activity('Get it')['output']?.nothing", Value::Null),
        ("@concat('it''s ', encodeUriComponent(item().id))", json!("it's a%20b")),
        ("{\"on\": @{toLower(string(pipeline().parameters.on))}}", json!("{\"on\": true}")),
        ("{\"row\": @{string(activity('Get it').output.rows[0])}}", json!("{\"row\": {\"n\":1}}")),
        ("@{pipeline().RunId}!", json!("r!")),
        ("@and(equals(1, 1), not(false))", json!(true)),
        ("@coalesce(activity('Get it').output.none, 'x')", json!("x")),
    ] {
        assert_eq!(compute(&json!(text), &scope), Ok(wanted), "{text}");
    }
    for wrong in ["@item().nothing", "@nothing()", "@not(1)", "@concat('x'", "@item() x", "@'x"] {
        assert!(compute(&json!(wrong), &scope).is_err(), "{wrong}");
    }
}
