//! What Event Grid and the queues send: which blob arrived, whatever the schema.
//!
//! Sources: Event Grid schema and CloudEvents 1.0 for `Microsoft.Storage` events, and the message
//! that the Functions host writes to `webjobs-blobtrigger-poison`.

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::stores::blobs::BlobPath;

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A blob arrived here.
    Arrived(BlobPath),
    /// It is about something else, such as a folder or a deletion.
    Other(String),
}

/// An event that cannot be understood, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a storage event: {0}")]
pub struct Malformed(String);

/// Operations that announce a blob before it has content, or a folder.
const NOT_FILES: [&str; 4] = ["CreateFile", "CreateDirectory", "SftpCreate", "SftpMakeDirectory"];

/// Reads the events in a text: one event, a list of them, a Functions poison message, or any of
/// these in base64.
///
/// # Errors
/// The first one that is malformed.
pub fn parse(text: &str) -> Result<Vec<Event>, Malformed> {
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    let decoded = || json(&STANDARD.decode(text.trim()).ok()?);
    let value = json(text.as_bytes()).or_else(decoded);
    read(&value.ok_or_else(|| Malformed("it is no JSON".to_owned()))?)
}

/// Reads the events in a JSON value: one event, a list, or a string that holds either.
///
/// # Errors
/// The first one that is malformed.
pub fn read(value: &Value) -> Result<Vec<Event>, Malformed> {
    match value {
        Value::Array(events) => {
            let read: Result<Vec<_>, _> = events.iter().map(read).collect();
            Ok(read?.concat())
        }
        Value::String(text) => parse(text),
        Value::Object(_) => Ok(vec![one(value)?]),
        _ => Err(Malformed("it is no object".to_owned())),
    }
}

fn one(event: &Value) -> Result<Event, Malformed> {
    if let (Some(container), Some(name)) = (text(event, "ContainerName"), text(event, "BlobName")) {
        return arrived(container, name);
    }
    let kind = text(event, "eventType")
        .or_else(|| text(event, "type"))
        .ok_or_else(|| Malformed("it has no eventType and no type".to_owned()))?;
    let data = event.get("data").unwrap_or(&Value::Null);
    let operation = text(data, "api").unwrap_or_default();
    match kind {
        "Microsoft.Storage.BlobCreated" if NOT_FILES.contains(&operation) => {
            Ok(Event::Other(operation.to_owned()))
        }
        "Microsoft.Storage.BlobCreated" => match text(event, "subject").and_then(from_subject) {
            Some((container, name)) => arrived(container, name),
            None => from_address(data, "url"),
        },
        "Microsoft.Storage.BlobRenamed" => from_address(data, "destinationUrl"),
        other => Ok(Event::Other(other.to_owned())),
    }
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str()
}

fn arrived(container: &str, name: &str) -> Result<Event, Malformed> {
    let path = BlobPath::new(container, name).map_err(|error| Malformed(error.to_string()))?;
    Ok(Event::Arrived(path))
}

/// The subject holds the raw name, without any encoding.
fn from_subject(subject: &str) -> Option<(&str, &str)> {
    subject.strip_prefix("/blobServices/default/containers/")?.split_once("/blobs/")
}

/// An address holds the name percent-encoded.
fn from_address(data: &Value, field: &str) -> Result<Event, Malformed> {
    let address = text(data, field).ok_or_else(|| Malformed(format!("it has no data.{field}")))?;
    let (container, name) = split_address(address)
        .ok_or_else(|| Malformed(format!("data.{field} is not the address of a blob")))?;
    arrived(&container, &name)
}

/// Splits a blob's address into container and name. The path of the development storage starts
/// with the account, told by a host that is an address or `localhost`.
pub fn split_address(address: &str) -> Option<(String, String)> {
    let (_, rest) = address.split_once("://")?;
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = rest.split_once('/')?;
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let by_path = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok();
    let path = if by_path { path.split_once('/')?.1 } else { path };
    let (container, name) = path.split_once('/')?;
    let name = percent_decode_str(name).decode_utf8().ok()?;
    Some((container.to_owned(), name.into_owned()))
}
