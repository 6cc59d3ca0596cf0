//! A webhook of any kind: JSON by the user's own template, or a body that says everything.
//!
//! A template is Jinja without loops over anything but what it is given, without functions and
//! filters. Every value is written as JSON, quotes included: `{"text": {{ title }}}`.

use std::io;

use minijinja::{AutoEscape, Environment};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{
    super::incident::Incident,
    email,
    notice::{Kind, Notice, Style},
    outline::Outline,
    private, text, words,
};

/// The longest template and the longest body, in bytes.
const TEMPLATE: usize = 16 * 1024;
const BODY: usize = 256 * 1024;

/// How many steps a template may take, and how deep it may nest.
const STEPS: u64 = 20_000;
const DEPTH: usize = 40;

/// How many characters of an error's text, and how many examples, a body holds.
const MESSAGE: usize = 32 * 1024;
const EXAMPLES: usize = 5;

/// The name under which the one template is kept.
const NAME: &str = "webhook";

/// A template that was read without a mistake.
#[derive(Clone, Debug)]
pub struct Template(Environment<'static>);

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is longer than 16 KiB.
    #[error("the template is longer than {TEMPLATE} bytes")]
    Long,
    /// It uses `set`, with which a value could be doubled again and again.
    #[error("the template uses `set`, which is not offered")]
    Set,
    /// It is not what the language of templates allows, or does not end.
    #[error("the template fails: {0}")]
    Template(#[from] minijinja::Error),
    /// What it makes is not JSON.
    #[error("what the template makes is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
}

/// What to send, and what was wrong with the template if that was not used.
#[derive(Debug)]
pub struct Body {
    /// JSON.
    pub json: Value,
    /// Why the template was not used.
    pub problem: Option<TemplateError>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Where it is too long or has a mistake.
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        if source.len() > TEMPLATE {
            return Err(TemplateError::Long);
        }
        if sets(source) {
            return Err(TemplateError::Set);
        }
        let mut environment = Environment::empty();
        environment.set_auto_escape_callback(|_| AutoEscape::Json);
        environment.set_fuel(Some(STEPS));
        environment.set_recursion_limit(DEPTH);
        environment.add_template_owned(NAME, source.to_owned())?;
        Ok(Self(environment))
    }

    fn render(&self, values: &Value) -> Result<Value, TemplateError> {
        let mut body = Bounded(Vec::new());
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        self.0.get_template(NAME)?.render_captured_to(values, &mut body)?;
        Ok(serde_json::from_slice(&body.0)?)
    }
}

/// Whether there is a block that begins with `set`.
fn sets(source: &str) -> bool {
    let mut blocks = source.split("{%").skip(1);
    blocks.any(|block| {
        let word = block.trim_start_matches(['-', '+']).trim_start();
        word.strip_prefix("set")
            .is_some_and(|rest| rest.starts_with(|it: char| !it.is_alphanumeric()))
    })
}

/// Memory that takes no more than [`BODY`] bytes.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > BODY {
            return Err(io::Error::other(format!("the body is longer than {BODY} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The body of the request that says this. A template that fails loses no alert: the body is then
/// the one without a template.
pub fn body(notice: &Notice<'_>, style: &Style, template: Option<&Template>) -> Body {
    let everything = everything(notice, style);
    let Some(template) = template else { return Body { json: everything, problem: None } };
    match template.render(&offered(notice, style, everything.clone())) {
        Ok(json) => Body { json, problem: None },
        Err(problem) => Body { json: everything, problem: Some(problem) },
    }
}

/// `kind` and `incident`, and what belongs to the kind.
fn everything(notice: &Notice<'_>, style: &Style) -> Value {
    let mut body = json!({
        "kind": notice.kind.name(),
        "incident": shown(notice.incident, style),
        "readAt": style.read_at,
    });
    let stamp = |at: OffsetDateTime| words::stamp(at).map_or(Value::Null, Value::from);
    match &notice.kind {
        Kind::Opened | Kind::Test => {}
        Kind::Reminder { since } => body["since"] = stamp(*since),
        Kind::Resolved { after } => body["after"] = Value::from(after.as_seconds_f64()),
        Kind::Summary { count, examples } => {
            let examples = examples.iter().take(EXAMPLES);
            body["count"] = Value::from(*count);
            body["examples"] = examples.map(|incident| shown(incident, style)).collect();
        }
    }
    body
}

/// The incident as JSON. A moment that no year of four digits can tell is left out.
fn shown(incident: &Incident, style: &Style) -> Value {
    let mut shown = private::shown(incident, style).into_owned();
    for moment in [&mut shown.at, &mut shown.started] {
        *moment = moment.filter(|at| words::stamp(*at).is_some());
    }
    if let Some(memory) = &mut shown.memory {
        memory.last_success = memory.last_success.filter(|at| words::stamp(*at).is_some());
    }
    shown.cause.root = text::cut(&shown.cause.root, MESSAGE);
    shown.cause.raw = text::cut(&shown.cause.raw, MESSAGE);
    serde_json::to_value(&shown).unwrap_or_else(|error| json!({ "title": error.to_string() }))
}

/// What a template can use: [`everything`], and what other channels show of it as text.
fn offered(notice: &Notice<'_>, style: &Style, everything: Value) -> Value {
    let outline = Outline::new(notice, style);
    let mut offered = match everything {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let link = outline.links.first().map(|(_, url)| url.clone());
    offered.insert("word".to_owned(), Value::from(outline.word));
    offered.insert("title".to_owned(), Value::from(outline.title));
    offered.insert("link".to_owned(), Value::from(link));
    offered.insert("text".to_owned(), Value::from(email::mail(notice, style).text));
    Value::Object(offered)
}
