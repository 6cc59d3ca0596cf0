//! Routing with what it remembers in Cosmos DB.

use std::sync::Arc;

use lakehand::{
    routing::{
        dataset::{Dataset, Status},
        ledger::State,
        outcome::Outcome,
    },
    stores::{
        Condition,
        blobs::Blobs,
        documents::{self, Collection, Key},
    },
};

use super::{Lake, at, delivered, repeated};
use crate::stores::cosmos::documents as in_cosmos;

const RULES: &str = r#"
[[route]]
name = "sets"
from = "landing/drives/{set}/{file...}"
complete = ".done"
settle = "60s"
to = "processing/{set}/Original/{file}"

[[route]]
name = "tables"
from = "landing/{set}/{file...}"
to = "processing/{set}/{file}"
"#;

#[tokio::test]
async fn a_file_moves_once_and_its_story_is_told() {
    let lake = Lake::with_documents(RULES, Some(Arc::new(in_cosmos().await))).await;
    let (source, target) = ("landing/sales/é x?#.csv", "processing/sales/é x?#.csv");
    lake.write(source, "1").await;
    assert_eq!(lake.arrive(source).await.unwrap(), delivered("tables", target));
    assert_eq!(lake.steps(source).await, ["delivered", "sourceRemoved"]);
    lake.blobs.delete(&at(target), &Condition::Always).await.unwrap();
    assert_eq!(lake.arrive(source).await.unwrap(), repeated(target));
    lake.write(source, "22").await;
    assert_eq!(lake.arrive(source).await.unwrap(), delivered("tables", target));
    assert_eq!(lake.routing().ledger.history(&at(source)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_dataset_closes() {
    let lake = Lake::with_documents(RULES, Some(Arc::new(in_cosmos().await))).await;
    lake.write("landing/drives/q1/a.bin", "1").await;
    let waits = lake.arrive("landing/drives/q1/a.bin").await.unwrap();
    assert!(matches!(waits, Outcome::Waiting(_)));
    assert_eq!(lake.entry("landing/drives/q1/a.bin").await.state, State::Waiting);
    lake.write("landing/drives/q1/.done", "").await;
    let closed = lake.arrive("landing/drives/q1/.done").await.unwrap();
    assert!(matches!(closed, Outcome::Closed { files: 1, .. }), "{closed:?}");
    let key = Key::new("landing", "sets:landing/drives/q1");
    let record: Option<documents::Document<Dataset>> =
        documents::read(&*lake.documents, Collection::Deliveries, &key).await.unwrap();
    assert_eq!(record.unwrap().body.status, Status::Ready);
}
