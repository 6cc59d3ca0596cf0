//! Alerts through real workers, as a pipeline posts them.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Receiver;
use crate::worker::Worker;

const RULES: &str = r#"
[[route]]
name = "all"
from = "landing/{file...}"
to = "processing/{file}"

[alerts]
loopback = true
base = "https://app.example.com"
factory = { name = "adf-prod", subscription = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1", resource_group = "rg" }

[[channel]]
name = "hook"
kind = "webhook"
url = "%LAKEHAND_HOOK%"
when = { severity = ["error", "critical"] }

[[expect]]
pipeline = "nightly"
every = "25h"

[[severity]]
when = { environment = "test" }
severity = "info"
"#;

const RUN: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

struct Site {
    root: TempDir,
    hook: Receiver,
    worker: Worker,
}

impl Site {
    async fn new(answers: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Self {
        let (root, hook) = (tempfile::tempdir().unwrap(), Receiver::new(answers).await);
        std::fs::write(root.path().join("lakehand.toml"), RULES).unwrap();
        let worker = start(root.path(), &hook).await;
        Self { root, hook, worker }
    }

    async fn post(&self, address: &str, body: Value) -> (u16, Value) {
        self.worker.call("POST", address, &[], &body).await
    }

    async fn get(&self, address: &str) -> (u16, Value) {
        self.worker.call("GET", address, &[], &Value::Null).await
    }
}

async fn start(root: &std::path::Path, hook: &Receiver) -> Worker {
    let lake = root.join("lake").display().to_string();
    let url = hook.url();
    Worker::start(root, &[("LAKEHAND_LAKE", lake.as_str()), ("LAKEHAND_HOOK", url.as_str())]).await
}

fn failure() -> Value {
    json!({"pipelineName": "ingest", "runId": RUN, "errorMessage": "ErrorCode=UserErrorFileNotFound, it is gone"})
}

#[tokio::test]
async fn a_failure_is_told_and_followed_to_its_end() {
    let site = Site::new(|_| 200).await;
    let (status, answer) = site.post("alerts", failure()).await;
    assert_eq!((status, &answer["delivered"][0]["channel"]), (200, &json!("hook")), "{answer}");
    let id = answer["incidents"][0]["id"].as_str().unwrap().to_owned();
    let (status, again) = site.post("alerts", failure()).await;
    assert_eq!((status, &again["suppressed"][0]["incident"]), (200, &json!(id)));
    let (_, open) = site.get("alerts?status=open&pipeline=ingest").await;
    assert_eq!((&open["count"], &open["value"][0]["reports"]), (&json!(1), &json!(2)), "{open}");
    let address = format!("alerts/{id}");
    let (status, record) = site.get(&address).await;
    assert_eq!((status, &record["incident"]["runId"]), (200, &json!(RUN)));
    let by = json!({"by": "kim", "note": "on it"});
    let (status, record) = site.post(&format!("{address}/acknowledge"), by.clone()).await;
    assert_eq!((status, &record["acknowledged"]["by"]), (200, &json!("kim")));
    let (status, over) = site.post(&format!("{address}/resolve"), json!({})).await;
    assert_eq!((status, &over["occasion"]), (200, &json!("resolved")));
    assert_eq!(site.post(&format!("{address}/acknowledge"), by).await.0, 409);
    assert_eq!(site.post(&format!("{address}/resolve"), json!({})).await.0, 409);
    assert_eq!(site.get("alerts/none").await.0, 404);
    assert_eq!(site.get("alerts?status=closed").await.0, 400);
    assert_eq!(site.hook.kinds().await, ["opened", "resolved"]);
}

#[tokio::test]
async fn a_reported_success_of_the_pipeline_closes_it() {
    let site = Site::new(|_| 200).await;
    site.post("alerts", failure()).await;
    let run = json!({"runId": "another", "status": "Succeeded", "pipeline": "ingest"});
    assert_eq!(site.post("runs", run).await.0, 201);
    assert_eq!(site.hook.kinds().await, ["opened", "resolved"]);
}

#[tokio::test]
async fn the_answer_says_what_became_of_it() {
    let site = Site::new(|_| 404).await;
    let (status, answer) = site.post("alerts", failure()).await;
    assert_eq!((status, &answer["failed"][0]["stored"]), (202, &json!(true)), "{answer}");
    let test = json!({"pipelineName": "x", "environment": "test", "errorMessage": "no"});
    let (status, answer) = site.post("alerts", test).await;
    let reason = &answer["suppressed"][0]["reason"];
    assert_eq!((status, reason), (200, &json!("no channel wants to hear of it")), "{answer}");
}

#[tokio::test]
async fn a_preview_sends_nothing() {
    let site = Site::new(|_| 200).await;
    let (status, preview) = site.post("alerts/preview", failure()).await;
    assert_eq!((status, &preview["channels"]), (200, &json!(["hook"])));
    assert_eq!(preview["incident"]["cause"]["code"], "UserErrorFileNotFound");
    let link = preview["incident"]["links"][0]["url"].as_str().unwrap();
    assert!(link.contains(RUN) && link.contains("factories/adf-prod"), "{link}");
    for part in ["teams", "slack", "webhook", "pagerduty"] {
        assert!(preview[part].is_object(), "{part}");
    }
    assert!(preview["email"]["html"].as_str().unwrap().contains("ingest"));
    assert!(site.hook.kinds().await.is_empty());
    assert_eq!(site.get("alerts").await.1["count"], 0);
}

#[tokio::test]
async fn silences_are_made_listed_and_ended() {
    let site = Site::new(|_| 200).await;
    let silence = json!({"when": {"pipeline": ["ingest"]}, "author": "kim", "reason": "a move",
                         "endsAt": "2099-01-01T00:00:00Z"});
    let (status, problem) = site.post("alerts/silences", silence.clone()).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("endsAt")), "too long");
    let end = time::OffsetDateTime::now_utc() + time::Duration::HOUR;
    let end = end.format(&time::format_description::well_known::Rfc3339).unwrap();
    let mut silence = silence;
    silence["endsAt"] = json!(end);
    let (status, made) = site.post("alerts/silences", silence.clone()).await;
    assert_eq!(status, 201, "{made}");
    assert!(site.post("alerts", failure()).await.1["delivered"].as_array().unwrap().is_empty());
    let (_, all) = site.get("alerts/silences").await;
    assert_eq!(all["value"], json!([made]));
    let address = format!("alerts/silences/{}", made["id"].as_str().unwrap());
    assert_eq!(site.worker.call("DELETE", &address, &[], &Value::Null).await.0, 200);
    assert_eq!(site.worker.call("DELETE", &address, &[], &Value::Null).await.0, 404);
    let (_, told) = site.post("alerts", failure()).await;
    assert_eq!(told["delivered"][0]["channel"], "hook");
    for (field, value) in [("when", json!({})), ("author", json!(" ")), ("whem", json!(1))] {
        let mut wrong = silence.clone();
        wrong[field] = value;
        assert_eq!(site.post("alerts/silences", wrong).await.0, 400, "{field}");
    }
}

