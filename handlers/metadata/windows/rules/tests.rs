use serde_json::json;
use time::{Duration, OffsetDateTime, macros::datetime};

use super::{
    ending::{LONGEST_REASON, MOST_DAYS},
    opening::HELD,
    *,
};
use crate::metadata::{
    http::time::write_time,
    tables::{
        kind::Kind,
        rules::{Checked, checked, spec_of},
        value::Value,
    },
    windows::{
        model::{Purpose, Status},
        requests::{Commit, Failure},
    },
};

const NOW: OffsetDateTime = datetime!(2026-12-01 06:00 UTC);

fn table(kind: &str) -> Checked {
    table_of(json!({"table": "t", "watermark": {"column": "c", "type": kind}}))
}

fn table_of(body: Json) -> Checked {
    let Json::Object(body) = body else { panic!("an object") };
    checked("t", spec_of(body).unwrap()).unwrap()
}

fn request(body: Json) -> Request {
    serde_json::from_value(body).unwrap()
}

fn by(run: &str) -> Request {
    request(json!({"runId": run, "firstRun": true}))
}

fn rows(rows_read: u64, max: Option<&str>) -> Commit {
    Commit { rows_read: Some(rows_read), max: max.map(|max| json!(max)), output: None }
}

/// A table with the mark 10 (bigint).
fn marked() -> (Checked, State) {
    let table = table("bigint");
    let opened = open(&table, &State::default(), &by("r0"), None, NOW, "w0").unwrap();
    let state = opened.next.unwrap();
    let done = commit(&state, "w0", &rows(1, Some("10")), NOW).unwrap().unwrap();
    (table, done.next.unwrap())
}

fn mark_of(state: &State) -> &str {
    state.mark.as_ref().map_or("", |mark| mark.value.text())
}

#[test]
fn the_first_run_reads_everything_only_when_told() {
    let table = table("datetime2(0)");
    let state = State::default();
    let plain = request(json!({"runId": "r"}));
    let error = open(&table, &state, &plain, None, NOW, "w").unwrap_err();
    assert_eq!(error.status().as_u16(), 409);
    let Decision { window, .. } = open(&table, &state, &by("r"), None, NOW, "w").unwrap();
    assert!(window.first_run);
    assert_eq!((window.lower, window.upper.as_deref()), (None, Some("2026-12-01T05:59:59")));
    let wanted = "SELECT * FROM [dbo].[t] WHERE ([c] <= CAST('2026-12-01T05:59:59' AS \
                  datetime2(0))) OR [c] IS NULL";
    assert_eq!(window.query, wanted);
}

#[test]
fn a_start_makes_the_first_run_one_of_many() {
    let watermark = json!({"column": "c", "type": "bigint", "start": "5"});
    let table = table_of(json!({"table": "t", "watermark": watermark}));
    let plain = request(json!({"runId": "r", "upper": 9}));
    let Decision { window, .. } = open(&table, &State::default(), &plain, None, NOW, "w").unwrap();
    assert_eq!(
        window.query,
        "SELECT * FROM [dbo].[t] WHERE [c] > CAST(5 AS bigint) AND [c] <= CAST(9 AS bigint)"
    );
    assert_eq!((window.first_run, window.previous_mark), (false, None));
}

#[test]
fn a_run_gets_its_window_again() {
    let (table, state) = marked();
    let first = open(&table, &state, &by("r1"), None, NOW, "w1").unwrap();
    let state = first.next.unwrap();
    let again = request(json!({"runId": "r1", "upper": 99, "supersede": true}));
    let second = open(&table, &state, &again, None, NOW, "w2").unwrap();
    assert!(second.next.is_none());
    assert_eq!(second.window, first.window);
    // After its commit too, so that a repeated activity does not read on.
    let state = commit(&state, "w1", &rows(1, Some("11")), NOW).unwrap().unwrap().next.unwrap();
    let third = open(&table, &state, &by("r1"), None, NOW, "w3").unwrap();
    assert!(third.next.is_none());
    assert_eq!((third.window.id.as_str(), third.window.status), ("w1", Status::Committed));
    // And when others came after it.
    let state = open(&table, &state, &by("r2"), None, NOW, "w4").unwrap().next.unwrap();
    let other = State { live: None, ..state };
    let fourth = open(&table, &other, &by("r1"), Some(&third.window), NOW, "w5").unwrap();
    assert_eq!(fourth.window.id, "w1");
}

