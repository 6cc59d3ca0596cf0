//! One watermark and many who want to move it: from several processes, and with one that dies.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Site;
use crate::worker::Worker;

const WORKERS: usize = 4;
const WRITERS: usize = 32;
const COMMITS: usize = 2;

/// What a commit saw and did.
struct Step {
    from: u64,
    to: u64,
}

fn number(json: &Value) -> u64 {
    json.as_str().unwrap().parse().unwrap()
}

/// Opens a window, waiting for the others, and commits one row more than there was.
async fn advance(worker: &Worker, run: &str) -> Step {
    let window = loop {
        let request = json!({"runId": run, "upper": "1000000"});
        match worker.call("POST", "tables/counter/windows", &[], &request).await {
            (200 | 201, window) => break window,
            (409 | 503, _) => tokio::task::yield_now().await,
            (status, problem) => panic!("{status} {problem}"),
        }
    };
    let from = number(&window["lower"]);
    let commit = json!({"rowsRead": 1, "max": (from + 1).to_string()});
    let address = format!("tables/counter/windows/{}/commit", window["id"].as_str().unwrap());
    let end = loop {
        match worker.call("POST", &address, &[], &commit).await {
            (200, end) => break end,
            (503, _) => tokio::task::yield_now().await,
            (status, problem) => panic!("{status} {problem}"),
        }
    };
    Step { from, to: number(&end["window"]["newMark"]) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_lose_nothing_and_never_go_back() {
    let site = Site::new().await;
    site.counter().await;
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(site.another().await);
    }
    let workers = Arc::new(workers);
    let writers = (0..WRITERS).map(|writer| {
        let workers = Arc::clone(&workers);
        tokio::spawn(async move {
            let mut steps = Vec::new();
            for commit in 0..COMMITS {
                let worker = &workers[(writer + commit) % WORKERS];
                steps.push(advance(worker, &format!("run-{writer}-{commit}")).await);
            }
            steps
        })
    });
    let mut steps = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        steps.extend(writer.await.unwrap());
    }
    // Each window began where another one had ended: nothing was read twice or not at all.
    steps.sort_by_key(|step| step.from);
    for (index, step) in steps.iter().enumerate() {
        assert_eq!((step.from, step.to), (index as u64, index as u64 + 1));
    }
    let (_, mark) = site.get("tables/counter/mark").await;
    assert_eq!(mark["mark"]["value"], (WRITERS * COMMITS).to_string());
    let (_, freshness) = site.get("freshness?id=counter").await;
    assert_eq!(freshness["value"][0]["objective"]["windows"], WRITERS * COMMITS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_get_one_window() {
    let site = Site::new().await;
    site.counter().await;
    let other = site.another().await;
    let request = |run: usize| json!({"runId": format!("run-{run}"), "upper": "9"});
    let bodies: Vec<Value> = (0..WRITERS).map(request).collect();
    let asked = bodies.iter().enumerate().map(|(run, body)| {
        let worker = if run % 2 == 0 { &site.worker } else { &other };
        worker.call("POST", "tables/counter/windows", &[], body)
    });
    let answers = futures::future::join_all(asked).await;
    let opened: Vec<_> = answers.iter().filter(|(status, _)| *status == 201).collect();
    assert_eq!(opened.len(), 1);
    for (status, answer) in &answers {
        if *status != 201 {
            assert_eq!(*status, 409, "{answer}");
            assert_eq!(answer["current"]["window"]["id"], opened[0].1["id"]);
        }
    }
    // The same backfill from everywhere is one window, too.
    let backfill = json!({"runId": "b", "from_date": "1", "to_date": "3"});
    let asked = (0..8).map(|n| {
        let worker = if n % 2 == 0 { &site.worker } else { &other };
        worker.call("POST", "tables/counter/windows", &[], &backfill)
    });
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().all(|(_, window)| window["id"] == answers[0].1["id"]), "{answers:?}");
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1);
}