#[tokio::test]
async fn what_nobody_posts_is_found_told_once_and_closes_itself() {
    let site = Site::new(|_| 200).await;
    let timer = json!({"Data": {"timer": {"IsPastDue": false}}, "Metadata": {}});
    let watch = async || {
        let (status, answer) = site.worker.post("watch", &timer).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        answer["Logs"].as_array().unwrap().len()
    };
    let file = site.root.path().join("lake/quarantine/landing/odd.bin");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "x").unwrap();
    assert_eq!(watch().await, 2, "the file, and the pipeline that did not run");
    assert_eq!(watch().await, 0, "once");
    let (_, open) = site.get("alerts?status=open").await;
    let titles: Vec<_> =
        open["value"].as_array().unwrap().iter().map(|it| &it["incident"]["title"]).collect();
    assert!(open.to_string().contains("quarantine/landing/odd.bin"), "{titles:?}");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(watch().await, 1);
    let run = json!({"runId": "r1", "event": "start", "pipeline": "nightly"});
    site.post("runs", run).await;
    assert_eq!(watch().await, 1);
    let rules = site.root.path().join("lakehand.toml");
    std::fs::write(&rules, RULES.replace("[[route]]", "[[rout]]")).unwrap();
    let began = std::time::Instant::now();
    while watch().await == 0 {
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "the change is not seen");
    }
    std::fs::write(&rules, RULES).unwrap();
    while watch().await == 0 {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "the repair is not seen");
    }
    assert_eq!(site.get("alerts?status=open").await.1["count"], 0);
    let kinds = site.hook.kinds().await;
    let of = |kind: &str| kinds.iter().filter(|it| *it == kind).count();
    assert_eq!((of("opened"), of("resolved")), (3, 3), "{kinds:?}");
}

#[tokio::test]
async fn no_payload_is_refused() {
    let site = Site::new(|_| 200).await;
    for body in
        ["", "no JSON \"at all\"", "[]", "null", "{\"a\":", "\u{0}\u{1}", "[[[[[[[[1]]]]]]]]"]
    {
        let answer = reqwest::Client::new().post(site.worker.address("alerts")).body(body);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{body:?}");
    }
    let huge = "x".repeat(3 << 20);
    let answer = reqwest::Client::new().post(site.worker.address("alerts")).body(huge);
    assert_eq!(answer.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn of_many_workers_one_tells() {
    let site = Site::new(|_| 200).await;
    let others =
        [start(site.root.path(), &site.hook).await, start(site.root.path(), &site.hook).await];
    let workers = [&site.worker, &others[0], &others[1]];
    let body = failure();
    let reports = (0..30).map(|turn| workers[turn % 3].call("POST", "alerts", &[], &body));
    for (status, answer) in futures::future::join_all(reports).await {
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(site.hook.kinds().await, ["opened"]);
    assert_eq!(site.get("alerts").await.1["value"][0]["reports"], 30);
    let timer = json!({"Data": {"timer": {"IsPastDue": false}}, "Metadata": {}});
    let (status, _) = site.worker.post("drain_alerts", &timer).await.unwrap();
    assert_eq!(status, 200);
}
