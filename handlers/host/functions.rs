//! The Functions of this app as the host finds them: one `function.json` each, embedded, so that
//! `lakehand dev` and `lakehand package` need no source tree.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::settings::{Environment, Problem};

/// What the host reads first, from the app root.
pub const HOST_JSON: &str = include_str!("../../host.json");

/// One Function: the name of its folder and the text of its `function.json`.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The folder's name, with its case; a JSON invocation is a `POST /{name}`.
    pub name: &'static str,
    /// The text of `function.json`.
    pub definition: &'static str,
}

/// Every Function of the app, in the order of their names.
pub const FUNCTIONS: &[Function] = &[
    Function { name: "alerts", definition: include_str!("../../functions/alerts/function.json") },
    Function {
        name: "datasets",
        definition: include_str!("../../functions/datasets/function.json"),
    },
    Function { name: "decrypt", definition: include_str!("../../functions/decrypt/function.json") },
    Function {
        name: "drain_alerts",
        definition: include_str!("../../functions/drain_alerts/function.json"),
    },
    Function { name: "encrypt", definition: include_str!("../../functions/encrypt/function.json") },
    Function {
        name: "freshness",
        definition: include_str!("../../functions/freshness/function.json"),
    },
    Function { name: "health", definition: include_str!("../../functions/health/function.json") },
    Function { name: "keys", definition: include_str!("../../functions/keys/function.json") },
    Function {
        name: "not_found",
        definition: include_str!("../../functions/not_found/function.json"),
    },
    Function { name: "openapi", definition: include_str!("../../functions/openapi/function.json") },
    Function {
        name: "route_blob",
        definition: include_str!("../../functions/route_blob/function.json"),
    },
    Function {
        name: "route_event",
        definition: include_str!("../../functions/route_event/function.json"),
    },
    Function {
        name: "route_queue",
        definition: include_str!("../../functions/route_queue/function.json"),
    },
    Function { name: "runs", definition: include_str!("../../functions/runs/function.json") },
    Function { name: "status", definition: include_str!("../../functions/status/function.json") },
    Function {
        name: "sweep_landing",
        definition: include_str!("../../functions/sweep_landing/function.json"),
    },
    Function { name: "tables", definition: include_str!("../../functions/tables/function.json") },
    Function { name: "trace", definition: include_str!("../../functions/trace/function.json") },
    Function { name: "watch", definition: include_str!("../../functions/watch/function.json") },
];

/// The trigger of a Function: the one binding that starts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The binding's name, the key of its value in `Data`.
    pub name: String,
    /// What starts the Function.
    pub trigger: Trigger,
}

/// What starts a Function, with every `%SETTING%` replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A request under the route prefix.
    Http {
        /// The route without the prefix.
        route: String,
    },
    /// A blob in a container.
    Blob {
        /// The container.
        container: String,
        /// The name of the token that takes the blob's name, `path` for `{path}`.
        token: String,
    },
    /// A message in a queue.
    Queue {
        /// The queue.
        queue: String,
    },
    /// The clock.
    Timer {
        /// Six cron fields, seconds first.
        schedule: String,
    },
    /// An Event Grid delivery.
    EventGrid,
}

impl Function {
    /// The trigger, its settings resolved as the host does it.
    ///
    /// # Errors
    /// A setting that the definition uses and the environment lacks.
    pub fn binding(&self, environment: &Environment) -> Result<Binding, Problem> {
        let resolve = |text: String| resolve(&text, self.name, environment);
        let (name, trigger) = match self.raw_trigger() {
            RawBinding::HttpTrigger { name, route } => {
                let route = route.unwrap_or_else(|| self.name.to_owned());
                (name, Trigger::Http { route: resolve(route)? })
            }
            RawBinding::BlobTrigger { name, path } => (name, blob_trigger(&resolve(path)?)),
            RawBinding::QueueTrigger { name, queue_name } => {
                (name, Trigger::Queue { queue: resolve(queue_name)? })
            }
            RawBinding::TimerTrigger { name, schedule } => {
                (name, Trigger::Timer { schedule: resolve(schedule)? })
            }
            RawBinding::EventGridTrigger { name } => (name, Trigger::EventGrid),
            RawBinding::Output => unreachable!("raw_trigger returns triggers only"),
        };
        Ok(Binding { name, trigger })
    }