#[test]
fn another_run_waits_until_the_window_expires() {
    let (table, state) = marked();
    let state = open(&table, &state, &by("r1"), None, NOW, "w1").unwrap().next.unwrap();
    let error = open(&table, &state, &by("r2"), None, NOW + HELD - Duration::SECOND, "w2");
    let error = error.unwrap_err();
    assert_eq!(error.status().as_u16(), 409);
    let problem = error.problem(None);
    assert_eq!(problem["current"]["window"]["id"], "w1");
    assert_eq!(problem["current"]["mark"]["value"], "10");

    let taken = open(&table, &state, &by("r2"), None, NOW + HELD, "w2").unwrap().next.unwrap();
    let last = taken.last.as_ref().unwrap();
    assert_eq!((last.id.as_str(), last.status), ("w1", Status::Expired));
    assert_eq!(last.superseded_by.as_deref(), Some("r2"));
    // The late one is told, and changes nothing.
    let late = commit(&taken, "w1", &rows(5, Some("99")), NOW + HELD).unwrap_err();
    assert_eq!(late.status().as_u16(), 409);
    assert_eq!(late.problem(None)["current"]["mark"]["value"], "10");
    assert_eq!(taken.live.as_ref().unwrap().lower.as_deref(), Some("10"));
}

#[test]
fn what_expired_goes_on_if_nobody_came() {
    let (table, state) = marked();
    let state = open(&table, &state, &by("r1"), None, NOW, "w1").unwrap().next.unwrap();
    let late = NOW + Duration::days(3);
    let again = open(&table, &state, &by("r1"), None, late, "w2").unwrap();
    assert_eq!(again.window.id, "w1");
    assert_eq!(again.window.expires_at, write_time(late + HELD));
    let state = again.next.unwrap();
    let done = commit(&state, "w1", &rows(1, Some("12")), late).unwrap().unwrap();
    assert_eq!(mark_of(&done.next.unwrap()), "12");
}

#[test]
fn a_run_may_take_over_when_told() {
    let (table, state) = marked();
    let state = open(&table, &state, &by("r1"), None, NOW, "w1").unwrap().next.unwrap();
    let take = request(json!({"runId": "r2", "supersede": "True"}));
    let state = open(&table, &state, &take, None, NOW, "w2").unwrap().next.unwrap();
    assert_eq!(state.last.as_ref().unwrap().status, Status::Superseded);
    assert_eq!(state.live.as_ref().unwrap().run_id, "r2");
    let back = open(&table, &state, &by("r1"), None, NOW, "w3").unwrap_err();
    assert!(back.to_string().contains("taken over by r2"), "{back}");
    assert!(commit(&state, "w1", &rows(1, Some("20")), NOW).is_err());
}

#[test]
fn a_failed_run_may_try_again() {
    let (table, state) = marked();
    let state = open(&table, &state, &by("r1"), None, NOW, "w1").unwrap().next.unwrap();
    let reason = Failure { reason: Some("x".repeat(5_000)), error: None };
    let failed = fail(&state, "w1", &reason, NOW).unwrap().unwrap();
    assert!(failed.window.reason.as_ref().unwrap().len() <= LONGEST_REASON);
    let state = failed.next.unwrap();
    assert!(fail(&state, "w1", &reason, NOW).unwrap().unwrap().next.is_none());
    assert!(commit(&state, "w1", &rows(1, Some("11")), NOW).is_err());
    let again = open(&table, &state, &by("r1"), None, NOW, "w2").unwrap();
    assert_eq!(again.window.id, "w2");
    assert_eq!(state.days["2026-12-01"].failed, 1);
    // What was committed cannot fail.
    let state = commit(&again.next.unwrap(), "w2", &rows(1, Some("11")), NOW).unwrap().unwrap();
    assert!(fail(&state.next.unwrap(), "w2", &reason, NOW).is_err());
}

