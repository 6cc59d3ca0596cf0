//! Counting and comparing: pure.

use time::{Duration, OffsetDateTime};

use super::model::{Freshness, Kind, Objective, RunRate, Status, Volume};
use crate::{
    metadata::{
        datasets::model::{Change, Dataset, Status as DatasetStatus},
        http::time::{read_time, write_time},
        runs::model::{Run, Status as RunStatus},
        tables::{clock, rules::Checked},
        windows::model::{State, Tally},
    },
    routing::route::Completion,
};

/// How fresh a table is.
pub fn of_table(table: &Checked, state: &State, days: u32, now: OffsetDateTime) -> Freshness {
    let success = state.success.as_ref();
    let read = |text: &str| read_time(text).ok();
    let checked = success.and_then(|success| read(&success.at));
    let with_rows = success.and_then(|success| success.with_rows_at.as_deref().and_then(read));
    let mark = state.mark.as_ref().filter(|_| table.incremental().is_some());
    let newest = mark.and_then(|mark| clock::instant(&mark.value, &table.zone)).or(with_rows);
    let age = newest.map(|newest| (now - newest).max(Duration::ZERO));
    let target = table.freshness.and_then(|target| Duration::try_from(target).ok());
    let since_checked = checked.map(|checked| now - checked);
    let total = total(state, days, now);
    Freshness {
        kind: Kind::Table,
        id: table.id.clone(),
        status: status(age, since_checked, target),
        target_seconds: table.freshness.map(|target| target.as_secs()),
        newest_at: newest.map(write_time),
        age_seconds: age.and_then(|age| u64::try_from(age.whole_seconds()).ok()),
        checked_at: checked.map(write_time),
        mark: mark.map(|mark| mark.value.text().to_owned()),
        mode: Some(table.mode),
        objective: objective(&total, table.spec.slo, days),
        runs: None,
        volume: Volume {
            rows: total.rows,
            last_rows: success.map(|success| success.rows),
            average_seconds: ratio(total.seconds, total.committed),
            last_seconds: success.map(|success| success.seconds),
            full: total.full,
            incremental: total.committed - total.full.min(total.committed),
        },
    }
}

/// How fresh the datasets of a route are.
pub fn of_route(
    route: &str,
    completion: &Completion,
    datasets: &[Dataset],
    days: u32,
    now: OffsetDateTime,
) -> Freshness {
    of_datasets(Kind::Route, route, Some(completion), datasets, days, now)
}

/// How fresh one dataset is, by the target of the route that collects it, if one does.
pub fn of_dataset(
    dataset: &Dataset,
    completion: Option<&Completion>,
    days: u32,
    now: OffsetDateTime,
) -> Freshness {
    let datasets = std::slice::from_ref(dataset);
    of_datasets(Kind::Dataset, &dataset.id, completion, datasets, days, now)
}

/// How the runs ended.
pub fn of_runs(runs: &[Run]) -> RunRate {
    let count = |status| runs.iter().filter(|run| run.status == status).count() as u64;
    let (succeeded, failed) = (count(RunStatus::Succeeded), count(RunStatus::Failed));
    let ended = succeeded + failed;
    RunRate { ended, failed, success_rate: ratio(succeeded, ended) }
}

/// What became of the deliveries of a dataset since a day, each of them on its own.
fn deliveries(history: &[Change], first: &str) -> Tally {
    let (mut total, mut begun) = (Tally::default(), None::<OffsetDateTime>);
    for change in history {
        let at = read_time(&change.at).ok();
        let is_counted = change.at.get(..10).is_some_and(|day| day >= first);
        match change.status {
            DatasetStatus::Ready => {
                let took = at.zip(begun.take()).map(|(to, from)| to - from);
                if is_counted {
                    total.committed += 1;
                    total.seconds += took.map_or(0, |took| took.whole_seconds().unsigned_abs());
                }
            }
            DatasetStatus::Failed | DatasetStatus::Quarantined => {
                begun = None;
                total.failed += u64::from(is_counted);
            }
            DatasetStatus::Archived => {}
            _ => begun = begun.or(at),
        }
    }
    total
}

