//! The commands that print and end, as a user types them.

use std::{
    path::Path,
    process::{Command, Output},
};

fn run(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lakehand"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(settings.iter().copied())
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn folder_with(configuration: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lakehand.toml"), configuration).unwrap();
    folder
}

const EXAMPLE: &str = include_str!("../lakehand.toml");

#[test]
fn check_accepts_the_example_without_any_setting() {
    let folder = folder_with(EXAMPLE);
    let output = run(folder.path(), &["check"], &[]);
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(out(&output).trim(), "./lakehand.toml: 3 routes, no problems");
}

#[test]
fn check_reports_settings_and_configuration_together() {
    let folder = folder_with("[landing]\nparallel = 0\n\n[[route]]\nname = \"a\"\n");
    let settings = [
        ("LAKEHAND_LANDING", "No"),
        ("LAKEHAND_LEDGER_DAYS", "x"),
        ("LAKEHAND_STORAGE", "@Microsoft.KeyVault(SecretUri=https://v)"),
    ];
    let output = run(folder.path(), &["check"], &settings);
    assert_eq!(output.status.code(), Some(1));
    let problems = err(&output);
    for expected in [
        "LAKEHAND_LANDING:",
        "LAKEHAND_LEDGER_DAYS:",
        "LAKEHAND_STORAGE:",
        "lakehand.toml:2:12:",
        "lakehand.toml:4:1:",
    ] {
        assert!(problems.contains(expected), "{expected} in {problems}");
    }
}

#[test]
fn check_explains_where_a_name_goes_and_why() {
    let folder = folder_with(EXAMPLE);
    let explain = |blob: &str| out(&run(folder.path(), &["check", blob], &[]));
    let text = explain("landing/sales/2026/x.csv");
    for line in [
        "not drives: the name does not start with `landing/drives/`",
        "not contracts: the name does not start with `landing/contracts/`",
        "route tables takes it",
        "{dataset} = sales",
        "{file} = 2026/x.csv",
        "-> processing/sales/",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(explain("landing/drives/q1/a.bin").contains("waits for a marker that ends in `.done`"));
    assert!(explain("landing/drives/q1/a.bin").contains("in tier Cool"));
    let contract = explain("landing/contracts/acme/x.pdf");
    for deed in ["tagged customer = acme", "also stays where it landed"] {
        assert!(contract.contains(deed), "{deed} in {contract}");
    }
    assert!(explain("landing/x.exe").contains("goes to the quarantine"));
    assert!(explain("other/x.csv").contains("`other` is not a landing container"));
}

#[test]
fn check_imagines_the_blob_it_is_told_of() {
    let folder = folder_with(
        r#"
        [[route]]
        name = "big"
        from = "landing/{file...}"
        to = "out/{file}"
        when = { min_size = "10 MiB", metadata = { source = "portal" } }
        "#,
    );
    let explain = |arguments: &[&str]| {
        out(&run(folder.path(), &[&["check", "landing/x"], arguments].concat(), &[]))
    };
    assert!(explain(&["--size", "10MiB", "--metadata", "source=portal"]).contains("-> out/x"));
    assert!(explain(&["--size", "10MiB"]).contains("not big"));
    assert!(explain(&["--metadata", "source=portal"]).contains("not big"));
    let wrong = run(folder.path(), &["check", "landing/x", "--size", "10 parsecs"], &[]);
    assert!(err(&wrong).contains("10MiB"), "{}", err(&wrong));
}

#[test]
fn a_wrong_log_filter_is_named_with_the_other_problems() {
    let folder = folder_with(EXAMPLE);
    let output = run(folder.path(), &["check"], &[("LAKEHAND_LOG", "info=loud=very")]);
    assert!(err(&output).contains("LAKEHAND_LOG: is no filter"), "{}", err(&output));
}

#[test]
fn trace_tells_what_it_knows_and_says_when_it_knows_nothing() {
    let folder = folder_with(EXAMPLE);
    let output = run(folder.path(), &["trace", "landing/never"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("there is no ledger in lake"), "{}", err(&output));
    assert!(!folder.path().join("lake").exists(), "a question makes nothing");
    std::fs::create_dir_all(folder.path().join("lake/.lakehand")).unwrap();
    let output = run(folder.path(), &["trace", "landing/never"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("does not know landing/never"));
}

#[test]
fn keys_are_made_once_and_rotated_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |verb: &str| {
        run(folder.path(), &["keys", verb, "--keyring", "keyring.json", "--key", "pii"], &[])
    };
    assert_eq!(keys("rotate").status.code(), Some(1), "there is none yet");
    assert_eq!(out(&keys("init")).trim(), "keyring.json: key pii, version 1");
    assert!(err(&keys("init")).contains("has it already"));
    assert_eq!(out(&keys("rotate")).trim(), "keyring.json: key pii, version 2");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(folder.path().join("keyring.json")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn wrong_use_ends_with_2_and_help_shows_examples() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["chekc"][..], &["trace"], &["check", "no-slash"], &["dev", "--port", "x"]] {
        assert_eq!(run(folder.path(), arguments, &[]).status.code(), Some(2), "{arguments:?}");
    }
    let help = run(folder.path(), &["--help"], &[]);
    assert!(help.status.success() && out(&help).contains("lakehand check landing/sales/x.csv"));
}

#[test]
fn init_cosmos_says_what_to_set() {
    let folder = folder_with(EXAMPLE);
    let output = run(folder.path(), &["init-cosmos", "--serverless"], &[]);
    assert!(!output.status.success() && err(&output).contains("LAKEHAND_COSMOS is not set"));
    let settings = [("LAKEHAND_COSMOS", "lake"), ("LAKEHAND_COSMOS_DATABASE", "a/b")];
    let output = run(folder.path(), &["init-cosmos"], &settings);
    let told = err(&output);
    assert!(!output.status.success());
    assert!(
        told.contains("LAKEHAND_COSMOS: ") && told.contains("LAKEHAND_COSMOS_DATABASE"),
        "{told}"
    );
    let nowhere = "AccountEndpoint=http://127.0.0.1:1;AccountKey=c2VjcmV0LWtleQ==";
    let output = run(folder.path(), &["init-cosmos"], &[("LAKEHAND_COSMOS", nowhere)]);
    let told = err(&output);
    assert!(!output.status.success() && told.contains("cannot make"), "{told}");
    assert!(!told.contains("c2VjcmV0LWtleQ"), "{told}");
}

const CHANNEL: &str = "
[[channel]]
name = \"on-call\"
kind = \"webhook\"
url = \"%LAKEHAND_HOOK%\"

[alerts]
loopback = true
";

#[test]
fn alert_previews_a_payload_without_any_setting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.json"), r#"{"pipelineName": "ingest", "error": "no"}"#)
        .unwrap();
    let output = run(folder.path(), &["alert", "preview", "x.json", "--channel", "teams"], &[]);
    let card: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(card["attachments"][0]["content"]["type"], "AdaptiveCard");
    let output = run(folder.path(), &["alert", "preview", "x.json"], &[]);
    let all: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(all["incident"]["pipeline"], "ingest");
    assert!(!run(folder.path(), &["alert", "preview", "none.json"], &[]).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alert_tries_a_channel() {
    let hook = wiremock::MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(wiremock::ResponseTemplate::new(202))
        .mount(&hook)
        .await;
    let folder = folder_with(&format!("{EXAMPLE}{CHANNEL}"));
    let settings = [("LAKEHAND_HOOK", hook.uri())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let output = run(folder.path(), &["alert", "test", "on-call"], &settings);
    assert_eq!(out(&output).trim(), "on-call took the message", "{}", err(&output));
    let sent: serde_json::Value = hook.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(sent["kind"], "test");
    let output = run(folder.path(), &["alert", "test", "nobody"], &settings);
    assert_eq!(err(&output).trim(), "there is no channel \"nobody\"; there are: on-call");
}
