//! Walking a pipeline activity by activity, as Data Factory does: what an activity depends on, what
//! it sends to the worker, and what its output is then. Sources and copies are the test's.

use serde_json::{Map, Value, json};

use super::expression::{Scope, compute};
use crate::worker::Worker;

/// What stands for databases and copies.
pub(super) trait Data {
    /// The first row that a query answers.
    fn look_up(&mut self, query: &str) -> Value;

    /// Copies what a query answers into a folder; the activity's output, or its error.
    fn copy(&mut self, query: &str, container: &str, folder: &str) -> Result<Value, Value>;
}

/// One run of a pipeline.
pub(super) struct Run<'a, D> {
    worker: &'a Worker,
    data: &'a mut D,
    pipeline: Value,
    /// The names of the activities that ran, and how they ended, in order.
    pub(super) log: Vec<String>,
}

/// Walks a pipeline; `Err` with the messages of what failed and nobody saw to.
pub(super) async fn walk<D: Data>(
    worker: &Worker,
    data: &mut D,
    definition: &Value,
    run_id: &str,
) -> (Vec<String>, Result<(), Vec<String>>) {
    let mut parameters = Map::new();
    for (name, parameter) in definition["properties"]["parameters"].as_object().unwrap() {
        parameters.insert(name.clone(), parameter["defaultValue"].clone());
    }
    let pipeline = json!({"RunId": run_id, "parameters": parameters});
    let mut run = Run { worker, data, pipeline, log: Vec::new() };
    let activities = &definition["properties"]["activities"];
    let failed = run.activities(activities, &Value::Null, &json!({})).await;
    (run.log, if failed.is_empty() { Ok(()) } else { Err(failed) })
}

/// How an activity ended.
type Ended = Result<Value, Value>;

impl<D: Data> Run<'_, D> {
    /// Runs activities in the order of their dependencies. What failed counts if no other activity
    /// came after it.
    async fn activities(&mut self, list: &Value, item: &Value, outer: &Value) -> Vec<String> {
        let mut known = outer.clone();
        let mut ended: Vec<(String, &str, Value)> = Vec::new();
        let mut waiting: Vec<&Value> = list.as_array().unwrap().iter().collect();
        while !waiting.is_empty() {
            let is_ready = |activity: &&Value| {
                conditions(activity)
                    .iter()
                    .all(|(name, _)| ended.iter().any(|(known, ..)| known == name))
            };
            let next = waiting.iter().position(is_ready).expect("no circle");
            let activity = waiting.remove(next);
            let name = activity["name"].as_str().unwrap().to_owned();
            let is_met = |(name, wanted): &(&str, Vec<&str>)| {
                let (_, status, _) = ended.iter().find(|(known, ..)| known == name).unwrap();
                wanted.contains(status) || (wanted.contains(&"Completed") && *status != "Skipped")
            };
            if !conditions(activity).iter().all(is_met) {
                ended.push((name, "Skipped", Value::Null));
                continue;
            }
            let (status, output, error) = match self.activity(activity, item, &known).await {
                Ok(output) => ("Succeeded", output, Value::Null),
                Err(error) => ("Failed", Value::Null, error),
            };
            self.log.push(format!("{name}: {status}"));
            known[&name] = json!({"output": output, "error": error, "status": status});
            ended.push((name, status, error));
        }
        let leads_on = |name: &str| {
            list.as_array().unwrap().iter().any(|activity| {
                conditions(activity).iter().any(|(after, wanted)| {
                    *after == name && wanted.iter().any(|it| *it == "Failed" || *it == "Completed")
                })
            })
        };
        let failed =
            ended.iter().filter(|(name, status, _)| *status == "Failed" && !leads_on(name));
        failed.map(|(name, _, error)| format!("{name}: {}", error["message"])).collect()
    }

    async fn activity(&mut self, activity: &Value, item: &Value, known: &Value) -> Ended {
        let properties = &activity["typeProperties"];
        let pipeline = self.pipeline.clone();
        let scope = Scope { pipeline: &pipeline, item, activities: known };
        let computed = |property: &Value| {
            compute(property, &scope)
                .map_err(|message| json!({"errorCode": "InvalidTemplate", "message": message}))
        };
        match activity["type"].as_str().unwrap() {
            "AzureFunctionActivity" => self.function(&computed(properties)?).await,
            "Lookup" => {
                let source = computed(&properties["source"])?;
                Ok(json!({"firstRow": self.data.look_up(query_of(&source))}))
            }
            "Copy" => {
                let source = computed(&properties["source"])?;
                let sink = computed(&activity["outputs"][0]["parameters"])?;
                let (container, folder) = (&sink["container"], &sink["folder"]);
                self.data.copy(
                    query_of(&source),
                    container.as_str().unwrap(),
                    folder.as_str().unwrap(),
                )
            }
            "Fail" => Err(computed(properties)?),
            "IfCondition" => {
                let is_true = computed(&properties["expression"])?.as_bool().unwrap();
                let branch = if is_true { "ifTrueActivities" } else { "ifFalseActivities" };
                let failed = Box::pin(self.activities(&properties[branch], item, known)).await;
                inner(failed)
            }
            "ForEach" => {
                let mut failed = Vec::new();
                for item in computed(&properties["items"])?.as_array().unwrap() {
                    let one = self.activities(&properties["activities"], item, known);
                    failed.extend(Box::pin(one).await);
                }
                inner(failed)
            }
            other => panic!("an activity of type {other}"),
        }
    }

    /// The answer must be an object, as the activity demands of every status.
    async fn function(&self, properties: &Value) -> Ended {
        let method = properties["method"].as_str().unwrap();
        let address = properties["functionName"].as_str().unwrap();
        // A body that is a text is sent as that text: the answer is the same.
        let body = match &properties["body"] {
            Value::String(text) => serde_json::from_str(text).expect("the body of an activity"),
            body => body.clone(),
        };
        assert_eq!(body.is_null(), method == "GET", "a GET has no body, the others have one");
        let (status, answer) = self.worker.call(method, address, &[], &body).await;
        assert!(answer.is_object(), "{answer}");
        if status < 300 {
            Ok(answer)
        } else {
            Err(json!({"errorCode": "3608", "message": answer.to_string()}))
        }
    }
}

fn inner(failed: Vec<String>) -> Ended {
    if failed.is_empty() { Ok(json!({})) } else { Err(json!({"message": failed.join("; ")})) }
}

fn query_of(source: &Value) -> &str {
    ["sqlReaderQuery", "query"].iter().find_map(|name| source[*name].as_str()).unwrap()
}

fn conditions(activity: &Value) -> Vec<(&str, Vec<&str>)> {
    let list = activity["dependsOn"].as_array().into_iter().flatten();
    list.map(|it| {
        let wanted = it["dependencyConditions"].as_array().unwrap();
        (it["activity"].as_str().unwrap(), wanted.iter().map(|c| c.as_str().unwrap()).collect())
    })
    .collect()
}
