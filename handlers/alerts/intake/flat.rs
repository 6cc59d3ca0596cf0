//! Payloads that are an object with members of any name: what people put into a Web activity, a
//! card, an envelope of Application Insights, a run as the REST interface returns it.

use serde_json::Value;

use super::{
    fields::{Field, Fields},
    moment, pairs,
    report::Report,
};
use crate::alerts::{
    incident::{Condition, Fact, Factory, FactoryKind, FailureType, Link},
    link,
};

/// How many members become facts.
const MOST_FACTS: usize = 20;
/// The longest value that is a fact, in characters.
const LONGEST_FACT: usize = 300;

const PIPELINE: [&str; 4] = ["pipelinename", "pipeline", "piplinename", "jobname"];
const RUN: [&str; 4] = ["pipelinerunid", "runid", "piplinerunid", "pipelineid"];
const ROOT: [&str; 6] = [
    "rootrunid",
    "rootpipelinerunid",
    "rungroupid",
    "invokedby.pipelinerunid",
    "parentrunid",
    "triggeredbypipelinerunid",
];
const ACTIVITY: [&str; 6] =
    ["failedactivity", "failedactivityname", "activityname", "activity", "error.target", "target"];
const CODE: [&str; 4] = ["errorcode", "error.code", "failurecode", "exceptiontype"];
const TEXT: [&str; 18] = [
    "errormessage",
    "error.message",
    "errors.message",
    "exceptions.message",
    "errordescription",
    "failuremessage",
    "exceptionmessage",
    "errordetails",
    "error",
    "message",
    "details",
    "emailbody",
    "description",
    "text",
    "exception",
    "body",
    "reason",
    "summary",
];
const AT: [&str; 9] = [
    "timestamp",
    "failedat",
    "failuretime",
    "errortime",
    "eventtime",
    "triggeredtime",
    "executionendtime",
    "time",
    "datetime",
];
const STARTED: [&str; 6] = [
    "runstart",
    "executionstarttime",
    "starttime",
    "start",
    "activityrunstart",
    "executionstarttimeutc",
];
const ENDED: [&str; 7] = [
    "runend",
    "executionendtime",
    "endtime",
    "end",
    "activityrunend",
    "executionfinishtime",
    "executionfinishtimeutc",
];
const DURATION: [&str; 4] =
    ["duration", "durationinseconds", "durationseconds", "executionduration"];
const MILLISECONDS: [&str; 2] = ["durationinms", "durationms"];
const STATUS: [&str; 6] =
    ["status", "pipelinestatus", "runstatus", "executionstatus", "state", "monitorcondition"];
const SEVERITY: [&str; 4] = ["severity", "priority", "severitylevel", "level"];
const TITLE: [&str; 5] = ["emailsubject", "subject", "title", "alertname", "summary"];
const ENVIRONMENT: [&str; 3] = ["environment", "env", "stage"];
const OWNER: [&str; 4] = ["owner", "team", "dataowner", "contact"];
const TABLE: [&str; 5] = ["tablename", "table", "sourcetable", "targettable", "entityname"];
const DATASET: [&str; 2] = ["datasetname", "dataset"];
const FACTORY: [&str; 5] = ["datafactoryname", "datafactory", "factoryname", "factory", "adfname"];
const WORKSPACE: [&str; 4] =
    ["synapseworkspace", "workspacename", "workspace", "synapseworkspacename"];
const SUBSCRIPTION: [&str; 2] = ["subscriptionid", "subscription"];
const GROUP: [&str; 3] = ["resourcegroup", "resourcegroupname", "rgname"];
const FAILURE: [&str; 2] = ["failuretype", "errortype"];
const LINK: [&str; 8] =
    ["runurl", "pipelineurl", "monitorurl", "monitoringurl", "runlink", "link", "url", "uri"];
/// What becomes a fact wherever it stands; other members do only where nothing is around them.
const FACTS: [&str; 6] =
    ["triggername", "triggertype", "triggertime", "schemaname", "action", "activitytype"];
/// Who is written to concerns nobody who reads it; a payload's envelope tells nothing.
const UNTOLD: [&str; 18] = [
    "id",
    "islatest",
    "isrootrun",
    "lastupdated",
    "receiver",
    "recipient",
    "mail",
    "emailcc",
    "emailbcc",
    "emailimportance",
    "ikey",
    "type",
    "context",
    "themecolor",
    "schema",
    "name",
    "value",
    "username",
];

/// Reports an object of any members.
pub fn report(shape: &'static str, value: &Value) -> Report {
    let mut fields = Fields::of(value);
    if ["slack", "messageCard", "mail"].contains(&shape) {
        pairs::add_from_texts(&mut fields);
    }
    let mut report = of_fields(shape, &fields);
    if report.text.is_empty() {
        report.text = without_text(&report, &fields);
    }
    report
}

