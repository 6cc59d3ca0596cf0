//! Any legal name, byte for byte, from the event to the destination.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use lakehand::{
    routing::{
        arrival::arrive,
        events::{self, Event},
    },
    settings::{Connection, Environment},
    stores::{
        Condition, azure,
        blobs::{Attributes, BlobPath},
    },
};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Lake, flaky::Flaky};
use crate::{azurite, conformance::names};

const ROUTES: &str = r#"
[[route]]
name = "all"
from = "landing/{file...}"
to = "processing/{file}"
"#;

/// What a client must encode in the path of an address, and no more.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// The event as different clients cause it: by subject, by a fully encoded address, by an address
/// with only what must be encoded.
fn announcements(path: &BlobPath) -> [Value; 3] {
    let (container, name) = (path.container(), path.name());
    let by_address = |encoded: String| {
        let address = format!("https://a.blob.core.windows.net/{container}/{encoded}");
        json!({"type": "Microsoft.Storage.BlobCreated", "data": {"api": "PutBlob", "url": address}})
    };
    [
        json!({"eventType": "Microsoft.Storage.BlobCreated", "data": {"api": "PutBlob"},
            "subject": format!("/blobServices/default/containers/{container}/blobs/{name}")}),
        by_address(utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()),
        by_address(utf8_percent_encode(name, PATH).to_string()),
    ]
}

async fn every_name_arrives_as_it_is(lake: &Lake, sample: BTreeSet<String>) {
    for (turn, name) in sample.iter().enumerate() {
        let path = BlobPath::new("landing", name).unwrap();
        let content = Bytes::from(name.clone());
        let attributes = Attributes::default();
        lake.blobs.inner.write(&path, content, &attributes, &Condition::Always).await.unwrap();
        let events = events::read(&announcements(&path)[turn % 3]).unwrap();
        let [Event::Arrived(arrived)] = &events[..] else { panic!("{name:?}: {events:?}") };
        let outcome = arrive(&lake.routing(), arrived).await.unwrap();
        assert!(outcome.to_string().starts_with("-> processing/"), "{name:?}: {outcome}");
    }
    let found: BTreeSet<String> = lake.names("processing").await.into_iter().collect();
    assert_eq!(found, sample.into_iter().collect());
    for name in &found {
        assert_eq!(lake.read(&format!("processing/{name}")).await.as_ref(), Some(name));
    }
}

#[tokio::test]
async fn every_name_arrives_as_it_is_on_the_local_lake() {
    every_name_arrives_as_it_is(&Lake::new(ROUTES).await, names::sample()).await;
}

/// The account of this test is its own, so that the containers can have their plain names. Azure
/// has no names with a backslash: it takes one for a slash.
#[tokio::test]
async fn every_name_arrives_as_it_is_on_azurite() {
    let mut lake = Lake::new(ROUTES).await;
    let setting = azurite::shared().connection_string(azurite::ACCOUNTS[1]);
    let environment = Environment::from([("LAKEHAND_STORAGE".to_owned(), setting)]);
    let connection = Connection::read(&environment, "LAKEHAND_STORAGE", &mut Vec::new()).unwrap();
    let (blobs, _) = azure::open(&connection).unwrap();
    for container in ["landing", "processing"] {
        blobs.create_container(container).await.unwrap();
    }
    lake.blobs = Arc::new(Flaky::new(Arc::clone(&blobs)));
    let mut sample = names::sample();
    sample.retain(|name| !name.contains('\\'));
    every_name_arrives_as_it_is(&lake, sample).await;
}
