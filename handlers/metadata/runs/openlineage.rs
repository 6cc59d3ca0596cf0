//! Run events of OpenLineage, <https://openlineage.io/spec/2-0-2/OpenLineage.json>: what is known is
//! taken, other facets and members are passed over, as their specification asks for.

use serde_json::{Map, Value};

use super::{
    merge::{Event, Moment, Result as Outcome},
    model::{Facts, Failure, Status},
    report::Problems,
};
use crate::{
    error::{Error, Wrong},
    metadata::http::text::{LONGEST_ID, check_id, shortened},
};

/// What is kept of a message, in bytes.
const LONGEST_MESSAGE: usize = 4_000;

/// Whether an object is such an event.
pub fn is_event(object: &Map<String, Value>) -> bool {
    let is_object = |name| object.get(name).is_some_and(Value::is_object);
    object.contains_key("eventType") || (is_object("run") && is_object("job"))
}

/// Reads one: the run's id, and what it says.
///
/// # Errors
/// `Fields` with all that is wrong.
pub fn read(object: &Map<String, Value>) -> Result<(String, Event), Error> {
    let mut problems = Problems::default();
    let event = &Value::Object(object.clone());
    let id = text(event, "/run/runId").ok_or_else(|| Wrong::new("run.runId", "is missing"));
    let id = id.and_then(|id| check_id("run.runId", &id).map(|()| id));
    let id = problems.check(id).unwrap_or_default();
    let status = problems.check(status(event)).flatten();
    let at = problems.time("eventTime", event["eventTime"].as_str());
    let facts = facts(event, &mut problems);
    problems.facts(&facts);
    let is_start = event["eventType"] == "START";
    problems.end()?;
    Ok((
        id,
        Event {
            is_start: false,
            status,
            attempt: 1,
            started: at.clone().filter(|_: &Moment| is_start),
            at,
            facts,
            inputs: datasets(&event["inputs"]),
            outputs: datasets(&event["outputs"]),
            result: Outcome { error: failure(event), ..Outcome::default() },
        },
    ))
}

fn status(event: &Value) -> Result<Option<Status>, Wrong> {
    let kind = &event["eventType"];
    match kind.as_str() {
        Some("START" | "RUNNING") => Ok(Some(Status::Running)),
        Some("COMPLETE") => Ok(Some(Status::Succeeded)),
        Some("FAIL") => Ok(Some(Status::Failed)),
        Some("ABORT") => Ok(Some(Status::Cancelled)),
        // It only adds facts, and so does an event without a type.
        Some("OTHER") => Ok(None),
        None if kind.is_null() => Ok(None),
        _ => {
            let reason = "must be one of START, RUNNING, COMPLETE, FAIL, ABORT, OTHER";
            Err(Wrong::new("eventType", reason))
        }
    }
}

fn facts(event: &Value, problems: &mut Problems) -> Facts {
    let mut time = |name: &str| {
        let field = format!("run.facets.nominalTime.{name}");
        let text = text(event, &format!("/run/facets/nominalTime/{name}"))?;
        problems.time(&field, Some(&text)).map(|moment| moment.at)
    };
    Facts {
        nominal_start: time("nominalStartTime"),
        nominal_end: time("nominalEndTime"),
        pipeline: name(event, "/job/name"),
        factory: name(event, "/job/namespace"),
        parent: text(event, "/run/facets/parent/run/runId"),
        ..Facts::default()
    }
}

fn text(event: &Value, pointer: &str) -> Option<String> {
    event.pointer(pointer)?.as_str().map(str::to_owned)
}

/// A name, made of what a name may have: their names may be longer than ours.
fn name(event: &Value, pointer: &str) -> Option<String> {
    text(event, pointer).map(|name| fitted(&name)).filter(|name| !name.is_empty())
}

fn fitted(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(LONGEST_ID).collect()
}

/// The ids of datasets: their namespace and their name.
fn datasets(list: &Value) -> Vec<String> {
    let id = |dataset: &Value| {
        let name = dataset["name"].as_str()?;
        let namespace = dataset["namespace"].as_str().unwrap_or_default();
        let slash = if namespace.is_empty() || namespace.ends_with('/') { "" } else { "/" };
        Some(fitted(&format!("{namespace}{slash}{name}")))
    };
    let ids = list.as_array().into_iter().flatten().filter_map(id);
    ids.filter(|id| check_id("id", id).is_ok()).take(1_000).collect()
}

fn failure(event: &Value) -> Option<Failure> {
    let message = text(event, "/run/facets/errorMessage/message")?;
    Some(Failure { message: shortened(&message, LONGEST_MESSAGE), ..Failure::default() })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::{super::report, *};

    fn read(value: Value) -> Result<(String, Event), Error> {
        report::read(value.as_object().unwrap().clone())
    }

    #[test]
    fn an_event_with_facets_is_read() {
        let (id, event) = read(json!({
            "eventType": "FAIL",
            "eventTime": "2026-12-01T06:00:00.123+01:00",
            "run": {
                "runId": "0176a8c2-fe01-7439-87e6-56a1a1b4029f",
                "facets": {
                    "parent": {"run": {"runId": "p"}, "job": {"namespace": "n", "name": "j"}},
                    "errorMessage": {"message": "no table", "programmingLanguage": "JAVA"},
                    "nominalTime": {"nominalStartTime": "2026-11-30T00:00:00Z"},
                    "spark_version": {"x": {"deep": [1]}},
                },
            },
            "job": {"namespace": "warehouse", "name": "orders", "facets": {}},
            "inputs": [{"namespace": "postgres://db:5432", "name": "public.orders"}],
            "outputs": [{"namespace": "", "name": "curated/orders", "facets": {"schema": {}}}, {}],
            "producer": "https://example.org", "schemaURL": "https://example.org", "more": 1,
        }))
        .unwrap();
        assert_eq!(id, "0176a8c2-fe01-7439-87e6-56a1a1b4029f");
        assert_eq!(event.status, Some(Status::Failed));
        assert_eq!(event.at.unwrap().at, "2026-12-01T05:00:00.123000Z");
        assert_eq!(event.facts.parent.as_deref(), Some("p"));
        let facts = &event.facts;
        assert_eq!(facts.nominal_start.as_deref(), Some("2026-11-30T00:00:00.000000Z"));
        assert_eq!(facts.pipeline.as_deref(), Some("orders"));
        assert_eq!(event.inputs, ["postgres://db:5432/public.orders"]);
        assert_eq!(event.outputs, ["curated/orders"]);
        assert_eq!(event.result.error.unwrap().message, "no table");
    }

    #[test]
    fn every_type_has_its_status() {
        for (kind, status) in [
            ("START", Some(Status::Running)),
            ("RUNNING", Some(Status::Running)),
            ("COMPLETE", Some(Status::Succeeded)),
            ("FAIL", Some(Status::Failed)),
            ("ABORT", Some(Status::Cancelled)),
            ("OTHER", None),
        ] {
            let event = json!({"eventType": kind, "run": {"runId": "r"}, "job": {}});
            assert_eq!(read(event).unwrap().1.status, status, "{kind}");
        }
        let event = json!({"run": {"runId": "r"}, "job": {"name": "j"}});
        assert_eq!(read(event).unwrap().1.status, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let event = json!({"eventType": "DONE", "run": {"runId": 7}, "eventTime": "noon"});
        let Err(Error::Fields(wrong)) = read(event) else { panic!("it was taken") };
        let fields: Vec<_> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, ["run.runId", "eventType", "eventTime"]);
    }
}
