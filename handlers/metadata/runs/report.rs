//! What callers report of a run: an event, or a record of a run that has ended, with our names or
//! Data Factory's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    merge::{Event, Moment, Result as Outcome},
    model::{Counters, Facts, Status},
    openlineage,
    output::{bounded, counters, errors, failure},
};
use crate::{
    error::{Error, Wrong},
    metadata::http::{
        body,
        text::{check_id, check_text},
        time::normalized,
    },
};

/// So many inputs, and outputs, of one event.
const MOST_IDS: usize = 100;

const LONGEST_NAME: usize = 200;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunEvent)]
pub enum Kind {
    /// The run began.
    Start,
    /// It is still at it.
    Progress,
    /// It ended well.
    Success,
    /// It failed.
    Failure,
    /// It was ended from outside.
    Cancelled,
}

impl Kind {
    fn status(self) -> Status {
        match self {
            Self::Start | Self::Progress => Status::Running,
            Self::Success => Status::Succeeded,
            Self::Failure => Status::Failed,
            Self::Cancelled => Status::Cancelled,
        }
    }
}

/// An event of a run, or a record of one. Data Factory's names are read too, such as
/// `pipelineRunId`, `PipelineName`, `runStart`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = RunReport)]
pub struct Report {
    /// The run, `@pipeline().RunId`. The same run may be reported again and again.
    #[serde(alias = "pipelineRunId", alias = "RunId", alias = "PipelineRunId")]
    #[schema(required, min_length = 1, max_length = 200)]
    pub run_id: String,
    /// What happened.
    pub event: Option<Kind>,
    /// Where the run stands, in place of `event`.
    #[serde(alias = "Status")]
    pub status: Option<Status>,
    /// Which attempt this is of; a later one counts more than all earlier ones.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub attempt: Option<u32>,
    /// When it happened; now, if nothing is said.
    #[serde(alias = "timestamp", alias = "Timestamp")]
    #[schema(format = DateTime)]
    pub time: Option<String>,
    /// When the run started.
    #[serde(alias = "runStart", alias = "Start", alias = "start")]
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(alias = "runEnd", alias = "End", alias = "end")]
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// The pipeline.
    #[serde(alias = "pipelineName", alias = "PipelineName")]
    #[schema(max_length = 200)]
    pub pipeline: Option<String>,
    /// The activity, if the run is one's.
    #[serde(alias = "activityName", alias = "ActivityName")]
    #[schema(max_length = 200)]
    pub activity: Option<String>,
    /// The data factory.
    #[serde(alias = "dataFactory", alias = "dataFactoryName", alias = "DataFactory")]
    #[schema(max_length = 200)]
    pub factory: Option<String>,
    /// The run that started this one.
    #[serde(alias = "parentRunId", alias = "ParentRunId")]
    #[schema(min_length = 1, max_length = 200)]
    pub parent: Option<String>,
    /// What triggered it.
    #[serde(alias = "triggerName", alias = "TriggerName")]
    #[schema(max_length = 200)]
    pub trigger: Option<String>,
    /// The table that it extracts.
    #[serde(alias = "tableName", alias = "TableName")]
    #[schema(max_length = 200)]
    pub table: Option<String>,
    /// The dataset that it makes.
    #[schema(min_length = 1, max_length = 200)]
    pub dataset: Option<String>,
    /// The datasets that it reads, by id.
    #[schema(max_items = 100)]
    pub inputs: Vec<String>,
    /// The datasets that it writes, by id.
    #[schema(max_items = 100)]
    pub outputs: Vec<String>,
    /// How much it did, where `output` does not say so.
    pub counters: Counters,
    /// What an activity put out, as it comes, such as `@activity('Copy').output`.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub output: Map<String, Value>,
    /// Why it failed: a text, or an object such as `@activity('Copy').error`. Anything else is kept
    /// as its JSON, so that no report of a failure is lost over its form.
    #[serde(alias = "errorMessage", alias = "ErrorMessage", alias = "message")]
    #[schema(value_type = Option<Value>)]
    pub error: Option<Value>,
}

