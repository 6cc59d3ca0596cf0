//! What `lakehand init-cosmos` makes of an account.

use std::sync::Arc;

use azure_core::http::StatusCode;
use azure_data_cosmos::models::{ContainerProperties, TimeToLive};
use azure_data_cosmos_driver::in_memory_emulator::RequestObserver;
use lakehand::stores::{
    Fault,
    azure::{CosmosDocuments, Outcome, Throughput},
    documents::{Collection, LARGEST},
};

use serde_json::json;

use super::{
    cosmos::{Account, real},
    cosmos_requests::Requests,
};
use crate::worker::Worker;

async fn outcomes(store: &CosmosDocuments) -> Vec<Outcome> {
    let steps = store.set_up(Throughput::Unknown).await.unwrap();
    steps.into_iter().map(|step| step.outcome).collect()
}

#[tokio::test]
async fn makes_what_is_not_there() {
    let client = Account::new().client(Vec::new()).await;
    let store = CosmosDocuments::with_client(client.clone(), "lakehand", real());
    let error = store.set_up(Throughput::Unknown).await.unwrap_err();
    assert_eq!(error.fault, Fault::Rejected);
    assert!(error.detail.contains("--serverless"), "{error}");
    let steps = store.set_up(Throughput::Serverless).await.unwrap();
    assert_eq!(steps.len(), 1 + Collection::ALL.len());
    assert!(steps.iter().all(|step| step.outcome == Outcome::Made), "{steps:?}");
    assert_eq!(steps[0].to_string(), "database lakehand: made");
    assert_eq!(steps[1].to_string(), "container ledger: made");
    assert!(outcomes(&store).await.iter().all(|outcome| *outcome == Outcome::Found));

    let database = client.database_client("lakehand");
    let runs = database.container_client("runs", None).await.unwrap();
    let runs = runs.read(None).await.unwrap().into_model().unwrap();
    assert_eq!(runs.default_ttl, TimeToLive::NoDefault);
    let index = runs.indexing_policy.unwrap();
    let paths = |paths: Vec<_>| -> Vec<String> {
        paths.into_iter().map(|path: azure_data_cosmos::models::PropertyPath| path.path).collect()
    };
    assert!(paths(index.excluded_paths).contains(&"/*".to_owned()));
    let included = paths(index.included_paths);
    for path in ["/partition/?", "/raw/?", "/body/status/?"] {
        assert!(included.iter().any(|there| there == path), "{path} is not in {included:?}");
    }
}

#[tokio::test]
async fn brings_containers_up_to_date() {
    let client = Account::new().client(Vec::new()).await;
    client.create_database("lakehand", None).await.unwrap();
    let database = client.database_client("lakehand");
    let plain = ContainerProperties::new("keys", "/partition".into());
    database.create_container(plain, None).await.unwrap();
    let store = CosmosDocuments::with_client(client, "lakehand", real());
    let steps = store.set_up(Throughput::Unknown).await.unwrap();
    let outcome =
        |subject: &str| steps.iter().find(|step| step.subject == subject).unwrap().outcome;
    assert_eq!(outcome("database lakehand"), Outcome::Found);
    assert_eq!(outcome("container keys"), Outcome::Updated);
    assert_eq!(outcome("container runs"), Outcome::Made);
    assert!(outcomes(&store).await.iter().all(|outcome| *outcome == Outcome::Found));
}

#[tokio::test]
async fn leaves_alone_what_is_partitioned_otherwise() {
    let client = Account::new().client(Vec::new()).await;
    client.create_database("lakehand", None).await.unwrap();
    let database = client.database_client("lakehand");
    let other = ContainerProperties::new("runs", "/runId".into());
    database.create_container(other, None).await.unwrap();
    let store = CosmosDocuments::with_client(client, "lakehand", real());
    let error = store.set_up(Throughput::Unknown).await.unwrap_err();
    assert_eq!(error.fault, Fault::Rejected, "{error}");
    assert!(error.to_string().contains("runs"), "{error}");
    let runs = database.container_client("runs", None).await.unwrap();
    assert_eq!(runs.read(None).await.unwrap().status(), StatusCode::Ok);
}

#[tokio::test]
async fn asks_for_the_throughput_that_containers_share() {
    let requests = Arc::new(Requests::default());
    let account = Account::seen_by(Some(Arc::clone(&requests) as Arc<dyn RequestObserver>));
    let client = account.client(Vec::new()).await;
    let store = CosmosDocuments::with_client(client, "lakehand", real());
    // The emulator has none for databases, which is what must not go unseen.
    let error = store.set_up(Throughput::Shared(400)).await.unwrap_err();
    assert!(error.detail.contains("--throughput 400"), "{error}");
    let made = requests.that(|request| request.path == "/dbs" && request.method == "POST");
    assert_eq!(made[0].headers.get("x-ms-offer-throughput").map(String::as_str), Some("400"));
    assert!(requests.that(|request| request.path.ends_with("/colls")).is_empty());
}

#[tokio::test]
async fn a_worker_starts_without_the_account_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("lakehand.toml"), include_str!("../../lakehand.toml")).unwrap();
    let lake = root.path().join("lake");
    let settings = [
        ("LAKEHAND_LAKE", lake.to_str().unwrap()),
        ("LAKEHAND_COSMOS", "AccountEndpoint=http://127.0.0.1:1;AccountKey=c2VjcmV0LWtleQ=="),
    ];
    let worker = Worker::start(root.path(), &settings).await;
    assert_eq!(worker.health().await, "degraded");
    let (status, answer) = worker.call("GET", "status", &[], &json!({})).await;
    assert_eq!((status, &answer["status"]), (200, &json!("degraded")));
    let stores = answer["stores"].as_array().unwrap();
    let documents = stores.iter().find(|store| store["name"] == "documents").unwrap();
    assert_eq!(documents["ok"], false);
    let detail = documents["detail"].as_str().unwrap();
    assert!(detail.contains("the Cosmos DB database lakehand"), "{detail}");
    assert!(!answer.to_string().contains("c2VjcmV0LWtleQ"), "{answer}");
    assert!(stores.iter().any(|store| store["name"] == "queues" && store["ok"] == true));
}

#[test]
fn the_documentation_names_every_container_and_path() {
    let text = include_str!("../../docs/metadata.md");
    for collection in Collection::ALL {
        let name = collection.name();
        assert!(text.contains(&format!("| `{name}` |")), "{name} has no row");
        let list = text.lines().find(|line| line.starts_with("for name in ")).unwrap();
        assert!(list.split([' ', ';']).any(|word| word == name), "{name} is not made");
        let members = collection.filtered_by();
        if !members.is_empty() {
            let row = format!("{name}) more=$(paths {}) ;;", members.join(" "));
            assert!(text.contains(&row), "{row} is missing");
        }
    }
    assert!(text.contains(&LARGEST.to_string().replace("900000", ",900,000")));
}
