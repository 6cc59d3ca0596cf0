//! Runs: events in any order come to one record.

use serde_json::{Value, json};

use super::{Site, each, each_of};

#[tokio::test]
async fn a_run_that_only_said_its_end_gets_its_beginning_later() {
    let site = Site::new().await;
    let end = json!({
        "runId": "0448d45a-a0bd-4d86-8a8d-1f1c1b1a1918", "event": "success",
        "time": "2026-12-01T06:10:00Z", "pipeline": "ingest", "table": "sales.orders",
        "output": {"rowsCopied": 5, "executionDetails": [{"x": 1}]},
    });
    let (status, first) = site.post("runs", end.clone()).await;
    assert_eq!((status, first["status"].as_str()), (201, Some("succeeded")));
    let (status, again) = site.post("runs", end).await;
    assert_eq!((status, &again), (200, &first), "the same event again changes nothing");
    let start = json!({
        "pipelineRunId": "0448d45a-a0bd-4d86-8a8d-1f1c1b1a1918", "event": "start",
        "time": "2026-12-01T06:00:00Z", "parentRunId": "p",
    });
    let (_, run) = site.post("runs", start).await;
    assert_eq!(run["status"], "succeeded", "a late start does not open it again");
    assert_eq!((&run["durationSeconds"], &run["parent"]), (&json!(600.0), &json!("p")));
    assert_eq!(run["counters"]["rowsCopied"], 5);
    let (status, read) = site.get("runs/0448d45a-a0bd-4d86-8a8d-1f1c1b1a1918").await;
    assert_eq!((status, &read), (200, &run));
    let (_, list) = site.get("runs?table=sales.orders&status=succeeded&parent=p").await;
    assert_eq!((list["count"].as_u64(), list["value"][0].get("output")), (Some(1), None));
}

#[tokio::test]
async fn other_tools_report_in_the_words_of_openlineage() {
    let site = Site::new().await;
    let event = |kind: &str, time: &str| {
        json!({
            "eventType": kind, "eventTime": time, "producer": "https://example.org/x",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": "r1", "facets": {"unknown": {"_producer": "x"}}},
            "job": {"namespace": "spark", "name": "clean"},
            "inputs": [{"namespace": "abfss://landing", "name": "people"}], "outputs": [],
        })
    };
    site.done("runs", event("FAIL", "2026-12-01T06:05:00Z")).await;
    let run = site.done("runs", event("START", "2026-12-01T06:00:00Z")).await;
    assert_eq!((&run["status"], &run["pipeline"]), (&json!("failed"), &json!("clean")));
    assert_eq!(run["durationSeconds"], 300.0);
    assert_eq!(run["inputs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn runs_are_listed_newest_first_page_by_page() {
    let site = Site::new().await;
    for number in 0..5 {
        let run = json!({"runId": format!("r{number}"), "event": "start", "pipeline": "p"});
        site.done("runs", run).await;
    }
    let (_, page) = site.get("runs?limit=2&pipeline=p").await;
    assert_eq!(each(&page, "id"), ["r4", "r3"]);
    let token = page["continuationToken"].as_str().unwrap();
    let (_, page) = site.get(&format!("runs?limit=9&pipeline=p&continuationToken={token}")).await;
    assert_eq!(each(&page, "id"), ["r2", "r1", "r0"]);
    assert_eq!(page["continuationToken"], Value::Null);
}

#[tokio::test]
async fn what_is_wrong_in_a_report_is_named() {
    let site = Site::new().await;
    let (status, problem) =
        site.post("runs", json!({"runId": "r", "rows": 1, "event": "end"})).await;
    assert_eq!(status, 400);
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(fields, ["rows", "event"]);
    assert_eq!(site.get("runs/r").await.0, 404);
    assert_eq!(site.worker.call("DELETE", "runs/r", &[], &Value::Null).await.0, 405);
}

#[tokio::test]
async fn a_list_that_would_end_before_it_begins_is_refused() {
    let site = Site::new().await;
    for list in ["runs", "datasets"] {
        let between = async |from: &str, to: &str| {
            site.get(&format!("{list}?from=2026-12-01T{from}&to=2026-12-01T{to}")).await
        };
        let (status, problem) = between("06:00:01Z", "06:00:00Z").await;
        assert_eq!((status, each_of(&problem["errors"], "field")), (400, vec!["from", "to"]));
        assert_eq!(between("06:00:00Z", "06:00:00Z").await.0, 200, "an empty span is none");
        assert_eq!(between("07:00:00%2B01:00", "06:00:00Z").await.0, 200, "the same instant");
        assert_eq!(between("06:00:00Z", "06:00:00%2B01:00").await.0, 400, "an hour earlier");
    }
}
