//! Run events of OpenLineage, <https://openlineage.io/spec/2-0-2/OpenLineage.json>.

use serde_json::Value;

use super::{moment, report::Report};
use crate::alerts::{
    incident::{Condition, Fact},
    mask::masked,
};

/// Whether a payload is such an event.
pub fn is_event(value: &Value) -> bool {
    value["run"].is_object() && value["job"].is_object()
}

/// Reports an event.
pub fn report(event: &Value) -> Report {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(masked);
    let kind = event["eventType"].as_str().unwrap_or_default().to_ascii_uppercase();
    let facets = "/run/facets/parent";
    Report {
        shape: "openLineage",
        condition: if kind == "COMPLETE" { Condition::Resolved } else { Condition::Fired },
        is_cancelled: kind == "ABORT",
        severity: ["START", "RUNNING", "OTHER"].contains(&&*kind).then(|| "info".to_owned()),
        pipeline: text("/job/name"),
        run_id: text("/run/runId"),
        root_run_id: text(&format!("{facets}/root/run/runId"))
            .or_else(|| text(&format!("{facets}/run/runId"))),
        text: text("/run/facets/errorMessage/message").unwrap_or_default(),
        at: event["eventTime"].as_str().and_then(moment::time),
        dataset: text("/outputs/0/name"),
        facts: text("/job/namespace")
            .map(|value| Fact { name: "Namespace".to_owned(), value })
            .into_iter()
            .collect(),
        ..Report::default()
    }
}