#[test]
fn the_mark_only_moves_forward_and_only_with_rows() {
    for (rows_read, max, wanted) in [
        (1, "11", "11"),
        (1, "10", "10"),
        (1, "9", "10"),
        (0, "11", "10"),
        // What is above the window's bound was not read by it.
        (1, "1000", "100"),
    ] {
        let (table, state) = marked();
        let request = request(json!({"runId": "r1", "upper": "100"}));
        let state = open(&table, &state, &request, None, NOW, "w1").unwrap().next.unwrap();
        let done = commit(&state, "w1", &rows(rows_read, Some(max)), NOW).unwrap().unwrap();
        let state = done.next.unwrap();
        assert_eq!(mark_of(&state), wanted, "{rows_read} {max}");
        assert_eq!(done.window.new_mark.is_some(), wanted != "10");
        let again = commit(&state, "w1", &rows(7, Some("50")), NOW).unwrap().unwrap();
        assert!(again.next.is_none(), "only once");
        assert_eq!(again.window.rows_read, Some(rows_read));
    }
}

#[test]
fn an_open_window_needs_the_highest_value() {
    let (table, state) = marked();
    let state = open(&table, &state, &by("r1"), None, NOW, "w1").unwrap().next.unwrap();
    assert_eq!(
        state.live.as_ref().unwrap().query,
        "SELECT * FROM [dbo].[t] WHERE [c] > CAST(10 AS bigint)"
    );
    let error = commit(&state, "w1", &rows(1, None), NOW).unwrap_err();
    assert!(error.to_string().starts_with("max: is missing"), "{error}");
    assert!(commit(&state, "w1", &rows(1, Some("x")), NOW).is_err());
    // Without rows it is not needed.
    let done = commit(&state, "w1", &rows(0, None), NOW).unwrap().unwrap();
    assert_eq!(mark_of(&done.next.unwrap()), "10");
    // With an upper bound neither.
    let bounded = request(json!({"runId": "r1", "upper": 100}));
    let state = open(&table, &marked().1, &bounded, None, NOW, "w1").unwrap().next.unwrap();
    let done = commit(&state, "w1", &rows(1, None), NOW).unwrap().unwrap();
    assert_eq!(mark_of(&done.next.unwrap()), "100");
}

#[test]
fn a_clock_that_is_behind_the_mark_opens_an_empty_window() {
    let table = table("datetime2(0)");
    let state = open(&table, &State::default(), &by("r0"), None, NOW, "w0").unwrap().next.unwrap();
    let state = commit(&state, "w0", &rows(1, None), NOW).unwrap().unwrap().next.unwrap();
    let before = NOW - Duration::HOUR;
    let Decision { window, .. } = open(&table, &state, &by("r1"), None, before, "w1").unwrap();
    assert!(window.is_empty);
    assert_eq!(window.lower, window.upper);
}

#[test]
fn a_backfill_leaves_the_mark_alone() {
    let (table, state) = marked();
    let wanted = request(json!({"runId": "r1", "from_date": "3", "to_date": "7"}));
    assert!(is_backfill(&wanted));
    let window = open_backfill(&table, &state, &wanted, NOW).unwrap();
    let between = "WHERE [c] > CAST(3 AS bigint) AND [c] <= CAST(7 AS bigint)";
    assert_eq!(window.query, format!("SELECT * FROM [dbo].[t] {between}"));
    assert_eq!((window.purpose, window.id), (Purpose::Backfill, backfill_id(&table, &wanted)));
    let window = open_backfill(&table, &state, &wanted, NOW).unwrap();
    let commit = rows(3, Some("999"));
    let done = end_backfill(&state, &window, Ok(&commit), NOW).unwrap().unwrap();
    assert_eq!((done.status, done.new_mark), (Status::Committed, None));
    let done = Window { status: Status::Committed, ..window };
    assert!(end_backfill(&state, &done, Ok(&commit), NOW).unwrap().is_none());
    assert!(end_backfill(&state, &done, Err(&Failure::default()), NOW).is_err());
    for wrong in [
        json!({"runId": "r", "from_date": "7", "to_date": "7"}),
        json!({"runId": "r", "from_date": "x"}),
    ] {
        assert!(open_backfill(&table, &state, &request(wrong), NOW).is_err());
    }
    assert!(!is_backfill(&request(json!({"runId": "r", "from_date": "", "to_date": null}))));
}

