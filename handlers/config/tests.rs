//! What is read, and how every fault is told.

mod alerts;

use super::*;
use crate::routing::route::{Action, OnConflict};

fn parse_with(
    text: &str,
    settings: &[(&str, &str)],
    own: Option<&str>,
) -> Result<Config, Vec<String>> {
    let environment: Environment =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let around = Surroundings { environment: &environment, landing: "landing", own_container: own };
    Config::parse(text, &around)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn problems(text: &str) -> Vec<String> {
    parse_with(text, &[], None).unwrap_err()
}

const ROUTE: &str =
    "[[route]]\nname = \"all\"\nfrom = \"landing/{file...}\"\nto = \"processing/{file}\"\n";

/// Each expected problem is a place and a piece of its text.
fn assert_problems(found: &[String], expected: &[(&str, &str)]) {
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (problem, (place, text)) in found.iter().zip(expected) {
        assert!(problem.starts_with(&format!("{place}: ")) && problem.contains(text), "{problem}");
    }
}

#[test]
fn the_example_is_valid_and_shows_every_kind_of_route() {
    let config = parse_with(include_str!("../../lakehand.toml"), &[], None).unwrap();
    let [drives, contracts, tables] = &config.routes[..] else { panic!("three routes") };
    assert_eq!(drives.complete.as_ref().unwrap().settle, Duration::from_secs(2));
    assert_eq!((drives.on_conflict, drives.tier.as_deref()), (OnConflict::Version, Some("Cool")));
    assert_eq!((contracts.action, contracts.tags.len()), (Action::Copy, 2));
    assert_eq!(tables.on_conflict, OnConflict::Replace);
    assert_eq!(config.landing.parallel, 5);
}

#[test]
fn an_empty_file_is_refused_and_a_route_is_enough() {
    for empty in ["", "# rules\n", "[landing]\nparallel = 3\n"] {
        assert_problems(&problems(empty), &[("1:1", "there is no [[route]]")]);
    }
    let config = parse_with(ROUTE, &[], None).unwrap();
    assert!(config.is_landing("landing"));
    assert_eq!(config.landing.quarantine.text(), QUARANTINE);
}

#[test]
fn all_problems_are_found_in_one_go_with_their_places() {
    let text = r#"
[landing]
containers = ["landing", "Landing"]
parallel = 0
settel = "5s"

[[route]]
name = "Bad Name"
from = "elsewhere/{file...}"
to = "landing/{file}"
on_conflict = "overwrite"

[[route]]
from = "landing/{a}/{a}"
to = 3
tier = "Warm"
when = { extension = [1], colour = "red" }

[[rout]]
"#;
    assert_problems(
        &problems(text),
        &[
            ("3:26", "`Landing` is not a container name"),
            ("4:12", "whole number from 1 to 64"),
            ("5:1", "did you mean `settle`?"),
            ("8:8", "lower-case letters"),
            ("9:8", "`elsewhere` is no landing container"),
            ("10:6", "routed again, for ever"),
            ("11:15", "\"fail\", \"replace\", \"version\""),
            ("13:1", "`name` is missing"),
            ("14:8", "`{a}` appears twice"),
            ("15:6", "a string is needed"),
            ("16:8", "\"Archive\""),
            ("17:23", "a string or a list of strings"),
            ("17:27", "`colour` is not a field"),
            ("19:3", "did you mean `route`?"),
        ],
    );
}

#[test]
fn faults_of_syntax_have_places_too() {
    let found = problems("[landing]\ncontainers = [\"a\n\n[[route]]\nname = \n");
    assert!(found.len() >= 2 && found[0].starts_with("2:"), "{found:?}");
}

#[test]
fn a_dataset_needs_an_open_end_and_moves() {
    let route = "[[route]]\nname = \"a\"\nfrom = \"landing/{file}\"\nto = \"out/{file}\"\n";
    let text = format!("{route}complete = \".done\"\naction = \"copy\"\n");
    assert_problems(&problems(&text), &[("1:1", "open capture"), ("1:1", "files move")]);
}

#[test]
fn an_original_is_not_replaced() {
    let text = "[[route]]\nname = \"a\"\nfrom = \"landing/{f...}\"\nto = \"out/ORIGINAL/{f}\"\non_conflict = \"replace\"\n";
    assert_problems(&problems(text), &[("1:1", "never overwritten")]);
}

#[test]
fn names_are_unique() {
    let route = "[[route]]\nname = \"a\"\nfrom = \"landing/{file}\"\nto = \"out/{file}\"\n";
    assert_problems(&problems(&route.repeat(2)), &[("5:1", "named twice")]);
}

#[test]
fn the_container_of_the_configuration_is_out_of_reach() {
    let text = "[[route]]\nname = \"a\"\nfrom = \"landing/{f...}\"\nto = \"rules/{f}\"\n";
    let own = |own| parse_with(text, &[], Some(own)).unwrap_err();
    assert_problems(&own("rules"), &[("4:6", "holds this configuration")]);
    assert_problems(&own("landing"), &[("1:1", "holds this configuration")]);
    assert_problems(&own("quarantine"), &[("1:1", "holds this configuration")]);
    let by_capture = text.replace("{f...}", "{c}/{f...}").replace("rules/{f}", "{c}/{f}");
    let config = parse_with(&by_capture, &[], Some("rules")).unwrap();
    let allows = |target: &str| config.allows_target(target.parse().unwrap()).is_ok();
    assert!(!allows("rules/x") && !allows("landing/x"));
    assert!(allows("out/x"));
}

const KEY: &str = "c2VjcmV0";

#[test]
fn an_account_is_named_by_its_setting_and_never_written_down() {
    let connection = format!(
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY};EndpointSuffix=core.windows.net"
    );
    let settings = [("LAKEHAND_ARCHIVE", connection.as_str()), ("AzureWebJobsStorage", "x")];
    let read = |value: &str| {
        let text = format!("[[account]]\nname = \"archive\"\nconnection = \"{value}\"\n{ROUTE}");
        parse_with(&text, &settings, None)
    };
    let config = read("%LAKEHAND_ARCHIVE%").unwrap();
    assert!(!format!("{config:?}").contains(KEY));
    for value in [
        "%AzureWebJobsStorage%",
        "%LAKEHAND_ARCHIVE%/x",
        "https://evil.example/?%LAKEHAND_ARCHIVE%",
        "%LAKEHAND_ARCHIVE%%LAKEHAND_ARCHIVE%",
        "LAKEHAND_ARCHIVE",
        "%PATH%",
        connection.as_str(),
    ] {
        let found = read(value).unwrap_err();
        assert!(found[0].starts_with("3:14: a secret is never written here"), "{found:?}");
        assert!(!found[0].contains(KEY));
    }
    assert!(read("%LAKEHAND_OTHER%").unwrap_err()[0].contains("LAKEHAND_OTHER is missing"));
}

