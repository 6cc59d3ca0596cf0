//! The JSON that the host posts to a worker: `{"Data": {…}, "Metadata": {…}}`.
//!
//! Objects travel as they are; every other value travels as a text that holds its JSON, so a
//! string is encoded twice. Dates and binary content are the exceptions.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use time::{
    OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description,
};
use url::Url;
use uuid::Uuid;

use crate::stores::blobs::BlobPath;

/// All but what RFC 3986 calls unreserved, and the slash.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A value as the host writes it into `Data` or `Metadata`.
pub(super) fn wire(value: Value) -> Value {
    if value.is_object() { value } else { Value::String(value.to_string()) }
}

/// A date as the host writes it: to the second, with a numeric offset.
pub(super) fn wire_date(date: OffsetDateTime) -> Value {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00");
    let text = date.to_offset(UtcOffset::UTC).format(&format);
    Value::String(text.expect("every date has these parts"))
}

/// The `Metadata` of one invocation under construction.
#[derive(Debug, Default)]
pub(super) struct Metadata(Map<String, Value>);

impl Metadata {
    /// Adds a value.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), wire(value.into()));
        self
    }

    /// Adds a date.
    pub(super) fn with_date(mut self, name: &str, date: OffsetDateTime) -> Self {
        self.0.insert(name.to_owned(), wire_date(date));
        self
    }

    /// Merges the members of a user's JSON object over what is there, as the host does for text
    /// triggers: names without regard to case, arrays left out, scalars as texts.
    pub(super) fn with_members(mut self, members: &Map<String, Value>) -> Self {
        for (name, value) in members.iter().filter(|(_, value)| !value.is_array()) {
            let known = self.0.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned();
            let value = if value.is_object() { value.clone() } else { wire(scalar(value)) };
            self.0.insert(known.unwrap_or_else(|| name.clone()), value);
        }
        self
    }

    /// Adds what the host always adds and drops what it never sends.
    fn finish(mut self, function: &str) -> Map<String, Value> {
        self.0.retain(|name, _| !name.to_ascii_lowercase().ends_with("trigger"));
        let name = if self.0.contains_key("sys") { "$sys" } else { "sys" };
        let now = OffsetDateTime::now_utc().format(&Rfc3339);
        let sys = json!({
            "MethodName": function,
            "UtcNow": now.expect("the current date is within RFC 3339"),
            "RandGuid": Uuid::new_v4().to_string(),
        });
        self.0.insert(name.to_owned(), sys);
        self.0
    }
}

/// A scalar as .NET prints it.
fn scalar(value: &Value) -> Value {
    Value::String(match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

/// The whole envelope; `data` is already as the wire wants it.
pub(super) fn envelope(function: &str, binding: &str, data: Value, metadata: Metadata) -> Value {
    let mut values = Map::new();
    values.insert(binding.to_owned(), data);
    json!({"Data": values, "Metadata": metadata.finish(function)})
}

/// The address of a blob under its account's, percent-encoded.
pub(super) fn blob_url(account: &Url, path: &BlobPath) -> String {
    let base = account.as_str().trim_end_matches('/');
    let name = utf8_percent_encode(path.name(), ESCAPED);
    format!("{base}/{}/{name}", path.container())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn scalars_travel_as_text_and_objects_as_they_are() {
        let table = [
            (json!("abc"), json!("\"abc\"")),
            (json!(4), json!("4")),
            (json!(null), json!("null")),
            (json!([1, 2]), json!("[1,2]")),
            (json!({"a": 1}), json!({"a": 1})),
        ];
        for (value, expected) in table {
            assert_eq!(wire(value), expected);
        }
    }

    #[test]
    fn dates_lose_their_fraction() {
        let date = datetime!(2026-01-02 03:04:05.678 +01:00);
        assert_eq!(wire_date(date), json!("2026-01-02T02:04:05+00:00"));
    }

    #[test]
    fn a_users_members_override_the_hosts() {
        let message = json!({"id": 7, "a": "x", "on": true, "none": null, "list": [1], "o": {"b": 1}, "QueueTrigger": "t"});
        let metadata = Metadata::default()
            .with("Id", "host")
            .with_members(message.as_object().unwrap())
            .finish("f");
        let mut names: Vec<&str> = metadata.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["Id", "a", "none", "o", "on", "sys"]);
        assert_eq!(metadata["Id"], json!("\"7\""));
        assert_eq!(metadata["on"], json!("\"True\""));
        assert_eq!(metadata["none"], json!("\"\""));
        assert_eq!(metadata["o"], json!({"b": 1}));
    }

    #[test]
    fn a_users_sys_moves_the_hosts_aside() {
        let members = json!({"sys": "mine"});
        let metadata = Metadata::default().with_members(members.as_object().unwrap()).finish("f");
        assert_eq!(metadata["sys"], json!("\"mine\""));
        assert_eq!(metadata["$sys"]["MethodName"], json!("f"));
    }

    #[test]
    fn addresses_keep_every_name_apart() {
        let account = Url::parse("http://127.0.0.1:10000/devstoreaccount1").unwrap();
        let path = BlobPath::new("landing", "a//b c%20+#?é/").unwrap();
        assert_eq!(
            blob_url(&account, &path),
            "http://127.0.0.1:10000/devstoreaccount1/landing/a//b%20c%2520%2B%23%3F%C3%A9/"
        );
    }
}