#[test]
fn all_of_a_table_is_read_without_a_mark() {
    let table = table_of(json!({"table": "t"}));
    let plain = request(json!({"runId": "r"}));
    let opened = open(&table, &State::default(), &plain, None, NOW, "w").unwrap();
    assert_eq!(opened.window.query, "SELECT * FROM [dbo].[t]");
    let done = commit(&opened.next.unwrap(), "w", &rows(5, None), NOW + Duration::MINUTE);
    let state = done.unwrap().unwrap().next.unwrap();
    assert_eq!(state.mark, None);
    let day = state.days["2026-12-01"];
    assert_eq!((day.committed, day.full, day.rows, day.seconds), (1, 1, 5, 60));
    let upper = request(json!({"runId": "r2", "upper": "7"}));
    assert!(open(&table, &state, &upper, None, NOW, "w2").is_err());
}

#[test]
fn a_mark_of_another_type_is_not_guessed_at() {
    let (_, state) = marked();
    let wider = table("decimal");
    let opened = open(&wider, &state, &by("r1"), None, NOW, "w1").unwrap();
    assert_eq!(opened.window.lower.as_deref(), Some("10"));
    let error = open(&table("date"), &state, &by("r1"), None, NOW, "w1").unwrap_err();
    assert!(error.to_string().contains("set the mark anew"), "{error}");
}

#[test]
fn rows_without_a_value_are_read_and_committed_alone() {
    let table = table("bigint");
    for upper in [json!({}), json!({"upper": null}), json!("")] {
        let first = request(json!({"runId": "r1", "firstRun": true, "upper": upper}));
        let opened = open(&table, &State::default(), &first, None, NOW, "w1").unwrap();
        assert_eq!(opened.window.query, "SELECT * FROM [dbo].[t] WHERE [c] IS NULL");
        let state = opened.next.unwrap();
        for max in [None, Some("7")] {
            let done = commit(&state, "w1", &rows(3, max), NOW).unwrap().unwrap();
            // What came meanwhile was not read.
            assert_eq!(done.next.unwrap().mark, None);
        }
    }
    // Nobody asked: all is read, and the highest value must be said.
    let state = open(&table, &State::default(), &by("r1"), None, NOW, "w1").unwrap().next.unwrap();
    assert_eq!(state.live.as_ref().unwrap().query, "SELECT * FROM [dbo].[t]");
    assert!(commit(&state, "w1", &rows(3, None), NOW).is_err());
}

#[test]
fn a_commit_sets_no_mark_that_the_database_cannot_hold() {
    let table = table("decimal");
    let state = open(&table, &State::default(), &by("r1"), None, NOW, "w1").unwrap().next.unwrap();
    let error = commit(&state, "w1", &rows(1, Some(&"9".repeat(39))), NOW).unwrap_err();
    assert!(error.to_string().contains("38 at most"), "{error}");
    assert!(commit(&state, "w1", &rows(1, Some(&"9".repeat(38))), NOW).is_ok());
}

#[test]
fn a_mark_is_of_one_column() {
    let (_, mut state) = marked();
    let watermark = json!({"column": "d", "type": "bigint"});
    let changed = table_of(json!({"table": "t", "watermark": watermark}));
    let error = open(&changed, &state, &by("r1"), None, NOW, "w1").unwrap_err();
    assert_eq!(error.status().as_u16(), 409);
    assert!(error.to_string().contains("of the column c"), "{error}");
    let anew = set_mark(&state, "d", Some(Value::parse(Kind::BigInt, "3").unwrap()), NOW).unwrap();
    let opened = open(&changed, &anew, &by("r1"), None, NOW, "w1").unwrap();
    assert_eq!(opened.window.column.as_deref(), Some("d"));
    let done = commit(&opened.next.unwrap(), "w1", &rows(1, Some("4")), NOW).unwrap().unwrap();
    assert_eq!(done.next.unwrap().mark.unwrap().column.as_deref(), Some("d"));
    // One that was set before columns were kept is taken as it is.
    let mut mark = serde_json::to_value(&state.mark).unwrap();
    mark.as_object_mut().unwrap().remove("column");
    state.mark = serde_json::from_value(mark).unwrap();
    let opened = open(&changed, &state, &by("r1"), None, NOW, "w1").unwrap();
    assert_eq!(opened.window.lower.as_deref(), Some("10"));
}