/// Reads a report, in our own form or in that of OpenLineage: the run's id, and what it says.
///
/// # Errors
/// `Fields` with all that is wrong.
pub fn read(object: Map<String, Value>) -> Result<(String, Event), Error> {
    if openlineage::is_event(&object) {
        return openlineage::read(&object);
    }
    if object.get("runId").is_some_and(Value::is_null) {
        return Err(Wrong::new("runId", "is null; send @pipeline().RunId").into());
    }
    let report: Report = body::typed(object)?;
    let mut problems = Problems::default();
    let event = report.event(&mut problems);
    problems.check(check_id("runId", &report.run_id));
    problems.end()?;
    Ok((report.run_id, event))
}

/// What was found to be wrong.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Wrong>);

impl Problems {
    pub(super) fn check<T>(&mut self, checked: Result<T, Wrong>) -> Option<T> {
        checked.map_err(|wrong| self.0.push(wrong)).ok()
    }

    pub(super) fn time(&mut self, field: &str, text: Option<&str>) -> Option<Moment> {
        let time = |text| normalized(text).map_err(|reason| Wrong::new(field, reason));
        let at = text.map(time)?;
        self.check(at).map(|at| Moment { said: true, at })
    }

    pub(super) fn ids(&mut self, field: &str, ids: &[String]) {
        if ids.len() > MOST_IDS {
            self.0.push(Wrong::new(field, format!("at most {MOST_IDS} are allowed")));
        }
        for (index, id) in ids.iter().take(MOST_IDS).enumerate() {
            self.check(check_id(&format!("{field}[{index}]"), id));
        }
    }

    pub(super) fn facts(&mut self, facts: &Facts) {
        for (field, text) in [
            ("pipeline", &facts.pipeline),
            ("activity", &facts.activity),
            ("factory", &facts.factory),
            ("trigger", &facts.trigger),
            ("table", &facts.table),
        ] {
            if let Some(text) = text {
                self.check(check_text(field, text, LONGEST_NAME));
            }
        }
        for (field, id) in [("parent", &facts.parent), ("dataset", &facts.dataset)] {
            if let Some(id) = id {
                self.check(check_id(field, id));
            }
        }
    }

    pub(super) fn end(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Fields(self.0)) }
    }
}

impl Report {
    fn event(&self, problems: &mut Problems) -> Event {
        let status = self.status(problems);
        let time = problems.time("time", self.time.as_deref());
        let ended = problems.time("endedAt", self.ended_at.as_deref());
        let mut started = problems.time("startedAt", self.started_at.as_deref());
        if self.event == Some(Kind::Start) && started.is_none() {
            started.clone_from(&time);
        }
        let attempt = self.attempt.unwrap_or(1);
        if !(1..=1_000_000).contains(&attempt) {
            problems.0.push(Wrong::new("attempt", "must be a number from 1 to 1000000"));
        }
        let facts = self.facts();
        problems.facts(&facts);
        problems.ids("inputs", &self.inputs);
        problems.ids("outputs", &self.outputs);
        Event {
            status,
            attempt,
            at: ended.or(time),
            started,
            is_start: self.event == Some(Kind::Start),
            facts,
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            result: self.result(),
        }
    }

    fn status(&self, problems: &mut Problems) -> Option<Status> {
        let told = self.event.map(Kind::status);
        if let (Some(told), Some(status)) = (told, self.status)
            && told != status
        {
            let reason = format!("is `{}`, and `event` says `{}`", status.name(), told.name());
            problems.0.push(Wrong::new("status", reason));
        }
        told.or(self.status)
    }

