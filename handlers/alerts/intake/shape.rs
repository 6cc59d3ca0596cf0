//! Which shape a payload has, and what of it reports apart.

use serde_json::{Map, Value};

use super::{MOST_INCIDENTS, fields::held_json, flat, lineage, monitor, report::Report, tolerant};

/// How deep lists in lists and texts in texts are followed.
const DEEPEST: usize = 8;

/// All that a value reports; of a payload of many at least one more than is sent.
pub fn reports(value: &Value) -> Vec<Report> {
    let mut reports = Vec::new();
    collect(value, 0, &mut reports);
    reports
}

fn collect(value: &Value, depth: usize, reports: &mut Vec<Report>) {
    // One more than is sent says that there are more.
    if reports.len() > MOST_INCIDENTS || depth > DEEPEST {
        return;
    }
    match value {
        Value::Array(list) => list.iter().for_each(|item| collect(item, depth + 1, reports)),
        Value::String(text) => match held_json(text) {
            Some(inner) => collect(&inner, depth + 1, reports),
            None => reports.push(tolerant::report(text)),
        },
        Value::Object(object) => collect_object(value, object, depth, reports),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => reports.push(tolerant::report(&value.to_string())),
    }
}

fn collect_object(
    value: &Value,
    object: &Map<String, Value>,
    depth: usize,
    reports: &mut Vec<Report>,
) {
    if monitor::is_alert(value) {
        reports.extend(monitor::reports(value));
    } else if lineage::is_event(value) {
        reports.push(lineage::report(value));
    } else if let Some(list) = list_of(object) {
        list.iter().for_each(|item| collect(item, depth + 1, reports));
    } else {
        reports.push(flat::report(name_of(object), value));
    }
}

/// The runs or records of an object that is nothing but their list.
fn list_of(object: &Map<String, Value>) -> Option<&Vec<Value>> {
    let is_list = |name: &str| ["value", "records"].contains(&name);
    let lists =
        object.iter().filter(|(name, _)| is_list(name)).filter_map(|(_, list)| list.as_array());
    let mut lists = lists.filter(|list| !list.is_empty() && list.iter().all(Value::is_object));
    let extras = ["count", "continuationToken"];
    let is_alone = object.keys().all(|name| is_list(name) || extras.contains(&name.as_str()));
    lists.next().filter(|_| is_alone)
}

fn name_of(object: &Map<String, Value>) -> &'static str {
    let has = |name: &str| object.keys().any(|key| key.eq_ignore_ascii_case(name));
    if has("sections") || object.get("@type").is_some_and(|kind| kind == "MessageCard") {
        "messageCard"
    } else if has("attachments") || has("blocks") || has("text") {
        "slack"
    } else if object.get("data").is_some_and(|data| data.get("baseData").is_some()) {
        "applicationInsights"
    } else if has("runStart") || has("invokedBy") {
        "pipelineRun"
    } else if has("emailBody") || has("subject") {
        "mail"
    } else if has("errorCode") && has("failureType") {
        "activityError"
    } else {
        "flat"
    }
}