fn of_datasets(
    kind: Kind,
    id: &str,
    completion: Option<&Completion>,
    datasets: &[Dataset],
    days: u32,
    now: OffsetDateTime,
) -> Freshness {
    let read = |text: &String| read_time(text).ok();
    let newest = datasets.iter().filter_map(|dataset| dataset.ready_at.as_ref()).max();
    let newest = newest.and_then(read);
    let checked = datasets.iter().map(|dataset| &dataset.updated_at).max().and_then(read);
    let age = newest.map(|newest| (now - newest).max(Duration::ZERO));
    let promised = completion.and_then(|completion| completion.freshness);
    let target = promised.and_then(|target| Duration::try_from(target).ok());
    let first = first_day(days, now);
    let mut total = Tally::default();
    for dataset in datasets {
        let of_it = deliveries(&dataset.history, &first);
        total.committed += of_it.committed;
        total.failed += of_it.failed;
        total.seconds += of_it.seconds;
    }
    Freshness {
        kind,
        id: id.to_owned(),
        // That a dataset failed does not make older ones any fresher.
        status: status(age, None, target),
        target_seconds: promised.map(|target| target.as_secs()),
        newest_at: newest.map(write_time),
        age_seconds: age.and_then(|age| u64::try_from(age.whole_seconds()).ok()),
        checked_at: checked.map(write_time),
        mark: None,
        mode: None,
        objective: objective(&total, completion.and_then(|it| it.slo), days),
        runs: None,
        volume: Volume {
            rows: 0,
            last_rows: None,
            average_seconds: ratio(total.seconds, total.committed),
            last_seconds: None,
            full: 0,
            incremental: 0,
        },
    }
}

/// How an age stands to its target.
pub fn status(
    age: Option<Duration>,
    since_checked: Option<Duration>,
    target: Option<Duration>,
) -> Status {
    match (age, target) {
        (None, _) => Status::Never,
        (Some(_), None) => Status::Fresh,
        (Some(age), Some(target)) if age <= target => Status::Fresh,
        (_, Some(target)) if since_checked.is_some_and(|since| since <= target) => Status::Idle,
        _ => Status::Late,
    }
}

/// The windows of the last days, today included.
fn total(state: &State, days: u32, now: OffsetDateTime) -> Tally {
    let mut sum = Tally::default();
    for (_, day) in state.days.range(first_day(days, now)..) {
        sum.committed += day.committed;
        sum.failed += day.failed;
        sum.rows += day.rows;
        sum.seconds += day.seconds;
        sum.full += day.full;
    }
    sum
}

/// The first of the last days, `2026-12-01`.
fn first_day(days: u32, now: OffsetDateTime) -> String {
    let first = write_time(now - Duration::days(i64::from(days.saturating_sub(1))));
    first[..10].to_owned()
}

fn objective(total: &Tally, target: Option<f64>, days: u32) -> Objective {
    let windows = total.committed + total.failed;
    let budget = target.map(|target| (1.0 - target) * as_float(windows));
    let left = budget.filter(|budget| *budget > 0.0);
    Objective {
        days,
        target,
        windows,
        failed: total.failed,
        success_rate: ratio(total.committed, windows),
        budget: budget.map(rounded),
        budget_left: left.map(|budget| rounded(1.0 - as_float(total.failed) / budget)),
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| rounded(as_float(part) / as_float(whole)))
}

#[expect(clippy::cast_precision_loss, reason = "counts of windows and seconds are small")]
fn as_float(number: u64) -> f64 {
    number as f64
}

