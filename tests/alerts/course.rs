//! The course of incidents, with a clock that is moved by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::future::join_all;
use lakehand::{
    alerts::{
        announce::{Alarm, Report},
        course::{
            record::{Fate, Record, Status},
            rules,
            silence::{Matchers, Silence},
            store::{Incidents, Silences},
        },
        deliver::{
            Outside,
            channel::{Occasion, Pace},
        },
        incident::{Condition, Incident, Severity},
    },
    config::{Alerts, Config, Surroundings},
    settings::Environment,
    stores::{
        self, ETag, Fault, Page, StoreError,
        documents::{Collection, Document, Documents, Key, Query},
        open::open_token,
    },
};
use serde_json::value::RawValue;
use tempfile::TempDir;
use time::{OffsetDateTime, macros::datetime};

use super::Receiver;
use crate::stores::local;

const T0: OffsetDateTime = datetime!(2026-12-01 06:00 UTC);

const DAY: Duration = Duration::from_secs(86_400);

const CHANNEL: &str = "
[alerts]
loopback = true

[[channel]]
name = \"hook\"
kind = \"webhook\"
url = \"%LAKEHAND_HOOK%\"
";

/// A store, a clock and what the configuration says.
struct Place {
    _lake: TempDir,
    documents: Arc<dyn Documents>,
    alerts: Alerts,
    outside: Outside,
    seconds: AtomicI64,
}

impl Place {
    fn new(receiver: &Receiver, more: &str) -> Self {
        let lake = tempfile::tempdir().unwrap();
        let documents = local::database(lake.path()).documents();
        let pace = Pace {
            tries: 2,
            patience: Duration::from_secs(5),
            pause: Duration::from_millis(1),
            longest: Duration::from_millis(2),
        };
        let outside = Outside::open(true, open_token, pace).unwrap();
        let alerts = alerts(receiver, more);
        Self { _lake: lake, documents, alerts, outside, seconds: AtomicI64::new(0) }
    }

    fn now(&self) -> OffsetDateTime {
        T0 + time::Duration::seconds(self.seconds.load(Ordering::Relaxed))
    }

    fn at(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::Relaxed);
    }

    async fn on<T>(&self, documents: &dyn Documents, work: impl AsyncFnOnce(&Alarm<'_>) -> T) -> T {
        let now = || self.now();
        let alarm = Alarm {
            documents,
            retention: 90 * DAY,
            alerts: &self.alerts,
            outside: self.outside.clone(),
            now: &now,
            deadline: Instant::now() + Duration::from_secs(30),
        };
        work(&alarm).await
    }

    async fn all(&self, incident: Incident) -> Vec<Report> {
        self.on(&*self.documents, async |alarm| alarm.take(incident).await.unwrap()).await
    }

    async fn take(&self, incident: Incident) -> Report {
        self.all(incident).await.remove(0)
    }

    async fn drain(&self) -> Vec<String> {
        self.on(&*self.documents, async |alarm| alarm.drain().await).await
    }

    fn incidents(&self) -> Incidents<'_> {
        Incidents::new(&*self.documents, 90 * DAY)
    }

    async fn record(&self, id: &str) -> Record {
        self.incidents().find(id).await.unwrap().unwrap()
    }
}

fn alerts(receiver: &Receiver, more: &str) -> Alerts {
    let route = "[[route]]\nname = \"all\"\nfrom = \"landing/{file...}\"\nto = \"out/{file}\"\n";
    let environment: Environment = [("LAKEHAND_HOOK".to_owned(), receiver.url())].into();
    let around =
        Surroundings { environment: &environment, landing: "landing", own_container: None };
    Config::parse(&format!("{route}{CHANNEL}{more}"), &around).unwrap().alerts
}

fn failed(pipeline: &str, run: &str) -> Incident {
    let mut incident = Incident {
        id: format!("{pipeline}-cause"),
        pipeline: Some(pipeline.to_owned()),
        run_id: Some(run.to_owned()),
        title: format!("{pipeline} failed"),
        ..Incident::default()
    };
    incident.cause.code = Some("2200".to_owned());
    incident
}

fn succeeded(pipeline: &str, run: &str) -> Incident {
    let condition = Condition::Resolved;
    Incident { condition, severity: Severity::Info, id: run.to_owned(), ..failed(pipeline, run) }
}

