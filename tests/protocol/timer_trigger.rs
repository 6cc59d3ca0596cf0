//! `sweep_landing`: the envelopes of a timer trigger.

use super::{
    ID, succeeded,
    worker::{App, Worker, wait_for},
};

const ENVELOPE: &str = r#"{"Data":{"timer":{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}},"Metadata":{"sys":{"MethodName":"sweep_landing","UtcNow":"2023-10-12T20:14:00.0126438Z","RandGuid":"7a0b2b0e-7a58-4d9d-8d3e-4f4c1a4b1f8e"}}}"#;

/// The same after the host has seen the timer fire before, late.
const LATE: &str = r#"{"Data":{"timer":{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"2023-10-12T20:13:00.0065+00:00","Next":"2023-10-12T20:14:00+00:00","LastUpdated":"2023-10-12T20:13:00.0065+00:00"},"IsPastDue":true}},"Metadata":{"sys":{"MethodName":"sweep_landing","UtcNow":"2023-10-12T20:15:00.0126438Z","RandGuid":"7a0b2b0e-7a58-4d9d-8d3e-4f4c1a4b1f8e"}}}"#;

/// Fires the timer.
pub(super) fn sweep(worker: &Worker, id: &str) -> Vec<String> {
    succeeded(&worker.invoke("sweep_landing", id, ENVELOPE))
}

#[test]
fn a_timer_picks_up_what_no_event_announced() {
    let app = App::new();
    let worker = app.start();
    app.write("lake/landing/in/x.csv", "x");
    let mut lines = Vec::new();
    // A file counts once it has rested for a second.
    wait_for("the sweep to take the file", || {
        lines = sweep(&worker, ID);
        !lines.is_empty()
    });
    assert!(lines[0].starts_with("landing/in/x.csv -> out/x.csv"), "{lines:?}");
    assert_eq!(app.files("out"), ["x.csv"]);
    assert_eq!(succeeded(&worker.invoke("SWEEP_LANDING", ID, LATE)), [""; 0]);
}