/// To six digits: `1 - 0.99` of a hundred is 1, not 1.0000000000000009.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;
    use crate::metadata::tables::rules::{checked, spec_of};

    const NOW: OffsetDateTime = datetime!(2026-12-10 12:00 UTC);

    fn table(body: Value) -> Checked {
        let Value::Object(body) = body else { panic!("an object") };
        checked("t", spec_of(body).unwrap()).unwrap()
    }

    fn state(body: Value) -> State {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn an_age_is_held_against_its_target() {
        let hours = |hours| Some(Duration::hours(hours));
        for (age, checked, target, wanted) in [
            (None, None, hours(1), Status::Never),
            (hours(9), hours(9), None, Status::Fresh),
            (hours(1), hours(1), hours(1), Status::Fresh),
            (hours(2), hours(1), hours(1), Status::Idle),
            (hours(2), hours(2), hours(1), Status::Late),
            (hours(2), None, hours(1), Status::Late),
        ] {
            assert_eq!(status(age, checked, target), wanted, "{age:?} {checked:?} {target:?}");
        }
    }

    #[test]
    fn the_newest_data_is_of_the_marks_time_in_the_tables_zone() {
        let table = table(json!({
            "table": "t", "freshness": "1h", "timeZone": "Europe/Berlin", "slo": 0.9,
            "watermark": {"column": "c", "type": "datetime2(7)"}
        }));
        let state = state(json!({
            "mark": {"value": "2026-12-10T12:30:00", "type": "datetime2(7)",
                "setAt": "2026-12-10T11:40:00.000000Z", "windowId": "w", "runId": "r"},
            "success": {"at": "2026-12-10T11:40:00.000000Z", "rows": 7, "seconds": 30,
                "withRowsAt": "2026-12-10T11:40:00.000000Z"},
            "days": {
                "2026-12-01": {"committed": 1, "failed": 5, "rows": 1000, "seconds": 1, "full": 1},
                "2026-12-04": {"committed": 3, "failed": 1, "rows": 30, "seconds": 60, "full": 1},
                "2026-12-10": {"committed": 5, "failed": 0, "rows": 50, "seconds": 100, "full": 0}
            }
        }));
        let found = of_table(&table, &state, 7, NOW);
        // 12:30 in Berlin is 11:30 in UTC.
        assert_eq!(found.newest_at.as_deref(), Some("2026-12-10T11:30:00.000000Z"));
        assert_eq!((found.status, found.age_seconds), (Status::Fresh, Some(1_800)));
        let objective = &found.objective;
        assert_eq!((objective.windows, objective.failed), (9, 1));
        assert_eq!(objective.success_rate, Some(0.888_889));
        assert_eq!((objective.budget, objective.budget_left), (Some(0.9), Some(-0.111_111)));
        let volume = &found.volume;
        assert_eq!((volume.rows, volume.full, volume.incremental), (80, 1, 7));
        assert_eq!((volume.average_seconds, volume.last_seconds), (Some(20.0), Some(30)));
    }

    #[test]
    fn a_route_is_as_fresh_as_its_newest_dataset() {
        let completion = Completion {
            marker: ".done".to_owned(),
            settle: std::time::Duration::ZERO,
            freshness: Some(std::time::Duration::from_secs(86_400)),
            slo: Some(0.5),
        };
        let dataset = |history: &[(&str, DatasetStatus)]| {
            let change = |(at, status): &(&str, _)| Change {
                at: format!("2026-{at}:00:00.000000Z"),
                status: *status,
                ..Change::default()
            };
            let history: Vec<Change> = history.iter().map(change).collect();
            let last = |wanted| {
                let found = history.iter().rev().find(|it| it.status == wanted);
                found.map(|it| it.at.clone())
            };
            let (ready_at, updated_at) = (last(DatasetStatus::Ready), history[0].at.clone());
            Dataset { ready_at, updated_at, history, ..Dataset::default() }
        };
        use DatasetStatus::{Archived, Failed, Landing, Processing, Ready};
        let datasets = [
            dataset(&[("12-10T10", Landing), ("12-10T11", Failed)]),
            // Each delivery counts, and takes its own time; what is archived was counted before.
            dataset(&[
                ("11-01T00", Landing),
                ("11-01T01", Ready),
                ("12-09T10", Landing),
                ("12-09T10", Processing),
                ("12-09T11", Ready),
                ("12-10T00", Archived),
            ]),
            dataset(&[("12-09T11", Landing)]),
        ];
        let found = of_route("drives", &completion, &datasets, 7, NOW);
        let alone = of_dataset(&datasets[1], None, 60, NOW);
        assert_eq!((alone.kind, alone.status), (Kind::Dataset, Status::Fresh), "no target");
        assert_eq!((alone.objective.windows, alone.objective.failed), (2, 0));
        assert_eq!((found.status, found.age_seconds), (Status::Late, Some(25 * 3_600)));
        assert_eq!((found.objective.windows, found.objective.failed), (2, 1));
        assert_eq!(found.objective.budget_left, Some(0.0));
        assert_eq!(found.volume.average_seconds, Some(3_600.0));
        let none = of_route("drives", &completion, &[], 7, NOW);
        assert_eq!((none.status, none.objective.success_rate), (Status::Never, None));
    }

    #[test]
    fn what_has_no_time_is_as_old_as_its_last_rows() {
        let table = table(json!({
            "table": "t", "freshness": "1h", "watermark": {"column": "c", "type": "bigint"}
        }));
        let never = of_table(&table, &State::default(), 7, NOW);
        assert_eq!((never.status, never.age_seconds), (Status::Never, None));
        assert_eq!(never.objective.success_rate, None);
        let state = state(json!({
            "success": {"at": "2026-12-10T11:30:00.000000Z", "rows": 0, "seconds": 1,
                "withRowsAt": "2026-12-10T09:00:00.000000Z"},
        }));
        let idle = of_table(&table, &state, 7, NOW);
        assert_eq!((idle.status, idle.age_seconds), (Status::Idle, Some(3 * 3_600)));
    }
}
