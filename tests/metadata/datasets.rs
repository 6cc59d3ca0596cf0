//! Datasets: made once, changed by those who know the version, and never lost to a race.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Site, each};

/// An id as routing makes them, in a path.
const Q1: &str = "datasets/landing/drives/q1";

async fn with_q1() -> Site {
    let site = Site::new().await;
    let body = json!({"id": "landing/drives/q1", "container": "landing", "tags": {"a": "1"}});
    site.done("datasets", body).await;
    site
}

async fn patch(site: &Site, address: &str, body: Value) -> (u16, Value) {
    site.worker.call("PATCH", address, &[], &body).await
}

#[tokio::test]
async fn the_same_dataset_is_made_once() {
    let site = Site::new().await;
    let body = json!({"id": "landing/drives/q1", "container": "landing"});
    let (status, first) = site.post("datasets", body.clone()).await;
    assert_eq!((status, first["status"].as_str()), (201, Some("landing")));
    assert_eq!(site.post("datasets", body).await, (200, first.clone()));
    let other = json!({"id": "landing/drives/q1", "container": "elsewhere"});
    let (status, problem) = site.post("datasets", other).await;
    assert_eq!((status, &problem["current"]["container"]), (409, &json!("landing")));
    assert_eq!(site.get(Q1).await, (200, first.clone()));
    assert_eq!(site.get("datasets/landing%2Fdrives%2Fq1").await, (200, first.clone()));
    assert_eq!(site.get("datasets?id=landing/drives/q1").await, (200, first));
    assert_eq!(site.get("datasets/landing/drives/q2").await.0, 404);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_written() {
    let site = Site::new().await;
    let body = json!({"id": "x", "state": "ready", "files": -1});
    let (status, problem) = site.post("datasets", body).await;
    assert_eq!(status, 400);
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(fields, ["state", "files"]);
    for (body, field) in [
        (json!({}), "id"),
        (json!({"id": 1}), "id"),
        (json!({"id": ""}), "id"),
        (json!({"id": "x", "history": []}), "history"),
        (json!({"id": "x", "status": "Done"}), "status"),
    ] {
        let (status, problem) = site.post("datasets", body.clone()).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!(field)), "{body}");
    }
    assert_eq!(site.get("datasets/x").await.0, 404);
}

#[tokio::test]
async fn a_patch_merges_and_a_status_follows_the_states() {
    let site = with_q1().await;
    let body = json!({"status": "processing", "by": "ingest", "runId": "r1", "tags": {"b": "2"}});
    let (status, dataset) = patch(&site, Q1, body).await;
    assert_eq!((status, &dataset["tags"]), (200, &json!({"a": "1", "b": "2"})));
    let (status, dataset) = site.post(Q1, json!({"status": "ready", "tags": {"a": null}})).await;
    assert_eq!((status, &dataset["tags"]), (200, &json!({"b": "2"})));
    assert_eq!(dataset["runId"], "r1");
    let history = dataset["history"].as_array().unwrap();
    let seen: Vec<_> =
        history.iter().map(|it| (it["status"].as_str(), it["by"].as_str())).collect();
    let expected = [("landing", "api"), ("processing", "ingest"), ("ready", "api")]
        .map(|(s, b)| (Some(s), Some(b)));
    assert_eq!(seen, expected);
    // Only who names a run is put down to it.
    let runs: Vec<_> = history.iter().map(|it| it["runId"].as_str()).collect();
    assert_eq!(runs, [None, Some("r1"), None]);
    assert_eq!(patch(&site, Q1, json!({"status": "archived"})).await.0, 200);
    let (status, problem) = patch(&site, Q1, json!({"status": "ready"})).await;
    assert_eq!((status, &problem["current"]["status"]), (409, &json!("archived")));
    assert!(problem["detail"].as_str().unwrap().contains("only a new delivery"), "{problem}");
}

#[tokio::test]
async fn a_dataset_called_delete_is_no_wish_to_delete_another() {
    let site = with_q1().await;
    let inner = format!("{Q1}/delete");
    site.done("datasets", json!({"id": "landing/drives/q1/delete"})).await;
    assert_eq!(site.post(&inner, json!({"owner": "me"})).await.0, 200);
    assert_eq!(site.get(Q1).await.0, 200);
    assert_eq!(site.get(&inner).await.1["owner"], "me");
    assert_eq!(site.post(&format!("{inner}?delete=perhaps"), json!({})).await.0, 400);
    assert_eq!(site.post(&format!("{inner}?delete=true"), json!({})).await.0, 200);
    assert_eq!((site.get(&inner).await.0, site.get(Q1).await.0), (404, 200));
}

