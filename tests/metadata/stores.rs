//! Tables and windows on every store of documents.

use std::sync::Arc;

use lakehand::{
    metadata::{
        http::conditions::Preconditions,
        tables::{
            model::Spec,
            rules::{Checked, checked, spec_of},
            store::{Outcome, Tables},
        },
        windows::{
            model::Status,
            requests::{Commit, Request},
            store::Windows,
        },
    },
    stores::{
        Condition,
        documents::{Collection, Documents, Filter, Key},
    },
};
use serde_json::{Value, json, value::to_raw_value};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::stores::{cosmos, local};

pub(super) const NOW: OffsetDateTime = datetime!(2026-12-01 06:00 UTC);

/// The embedded store, and the folder it goes with.
pub(super) fn embedded() -> (TempDir, Arc<dyn Documents>) {
    let lake = tempfile::tempdir().unwrap();
    let documents = local::database(lake.path()).documents();
    (lake, documents)
}

/// Cosmos DB's own client on its emulator.
pub(super) async fn emulated() -> Arc<dyn Documents> {
    Arc::new(cosmos::documents().await)
}

pub(super) fn table() -> Checked {
    let watermark = json!({"column": "n", "type": "bigint", "start": "0"});
    let Value::Object(body) = json!({"table": "t", "watermark": watermark}) else { panic!() };
    checked("t", spec_of(body).unwrap()).unwrap()
}

pub(super) fn request(run: &str) -> Request {
    serde_json::from_value(json!({"runId": run, "upper": "1000"})).unwrap()
}

pub(super) fn rows(max: u64) -> Commit {
    Commit { rows_read: Some(1), max: Some(json!(max)), output: None }
}

async fn a_window_expires_when_its_pipeline_died(documents: &dyn Documents) {
    let windows = Windows { documents, table: "t" };
    let table = table();
    let first = windows.open(&table, &request("r1"), NOW, "1").await.unwrap().window;
    let soon = NOW + Duration::hours(24) - Duration::SECOND;
    assert!(windows.open(&table, &request("r2"), soon, "2").await.is_err());
    let late = NOW + Duration::hours(24);
    let second = windows.open(&table, &request("r2"), late, "2").await.unwrap().window;
    assert_eq!((&first.lower, second.id.as_str()), (&second.lower, "2"));
    let commit = rows(50);
    assert!(windows.commit("1", &commit, late).await.is_err(), "its rows are read again");
    windows.commit("2", &commit, late).await.unwrap();
    // What left the state is still known.
    windows.open(&table, &request("r3"), late, "3").await.unwrap();
    let old = windows.find("1").await.unwrap();
    assert_eq!((old.status, old.superseded_by.as_deref()), (Status::Expired, Some("r2")));
    assert!(windows.commit("1", &commit, late).await.is_err());
    assert_eq!(windows.state().await.unwrap().0.mark.unwrap().value.text(), "50");
    let expired = [Filter::Equals("purpose", "live"), Filter::Equals("status", "expired")];
    let page = windows.page(&expired, 10, None).await.unwrap();
    assert_eq!(page.items.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["1"]);
}

/// Each of 32 writers takes the mark one further, in whatever order.
async fn many_writers_move_one_mark(documents: &Arc<dyn Documents>) {
    let writers = (0..32).map(|writer| {
        let documents = Arc::clone(documents);
        tokio::spawn(async move {
            let windows = Windows { documents: &*documents, table: "t" };
            let (table, run, id) = (table(), request(&format!("r{writer}")), format!("w{writer}"));
            let window = loop {
                match windows.open(&table, &run, NOW, &id).await {
                    Ok(done) => break done.window,
                    Err(error) => assert_eq!(error.status().as_u16(), 409, "{error}"),
                }
                tokio::task::yield_now().await;
            };
            let from: u64 = window.lower.unwrap().parse().unwrap();
            windows.commit(&window.id, &rows(from + 1), NOW).await.unwrap();
            from
        })
    });
    let mut from = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        from.push(writer.await.unwrap());
    }
    from.sort_unstable();
    assert_eq!(from, (0..32).collect::<Vec<_>>(), "each window began where another had ended");
    let windows = Windows { documents: &**documents, table: "t" };
    assert_eq!(windows.state().await.unwrap().0.mark.unwrap().value.text(), "32");
}