    fn facts(&self) -> Facts {
        Facts {
            pipeline: self.pipeline.clone(),
            activity: self.activity.clone(),
            factory: self.factory.clone(),
            parent: self.parent.clone(),
            trigger: self.trigger.clone(),
            table: self.table.clone(),
            dataset: self.dataset.clone(),
            ..Facts::default()
        }
    }

    fn result(&self) -> Outcome {
        let (counters, errors) = (self.counters.or(counters(&self.output)), errors(&self.output));
        let (output, output_dropped) = bounded(self.output.clone());
        let output = (!output.is_empty()).then_some(output);
        let error = self.error.as_ref().filter(|error| !error.is_null()).map(failure);
        Outcome { counters, error, errors, output, output_dropped }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn event_of(value: Value) -> Event {
        read(value.as_object().unwrap().clone()).unwrap().1
    }

    fn wrong(value: Value) -> Vec<String> {
        match read(value.as_object().unwrap().clone()) {
            Err(Error::Fields(wrong)) => wrong.into_iter().map(|it| it.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn data_factorys_names_are_read() {
        let (id, event) = read(
            json!({
                "pipelineRunId": "0448d45a", "PipelineName": "ingest", "Status": "Succeeded",
                "runStart": "2026-12-01T06:00:00.1234567Z", "runEnd": "2026-12-01T06:10:00Z",
                "errorMessage": "", "TriggerName": "daily",
            })
            .as_object()
            .unwrap()
            .clone(),
        )
        .unwrap();
        assert_eq!((id.as_str(), event.status), ("0448d45a", Some(Status::Succeeded)));
        assert_eq!(event.started.unwrap().at, "2026-12-01T06:00:00.123456Z");
        assert_eq!(event.at.unwrap().at, "2026-12-01T06:10:00.000000Z");
        assert_eq!(event.facts.trigger.as_deref(), Some("daily"));
        for (name, status) in [
            ("Queued", Status::Queued),
            ("InProgress", Status::Running),
            ("Canceling", Status::Cancelling),
            ("Cancelled", Status::Cancelled),
            ("Failed", Status::Failed),
            ("failed", Status::Failed),
        ] {
            let event = event_of(json!({"RunId": "r", "status": name}));
            assert_eq!(event.status, Some(status), "{name}");
        }
    }

    #[test]
    fn the_output_of_a_copy_activity_is_taken_as_it_comes() {
        let event = event_of(json!({
            "runId": "r", "event": "success",
            "output": {"rowsCopied": 5, "anything": {"x": [1]}, "errors": [{"Message": "m"}]},
            "counters": {"rowsCopied": 6}, "error": {"errorCode": "2200", "message": "x"},
        }));
        assert_eq!(event.result.counters.rows_copied, Some(6));
        assert_eq!(event.result.errors[0].message, "m");
        assert_eq!(event.result.error.unwrap().code.as_deref(), Some("2200"));
        assert_eq!(event.result.output.unwrap()["anything"]["x"][0], 1);
    }

    #[test]
    fn only_a_start_says_when_the_run_started() {
        let time = "2026-12-01T06:00:00Z";
        let started = |kind: &str| {
            event_of(json!({"runId": "r", "event": kind, "time": time})).started.is_some()
        };
        assert!(started("start"));
        assert!(!started("progress") && !started("success"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(wrong(json!({})), ["runId"]);
        assert_eq!(wrong(json!({"runId": null})), ["runId"]);
        assert_eq!(wrong(json!({"runId": "r", "rowsCopied": 1})), ["rowsCopied"]);
        let body = json!({"runId": "r", "event": "ended", "counters": {"rowsRead": "x", "row": 1}});
        assert_eq!(wrong(body), ["event", "counters.rowsRead", "counters.row"]);
        let body = json!({"runId": "r", "event": "success", "status": "Failed", "time": "noon", "attempt": 0});
        assert_eq!(wrong(body), ["status", "time", "attempt"]);
        assert_eq!(wrong(json!({"runId": "r", "inputs": ["", "x"]})), ["inputs[0]"]);
    }
}