#[tokio::test]
async fn an_incident_is_told_once_summed_up_and_closed_by_a_success() {
    let hook = Receiver::new(|_| 200).await;
    let place = Place::new(&hook, "");
    let report = place.take(failed("ingest", "run-1")).await;
    assert_eq!(report.occasion, Some(Occasion::Opened));
    assert_eq!(report.notices[0].outcome, Fate::Delivered);
    for (second, run) in [(1, "run-1"), (2, "run-2"), (3, "run-3")] {
        place.at(second);
        let report = place.take(failed("ingest", run)).await;
        assert!(report.suppressed.unwrap().contains("summed up at 2026-12-01T06:05"));
    }
    assert!(place.drain().await.is_empty(), "the window is open");
    place.at(300);
    assert_eq!(place.drain().await.len(), 1);
    assert!(place.drain().await.is_empty(), "it is told once");
    place.at(400);
    let over = place.take(succeeded("ingest", "run-4")).await;
    assert_eq!((over.status, over.occasion), (Status::Resolved, Some(Occasion::Resolved)));
    assert_eq!(hook.kinds().await, ["opened", "summary", "resolved"]);
    let record = place.record("ingest-cause").await;
    assert_eq!((record.reports, record.told.notices.len()), (4, 3));
    let again = place.take(succeeded("ingest", "run-5")).await;
    assert_eq!(again.suppressed.as_deref(), Some("nothing of it is open"));
    let again = place.take(failed("ingest", "run-6")).await;
    assert_eq!((again.occasion, again.status), (Some(Occasion::Opened), Status::Open));
}

#[tokio::test]
async fn parent_and_child_are_one_incident() {
    let hook = Receiver::new(|_| 200).await;
    let place = Place::new(&hook, "");
    let child = Incident { root_run_id: Some("run-1".to_owned()), ..failed("child", "run-2") };
    assert_eq!(place.take(child).await.id, "child-cause");
    let parent = place.take(failed("parent", "run-1")).await;
    assert_eq!((parent.id.as_str(), parent.occasion), ("child-cause", None));
    assert_eq!(hook.kinds().await, ["opened"]);
    let over = place.take(succeeded("other", "run-1")).await;
    assert_eq!((over.id.as_str(), over.status), ("child-cause", Status::Resolved), "by its run");
}

#[tokio::test]
async fn what_a_channel_does_not_take_waits_in_the_outbox_and_is_no_duplicate() {
    let hook = Receiver::new(|turn| if turn < 3 { 400 } else { 200 }).await;
    let place = Place::new(&hook, "");
    let report = place.take(failed("ingest", "run-1")).await;
    assert_eq!(report.notices[0].outcome, Fate::Stored, "{report:?}");
    let again = place.take(failed("ingest", "run-1")).await;
    assert!(again.suppressed.is_some(), "the outbox has it: {again:?}");
    assert!(place.drain().await.is_empty(), "it rests first");
    for (second, lines) in [(61, 0), (200, 0), (1000, 2), (2000, 0)] {
        place.at(second);
        let told = place.drain().await;
        assert_eq!(told.len(), lines, "{second}: {told:?}");
    }
    let messages = hook.messages().await;
    let opened: Vec<_> = messages.iter().filter(|(kind, _)| kind == "opened").collect();
    assert_eq!(opened.len(), 4, "three refused, one taken: {messages:?}");
    assert!(opened.iter().all(|message| *message == opened[0]), "one key: {messages:?}");
}

