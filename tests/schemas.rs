//! The files that the Functions host reads, held against the schemas published for them and
//! against the host's rules that no schema knows.

use std::{collections::BTreeSet, fs, path::Path};

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

/// The HTTP functions and who may call them: the host checks a key for all but `anonymous`.
const HTTP: [(&str, &str); 13] = [
    ("alerts", "function"),
    ("datasets", "function"),
    ("decrypt", "function"),
    ("encrypt", "function"),
    ("freshness", "function"),
    ("health", "anonymous"),
    ("keys", "function"),
    ("not_found", "anonymous"),
    ("openapi", "function"),
    ("runs", "function"),
    ("status", "function"),
    ("tables", "function"),
    ("trace", "function"),
];

/// The other functions and their triggers.
const OTHERS: [(&str, &str); 6] = [
    ("watch", "timerTrigger"),
    ("drain_alerts", "timerTrigger"),
    ("route_blob", "blobTrigger"),
    ("route_event", "eventGridTrigger"),
    ("route_queue", "queueTrigger"),
    ("sweep_landing", "timerTrigger"),
];

const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> Value {
    let text = fs::read_to_string(root().join(name)).expect(name);
    serde_json::from_str(&text).expect(name)
}

fn bindings(function: &str) -> Vec<Value> {
    let definition = read(&format!("functions/{function}/function.json"));
    definition["bindings"].as_array().expect("bindings").clone()
}

fn all_functions() -> impl Iterator<Item = &'static str> {
    HTTP.into_iter().chain(OTHERS).map(|(name, _)| name)
}

/// Validates files against a schema of the folder beside the project, if it is there; it must refuse
/// what is `wrong`.
fn validate<'a>(name: &str, wrong: &Value, files: impl IntoIterator<Item = &'a str>) {
    let place = root().join("../shared/data/schemas").join(name);
    let Ok(text) = fs::read_to_string(&place) else {
        return println!("skipped: there is no {}", place.display());
    };
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    // Some say draft 4 and yet use `const`, which came with draft 6: by draft 4 alone a binding
    // for SQL would be anything.
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.add_resource(name, schema).unwrap();
    let index = compiler.compile(name, &mut schemas).unwrap();
    assert!(schemas.validate(wrong, index).is_err(), "{name} accepts {wrong}");
    for file in files {
        if let Err(error) = schemas.validate(&read(file), index) {
            panic!("{file}: {error}");
        }
    }
}

#[test]
fn host_json_keeps_its_schema() {
    let wrong = json!({"version": "2.0", "customHandler": {"forwardRequests": true}});
    validate("host.json", &wrong, ["host.json"]);
}

#[test]
fn every_function_json_keeps_its_schema() {
    let files: Vec<_> =
        all_functions().map(|name| format!("functions/{name}/function.json")).collect();
    let wrong = json!({"bindings": [{"type": "httpTrigger", "direction": "out", "name": "req"}]});
    validate("function.json", &wrong, files.iter().map(String::as_str));
}

#[test]
fn the_example_of_local_settings_keeps_its_schema() {
    let wrong = json!({"Values": ["FUNCTIONS_WORKER_RUNTIME=custom"]});
    validate("local.settings.json", &wrong, ["local.settings.json.example"]);
}

#[test]
fn there_are_no_other_functions() {
    let folders: BTreeSet<_> = fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, all_functions().map(str::to_owned).collect());
}

#[test]
fn the_host_passes_requests_on_as_they_are() {
    let host = read("host.json");
    assert_eq!(host["version"], "2.0");
    // A host of 2025 or later proxies; an older one ignores that key and forwards.
    assert_eq!(host["customHandler"]["enableForwardingHttpRequest"], true);
    assert_eq!(host["customHandler"]["enableProxyingHttpRequest"], true);
    // Only the prefix keeps callers away from the addresses of invocations.
    assert_eq!(host["extensions"]["http"]["routePrefix"], "api");
    // Event Grid writes plain JSON to a queue; a host that expects base64 throws it away.
    assert_eq!(host["extensions"]["queues"]["messageEncoding"], "none");
    assert_eq!(host["extensionBundle"]["id"], "Microsoft.Azure.Functions.ExtensionBundle");
    assert!(
        host["extensionBundle"]["version"].as_str().is_some_and(|range| range.starts_with('['))
    );
    let program = &host["customHandler"]["description"];
    assert_eq!(program["defaultExecutablePath"], "bin/lakehand");
    assert_eq!(program["arguments"], json!(["serve"]));
}