async fn tables_are_kept(documents: &dyn Documents) {
    let tables = Tables { documents, file: &[] };
    let any = Preconditions::default();
    let spec = table().spec;
    for id in ["b", "a b é", "c"] {
        let (_, outcome) = tables.create(id, spec.clone(), NOW).await.unwrap();
        assert_eq!(outcome, Outcome::Created);
        let (_, outcome) = tables.create(id, spec.clone(), NOW).await.unwrap();
        assert_eq!(outcome, Outcome::Unchanged);
    }
    let switch = |spec: &Spec| Ok(Spec { enabled: false, ..spec.clone() });
    let changed = tables.change("b", &any, NOW + Duration::SECOND, switch).await.unwrap();
    let record = changed.record.unwrap();
    assert!(record.updated_at > record.created_at);
    let stale = Preconditions::read(&Default::default(), Some("stale")).unwrap();
    assert_eq!(tables.delete("c", &stale).await.unwrap_err().status().as_u16(), 412);
    tables.delete("c", &any).await.unwrap();
    let all = tables.all().await.unwrap();
    let ids: Vec<_> =
        all.iter().map(|found| (found.table.id.as_str(), found.table.spec.enabled)).collect();
    assert_eq!(ids, [("a b é", true), ("b", false)]);
    assert_eq!(tables.find("c").await.unwrap_err().status().as_u16(), 404);
}

async fn a_table_that_cannot_be_understood_can_be_removed(documents: &dyn Documents) {
    let tables = Tables { documents, file: &[] };
    tables.create("good", table().spec, NOW).await.unwrap();
    let zone = json!({"spec": {"table": "t", "timeZone": "localtime"}, "createdAt": "x",
        "updatedAt": "x"});
    for (id, record) in [("strict", zone), ("shape", json!({"spec": 7}))] {
        let (key, body) = (Key::new("tables", id), to_raw_value(&record).unwrap());
        let put = documents.put(Collection::Tables, &key, &body, &Condition::Always, None);
        put.await.unwrap();
        let all = tables.all().await.unwrap();
        assert_eq!(all.iter().map(|it| it.table.id.as_str()).collect::<Vec<_>>(), ["good"]);
        assert!(tables.find(id).await.is_err());
        let stale = Preconditions::read(&Default::default(), Some("stale")).unwrap();
        assert_eq!(tables.delete(id, &stale).await.unwrap_err().status().as_u16(), 412);
        tables.delete(id, &Preconditions::default()).await.unwrap();
        let gone = tables.delete(id, &Preconditions::default()).await.unwrap_err();
        assert_eq!(gone.status().as_u16(), 404);
    }
}

/// Each of 64 writers changes the table, and no change is lost or refused.
async fn many_writers_change_one_table(documents: &Arc<dyn Documents>) {
    let any = Preconditions::default();
    let tables = Tables { documents: &**documents, file: &[] };
    tables.create("t", table().spec, NOW).await.unwrap();
    let writers = (0..64).map(|_| {
        let (documents, any) = (Arc::clone(documents), any.clone());
        tokio::spawn(async move {
            let tables = Tables { documents: &*documents, file: &[] };
            let more = |spec: &Spec| Ok(Spec { order: spec.order + 1, ..spec.clone() });
            tables.change("t", &any, NOW, more).await.unwrap();
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(tables.find("t").await.unwrap().table.spec.order, 64);
}

mod on_the_embedded_store {
    use super::*;

    #[tokio::test]
    async fn a_window_expires_when_its_pipeline_died() {
        super::a_window_expires_when_its_pipeline_died(&*embedded().1).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_writers_move_one_mark() {
        let (_lake, documents) = embedded();
        super::many_writers_move_one_mark(&documents).await;
    }

    #[tokio::test]
    async fn tables_are_kept() {
        super::tables_are_kept(&*embedded().1).await;
    }

    #[tokio::test]
    async fn a_table_that_cannot_be_understood_can_be_removed() {
        super::a_table_that_cannot_be_understood_can_be_removed(&*embedded().1).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_writers_change_one_table() {
        let (_lake, documents) = embedded();
        super::many_writers_change_one_table(&documents).await;
    }
}

mod on_cosmos {
    use super::*;

    #[tokio::test]
    async fn a_window_expires_when_its_pipeline_died() {
        super::a_window_expires_when_its_pipeline_died(&*emulated().await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_writers_move_one_mark() {
        super::many_writers_move_one_mark(&emulated().await).await;
    }

    #[tokio::test]
    async fn tables_are_kept() {
        super::tables_are_kept(&*emulated().await).await;
    }

    #[tokio::test]
    async fn a_table_that_cannot_be_understood_can_be_removed() {
        super::a_table_that_cannot_be_understood_can_be_removed(&*emulated().await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_writers_change_one_table() {
        super::many_writers_change_one_table(&emulated().await).await;
    }
}
