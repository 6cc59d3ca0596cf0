//! Alerts of Azure Monitor in their common schema,
//! <https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema>.

use serde_json::{Map, Value};

use super::{MOST_INCIDENTS, fields::Fields, flat, moment, report::Report};
use crate::alerts::{
    incident::{Condition, Fact, Link},
    link,
    mask::masked,
};

/// What a metric alert cannot say.
const NO_RUN: &str =
    "a metric counts runs and does not name them: see the failed runs in the monitor";

/// Whether a payload is such an alert.
pub fn is_alert(value: &Value) -> bool {
    value["data"]["essentials"].is_object()
}

/// What an alert reports: itself, or each row of the search results that it carries.
pub fn reports(alert: &Value) -> Vec<Report> {
    let rows = rows(&alert["data"]["alertContext"]);
    if rows.is_empty() {
        return vec![report(alert, None)];
    }
    rows.iter().map(|row| report(alert, Some(row))).collect()
}

fn report(alert: &Value, row: Option<&Value>) -> Report {
    let (data, context) = (&alert["data"], &alert["data"]["alertContext"]);
    let essentials = &data["essentials"];
    let text = |name: &str| essentials[name].as_str().filter(|text| !text.is_empty()).map(masked);
    let time = |name: &str| essentials[name].as_str().and_then(moment::time);
    let is_resolved =
        text("monitorCondition").is_some_and(|word| word.eq_ignore_ascii_case("resolved"));
    let custom = flat::of_fields("azureMonitor", &custom(data, row));
    let sentence = conditions(context).map(sentence).collect::<Vec<_>>().join("\n");
    let description = text("description").unwrap_or_default();
    Report {
        condition: if is_resolved { Condition::Resolved } else { Condition::Fired },
        severity: text("severity").or(custom.severity),
        title: text("alertRule").or(custom.title),
        pipeline: custom.pipeline.or_else(|| pipeline(context)),
        activity: custom.activity.or_else(|| named_by(context, "Activity")),
        factory: targets(essentials).find_map(link::factory_of).or(custom.factory),
        code: custom.code,
        failure_type: custom
            .failure_type
            .or_else(|| flat::failure_type(&dimension(context, "FailureType")?)),
        text: [custom.text, description, sentence]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default(),
        at: time(if is_resolved { "resolvedDateTime" } else { "firedDateTime" }).or(custom.at),
        links: search_links(context),
        facts: facts(essentials, context).chain(custom.facts).collect(),
        key: if row.is_some() { None } else { text("originAlertId").or_else(|| text("alertId")) },
        ..custom
    }
}

/// The members that whoever made the rule added, and those of an activity log entry.
fn custom(data: &Value, row: Option<&Value>) -> Fields {
    let mut all = Map::new();
    let own = [
        ("row", row.unwrap_or(&Value::Null)),
        ("customProperties", &data["customProperties"]),
        ("properties", &data["alertContext"]["properties"]),
        ("essentials", &data["essentials"]["customProperties"]),
    ];
    for (name, value) in own {
        all.insert(name.to_owned(), value.clone());
    }
    Fields::of(&Value::Object(all))
}

fn conditions(context: &Value) -> impl Iterator<Item = &Value> {
    context["condition"]["allOf"].as_array().into_iter().flatten().take(20)
}

/// A condition in words: `PipelineFailedRuns GreaterThan 0: 3`.
fn sentence(condition: &Value) -> String {
    let text = |name: &str| plain(&condition[name]);
    let what = text("metricName")
        .or_else(|| text("metricMeasureColumn"))
        .unwrap_or_else(|| "The result".to_owned());
    let operator = text("operator").unwrap_or_default();
    let threshold = text("threshold").unwrap_or_default();
    let value = text("metricValue").map(|value| format!(": {value}")).unwrap_or_default();
    format!("{what} {operator} {threshold}{value}").replace("  ", " ")
}

/// A text, a number or a truth, masked.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(masked(text)),
        // A count is written as 3.0.
        Value::Number(_) | Value::Bool(_) => {
            Some(value.to_string().trim_end_matches(".0").to_owned())
        }
        _ => None,
    }
}

fn dimensions(context: &Value) -> impl Iterator<Item = (String, String)> {
    let all =
        conditions(context).filter_map(|condition| condition["dimensions"].as_array()).flatten();
    all.take(50).filter_map(|each| Some((plain(&each["name"])?, plain(&each["value"])?)))
}

fn dimension(context: &Value, name: &str) -> Option<String> {
    dimensions(context).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn pipeline(context: &Value) -> Option<String> {
    let named = ["PipelineName", "Pipeline"].iter().find_map(|name| dimension(context, name));
    named.or_else(|| named_by(context, "Pipeline"))
}

/// The dimension `Name` of a metric that counts such things: pipelines, activities or triggers.
fn named_by(context: &Value, what: &str) -> Option<String> {
    let mut metrics = conditions(context).filter_map(|condition| condition["metricName"].as_str());
    metrics.any(|metric| metric.starts_with(what)).then(|| dimension(context, "Name"))?
}

fn targets(essentials: &Value) -> impl Iterator<Item = &str> {
    essentials["alertTargetIDs"].as_array().into_iter().flatten().take(20).filter_map(Value::as_str)
}

fn facts(essentials: &Value, context: &Value) -> impl Iterator<Item = Fact> {
    let fact = |name: &str, value: Option<String>| {
        value.map(|value| Fact { name: name.to_owned(), value })
    };
    let is_metric = essentials["signalType"].as_str() == Some("Metric");
    let condition = conditions(context).next().unwrap_or(&Value::Null);
    let window = plain(&context["condition"]["windowSize"]);
    let facts = [
        fact("Alert rule", plain(&essentials["alertRule"])),
        fact("Metric", plain(&condition["metricName"])),
        fact("Value", plain(&condition["metricValue"])),
        fact("Threshold", plain(&condition["threshold"])),
        fact("Window", window),
        fact("Operation", plain(&context["operationName"])),
        fact("Caller", plain(&context["caller"])),
        fact("Run", is_metric.then(|| NO_RUN.to_owned())),
    ];
    let dimensions = dimensions(context).map(|(name, value)| Fact { name, value });
    facts.into_iter().flatten().chain(dimensions.collect::<Vec<_>>())
}

/// Where the portal shows what a search found.
fn search_links(context: &Value) -> Vec<Link> {
    let names = ["linkToFilteredSearchResultsUI", "linkToSearchResultsUI", "LinkToSearchResults"];
    let places = conditions(context).chain([context]);
    let found = places.flat_map(|place| names.iter().filter_map(|name| place[*name].as_str()));
    let links = found.filter_map(link::given).take(3);
    links.map(|link| Link { title: "Search results".to_owned(), ..link }).collect()
}

/// The rows of search results that older log alerts carry, as objects.
fn rows(context: &Value) -> Vec<Value> {
    let tables = context["SearchResults"]["tables"].as_array().into_iter().flatten();
    tables.flat_map(table_rows).take(MOST_INCIDENTS + 1).collect()
}

fn table_rows(table: &Value) -> Vec<Value> {
    let columns: Vec<&str> = table["columns"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|column| column["name"].as_str())
        .take(200)
        .collect();
    let object = |row: &Vec<Value>| {
        let members =
            columns.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), cell.clone()));
        Value::Object(members.collect())
    };
    let rows = table["rows"].as_array().into_iter().flatten().filter_map(Value::as_array);
    rows.map(object).take(MOST_INCIDENTS + 1).collect()
}
