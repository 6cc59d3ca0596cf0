//! Timer triggers: each second whatever the schedule says, one run at a time.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    envelope::{Metadata, envelope},
    report::Complaint,
    stop::Stop,
    worker::Worker,
};

/// The pause between two runs.
const PAUSE: Duration = Duration::from_secs(1);

/// A Function with a timer trigger.
#[derive(Debug)]
pub(super) struct TimerTrigger {
    /// The Function's name.
    pub(super) function: &'static str,
    /// Its binding's name.
    pub(super) binding: String,
    /// The worker that runs it.
    pub(super) worker: Worker,
}

impl TimerTrigger {
    /// Runs the Function until it is time to stop; a run that has begun is finished.
    pub(super) async fn run(self, stop: Stop) {
        let mut complaint = Complaint::new(self.worker.report);
        while stop.or(sleep(PAUSE)).await.is_some() {
            let result = self.worker.invoke(self.function, &self.envelope()).await;
            complaint
                .about(result.map_err(|failure| format!("{} failed: {failure}", self.function)));
        }
    }

    /// The envelope of a timer that has no monitor, as one that runs more than once a minute.
    fn envelope(&self) -> Value {
        let timer = json!({
            "Schedule": {"AdjustForDST": true},
            "ScheduleStatus": null,
            "IsPastDue": false,
        });
        envelope(self.function, &self.binding, timer, Metadata::default())
    }
}
