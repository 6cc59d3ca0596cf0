//! What `lakehand init-cosmos` makes of an account.

use std::sync::Arc;

use azure_core::http::StatusCode;
use azure_data_cosmos::models::{ContainerProperties, TimeToLive};
use azure_data_cosmos_driver::in_memory_emulator::RequestObserver;
use lakehand::stores::{
    Fault,
    azure::{CosmosDocuments, Outcome, Throughput},
    documents::Collection,
};

use super::{
    cosmos::{Account, real},
    cosmos_requests::Requests,
};

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