#[tokio::test]
async fn updates_that_name_another_version_are_refused() {
    let site = with_q1().await;
    let (_, first) = site.get(Q1).await;
    let etag = first["etag"].as_str().unwrap();
    let change = |owner: &str| json!({"owner": owner});
    let (status, second) = patch(&site, &format!("{Q1}?etag={etag}"), change("a")).await;
    assert_eq!((status, second["etag"] == etag), (200, false));
    let (status, problem) = patch(&site, &format!("{Q1}?etag={etag}"), change("b")).await;
    assert_eq!((status, &problem["etag"]), (412, &second["etag"]));
    let quoted = format!("\"{etag}\"");
    let stale = [("if-match", quoted.as_str())];
    assert_eq!(site.worker.call("DELETE", Q1, &stale, &Value::Null).await.0, 412);
    let put = json!({"container": "landing"});
    assert_eq!(site.worker.call("PUT", Q1, &[], &put).await.0, 428, "it would lose an update");
    let named = format!("{Q1}?etag={}", second["etag"].as_str().unwrap());
    let (status, third) = site.worker.call("PUT", &named, &[], &put).await;
    assert_eq!((status, third.get("owner")), (200, None));
    assert_eq!(site.post(&format!("{Q1}?delete=true"), json!({})).await.0, 200);
    assert_eq!(site.get(Q1).await.0, 404);
    let made = site.done("datasets", json!({"id": "landing/drives/q1"})).await;
    assert_eq!(made["history"].as_array().unwrap().len(), 1, "{made}");
}

#[tokio::test]
async fn lists_go_on_where_they_ended() {
    let site = Site::new().await;
    for number in 0..7 {
        let status = if number % 2 == 0 { "ready" } else { "failed" };
        let id = format!("d{number}");
        site.done("datasets", json!({"id": id, "container": "c", "status": status})).await;
    }
    let (_, page) = site.get("datasets?limit=3").await;
    assert_eq!(each(&page, "id"), ["d6", "d5", "d4"]);
    assert_eq!((&page["count"], page["value"][0].get("history")), (&json!(3), None));
    let token = page["continuationToken"].as_str().unwrap();
    let (_, page) = site.get(&format!("datasets?limit=100&continuationToken={token}")).await;
    assert_eq!(
        (each(&page, "id"), &page["continuationToken"]),
        (vec!["d3", "d2", "d1", "d0"], &Value::Null)
    );
    let (_, ready) = site.get("datasets?status=ready&container=c").await;
    assert_eq!(each(&ready, "id"), ["d6", "d4", "d2", "d0"]);
    let (_, none) = site.get("datasets?to=2020-01-01T00:00:00Z").await;
    assert_eq!((&none["count"], none["value"].as_array().unwrap().len()), (&json!(0), 0));
    for wrong in [
        format!("status=ready&continuationToken={token}"),
        "continuationToken=x".to_owned(),
        format!("continuationToken={}", forged(token)),
        "limit=0".to_owned(),
        "status=done".to_owned(),
        "state=ready".to_owned(),
    ] {
        assert_eq!(site.get(&format!("datasets?{wrong}")).await.0, 400, "{wrong}");
    }
}

/// A token of the same question with another place.
fn forged(token: &str) -> String {
    let mut place: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap();
    place["p"]["span"]["from"] = json!("é");
    URL_SAFE_NO_PAD.encode(place.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_writers_in_four_processes_lose_no_update() {
    let site = with_q1().await;
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(site.another().await);
    }
    let workers = Arc::new(workers);
    let writers: Vec<_> = (0..32)
        .map(|writer| {
            let workers = Arc::clone(&workers);
            tokio::spawn(async move {
                let body = json!({"tags": {format!("w{writer}"): "1"}});
                loop {
                    match workers[writer % 4].call("PATCH", Q1, &[], &body).await {
                        (200, _) => return,
                        (503, _) => tokio::task::yield_now().await,
                        (status, problem) => panic!("{status} {problem}"),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let (_, dataset) = site.get(Q1).await;
    assert_eq!(dataset["tags"].as_object().unwrap().len(), 33, "{dataset}");
}