#[tokio::test]
async fn a_channel_that_never_answers_well_is_given_up_after_days() {
    let hook = Receiver::new(|_| 404).await;
    let place = Place::new(&hook, "");
    place.take(failed("ingest", "run-1")).await;
    place.at(3 * 86_400 + 1);
    let told = place.drain().await;
    assert!(told.iter().any(|line| line.contains("given up for hook")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_many_tables_is_a_handful_of_messages() {
    let hook = Receiver::new(|_| 200).await;
    let place = Place::new(&hook, "");
    place
        .on(&*place.documents, async |alarm| {
            for round in 0..40 {
                let reports = (0..50).map(|table| {
                    let mut incident = failed("ingest", &format!("run-{round}-{table}"));
                    incident.table = Some(format!("sales.t{table}"));
                    alarm.take(incident)
                });
                for told in join_all(reports).await {
                    assert_eq!(told.unwrap()[0].id, "ingest-cause");
                }
            }
        })
        .await;
    place.at(300);
    place.drain().await;
    assert_eq!(hook.kinds().await, ["opened", "summary"]);
    let record = place.record("ingest-cause").await;
    assert_eq!((record.reports, record.told.unsaid), (2_000, 0), "every report counts");
}

#[tokio::test]
async fn a_worker_that_dies_while_it_tells_is_followed_by_another() {
    let hook = Receiver::new(|_| 200).await;
    let place = Place::new(&hook, "");
    let dies = |there: Option<Record>| {
        let record = rules::fired(there, failed("ingest", "run-1"), T0);
        Some(rules::claim(record, Occasion::Opened, "the dead", T0))
    };
    place.incidents().change("ingest-cause", T0, dies).await.unwrap();
    let report = place.take(failed("ingest", "run-1")).await;
    assert_eq!(report.suppressed.as_deref(), Some("another worker is about to tell of it"));
    assert!(place.drain().await.is_empty());
    place.at(300);
    assert_eq!(place.drain().await.len(), 1);
    assert_eq!(hook.kinds().await, ["opened"]);
}

#[tokio::test]
async fn what_is_silenced_is_told_when_the_silence_ends() {
    let hook = Receiver::new(|_| 200).await;
    let place = Place::new(&hook, "");
    let silence = Silence {
        id: "s".to_owned(),
        when: Matchers { pipeline: vec!["IN*".to_owned()], ..Matchers::default() },
        author: "kim".to_owned(),
        reason: "the source moves".to_owned(),
        starts_at: T0,
        ends_at: T0 + Duration::from_secs(3600),
    };
    Silences(&*place.documents).write(&silence, T0).await.unwrap();
    let report = place.take(failed("ingest", "run-1")).await;
    assert!(report.suppressed.unwrap().starts_with("kim silenced it until"));
    assert_eq!(place.take(failed("other", "run-2")).await.occasion, Some(Occasion::Opened));
    assert!(place.drain().await.is_empty());
    place.at(3600);
    assert_eq!(place.drain().await.len(), 1);
    assert_eq!(hook.kinds().await, ["opened", "opened"]);
}

#[tokio::test]
async fn what_follows_from_an_open_incident_is_told_if_it_outlasts_it() {
    let hook = Receiver::new(|_| 200).await;
    let rule =
        "[[inhibit]]\nsource = { code = \"FactoryDown\" }\ntarget = { pipeline = \"ingest\" }\n";
    let place = Place::new(&hook, rule);
    let mut down = failed("all", "run-1");
    down.cause.code = Some("FactoryDown".to_owned());
    place.take(down).await;
    let report = place.take(failed("ingest", "run-2")).await;
    assert_eq!(report.suppressed.as_deref(), Some("it follows from the incident all-cause"));
    place.take(succeeded("all", "run-3")).await;
    assert_eq!(place.drain().await.len(), 1);
    assert_eq!(hook.kinds().await, ["opened", "resolved", "opened"]);
}

/// A store that does not answer.
#[derive(Debug)]
struct Down;

fn down<T>() -> Result<T, StoreError> {
    Err(StoreError::new(Fault::Unavailable, "ask", "the store", "it is down"))
}

#[async_trait]
impl Documents for Down {
    async fn get(&self, _: Collection, _: &Key) -> Result<Document, StoreError> {
        down()
    }

    async fn put(
        &self,
        _: Collection,
        _: &Key,
        _: &RawValue,
        _: &stores::Condition,
        _: Option<Duration>,
    ) -> Result<ETag, StoreError> {
        down()
    }

    async fn delete(
        &self,
        _: Collection,
        _: &Key,
        _: &stores::Condition,
    ) -> Result<(), StoreError> {
        down()
    }

    async fn list(&self, _: Collection, _: &Query<'_>) -> Result<Page<Document>, StoreError> {
        down()
    }

    async fn purge(&self, _: usize) -> Result<usize, StoreError> {
        down()
    }

    async fn probe(&self) -> Result<(), StoreError> {
        down()
    }
}

#[tokio::test]
async fn without_a_store_it_is_told_rather_twice_than_never() {
    let hook = Receiver::new(|turn| if turn < 1 { 200 } else { 404 }).await;
    let place = Place::new(&hook, "");
    place
        .on(&Down, async |alarm| {
            assert!(alarm.take(failed("ingest", "run-1")).await.is_err());
            let told = alarm.tell_unrecorded(&failed("ingest", "run-1")).await;
            assert_eq!(told.notices[0].outcome, Fate::Delivered);
            let lost = alarm.tell_unrecorded(&failed("ingest", "run-1")).await;
            assert_eq!(lost.notices[0].outcome, Fate::Failed);
            assert!(alarm.drain().await.is_empty());
        })
        .await;
}
