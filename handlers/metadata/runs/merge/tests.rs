//! Tests of the merging of events.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::json;

use super::{super::model::STATUSES, *};

const ARRIVED: &str = "2026-12-01T12:00:00.000000Z";

fn said(minute: u8) -> Moment {
    Moment { said: true, at: format!("2026-12-01T06:{minute:02}:00.000000Z") }
}

fn event(status: Status, minute: u8) -> Event {
    Event { status: Some(status), attempt: 1, at: Some(said(minute)), ..Event::default() }
}

fn merged(events: &[Event]) -> Run {
    let mut merged = Merged::default();
    for event in events {
        merged.take(event, ARRIVED);
    }
    merged.run("r", ARRIVED, ARRIVED)
}

fn rows(rows: u64) -> Result {
    let counters = Counters { rows_copied: Some(rows), ..Counters::default() };
    Result { counters, ..Result::default() }
}

#[test]
fn an_end_beats_what_arrives_after_it() {
    let started = Event { started: Some(said(0)), ..event(Status::Running, 0) };
    let run = merged(&[event(Status::Succeeded, 30), started, event(Status::Queued, 40)]);
    assert_eq!(run.status, Status::Succeeded);
    assert_eq!(run.started_at, Some(said(0).at));
    assert_eq!(run.ended_at, Some(said(30).at));
    assert_eq!(run.duration_seconds, Some(1_800.0));
}

#[test]
fn of_several_ends_the_latest_attempt_counts_and_in_it_the_latest() {
    let second = Event { attempt: 2, ..event(Status::Failed, 10) };
    let run = merged(&[event(Status::Succeeded, 50), second.clone()]);
    assert_eq!((run.status, run.attempt), (Status::Failed, 2));
    let again = Event { attempt: 2, ..event(Status::Succeeded, 11) };
    assert_eq!(merged(&[again.clone(), second.clone()]).status, Status::Succeeded);
    let third = Event { attempt: 3, ..event(Status::Running, 60) };
    assert_eq!(merged(&[third, again, second]).status, Status::Running);
}

#[test]
fn counters_are_those_of_the_end_and_of_progress_where_it_has_none() {
    let progress = |minute, n| Event { result: rows(n), ..event(Status::Running, minute) };
    let bytes = Counters { data_read: Some(7), ..Counters::default() };
    let end = Result { counters: bytes, ..Result::default() };
    let end = Event { result: end, ..event(Status::Succeeded, 9) };
    let run = merged(&[progress(5, 50), end.clone(), progress(3, 30)]);
    assert_eq!((run.counters.rows_copied, run.counters.data_read), (Some(50), Some(7)));
    let start = event(Status::Running, 8);
    assert_eq!(merged(&[progress(5, 50), start]).counters.rows_copied, Some(50));
}

#[test]
fn an_end_that_does_not_say_when_may_be_repeated_later() {
    let end = |status| Event { at: None, ..event(status, 0) };
    let mut state = Merged::default();
    state.take(&end(Status::Failed), "2026-12-01T06:00:00.000000Z");
    state.take(&end(Status::Succeeded), "2026-12-01T06:05:00.000000Z");
    let once = state.clone();
    state.take(&end(Status::Failed), "2026-12-01T06:10:00.000000Z");
    assert_eq!(state, once);
    assert_eq!(state.run("r", ARRIVED, ARRIVED).status, Status::Succeeded);
}

#[test]
fn only_facts_make_no_status() {
    let facts = Facts { pipeline: Some("p".to_owned()), ..Facts::default() };
    let run = merged(&[Event { attempt: 1, facts, ..Event::default() }]);
    assert_eq!((run.status, run.facts.pipeline.as_deref()), (Status::Queued, Some("p")));
}

#[test]
fn ids_are_bounded_in_any_order() {
    let names = |from: u32| (from..from + 80).map(|n| format!("{n:03}")).collect::<Vec<_>>();
    let with = |inputs| Event { inputs, ..event(Status::Running, 0) };
    let (a, b) = (with(names(0)), with(names(70)));
    let run = merged(&[a.clone(), b.clone()]);
    assert_eq!(run.inputs.len(), MOST_IDS);
    assert_eq!(run, merged(&[b, a]));
}

fn any_event() -> impl Strategy<Value = Event> {
    let moment = || {
        proptest::option::of((any::<bool>(), 0_u8..4)).prop_map(|moment| {
            moment.map(|(said_so, minute)| Moment { said: said_so, ..said(minute) })
        })
    };
    let status = proptest::option::of(proptest::sample::select(STATUSES.to_vec()));
    let text = || proptest::option::of("[ab]");
    let result = (proptest::option::of(0_u64..3), text()).prop_map(|(rows_copied, message)| {
        let counters = Counters { rows_copied, ..Counters::default() };
        let error = message.map(|message| Failure { message, ..Failure::default() });
        Result { counters, error, ..Result::default() }
    });
    let ids = || proptest::collection::vec("[a-d]", 0..3);
    (status, (1_u32..4, any::<bool>()), moment(), moment(), text(), text(), (ids(), ids()), result)
        .prop_map(
            |(
                status,
                (attempt, is_start),
                at,
                started,
                pipeline,
                table,
                (inputs, outputs),
                result,
            )| {
                let facts = Facts { pipeline, table, ..Facts::default() };
                Event { status, attempt, at, started, is_start, facts, inputs, outputs, result }
            },
        )
}

#[test]
fn a_start_that_says_no_time_was_when_it_arrived_and_an_attempt_has_its_own() {
    let mut state = Merged::default();
    let start = Event { attempt: 1, is_start: true, ..Event::default() };
    state.take(&start, "2026-12-01T06:00:00.000000Z");
    state.take(&start, "2026-12-01T06:00:09.000000Z");
    let begun = |state: &Merged| state.run("r", ARRIVED, ARRIVED).started_at;
    assert_eq!(begun(&state).as_deref(), Some("2026-12-01T06:00:00.000000Z"));
    state.take(&Event { attempt: 2, ..start.clone() }, "2026-12-01T08:00:00.000000Z");
    state.take(&start, "2026-12-01T08:00:01.000000Z");
    assert_eq!(begun(&state).as_deref(), Some("2026-12-01T08:00:00.000000Z"));
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_events_gives_the_same_record(
        (events, shuffled) in proptest::collection::vec(any_event(), 1..8).prop_flat_map(|events| {
            let twice = [events.clone(), events.clone()].concat();
            (Just(events), Just(twice).prop_shuffle())
        })
    ) {
        prop_assert_eq!(merged(&events), merged(&shuffled));
    }

    #[test]
    fn a_state_that_is_stored_in_between_is_the_same(
        events in proptest::collection::vec(any_event(), 1..6)
    ) {
        let (mut stored, mut kept) = (json!({}), Merged::default());
        for event in &events {
            let mut state: Merged = serde_json::from_value(stored).unwrap();
            state.take(event, ARRIVED);
            stored = serde_json::to_value(&state).unwrap();
            kept.take(event, ARRIVED);
        }
        prop_assert_eq!(serde_json::from_value::<Merged>(stored).unwrap(), kept);
    }
}
