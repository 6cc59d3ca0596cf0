//! What the host posts for a trigger: `{"Data": {binding: value}, "Metadata": {name: value}}`.
//!
//! The host encodes scalars twice (`"\"text\""`), objects once, and older versions and other tools
//! leave values as they are; all of them are read alike.

use axum::body::Body;
use futures::StreamExt;
use serde_json::{Map, Value};

use super::trim::Trimmed;
use crate::{routing::events::split_address, stores::blobs::BlobPath};

/// An invocation's data, without the content of blobs.
#[derive(Clone, Debug)]
pub struct Envelope {
    data: Map<String, Value>,
    metadata: Map<String, Value>,
}

/// An envelope that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an invocation: {0}")]
pub struct Malformed(String);

impl Malformed {
    fn new(reason: impl ToString) -> Self {
        Self(reason.to_string())
    }
}

impl Envelope {
    /// Reads an envelope of any size in bounded memory.
    ///
    /// # Errors
    /// It is cut off, no JSON, or has over 4 MiB beside the content of blobs.
    pub async fn read(body: Body) -> Result<Self, Malformed> {
        let mut trimmed = Trimmed::default();
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| Malformed::new("the body was cut off"))?;
            trimmed.push(&piece).map_err(|_| Malformed::new("it has over 4 MiB of metadata"))?;
        }
        let mut envelope: Map<String, Value> =
            serde_json::from_slice(&trimmed.into_bytes()).map_err(Malformed::new)?;
        let mut take = |name| match envelope.remove(name) {
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(Malformed(format!("{name} is no object"))),
            None => Ok(Map::new()),
        };
        Ok(Self { data: take("Data")?, metadata: take("Metadata")? })
    }

    /// The value of a binding, decoded; names are compared without regard to case.
    ///
    /// # Errors
    /// There is no such binding.
    pub fn data(&self, binding: &str) -> Result<Value, Malformed> {
        let value = find(&self.data, binding);
        value.map(decode).ok_or_else(|| Malformed(format!("Data.{binding} is missing")))
    }

    /// The blob that a blob trigger is about: the `{path}` of its function.json in the landing
    /// container, or else the address in `Uri`.
    ///
    /// # Errors
    /// Neither names a blob.
    pub fn blob(&self, landing: &str) -> Result<BlobPath, Malformed> {
        if let Some(name) = self.text("path") {
            return BlobPath::new(landing, name).map_err(Malformed::new);
        }
        let address = self.text("Uri").ok_or_else(|| Malformed::new("Metadata.path is missing"))?;
        let (container, name) = split_address(&address)
            .ok_or_else(|| Malformed::new("Metadata.Uri is not the address of a blob"))?;
        BlobPath::new(container, name).map_err(Malformed::new)
    }

    fn text(&self, name: &str) -> Option<String> {
        let text = find(&self.metadata, name)?.as_str()?;
        Some(serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()))
    }
}

fn find<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Takes the host's second encoding off a string that holds JSON.
fn decode(value: &Value) -> Value {
    let inner = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    inner.unwrap_or_else(|| value.clone())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_json::json;

    async fn read(value: Value) -> Envelope {
        Envelope::read(Body::from(value.to_string())).await.unwrap()
    }

    #[tokio::test]
    async fn a_blob_is_named_by_path_or_else_by_address() {
        let uri = "\"http://127.0.0.1:10000/devstoreaccount1/landing/a%20b\"";
        let table = [
            (json!({"path": "\"a b.csv\"", "Uri": uri}), "landing/a b.csv"),
            (json!({"path": "a b.csv"}), "landing/a b.csv"),
            (json!({"Path": "\"123\""}), "landing/123"),
            (json!({"Uri": uri}), "landing/a b"),
            (json!({"Uri": "https://a.blob.core.windows.net/landing/%E4%BB%93"}), "landing/仓"),
        ];
        for (metadata, wanted) in table {
            let envelope = read(json!({"Data": {"file": ""}, "Metadata": metadata})).await;
            assert_eq!(envelope.blob("landing").unwrap().to_string(), wanted);
        }
    }

    #[tokio::test]
    async fn a_name_that_is_a_number_stays_text() {
        let envelope = read(json!({"Metadata": {"path": "123"}})).await;
        assert_eq!(envelope.blob("landing").unwrap().name(), "123");
    }

    #[tokio::test]
    async fn bindings_are_decoded_once_and_found_without_case() {
        let message = json!("{\"a\":1}").to_string();
        let envelope = read(json!({"Data": {"Message": message, "raw": {"a": 1}}})).await;
        assert_eq!(envelope.data("message").unwrap(), json!("{\"a\":1}"));
        assert_eq!(envelope.data("RAW").unwrap(), json!({"a": 1}));
        assert!(envelope.data("other").unwrap_err().to_string().contains("Data.other"));
    }

    #[tokio::test]
    async fn what_is_no_envelope_is_refused() {
        for body in ["", "null", "[]", "{\"Data\":", "{\"Data\": 1}"] {
            assert!(Envelope::read(Body::from(body)).await.is_err(), "{body}");
        }
    }
}