#[test]
fn a_table_that_is_switched_off_opens_nothing() {
    let table = table_of(json!({"table": "t", "enabled": false}));
    assert!(open(&table, &State::default(), &by("r"), None, NOW, "w").is_err());
    assert!(open_backfill(&table, &State::default(), &by("r"), NOW).is_err());
}

#[test]
fn days_are_counted_for_a_month_and_no_longer() {
    let (table, mut state) = marked();
    for day in 1..100 {
        let now = NOW + Duration::days(day);
        let id = format!("w{day}");
        state = open(&table, &state, &by(&id), None, now, &id).unwrap().next.unwrap();
        state = fail(&state, &id, &Failure::default(), now).unwrap().unwrap().next.unwrap();
    }
    assert_eq!(state.days.len(), MOST_DAYS);
    assert!(state.days.contains_key("2027-03-10"));
}

#[test]
fn what_activities_give_is_taken_as_it_is() {
    let (table, state) = marked();
    let row =
        request(json!({"runId": "r1", "upper": {"upper": "50"}, "from_date": "", "to_date": {}}));
    assert!(!is_backfill(&row));
    let state = open(&table, &state, &row, None, NOW, "w1").unwrap().next.unwrap();
    assert_eq!(state.live.as_ref().unwrap().upper.as_deref(), Some("50"));
    // The row of an empty table lacks the column.
    let empty = request(json!({"runId": "r2", "upper": {}, "supersede": true}));
    let window = open(&table, &state, &empty, None, NOW, "w2").unwrap().window;
    assert_eq!(window.upper, None);

    let read = |body: Json| serde_json::from_value::<Commit>(body).unwrap();
    let output = json!({"rowsRead": 7, "rowsCopied": 6, "errors": []});
    assert_eq!(read(json!({"output": output})).rows(), Ok(7));
    assert_eq!(read(json!({"output": {"rowsCopied": 6}})).rows(), Ok(6));
    assert_eq!(read(json!({"rowsRead": "5", "output": output})).rows(), Ok(5));
    assert!(read(json!({"output": {"dataRead": 6}})).rows().is_err());
    assert!(commit(&state, "w1", &read(json!({})), NOW).is_err());

    let error = json!({"errorCode": "2200", "message": "no \"route\"", "target": "Copy"});
    let failure: Failure = serde_json::from_value(json!({"error": error})).unwrap();
    let failed = fail(&state, "w1", &failure, NOW).unwrap().unwrap();
    assert_eq!(failed.window.reason.as_deref(), Some("no \"route\""));
}

#[test]
fn a_row_of_the_future_does_not_become_the_mark() {
    let watermark =
        json!({"column": "c", "type": "datetime2(0)", "lag": "5m", "start": "2020-01-01"});
    let table = table_of(json!({"table": "t", "watermark": watermark}));
    for (upper, wanted, is_capped) in [
        ("2026-12-01T05:00:00", "2026-12-01T05:00:00", false),
        ("2026-12-01T05:59:00", "2026-12-01T05:54:59", true),
        ("2999-01-01", "2026-12-01T05:54:59", true),
    ] {
        let request = request(json!({"runId": "r", "upper": upper}));
        let opened = open(&table, &State::default(), &request, None, NOW, "w").unwrap();
        assert_eq!(opened.window.upper.as_deref(), Some(wanted));
        assert_eq!(opened.window.is_capped, is_capped, "{upper}");
        let done = commit(&opened.next.unwrap(), "w", &rows(1, Some(upper)), NOW).unwrap();
        assert_eq!(mark_of(&done.unwrap().next.unwrap()), wanted);
    }
}
