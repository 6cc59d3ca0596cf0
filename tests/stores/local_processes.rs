//! Several processes on one lake, and what is left of one that is killed.
//!
//! The processes are this test binary again, told by the environment to run [`child`] alone.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use bytes::Bytes;
use lakehand::stores::{
    Condition, Fault, StoreError,
    blobs::{Attributes, Blobs},
    documents::{Collection, Documents, Key, body_of},
    local::LocalBlobs,
    queues::Queues,
};
use serde_json::json;

use super::local::database;
use crate::conformance::{
    blobs::{self, at, text},
    documents,
};

/// What the child shall do, and the lake in which.
const TASK: &str = "LAKEHAND_TEST_TASK";
const LAKE: &str = "LAKEHAND_TEST_LAKE";

const PROCESSES: usize = 4;
const INCREMENTS: usize = 20;
const MESSAGES: usize = 5;
const DEADLINE: Duration = Duration::from_secs(60);

/// A process on the lake; it dies with the test.
struct Process(Child);

impl Process {
    fn start(task: &str, lake: &Path) -> Self {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "stores::local_processes::child", "--nocapture"])
            .env(TASK, task)
            .env(LAKE, lake)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn finish(mut self) {
        assert!(self.0.wait().unwrap().success(), "a process failed; its message is above");
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        sleep(Duration::from_millis(2));
    }
}

/// Does nothing when the tests run as usual.
#[tokio::test]
async fn child() {
    let (Ok(task), Ok(lake)) = (env::var(TASK), env::var(LAKE)) else { return };
    let lake = PathBuf::from(lake);
    match task.as_str() {
        "write" => write_for_ever(&lake).await,
        number => compete(&lake, number).await,
    }
}

fn won<T>(result: Result<T, StoreError>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) if error.fault == Fault::AlreadyExists => false,
        Err(error) => panic!("{error}"),
    }
}

/// Opens a new lake together with others, and does everything that needs a condition.
async fn compete(lake: &Path, number: &str) {
    fs::write(lake.join(format!("ready-{number}")), "").unwrap();
    wait_for("the start", || lake.join("start").exists());
    let store = LocalBlobs::open(lake).unwrap();
    let database = database(lake);
    let (documents, queues) = (database.documents(), database.queues());
    store.create_container("landing").await.unwrap();
    queues.create("events").await.unwrap();

    let created = won(create_blob(&store, "created", number).await);
    let recorded = won(create_document(&*documents, "created", json!({"by": number})).await);
    let _ = won(create_blob(&store, "counter", "0").await);
    let _ = won(create_document(&*documents, "counter", json!({"n": 0})).await);
    blobs::increment(&store, &at("landing", "counter"), INCREMENTS).await;
    documents::increment(&*documents, &Key::new("p", "counter"), INCREMENTS).await;
    for message in 0..MESSAGES {
        queues.send("events", &format!("{number}.{message}")).await.unwrap();
    }
    let received = receive_some(&*queues).await;
    let result = json!({"created": created, "recorded": recorded, "received": received});
    fs::write(lake.join(format!("result-{number}")), result.to_string()).unwrap();
}

async fn create_blob(store: &LocalBlobs, name: &str, text: &str) -> Result<(), StoreError> {
    let content = Bytes::copy_from_slice(text.as_bytes());
    let attributes = Attributes::default();
    store.write(&at("landing", name), content, &attributes, &Condition::Absent).await.map(drop)
}

async fn create_document(
    store: &dyn Documents,
    id: &str,
    body: serde_json::Value,
) -> Result<(), StoreError> {
    let key = Key::new("p", id);
    let body = body_of(&key, &body)?;
    store.put(Collection::State, &key, &body, &Condition::Absent, None).await.map(drop)
}

/// Takes a share of the messages, in whatever order they come.
async fn receive_some(queues: &dyn Queues) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..MESSAGES {
        for message in queues.receive("events", 1, Duration::from_secs(600)).await.unwrap() {
            queues.delete("events", &message).await.unwrap();
            texts.push(message.text);
        }
    }
    texts
}

#[tokio::test]
async fn lose_nothing_to_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path();
    let processes: Vec<_> =
        (0..PROCESSES).map(|number| Process::start(&number.to_string(), lake)).collect();
    wait_for("all processes", || {
        (0..PROCESSES).all(|number| lake.join(format!("ready-{number}")).exists())
    });
    fs::write(lake.join("start"), "").unwrap();
    processes.into_iter().for_each(Process::finish);

    let results: Vec<serde_json::Value> = (0..PROCESSES)
        .map(|number| fs::read(lake.join(format!("result-{number}"))).unwrap())
        .map(|json| serde_json::from_slice(&json).unwrap())
        .collect();
    let winner = |what: &str| {
        let won: Vec<_> = (0..PROCESSES).filter(|&number| results[number][what] == true).collect();
        assert_eq!(won.len(), 1, "{what} by {won:?}");
        won[0].to_string()
    };
    let store = LocalBlobs::open(lake).unwrap();
    let database = database(lake);
    assert_eq!(text(&store, &at("landing", "created")).await, winner("created"));
    let total = PROCESSES * INCREMENTS;
    assert_eq!(text(&store, &at("landing", "counter")).await, total.to_string());
    let documents = database.documents();
    for (id, body) in
        [("created", json!({"by": winner("recorded")})), ("counter", json!({"n": total}))]
    {
        let document = documents.get(Collection::State, &Key::new("p", id)).await.unwrap();
        assert_eq!(documents::value(&document), body);
    }

    let received = results.iter().flat_map(|result| result["received"].as_array().unwrap());
    let mut all: Vec<String> = received.map(|text| text.as_str().unwrap().to_owned()).collect();
    let rest = database.queues().receive("events", 32, Duration::from_secs(60)).await.unwrap();
    all.extend(rest.into_iter().map(|message| message.text));
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (PROCESSES * MESSAGES, PROCESSES * MESSAGES));
}

/// Writes one blob again and again, each time full of another letter that its metadata names.
async fn write_for_ever(lake: &Path) {
    let store = LocalBlobs::open(lake).unwrap();
    store.create_container("landing").await.unwrap();
    for letter in (b'a'..=b'z').cycle() {
        let attributes = Attributes {
            metadata: [("letter".to_owned(), char::from(letter).to_string())].into(),
            ..Attributes::default()
        };
        let content = Bytes::from(vec![letter; 1 << 20]);
        let path = at("landing", "folder/blob");
        store.write(&path, content, &attributes, &Condition::Always).await.unwrap();
    }
}

#[tokio::test]
async fn leave_a_whole_blob_when_killed() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path();
    let file = lake.join("landing/folder/blob");
    for _ in 0..8 {
        let process = Process::start("write", lake);
        let seen = fs::metadata(&file).ok().map(|metadata| metadata.modified().unwrap());
        wait_for("a new version", || {
            fs::metadata(&file).is_ok_and(|metadata| Some(metadata.modified().unwrap()) != seen)
        });
        process.kill();
        let store = LocalBlobs::open(lake).unwrap();
        let path = at("landing", "folder/blob");
        let (content, properties) = store.read(&path, 1 << 20).await.unwrap();
        assert_eq!(content.len(), 1 << 20);
        let letter = properties.metadata["letter"].as_bytes()[0];
        assert!(content.iter().all(|&byte| byte == letter), "content and properties must match");
        assert_eq!(store.list("landing", "", None).await.unwrap().items.len(), 1);
    }
}