    /// Whether an app setting switches it off, as the host reads it.
    pub fn is_disabled(&self, environment: &Environment) -> bool {
        let setting = format!("AzureWebJobs.{}.Disabled", self.name);
        let value = environment.get(&setting).map(|value| value.trim());
        value.is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// Whether the host starts it: an app setting may switch it off, and a list of functions in
    /// `host.json`, whose entries app settings replace and add to, may leave it out.
    pub fn is_enabled(&self, host_json: &str, environment: &Environment) -> bool {
        let listed = listed(host_json, environment);
        let is_listed = listed.iter().any(|name| name.eq_ignore_ascii_case(self.name));
        (listed.is_empty() || is_listed) && !self.is_disabled(environment)
    }

    /// The address below `/api` at which requests start it.
    pub fn address(&self) -> Option<String> {
        match self.raw_trigger() {
            RawBinding::HttpTrigger { route, .. } => {
                Some(route.unwrap_or_else(|| self.name.to_owned()))
            }
            _ => None,
        }
    }

    /// Whether requests at this address below `/api` start it. The one that takes what no other
    /// takes starts at none.
    pub fn takes(&self, address: &str) -> bool {
        let Some(route) = self.address() else { return false };
        match route.strip_suffix("/{*path}") {
            Some(base) => {
                let rest = address.strip_prefix(base);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            None => address == route,
        }
    }

    fn raw_trigger(&self) -> RawBinding {
        let definition: Definition = serde_json::from_str(self.definition)
            .expect("every embedded function.json is read by a test");
        let mut bindings = definition.bindings.into_iter();
        bindings
            .find(|binding| !matches!(binding, RawBinding::Output))
            .expect("every embedded function.json has a trigger, says a test")
    }
}

/// The `functions` of `host.json`, by index, as app settings change them.
fn listed(host_json: &str, environment: &Environment) -> Vec<String> {
    let host: Value = serde_json::from_str(host_json).unwrap_or_default();
    let names = host["functions"].as_array().into_iter().flatten();
    let names = names.filter_map(|name| name.as_str().map(str::to_owned));
    let mut listed: BTreeMap<String, String> =
        names.enumerate().map(|(index, name)| (index.to_string(), name)).collect();
    for (setting, value) in environment.iter() {
        if let Some(index) = setting.strip_prefix("AzureFunctionsJobHost__functions__") {
            listed.insert(index.to_owned(), value.trim().to_owned());
        }
    }
    listed.into_values().collect()
}

#[derive(Deserialize)]
struct Definition {
    bindings: Vec<RawBinding>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum RawBinding {
    HttpTrigger {
        name: String,
        route: Option<String>,
    },
    BlobTrigger {
        name: String,
        path: String,
    },
    #[serde(rename_all = "camelCase")]
    QueueTrigger {
        name: String,
        queue_name: String,
    },
    TimerTrigger {
        name: String,
        schedule: String,
    },
    EventGridTrigger {
        name: String,
    },
    #[serde(other)]
    Output,
}

/// Splits `container/{token}`. The host knows richer patterns; ours take every name.
fn blob_trigger(path: &str) -> Trigger {
    let (container, pattern) = path.split_once('/').unwrap_or((path, "{name}"));
    let token = pattern.trim_matches(['{', '}']);
    Trigger::Blob { container: container.to_owned(), token: token.to_owned() }
}

/// Replaces every `%SETTING%`, as the host does in binding values.
fn resolve(text: &str, function: &str, environment: &Environment) -> Result<String, Problem> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, setting, after)) = split_setting(rest) {
        let value = environment.get(setting).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| missing(setting, function))?;
        resolved.push_str(before);
        resolved.push_str(value);
        rest = after;
    }
    Ok(resolved + rest)
}

fn split_setting(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('%')?;
    let (setting, after) = rest.split_once('%')?;
    Some((before, setting, after))
}