#[test]
fn settings_are_not_expanded_in_templates() {
    let text = "[[route]]\nname = \"a\"\nfrom = \"landing/%LAKEHAND_ARCHIVE%/{f}\"\nto = \"out/%LAKEHAND_ARCHIVE%/{f}\"\n";
    let config = parse_with(text, &[("LAKEHAND_ARCHIVE", "secret")], None).unwrap();
    assert_eq!(config.routes[0].to.text(), "out/%LAKEHAND_ARCHIVE%/{f}");
    assert_eq!(config.routes[0].from.text(), "landing/%LAKEHAND_ARCHIVE%/{f}");
}

#[test]
fn sizes_and_spans_have_units() {
    let text = "[[route]]\nname = \"a\"\nfrom = \"landing/{f}\"\nto = \"out/{f}\"\nwhen = { min_size = 5, max_size = \"2 GiB\" }\n";
    let when = &parse_with(text, &[], None).unwrap().routes[0].when;
    assert_eq!((when.min_size, when.max_size), (Some(5), Some(2 << 30)));
    for (bad, message) in [
        ("settle = \"5\"", "\"30s\""),
        ("settle = 5", "a string is needed"),
        ("settle = \"99999999999999999999d\"", "\"30s\""),
    ] {
        let found = problems(&format!("[landing]\n{bad}\n"));
        assert!(found[0].contains(message), "{found:?}");
    }
}

