#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf, time::Duration};

use tempfile::TempDir;
use time::OffsetDateTime;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

use super::*;
use crate::stores::local::{LocalBlobs, LocalDatabase};

/// A lake, a worker that answers as told, and the trigger between them.
struct Scene {
    lake: TempDir,
    worker: MockServer,
}

impl Scene {
    async fn new(answer: impl Respond + 'static) -> Self {
        let scene = Self { lake: tempfile::tempdir().unwrap(), worker: MockServer::start().await };
        fs::create_dir(scene.lake.path().join("landing")).unwrap();
        Mock::given(any()).respond_with(answer).mount(&scene.worker).await;
        scene
    }

    fn database(&self) -> LocalDatabase {
        let clock = Arc::new(OffsetDateTime::now_utc);
        LocalDatabase::open(self.lake.path(), clock).unwrap()
    }

    /// A trigger with a memory of its own, as after a restart.
    fn trigger(&self) -> BlobTrigger {
        let worker = Worker::listening_on(self.worker.address().port());
        let database = self.database();
        let binding = "event".to_owned();
        BlobTrigger {
            function: "route_blob",
            binding: "file".to_owned(),
            token: "path".to_owned(),
            by_name: EventFunction { function: "route_event", binding, worker: worker.clone() },
            account: Url::parse("https://lake.blob.core.windows.net").unwrap(),
            tries: 5,
            worker,
            blobs: Arc::new(LocalBlobs::open(self.lake.path()).unwrap()),
            queues: database.queues(),
            receipts: Arc::new(Receipts::new(database.documents())),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.lake.path().join("landing").join(name)
    }

    async fn requests(&self) -> Vec<Request> {
        self.worker.received_requests().await.unwrap()
    }
}

fn fine() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw("{}", "application/json")
}

fn blob(name: &str) -> BlobPath {
    BlobPath::new("landing", name).unwrap()
}

#[tokio::test]
async fn the_envelope_is_the_hosts() {
    let scene = Scene::new(fine()).await;
    fs::write(scene.file("a b%20.csv"), "x,y\n").unwrap();
    scene.trigger().deliver(&blob("a b%20.csv")).await.unwrap();

    let request = scene.requests().await.remove(0);
    assert_eq!(request.url.path(), "/route_blob");
    let envelope: Value = request.body_json().unwrap();
    assert_eq!(envelope["Data"], json!({"file": "eCx5Cg=="}));
    let metadata = &envelope["Metadata"];
    let uri = "\"https://lake.blob.core.windows.net/landing/a%20b%2520.csv\"";
    assert_eq!(metadata["Uri"], uri);
    assert_eq!(metadata["path"], "\"a b%20.csv\"");
    assert_eq!(metadata["Metadata"], json!({}));
    assert_eq!(metadata["Properties"]["ETag"], json!({}));
    assert_eq!(metadata["Properties"]["ContentLength"], 4);
    assert_eq!(metadata["Properties"]["BlobType"], 0);
    let modified = metadata["Properties"]["LastModified"].as_str().unwrap();
    assert!(modified.ends_with("+00:00") && modified.len() == 25, "{modified}");
    assert_eq!(metadata["sys"]["MethodName"], "route_blob");
    assert!(metadata.get("BlobTrigger").is_none());
}

#[tokio::test]
async fn an_empty_blob_has_empty_content() {
    let scene = Scene::new(fine()).await;
    fs::write(scene.file("x.csv"), "").unwrap();
    scene.trigger().deliver(&blob("x.csv")).await.unwrap();
    let envelope: Value = scene.requests().await[0].body_json().unwrap();
    assert_eq!(envelope["Data"]["file"], "");
}

#[tokio::test]
async fn each_version_is_delivered_once_even_across_restarts() {
    let scene = Scene::new(fine()).await;
    fs::write(scene.file("x.csv"), "1").unwrap();
    let trigger = scene.trigger();
    trigger.deliver(&blob("x.csv")).await.unwrap();
    trigger.deliver(&blob("x.csv")).await.unwrap();
    scene.trigger().deliver(&blob("x.csv")).await.unwrap();
    assert_eq!(scene.requests().await.len(), 1);
    fs::write(scene.file("x.csv"), "22").unwrap();
    trigger.deliver(&blob("x.csv")).await.unwrap();
    assert_eq!(scene.requests().await.len(), 2);
}

#[tokio::test]
async fn the_fifth_failure_goes_to_the_poison_queue() {
    let scene = Scene::new(ResponseTemplate::new(503)).await;
    fs::write(scene.file("x.csv"), "1").unwrap();
    let trigger = scene.trigger();
    trigger.deliver(&blob("x.csv")).await.unwrap();
    trigger.deliver(&blob("x.csv")).await.unwrap();
    assert_eq!(scene.requests().await.len(), 5);

    let poison = trigger.queues.receive(POISON, 32, Duration::from_secs(60)).await.unwrap();
    assert_eq!(poison.len(), 1);
    let version = trigger.blobs.head(&blob("x.csv")).await.unwrap().etag;
    let message: Value = serde_json::from_str(&poison[0].text).unwrap();
    let expected = json!({
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.route_blob",
        "BlobType": "BlockBlob",
        "ContainerName": "landing",
        "BlobName": "x.csv",
        "ETag": format!("\"{version}\""),
    });
    assert_eq!(message, expected);
}

/// Fails, after doing something to the blob.
struct Meanwhile<F>(F);

impl<F: Fn() + Send + Sync> Respond for Meanwhile<F> {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        self.0();
        ResponseTemplate::new(503)
    }
}

#[tokio::test]
async fn a_blob_that_goes_or_changes_between_tries_is_dropped() {
    let elsewhere = tempfile::tempdir().unwrap();
    let place = Arc::new(std::sync::Mutex::new(elsewhere.path().join("x.csv")));
    let changes: [fn(&PathBuf); 2] =
        [|file| fs::remove_file(file).unwrap(), |file| fs::write(file, "longer").unwrap()];
    for change in changes {
        let shared = Arc::clone(&place);
        let scene = Scene::new(Meanwhile(move || change(&shared.lock().unwrap()))).await;
        fs::write(scene.file("x.csv"), "1").unwrap();
        *place.lock().unwrap() = scene.file("x.csv");
        scene.trigger().deliver(&blob("x.csv")).await.unwrap();
        assert_eq!(scene.requests().await.len(), 1);
    }
}

#[tokio::test]
async fn a_blob_that_is_gone_is_nothing_to_do() {
    let scene = Scene::new(fine()).await;
    scene.trigger().deliver(&blob("x.csv")).await.unwrap();
    assert!(scene.requests().await.is_empty());
}