fn missing(setting: &str, function: &str) -> Problem {
    let example = match setting {
        "LAKEHAND_LANDING" => "landing",
        "LAKEHAND_QUEUE" => "lakehand-events",
        _ => "value",
    };
    Problem::new(
        setting,
        format!("is missing, and the function `{function}` cannot start without it"),
        example,
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    fn environment() -> Environment {
        let values = [("LAKEHAND_LANDING", "arrivals"), ("LAKEHAND_QUEUE", "events")];
        values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    fn binding(name: &str) -> Result<Binding, Problem> {
        let function = FUNCTIONS.iter().find(|function| function.name == name).unwrap();
        function.binding(&environment())
    }

    #[test]
    fn every_folder_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions");
        let folders: BTreeSet<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let embedded: BTreeSet<String> = FUNCTIONS.iter().map(|f| f.name.to_owned()).collect();
        assert_eq!(folders, embedded);
        for function in FUNCTIONS {
            let file = folder.join(function.name).join("function.json");
            assert_eq!(fs::read_to_string(file).unwrap(), function.definition);
        }
    }

    #[test]
    fn every_function_has_one_trigger_and_no_script() {
        for function in FUNCTIONS {
            let definition: serde_json::Value = serde_json::from_str(function.definition).unwrap();
            let bindings = definition["bindings"].as_array().unwrap();
            let is_trigger = |binding: &&serde_json::Value| {
                binding["type"].as_str().is_some_and(|kind| kind.ends_with("Trigger"))
            };
            assert_eq!(bindings.iter().filter(is_trigger).count(), 1, "{}", function.name);
            assert!(definition.get("scriptFile").is_none(), "{}", function.name);
            function.binding(&environment()).unwrap();
        }
    }

    #[test]
    fn settings_are_resolved_in_binding_values() {
        let blob = Trigger::Blob { container: "arrivals".to_owned(), token: "path".to_owned() };
        assert_eq!(binding("route_blob").unwrap().trigger, blob);
        let queue = Trigger::Queue { queue: "events".to_owned() };
        assert_eq!(
            binding("route_queue").unwrap(),
            Binding { name: "message".to_owned(), trigger: queue }
        );
    }

    #[test]
    fn a_missing_setting_is_named_with_an_example() {
        let function = FUNCTIONS.iter().find(|f| f.name == "route_queue").unwrap();
        let problem = function.binding(&Environment::new()).unwrap_err().to_string();
        assert!(problem.contains("LAKEHAND_QUEUE=lakehand-events"), "{problem}");
        assert!(problem.contains("route_queue"), "{problem}");
    }

    #[test]
    fn only_what_is_guarded_is_off_until_a_setting_adds_it_to_the_list() {
        let enabled = |settings: &[(&str, &str)]| -> Vec<_> {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let environment: Environment = settings.iter().map(own).collect();
            let off = FUNCTIONS.iter().filter(|it| !it.is_enabled(HOST_JSON, &environment));
            off.map(|function| function.name).collect()
        };
        let [decrypt, keys] =
            ["AzureFunctionsJobHost__functions__99", "AzureFunctionsJobHost__functions__98"];
        assert_eq!(enabled(&[]), ["decrypt", "keys"]);
        assert_eq!(enabled(&[(decrypt, "Decrypt"), (keys, "keys")]), [""; 0]);
        assert_eq!(enabled(&[(keys, "keys")]), ["decrypt"]);
        let first = "AzureFunctionsJobHost__functions__0";
        assert_eq!(enabled(&[(first, "decrypt")]), ["alerts", "keys"]);
        assert_eq!(enabled(&[("AzureWebJobs.trace.Disabled", "1")]), ["decrypt", "keys", "trace"]);
    }

    #[test]
    fn a_function_takes_all_addresses_below_its_own() {
        let taken_by = |address: &str| -> Vec<_> {
            FUNCTIONS.iter().filter(|it| it.takes(address)).map(|it| it.name).collect()
        };
        for address in ["tables", "tables/", "tables/a/windows/b/commit"] {
            assert_eq!(taken_by(address), ["tables"], "{address}");
        }
        assert_eq!(taken_by("trace"), ["trace"]);
        for address in ["", "tablespoon", "trace/x", "Tables", "x/tables"] {
            assert_eq!(taken_by(address), [""; 0], "{address}");
        }
    }

    #[test]
    fn a_single_percent_sign_is_text() {
        assert_eq!(resolve("a%b", "f", &Environment::new()).unwrap(), "a%b");
        assert_eq!(
            resolve("%LAKEHAND_QUEUE%-%LAKEHAND_LANDING%!", "f", &environment()).unwrap(),
            "events-arrivals!"
        );
    }

    #[test]
    fn a_route_defaults_to_the_function_name() {
        let definition = r#"{"bindings": [{"type": "httpTrigger", "name": "req"}]}"#;
        let function = Function { name: "orders", definition };
        let route = Trigger::Http { route: "orders".to_owned() };
        assert_eq!(function.binding(&Environment::new()).unwrap().trigger, route);
    }
}