#[test]
fn a_route_protects_by_a_policy_that_is_there() {
    let rules = r#"
[[policy]]
name = "pii"
key = "pii"
columns = [{ name = "email", method = "randomized" }]

[[route]]
name = "a"
from = "landing/{file...}"
to = "out/{file}"
"#;
    let with = |more: &str| parse_with(&format!("{rules}{more}\n"), &[], None);
    let config =
        with("protect = \"pii\"\noriginal = \"kept/{file}\"\ncsv = { delimiter = \";\" }").unwrap();
    let protect = config.routes[0].protect.as_ref().unwrap();
    assert_eq!((protect.policy.name.as_str(), protect.csv.delimiter), ("pii", ';'));
    assert_eq!(config.keys(), ["pii"]);
    for (more, text) in [
        ("protect = \"pi\"", "no [[policy]] named `pi`"),
        ("original = \"kept/{file}\"", "for routes with `protect`"),
        ("protect = \"pii\"\noriginal = \"landing/{file}\"", "landing container"),
        ("protect = \"pii\"\noriginal = \"kept/{file}\"\naction = \"copy\"", "the source stays"),
        ("protect = \"pii\"\ncsv = { delimiter = \"ab\" }", "one character"),
    ] {
        let found = with(more).unwrap_err();
        assert!(found.iter().any(|problem| problem.contains(text)), "{more}: {found:?}");
    }
}

#[test]
fn a_table_says_what_is_read_of_it() {
    let config = parse_with(include_str!("../../lakehand.toml"), &[], None).unwrap();
    let [orders] = &config.tables[..] else { panic!("one table") };
    assert_eq!((orders.schema().as_str(), orders.spec.table.as_str()), ("sales", "orders"));
    assert_eq!(orders.incremental().unwrap().lag, Duration::from_secs(300));
    assert_eq!(orders.freshness, Some(Duration::from_secs(3_600)));
    assert_eq!(config.sinks, ["bronze"]);

    let named = "[[table]]\nname = \"x.y\"\ntable = \"z\"\nschema = \"s\"\n";
    let config = parse_with(&format!("{ROUTE}{named}"), &[], None).unwrap();
    let table = &config.tables[0];
    let found = (table.id.as_str(), table.schema(), table.spec.table.as_str());
    assert_eq!(found, ("x.y", "s".to_owned(), "z"));
}

#[test]
fn everything_that_is_wrong_with_a_table_has_a_place() {
    let text = format!(
        "{ROUTE}[ingestion]\nsinks = [\"B\"]\n\
         [[table]]\nname = \"a\"\nslo = 1\ncolour = \"red\"\n\
         [[table]]\nname = \"a/b\"\ntime_zone = \"Mars\"\nwatermark = {{ column = \"c\", type = \"t\", lag = \"5\" }}\n\
         [[table]]\nname = \"c\"\n\
         [[table]]\nname = \"c\"\ndialect = \"oracle\"\n\
         [[table]]\nmode = \"incremental\"\n"
    );
    let found = problems(&text);
    for (place, text) in [
        ("6:10", "is not a container name"),
        ("9:7", "`slo` must be a number above 0 and below 1"),
        ("10:1", "`colour` is not a field"),
        ("11:1", "`id`: has a `/`"),
        ("11:1", "`time_zone`: must be a time zone"),
        ("11:1", "`watermark.type`: `t` is no type"),
        ("11:1", "`watermark.lag`: must be a time span"),
        ("17:1", "the table `c` is named twice"),
        ("19:11", "`dialect` must be one of"),
        ("20:1", "`name` is missing"),
    ] {
        let is_it = |it: &String| it.starts_with(&format!("{place}: ")) && it.contains(text);
        assert!(found.iter().any(is_it), "{place} {text}: {found:#?}");
    }
}

#[test]
fn what_a_route_promises_of_its_datasets() {
    let dataset = ROUTE.replace("landing/{file...}", "landing/{d}/{file...}")
        + "complete = \".done\"\nfreshness = \"1d\"\nslo = 0.99\n";
    let config = parse_with(&dataset, &[], None).unwrap();
    let completion = config.routes[0].complete.as_ref().unwrap();
    assert_eq!(completion.freshness, Some(Duration::from_secs(86_400)));
    assert_eq!(completion.slo, Some(0.99));
    let plain = format!("{ROUTE}slo = 0.9\n");
    assert_problems(&problems(&plain), &[("1:1", "for routes with `complete`")]);
}
