//! The activities of docs/metadata.md, as they stand there.

use serde_json::{Value, json};

use super::{Seen, walk::walk};
use crate::metadata::{Site, each, examples::page};

/// The activity of this name.
fn activity(name: &str) -> Value {
    let page = page("metadata.md");
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut read = blocks.map(|block| serde_json::from_str::<Value>(block).expect(block));
    read.find(|block| block["name"] == name).unwrap()
}

#[tokio::test]
async fn one_dataset_is_read_by_one_activity() {
    let site = Site::new().await;
    site.done("datasets", json!({"id": "crm/a b&c", "status": "received"})).await;
    let said = json!({
        "name": "Say", "type": "Fail", "dependsOn": [
            {"activity": "Read dataset", "dependencyConditions": ["Succeeded"]},
        ],
        "typeProperties": {
            "message": {"value": "@activity('Read dataset').output.status", "type": "Expression"},
        },
    });
    let mut definition = json!({"properties": {
        "parameters": {"dataset": {"defaultValue": "crm/a b&c"}},
        "activities": [activity("Read dataset"), said],
    }});
    let (log, done) = walk(&site.worker, &mut Seen::default(), &definition, "run-1").await;
    assert_eq!(done, Err(vec!["Say: \"received\"".to_owned()]), "{log:?}");
    definition["properties"]["parameters"]["dataset"]["defaultValue"] = json!("crm/none");
    let (log, done) = walk(&site.worker, &mut Seen::default(), &definition, "run-2").await;
    assert_eq!(log, ["Read dataset: Failed"]);
    assert!(done.unwrap_err()[0].contains("404"));
}

/// Pages as the REST connector asks for them: a rule names a parameter, and where in an answer its
/// next value is, until that is null.
#[tokio::test]
async fn every_run_gets_into_the_blob_that_log_analytics_reads() {
    let site = Site::new().await;
    for number in 0..5 {
        site.done("runs", json!({"runId": format!("r{number}"), "event": "start"})).await;
    }
    let copy = activity("Export runs");
    let first = copy["inputs"][0]["parameters"]["relativeUrl"].as_str().unwrap();
    let first = first.replace("limit=1000", "limit=2");
    let rules = copy["typeProperties"]["source"]["paginationRules"].as_object().unwrap();
    let (key, place) = rules.iter().next().unwrap();
    let parameter = key.strip_prefix("QueryParameters.").unwrap();
    let member = place.as_str().unwrap().strip_prefix("$.").unwrap();
    let (mut address, mut found) = (first.clone(), Vec::new());
    for _ in 0..3 {
        let (_, page) = site.get(&address).await;
        found.extend(each(&page, "id").into_iter().map(str::to_owned));
        let Some(next) = page[member].as_str() else { break };
        address = format!("{first}&{parameter}={next}");
    }
    assert_eq!(found, ["r4", "r3", "r2", "r1", "r0"]);
}
