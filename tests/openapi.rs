//! The OpenAPI document: agreed upon, complete, and true of a running worker.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lakehand::{
    encryption::service::failure::{Failure, Kind},
    error::Error,
    host::functions::FUNCTIONS,
    openapi,
    stores::ETag,
};
use serde_json::{Value, json};

use crate::{
    encryption::{SECRET, Site as Files, rewrapping::GUARDS},
    metadata::Site,
};

/// Set to write the document that the first test compares with, to be read as a difference.
const RENEW: &str = "LAKEHAND_RENEW";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn document() -> Value {
    serde_json::to_value(openapi::describe()).unwrap()
}

#[test]
fn the_document_is_the_one_that_was_agreed_upon() {
    let file = root().join("tests/openapi.json");
    let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os(RENEW).is_some() {
        fs::write(&file, &text).unwrap();
    }
    let agreed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        agreed == text,
        "the API has changed; if that is meant, run this test with {RENEW}=1, and read the difference"
    );
}

#[tokio::test]
async fn the_command_prints_what_the_address_answers() {
    let folder = tempfile::tempdir().unwrap();
    let command = Command::new(env!("CARGO_BIN_EXE_lakehand"))
        .arg("openapi")
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
    let printed: Value = serde_json::from_slice(&command.stdout).unwrap();
    let (status, answered) = Site::new().await.get("openapi.json").await;
    assert_eq!((status, printed["openapi"].as_str()), (200, Some("3.1.0")));
    assert!(printed == answered, "they differ");
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!((left, command.stderr.len()), (0, 0), "it writes nothing else");
}

/// Every operation, with its method and address.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.push((format!("{method} {path}"), operation));
        }
    }
    all
}

/// The names of an operation's parameters of a kind.
fn parameters<'a>(operation: &'a Value, place: &str) -> Vec<&'a str> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.filter(|it| it["in"] == place).map(|it| it["name"].as_str().unwrap()).collect()
}

#[test]
fn headers_are_described_wherever_they_are_read_or_sent() {
    let document = document();
    for (name, operation) in operations(&document) {
        let expected: &[&str] = match name.as_str() {
            "post /api/decrypt" => &["x-lakehand-decrypt"],
            "post /api/keys/rewrap" => &["x-lakehand-keys"],
            _ if parameters(operation, "query").contains(&"etag") => &["If-Match", "If-None-Match"],
            _ => &[],
        };
        assert_eq!(parameters(operation, "header"), expected, "{name}");
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let schema = answer["content"]["application/json"]["schema"].to_string();
            let is_versioned = schema.contains(r#"{"etag":"#);
            assert_eq!(answer["headers"].get("ETag").is_some(), is_versioned, "{name}: {status}");
        }
    }
}

/// The schema of a parameter, and whether it must be there.
fn parameter<'a>(document: &'a Value, path: &str, method: &str, name: &str) -> (&'a Value, bool) {
    let all = document["paths"][path][method]["parameters"].as_array().unwrap();
    let found = all.iter().find(|parameter| parameter["name"] == name).unwrap();
    (&found["schema"], found["required"] == true)
}

#[tokio::test]
async fn every_value_that_a_parameter_lists_is_taken_and_no_other() {
    let site = Site::new().await;
    let document = document();
    for (path, name) in [
        ("datasets", "status"),
        ("runs", "status"),
        ("freshness", "status"),
        ("tables", "dialect"),
        ("tables", "mode"),
        ("tables/{id}/windows", "purpose"),
        ("tables/{id}/windows", "status"),
    ] {
        let (schema, _) = parameter(&document, &format!("/api/{path}"), "get", name);
        let path = path.replace("{id}", "sales.orders");
        for value in schema["enum"].as_array().unwrap() {
            let address = format!("{path}?{name}={}", value.as_str().unwrap());
            assert_eq!(site.get(&address).await.0, 200, "{address}");
        }
        let (status, problem) = site.get(&format!("{path}?{name}=none")).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &Value::from(name)), "{path}");
    }
    let (days, _) = parameter(&document, "/api/freshness", "get", "days");
    for (days, expected) in [(days["maximum"].as_u64().unwrap(), 200), (31, 400), (0, 400)] {
        assert_eq!(site.get(&format!("freshness?days={days}")).await.0, expected, "{days}");
    }
}

#[tokio::test]
async fn what_a_query_must_have_is_asked_for() {
    let site = Site::new().await;
    for (name, operation) in operations(&document()) {
        let (method, path) = name.split_once(" /api/").unwrap();
        let all = operation["parameters"].as_array().into_iter().flatten();
        let needed = all.filter(|it| it["in"] == "query" && it["required"] == true);
        for needed in needed.map(|it| &it["name"]) {
            let method = method.to_uppercase();
            let body = Value::Object(Default::default());
            let (status, problem) = site.worker.call(&method, path, &[], &body).await;
            assert_eq!((status, &problem["errors"][0]["field"]), (400, needed), "{name}");
        }
    }
    assert!(parameter(&document(), "/api/trace", "get", "blob").1);
    for method in ["put", "patch", "delete"] {
        assert!(parameter(&document(), "/api/datasets", method, "id").1, "{method}");
    }
}

#[test]
fn every_operation_says_how_it_may_be_refused() {
    let document = document();
    for (name, operation) in operations(&document) {
        let answers = &operation["responses"];
        let is_guarded = name != "get /api/health";
        assert_eq!(answers.get("401").is_some(), is_guarded, "{name}");
        for status in ["403", "500"] {
            let schema = &answers[status]["content"]["application/problem+json"]["schema"];
            assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{name}: {status}");
        }
    }
}