#[tokio::test]
async fn a_worker_that_dies_between_copy_and_commit_loses_nothing() {
    let mut site = Site::new().await;
    site.counter().await;
    let request = json!({"runId": "r1", "upper": "9"});
    let window = site.done("tables/counter/windows", request.clone()).await;
    site.restart().await;
    // Another pipeline must not read the same rows; the one that died goes on where it was.
    let (status, _) =
        site.post("tables/counter/windows", json!({"runId": "r2", "upper": "9"})).await;
    assert_eq!(status, 409);
    assert_eq!(site.post("tables/counter/windows", request).await, (200, window.clone()));
    let address = format!("tables/counter/windows/{}/commit", window["id"].as_str().unwrap());
    let end = site.done(&address, json!({"rowsRead": 1})).await;
    assert_eq!(end["mark"]["value"], "9");
    site.restart().await;
    let again = site.done(&address, json!({"rowsRead": 1})).await;
    assert_eq!((&again["applied"], &again["mark"]["value"]), (&json!(false), &json!("9")));

    // Or somebody takes over, and the one that comes back late is told.
    let old = site.done("tables/counter/windows", json!({"runId": "r3", "upper": "20"})).await;
    site.restart().await;
    let take = json!({"runId": "r4", "upper": "30", "supersede": true});
    let new = site.done("tables/counter/windows", take).await;
    let commit = |window: &Value| {
        format!("tables/counter/windows/{}/commit", window["id"].as_str().unwrap())
    };
    site.done(&commit(&new), json!({"rowsRead": 1, "max": "30"})).await;
    let (status, late) = site.post(&commit(&old), json!({"rowsRead": 1, "max": "20"})).await;
    assert_eq!((status, &late["current"]["mark"]["value"]), (409, &json!("30")));
}

#[tokio::test]
async fn an_imported_value_never_replaces_a_committed_one() {
    let site = Site::new().await;
    for round in 0..20 {
        let id = format!("t{round}");
        let watermark = json!({"column": "n", "type": "bigint", "start": "0"});
        site.done("tables", json!({"id": id, "table": id, "watermark": watermark})).await;
        let open = json!({"runId": "r", "upper": "100"});
        let window = site.done(&format!("tables/{id}/windows"), open).await;
        let address = format!("tables/{id}/windows/{}/commit", window["id"].as_str().unwrap());
        let import = json!({"value": [{"cdc": "5"}], "table": id});
        let (end, _) = tokio::join!(
            site.done(&address, json!({"rowsRead": 1, "max": "100"})),
            site.post("tables/import", import),
        );
        assert_eq!(end["mark"]["value"], "100", "{end}");
        let (_, mark) = site.get(&format!("tables/{id}/mark")).await;
        assert_eq!(mark["mark"]["value"], "100", "{mark}");
    }
}

#[tokio::test]
async fn a_mark_of_another_column_is_no_bound() {
    let site = Site::new().await;
    site.counter().await;
    let window = site.done("tables/counter/windows", json!({"runId": "r1", "upper": "9"})).await;
    let address = format!("tables/counter/windows/{}/commit", window["id"].as_str().unwrap());
    site.done(&address, json!({"rowsRead": 1, "max": "9"})).await;
    let patch = json!({"watermark": {"column": "version"}});
    site.worker.call("PATCH", "tables/counter", &[], &patch).await;
    let again = json!({"runId": "r2", "upper": "50"});
    let (status, problem) = site.post("tables/counter/windows", again.clone()).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("is of the column n"), "{problem}");
    let (_, mark) = site.get("tables/counter/mark").await;
    let setting = json!({"value": "20"});
    let address = format!("tables/counter/mark?etag={}", mark["etag"].as_str().unwrap());
    assert_eq!(site.post(&address, setting).await.0, 200);
    assert_eq!(site.done("tables/counter/windows", again).await["lower"], "20");
}
