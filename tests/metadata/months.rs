//! Datasets, runs and lists over months, on every store of documents.

use std::sync::Arc;

use lakehand::{
    metadata::{
        datasets::{rules::read_draft, store::Datasets},
        http::conditions::Preconditions,
        months::{Months, REACH, Span},
        runs::{report, store::Runs},
    },
    stores::{
        Condition,
        documents::{Body, Collection, Document, Documents, Filter},
    },
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::datetime};

use super::stores::{embedded, emulated};

const NOW: OffsetDateTime = datetime!(2026-12-01 06:00 UTC);

const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);

fn object(value: Value) -> serde_json::Map<String, Value> {
    let Value::Object(object) = value else { panic!("{value} is no object") };
    object
}

fn ids(page: &[Body]) -> Vec<String> {
    let id = |body: &Body| serde_json::from_str::<Value>(body.get()).unwrap()["id"].clone();
    page.iter().map(|body| id(body).as_str().unwrap().to_owned()).collect()
}

async fn make(datasets: &Datasets<'_>, id: &str, container: &str, at: OffsetDateTime) {
    let draft = read_draft(object(json!({"container": container}))).unwrap();
    assert!(datasets.create(id, draft, at).await.unwrap().1, "{id} is new");
}

async fn datasets_of_many_months_are_one_list(documents: &dyn Documents) {
    let datasets = Datasets::new(documents);
    for back in 0..6_i64 {
        let container = if back % 2 == 0 { "even" } else { "odd" };
        make(&datasets, &format!("d/{back}"), container, NOW - Duration::days(40 * back)).await;
    }
    let filters = [Filter::Equals("container", "even")];
    for (filters, expected) in [
        (&filters[..0], vec!["d/0", "d/1", "d/2", "d/3", "d/4", "d/5"]),
        (&filters, vec!["d/0", "d/2", "d/4"]),
    ] {
        let (mut seen, mut place) = (Vec::new(), None);
        loop {
            let span = Span::last(REACH, NOW);
            let (page, next) = datasets.list(filters, span, 2, place).await.unwrap();
            assert!(page.len() <= 2);
            seen.extend(ids(&page));
            place = next;
            if place.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
    let newest = datasets.newest("none", 10, NOW).await.unwrap();
    assert!(newest.is_empty(), "no route made them: {newest:?}");
}

/// Each of 16 writers adds a tag of its own.
async fn many_writers_change_one_dataset(documents: &Arc<dyn Documents>) {
    make(&Datasets::new(&**documents), "d", "c", NOW).await;
    let writers = (0..16).map(|writer| {
        let documents = Arc::clone(documents);
        tokio::spawn(async move {
            let patch = object(json!({"tags": {format!("t{writer}"): "x"}}));
            let change =
                |dataset: &_| lakehand::metadata::datasets::rules::patched(dataset, &patch);
            let datasets = Datasets::new(&*documents);
            datasets.change("d", &Preconditions::default(), NOW, change).await.unwrap();
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let found = Datasets::new(&**documents).find("d").await.unwrap();
    assert_eq!(found.dataset.facts.tags.len(), 16);
}

async fn runs_take_events_in_any_order(documents: &dyn Documents) {
    let runs = Runs::new(documents, WEEK);
    let end = json!({"runId": "r1", "status": "failed", "pipeline": "p", "attempt": 1,
                     "end": "2026-12-01T06:05:00Z", "error": {"code": "2200", "message": "no"}});
    let begin = json!({"runId": "r1", "status": "running", "pipeline": "p", "attempt": 1,
                       "start": "2026-12-01T06:00:00Z"});
    for (event, is_new) in [(&end, true), (&begin, false), (&end, false)] {
        let (id, event) = report::read(object(event.clone())).unwrap();
        assert_eq!(runs.take(&id, &event, NOW).await.unwrap().1, is_new);
    }
    let run = serde_json::to_value(runs.find("r1").await.unwrap()).unwrap();
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("2200")));
    assert_eq!(run["durationSeconds"], json!(300.0), "{run}");
    for (pipeline, count) in [("p", 1), ("q", 0)] {
        let (span, filters) = (Span::last(REACH, NOW), [Filter::Equals("pipeline", pipeline)]);
        let (page, _) = runs.list(&filters, span, 10, None).await.unwrap();
        assert_eq!(page.len(), count, "{pipeline}");
    }
}

/// Documents so large that an answer has room for three: each comes once, and in order.
async fn a_page_ends_where_an_answer_is_full(documents: &dyn Documents) {
    let months = Months { documents, collection: Collection::Datasets, keep: None };
    for number in 0..8 {
        let key = months.address(&format!("{number}"), NOW + Duration::seconds(number)).await;
        let body = json!({"id": number.to_string(), "text": "x".repeat(1_000_000)});
        months.put(&key.unwrap(), &body, &Condition::Absent).await.unwrap();
    }
    let (mut pages, mut place) = (Vec::new(), None);
    loop {
        let span = Span::last(REACH, NOW);
        let answer = |document: Document<Value>| document.body;
        let (page, next) = months.page(&[], span, 1000, place, answer).await.unwrap();
        pages.push(ids(&page));
        place = next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec!["7", "6", "5"], vec!["4", "3", "2"], vec!["1", "0"]]);
}

/// What is removed and made again is listed when it was made.
async fn a_dataset_that_is_made_again_is_new(documents: &dyn Documents) {
    let datasets = Datasets::new(documents);
    make(&datasets, "d", "c", NOW).await;
    datasets.delete("d", &Preconditions::default()).await.unwrap();
    let later = NOW + Duration::days(40);
    make(&datasets, "d", "c", later).await;
    let count = async |from: OffsetDateTime| {
        let span = Span::last(later - from, later);
        datasets.list(&[], span, 10, None).await.unwrap().0.len()
    };
    assert_eq!(count(later - Duration::DAY).await, 1);
    assert_eq!(datasets.find("d").await.unwrap().dataset.id, "d");
    datasets.delete("d", &Preconditions::default()).await.unwrap();
    assert_eq!(count(NOW - Duration::DAY).await, 0);
}

mod on_the_embedded_store {
    use super::*;

    #[tokio::test]
    async fn a_dataset_that_is_made_again_is_new() {
        super::a_dataset_that_is_made_again_is_new(&*embedded().1).await;
    }

    #[tokio::test]
    async fn datasets_of_many_months_are_one_list() {
        super::datasets_of_many_months_are_one_list(&*embedded().1).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_writers_change_one_dataset() {
        let (_lake, documents) = embedded();
        super::many_writers_change_one_dataset(&documents).await;
    }

    #[tokio::test]
    async fn runs_take_events_in_any_order() {
        super::runs_take_events_in_any_order(&*embedded().1).await;
    }

    #[tokio::test]
    async fn a_page_ends_where_an_answer_is_full() {
        super::a_page_ends_where_an_answer_is_full(&*embedded().1).await;
    }
}

mod on_cosmos {
    use super::*;

    #[tokio::test]
    async fn a_dataset_that_is_made_again_is_new() {
        super::a_dataset_that_is_made_again_is_new(&*emulated().await).await;
    }

    #[tokio::test]
    async fn datasets_of_many_months_are_one_list() {
        super::datasets_of_many_months_are_one_list(&*emulated().await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_writers_change_one_dataset() {
        super::many_writers_change_one_dataset(&emulated().await).await;
    }

    #[tokio::test]
    async fn runs_take_events_in_any_order() {
        super::runs_take_events_in_any_order(&*emulated().await).await;
    }

    #[tokio::test]
    async fn a_page_ends_where_an_answer_is_full() {
        super::a_page_ends_where_an_answer_is_full(&*emulated().await).await;
    }
}