#[test]
fn every_member_of_a_problem_is_described() {
    let document = document();
    let described = document["components"]["schemas"]["Problem"]["properties"].as_object().unwrap();
    let files = json!([{ "source": "a/x.csv", "error": "it is empty" }]);
    let failure = Box::new(Failure::refused(Kind::Unfit, "source", "it is empty"));
    for error in [
        Error::Encryption { failure, files },
        Error::Changed(Some(ETag::new("1"))),
        Error::conflict("it is there", json!({ "id": "x" })),
    ] {
        for name in error.problem(Some("7a0b2b0e")).as_object().unwrap().keys() {
            assert!(described.contains_key(name), "{name} of {error:?}");
        }
    }
}

#[tokio::test]
async fn work_on_files_takes_the_members_that_are_described_and_no_other() {
    let site = Files::new(false, &GUARDS).await;
    let proofs = [("x-lakehand-decrypt", SECRET), ("x-lakehand-keys", SECRET)];
    let document = document();
    for address in ["encrypt", "decrypt", "keys/rewrap"] {
        let operation = &document["paths"][format!("/api/{address}")]["post"];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let schema = schema.get("anyOf").map_or(schema, |any| &any[0]);
        assert_eq!(schema["additionalProperties"], false, "{address}");
        let described: BTreeSet<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let body = json!({ "nobody": 1 });
        let (status, problem) = site.worker.call("POST", address, &proofs, &body).await;
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        let (_, known) = detail.split_once("known are: ").unwrap();
        assert_eq!((status, known.split(", ").collect()), (400, described), "{address}");
    }
    for body in [json!({}), json!({ "source": "curated/", "format": "xls" })] {
        assert_eq!(site.rewrap(body.clone()).await.0, 400, "{body}");
    }
}

#[test]
fn every_address_of_the_route_table_is_in_the_document_and_no_other() {
    let table = fs::read_to_string(root().join("handlers/app.rs")).unwrap();
    let addresses = table.split('"').filter(|text| text.starts_with("/api/"));
    let routes: BTreeSet<String> =
        addresses.map(|address| address.replace("{*", "{")).filter(|it| it != "/api/").collect();
    let document = document();
    let described: BTreeSet<String> =
        document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(described, routes);
    for function in FUNCTIONS {
        let Some(address) = function.address().filter(|address| address != "{*path}") else {
            continue;
        };
        let address = format!("/api/{}", address.trim_end_matches("/{*path}"));
        assert!(described.iter().any(|path| path.starts_with(&address)), "{address}");
    }
}

/// What requests may be made with; HEAD is answered wherever GET is.
const METHODS: [&str; 7] = ["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE"];

const BELOW_A_COMMIT: &str = "tables/x/windows/y/commit/z";

/// Whether the route table knows a method of an address; what it says of the request is no matter.
async fn is_routed(site: &Files, method: &str, address: &str) -> bool {
    let (status, problem) = site.worker.call(method, address, &[], &Value::Null).await;
    let detail = problem["detail"].as_str().unwrap_or_default();
    status != 405 && !(status == 404 && detail.starts_with("there is nothing at"))
}

#[tokio::test]
async fn every_method_that_is_described_is_answered_and_no_other() {
    // Where a function is off, no method of its addresses tells whether there is one.
    let site = Files::new(false, &GUARDS).await;
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address = path.replace("{id}", "probe").replace("{window}", "probe");
        let address = address.strip_prefix("/api/").unwrap();
        for method in METHODS {
            let is_described = methods.get(method.to_lowercase()).is_some();
            let found = is_routed(&site, method, address).await;
            assert_eq!(found, is_described, "{method} {path}");
        }
    }
    for address in ["datasetz", "keys", "keys/init", "encrypt/x", "tables/x/marks", BELOW_A_COMMIT]
    {
        for method in METHODS {
            assert!(!is_routed(&site, method, address).await, "{method} {address}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_worker_answers_as_the_document_says() {
    if std::env::var("LAKEHAND_TEST_PYTHON").is_ok_and(|value| value == "off") {
        println!("skipped: LAKEHAND_TEST_PYTHON is off");
        return;
    }
    let site = Site::new().await;
    let schemathesis = root().join("target/python/bin/schemathesis");
    assert!(schemathesis.exists(), "schemathesis is not there; run tests/run, which installs it");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("openapi.json"), keyless(document()).to_string()).unwrap();
    let run = tokio::process::Command::new(schemathesis)
        .arg("--config-file")
        .arg(root().join("tests/schemathesis.toml"))
        .args(["run", "openapi.json", "--url", &site.worker.address("").replace("/api/", "")])
        .current_dir(folder.path())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, run).await;
    let output = output.expect("schemathesis did not end; it was killed").unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
}

/// It takes less than a minute on two cores.
const DEADLINE: Duration = Duration::from_secs(300);

/// The document without the function's key: the host asks for it, and not the worker.
fn keyless(mut document: Value) -> Value {
    for methods in document["paths"].as_object_mut().unwrap().values_mut() {
        for operation in methods.as_object_mut().unwrap().values_mut() {
            operation.as_object_mut().unwrap().remove("security");
        }
    }
    document["components"].as_object_mut().unwrap().remove("securitySchemes");
    document
}
