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

/// The service's own containers, such as `$logs` and `$web`, are no business of ours; an error would
/// bring the whole delivery back, for ever.
fn arrived(container: &str, name: &str) -> Result<Event, Malformed> {
    if container.starts_with('$') {
        return Ok(Event::Other(format!("a blob in {container}")));
    }
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;
    use serde_json::json;

    fn created(api: &str, subject: &str, url: &str) -> Value {
        json!({"eventType": "Microsoft.Storage.BlobCreated", "subject": subject, "data": {"api": api, "url": url}})
    }

    fn arrived(path: &str) -> Event {
        Event::Arrived(path.parse().unwrap())
    }

    #[test]
    fn both_schemas_name_the_blob() {
        let subject = "/blobServices/default/containers/landing/blobs/a/blobs/x%20y.csv";
        let event = created("PutBlob", subject, "https://a.blob.core.windows.net/landing/other");
        assert_eq!(read(&event).unwrap(), [arrived("landing/a/blobs/x%20y.csv")]);
        let cloud = json!({"specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "source": "s",
            "subject": subject, "data": {"api": "FlushWithClose"}});
        assert_eq!(read(&cloud).unwrap(), [arrived("landing/a/blobs/x%20y.csv")]);
    }

    #[test]
    fn what_is_no_arrival_of_a_file_is_other() {
        for api in NOT_FILES {
            let event = created(api, "/blobServices/default/containers/landing/blobs/x", "");
            assert_eq!(read(&event).unwrap(), [Event::Other(api.to_owned())]);
        }
        let log = created("PutBlob", "/blobServices/default/containers/$logs/blobs/x", "");
        assert!(matches!(&read(&log).unwrap()[..], [Event::Other(_)]));
        let deleted = json!({"eventType": "Microsoft.Storage.BlobDeleted", "data": {}});
        assert!(matches!(&read(&deleted).unwrap()[..], [Event::Other(_)]));
        let renamed = json!({"type": "Microsoft.Storage.BlobRenamed", "subject": "/blobServices/default/containers/landing/blobs/_temporary/x",
            "data": {"destinationUrl": "https://a.dfs.core.windows.net/landing/x%20y"}});
        assert_eq!(read(&renamed).unwrap(), [arrived("landing/x y")]);
    }

    #[test]
    fn lists_strings_base64_and_poison_messages_are_read() {
        let event = created("PutBlob", "/blobServices/default/containers/landing/blobs/x", "");
        let text = json!([event, event]).to_string();
        assert_eq!(parse(&text).unwrap().len(), 2);
        assert_eq!(parse(&STANDARD.encode(&text)).unwrap().len(), 2);
        assert_eq!(read(&json!(text)).unwrap().len(), 2);
        let poison = json!({"Type": "BlobTrigger", "ContainerName": "landing", "BlobName": "a b#"});
        assert_eq!(read(&poison).unwrap(), [arrived("landing/a b#")]);
    }

    #[test]
    fn malformed_events_are_errors() {
        for value in [
            json!(1),
            json!({}),
            json!({"eventType": 1}),
            json!("no json"),
            json!(null),
            created("PutBlob", "odd", "not an address"),
            created("PutBlob", "/blobServices/default/containers/landing/blobs/", ""),
        ] {
            assert!(read(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn development_addresses_start_with_the_account() {
        let table = [
            ("http://127.0.0.1:10000/devstoreaccount1/landing/a%2Bb", ("landing", "a+b")),
            ("http://localhost:10000/devstoreaccount1/landing/x?sig=1", ("landing", "x")),
            ("https://a.blob.core.windows.net/landing/a//b/", ("landing", "a//b/")),
            ("file:///lake/landing/x", ("lake", "landing/x")),
        ];
        for (address, (container, name)) in table {
            let found = split_address(address).unwrap();
            assert_eq!((found.0.as_str(), found.1.as_str()), (container, name), "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_name_survives_subject_and_address(name in "[^\\p{Cc}]{1,60}") {
            let Ok(path) = BlobPath::new("landing", &name) else { return Ok(()) };
            let subject = format!("/blobServices/default/containers/landing/blobs/{name}");
            prop_assert_eq!(read(&created("PutBlob", &subject, "")).unwrap(), [Event::Arrived(path.clone())]);
            let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC);
            let address = format!("https://a.blob.core.windows.net/landing/{encoded}");
            prop_assert_eq!(read(&created("PutBlob", "", &address)).unwrap(), [Event::Arrived(path)]);
        }
    }
}