/// Reports what members say.
pub fn of_fields(shape: &'static str, fields: &Fields) -> Report {
    let text = |names: &[&str]| fields.get(names).map(str::to_owned);
    let get = |names: &[&str]| text(names).filter(|text| !is_expression(text));
    let time = |names: &[&str]| names.iter().find_map(|name| moment::time(fields.get(&[name])?));
    let (condition, is_cancelled) = condition(fields.get(&STATUS));
    Report {
        shape,
        condition,
        is_cancelled,
        severity: get(&SEVERITY),
        title: get(&TITLE),
        pipeline: get(&PIPELINE),
        factory: factory(fields),
        run_id: get(&RUN),
        root_run_id: get(&ROOT),
        activity: get(&ACTIVITY),
        table: get(&TABLE),
        dataset: get(&DATASET),
        owner: get(&OWNER),
        environment: get(&ENVIRONMENT),
        code: get(&CODE),
        failure_type: fields.get(&FAILURE).and_then(failure_type),
        text: text(&TEXT).unwrap_or_default(),
        at: time(&AT).or_else(|| time(&ENDED)),
        started: time(&STARTED),
        ended: time(&ENDED),
        duration: duration(fields),
        links: links(fields),
        facts: facts(fields),
        key: None,
    }
}

/// Whether a text is an expression that its sender forgot to evaluate: `@pipeline().RunId`.
fn is_expression(text: &str) -> bool {
    text.starts_with('@') && text.contains(['(', '{'])
}

/// Whether a status tells of an end, and whether it tells of a cancelled run.
fn condition(status: Option<&str>) -> (Condition, bool) {
    let status = status.unwrap_or_default().to_lowercase();
    let is_over = ["succeeded", "success", "resolved", "complete", "completed", "ok", "recovered"];
    let is_cancelled = ["cancelled", "canceled", "cancelling", "canceling", "abort", "aborted"];
    let condition =
        if is_over.contains(&&*status) { Condition::Resolved } else { Condition::Fired };
    (condition, is_cancelled.contains(&&*status))
}

/// Data Factory's word for whose fault it is.
pub fn failure_type(text: &str) -> Option<FailureType> {
    match super::fields::plain_name(text).as_str() {
        "usererror" | "user" | "userconfigurationissue" => Some(FailureType::UserError),
        "systemerror" | "system" => Some(FailureType::SystemError),
        _ => None,
    }
}

fn factory(fields: &Fields) -> Option<Factory> {
    let resource = fields.iter().find_map(|field| link::factory_of(&field.text));
    let named = |kind, names: &[&str]| {
        let name = fields.get(names)?.to_owned();
        Some(Factory { kind, name, ..Factory::default() })
    };
    let factory = resource
        .or_else(|| named(FactoryKind::DataFactory, &FACTORY))
        .or_else(|| named(FactoryKind::Synapse, &WORKSPACE))?;
    let get = |names: &[&str]| fields.get(names).map(str::to_owned);
    Some(Factory {
        subscription: factory.subscription.or_else(|| get(&SUBSCRIPTION)),
        resource_group: factory.resource_group.or_else(|| get(&GROUP)),
        ..factory
    })
}

fn duration(fields: &Fields) -> Option<f64> {
    let milliseconds = fields.get(&MILLISECONDS).and_then(moment::seconds);
    let seconds = || fields.get(&DURATION).and_then(moment::seconds);
    milliseconds.map(|milliseconds| milliseconds / 1000.0).or_else(seconds)
}

fn links(fields: &Fields) -> Vec<Link> {
    let is_link = |field: &&Field| LINK.contains(&last(&field.path));
    let addresses = fields.iter().filter(is_link).filter_map(|field| link::given(&field.text));
    addresses.take(5).collect()
}

fn facts(fields: &Fields) -> Vec<Fact> {
    let facts = fields.iter().filter(|field| is_fact(field));
    let fact = |field: &Field| Fact { name: field.name.clone(), value: field.text.clone() };
    facts.take(MOST_FACTS).map(fact).collect()
}

fn is_fact(field: &Field) -> bool {
    let name = last(&field.path);
    let known = [&PIPELINE[..], &RUN, &ROOT, &ACTIVITY, &CODE, &TEXT, &AT, &STARTED, &ENDED];
    let more = [&DURATION[..], &MILLISECONDS, &STATUS, &SEVERITY, &TITLE, &ENVIRONMENT, &OWNER];
    let rest = [&TABLE[..], &DATASET, &FACTORY, &WORKSPACE, &SUBSCRIPTION, &GROUP, &FAILURE, &LINK];
    let is_known = known.iter().chain(&more).chain(&rest).any(|names| names.contains(&name));
    let is_untold = UNTOLD.iter().any(|untold| name == *untold || name.contains("recipient"));
    let is_told = FACTS.contains(&name) || !field.path.contains('.');
    let is_short =
        field.text.chars().count() <= LONGEST_FACT && !field.text.starts_with(['{', '[']);
    is_told && is_short && !is_known && !is_untold && !field.name.is_empty()
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// What is said of a payload without any text: that a run is over, or all its members.
fn without_text(report: &Report, fields: &Fields) -> String {
    if report.condition == Condition::Resolved || report.pipeline.is_some() {
        return String::new();
    }
    let lines: Vec<String> =
        fields.iter().map(|field| format!("{}: {}", field.name, field.text)).collect();
    lines.join("\n")
}