#[test]
fn the_host_forwards_a_function_with_one_trigger_and_one_answer_named_res() {
    for (function, level) in HTTP {
        let bindings = bindings(function);
        assert_eq!(bindings.len(), 2, "{function}");
        let (trigger, answer) = (&bindings[0], &bindings[1]);
        assert_eq!(trigger["type"], "httpTrigger", "{function}");
        assert_eq!(trigger["direction"], "in", "{function}");
        assert_eq!(trigger["authLevel"], level, "{function}");
        let route = match function {
            "not_found" => "{*path}",
            "openapi" => "openapi.json",
            "keys" => "keys/rewrap",
            "alerts" => "alerts/{*path}",
            "datasets" => "datasets/{*path}",
            "runs" => "runs/{*path}",
            "tables" => "tables/{*path}",
            function => function,
        };
        assert_eq!(trigger["route"], route, "{function}");
        let methods: BTreeSet<_> =
            trigger["methods"].as_array().unwrap().iter().map(|m| m.as_str().unwrap()).collect();
        assert_eq!(methods, METHODS.into(), "{function}: the worker answers 405 itself");
        assert_eq!(answer, &json!({"type": "http", "direction": "out", "name": "res"}));
    }
}

#[test]
fn the_other_functions_have_one_trigger_and_no_output() {
    for (function, kind) in OTHERS {
        let bindings = bindings(function);
        assert_eq!(bindings.len(), 1, "{function}");
        assert_eq!(bindings[0]["type"], kind, "{function}");
        assert_eq!(bindings[0]["direction"], "in", "{function}");
    }
}

#[test]
fn names_are_ones_that_the_host_takes() {
    let is_name = |name: &str, more: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.len() <= 128
            && name.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    for function in all_functions() {
        assert!(is_name(function, "_-") && function != "host", "{function}");
        let bindings = bindings(function);
        let names: BTreeSet<_> = bindings
            .iter()
            .map(|binding| binding["name"].as_str().unwrap().to_ascii_lowercase())
            .collect();
        assert!(names.iter().all(|name| is_name(name, "")), "{function}: {names:?}");
        assert_eq!(names.len(), bindings.len(), "{function}: a name is there twice");
    }
}

#[test]
fn the_example_of_local_settings_names_every_setting() {
    let example = read("local.settings.json.example");
    let named: BTreeSet<_> = example["Values"].as_object().unwrap().keys().cloned().collect();
    let mut used = BTreeSet::new();
    collect_settings(&root().join("handlers"), &mut used);
    collect_settings(&root().join("functions"), &mut used);
    // A hook of debug builds, for tests that kill the worker.
    used.remove("LAKEHAND_CRASH_AT");
    let ours = named.iter().filter(|name| name.starts_with("LAKEHAND_")).cloned().collect();
    assert_eq!(used, ours);
    for needed in ["FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"] {
        assert!(named.contains(needed), "{needed}");
    }
    assert!(example["Values"].as_object().unwrap().values().all(Value::is_string));
}

/// Finds the settings of ours that are read: in quotes, or in a function.json between percent signs.
fn collect_settings(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name == "tests" || name == "tests.rs") {
            continue;
        }
        if path.is_dir() {
            collect_settings(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let program = text.split("mod tests {").next().unwrap_or_default();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            let ends = if is_rust { &['"'][..] } else { &['"', '%'] };
            found.extend(program.split(ends).filter(|word| is_setting(word)).map(str::to_owned));
        }
    }
}

fn is_setting(word: &str) -> bool {
    let name = word.strip_prefix("LAKEHAND_").unwrap_or_default();
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}
