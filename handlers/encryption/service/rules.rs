//! The `columns` of a request, as rules.

use serde_json::{Value, json};

use super::{failure::Refusal, request::wrong};
use crate::encryption::policy::Rule;

/// The fields of a column.
const RULE: [&str; 8] =
    ["name", "method", "output", "bind", "masking_char", "chars_to_mask", "from_end", "new_value"];

/// Reads the `columns` of a request.
///
/// # Errors
/// The first one that is wrong.
pub fn rules(columns: &Value) -> Result<Vec<Rule>, Refusal> {
    let list = columns.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| {
        wrong("columns", r#"it must be a list such as [{"name": "email", "method": "randomized"}]"#)
    })?;
    list.iter().map(rule).collect()
}

fn rule(column: &Value) -> Result<Rule, Refusal> {
    let mut fields = column.as_object().cloned().ok_or_else(|| {
        wrong("columns", r#"each is an object such as {"name": "email", "method": "randomized"}"#)
    })?;
    if let Some(name) = fields.keys().find(|name| !RULE.contains(&name.as_str())) {
        return Err(wrong(
            "columns",
            format!("`{name}` is not a field; known are: {}", RULE.join(", ")),
        ));
    }
    let bind = fields.get("bind").map(|bind| *bind == "column");
    if fields.get("bind").is_some_and(|bind| *bind != "column" && *bind != "none") {
        return Err(wrong("columns", "`bind` must be \"column\" or \"none\""));
    }
    fields.insert("bind".to_owned(), json!(bind.unwrap_or(false)));
    if fields.get("method").is_some_and(|method| method == "mask") {
        fields.entry("masking_char").or_insert_with(|| json!("*"));
        fields.entry("chars_to_mask").or_insert_with(|| json!(usize::MAX));
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| wrong("columns", error))
}
