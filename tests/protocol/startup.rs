//! From the start of the process to its first answer.

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
};

use super::worker::{App, Ended};

const FIRST: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";
const SECOND: &str = "FUNCTIONS_HTTPWORKER_PORT";

/// Text that is secret in the settings of these tests.
const SECRETS: [&str; 3] = ["c2VjcmV0", "my-vault", "sv=2024"];

/// The host must start the worker again, count it as a failure, and show why.
fn refused_to_start(ended: &Ended) -> String {
    assert!(!matches!(ended.status.code(), None | Some(0 | 200)), "{:?}", ended.status);
    let text = ended.text();
    for secret in SECRETS {
        assert!(!text.contains(secret), "`{secret}` is in the output:\n{text}");
    }
    assert!(ended.stdout.iter().all(|line| line.starts_with('{') && line.ends_with('}')));
    ended.stderr.join("\n")
}

#[test]
fn readiness_needs_no_invocation_and_no_configuration() {
    let app = App::new();
    fs::remove_file(app.path("lakehand.toml")).unwrap();
    let worker = app.start();
    let answer = worker.ask("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    assert_eq!(answer.status, 200);
    answer.object();
}

#[test]
fn the_port_comes_from_the_first_name_that_is_set() {
    let app = App::new();
    drop(app.start_by(&[FIRST], &[(SECOND, "1")]));
    drop(app.start_by(&[FIRST], &[]));
    drop(app.start_by(&[SECOND], &[]));
    drop(app.start_by(&[SECOND], &[(FIRST, "")]));
}

#[test]
fn without_a_port_it_is_7071() {
    let app = App::new();
    if TcpListener::bind((Ipv4Addr::LOCALHOST, 7071)).is_err() {
        return println!("skipped: port 7071 is taken");
    }
    let mut worker = app.spawn(&[]);
    worker.port = 7071;
    match worker.ready() {
        Ok(()) => assert!(worker.printed("7071")),
        Err(ended) => {
            let text = ended.text();
            assert!(text.contains("127.0.0.1:7071"), "{text}");
            println!("skipped: port 7071 was taken meanwhile");
        }
    }
}

#[test]
fn only_the_ipv4_loopback_address_is_bound() {
    let app = App::new();
    let worker = app.start();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, worker.port)).is_ok());
    assert!(TcpStream::connect((Ipv4Addr::new(127, 0, 0, 2), worker.port)).is_err());
    assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, worker.port)).is_err());
}

#[test]
fn every_problem_is_reported_at_once_by_name_with_an_example_and_no_secret() {
    let app = App::new();
    let ended = app.fail(&[
        (FIRST, "eighty"),
        ("LAKEHAND_STORAGE", "DefaultEndpointsProtocol=https;AccountName=lake;AccountKey=c2VjcmV0!;EndpointSuffix=core.windows.net"),
        ("LAKEHAND_LANDING", "Not_A_Container"),
        ("LAKEHAND_QUEUE", "-"),
        ("LAKEHAND_CONFIG", "blob:nowhere"),
        ("LAKEHAND_LEDGER_DAYS", "0"),
        ("LAKEHAND_RUN_DAYS", "1.5"),
        ("LAKEHAND_COSMOS", "lake"),
        ("LAKEHAND_COSMOS_DATABASE", "a/b"),
        ("LAKEHAND_ARCHIVE", "@Microsoft.KeyVault(SecretUri=https://my-vault.vault.azure.net/secrets/archive)"),
        ("AzureFunctionsJobHost__functionTimeout", "ten minutes"),
    ]);
    let said = refused_to_start(&ended);
    for name in [
        FIRST,
        "LAKEHAND_STORAGE",
        "LAKEHAND_LANDING",
        "LAKEHAND_QUEUE",
        "LAKEHAND_CONFIG",
        "LAKEHAND_LEDGER_DAYS",
        "LAKEHAND_RUN_DAYS",
        "LAKEHAND_COSMOS",
        "LAKEHAND_COSMOS_DATABASE",
        "LAKEHAND_ARCHIVE",
        "AzureFunctionsJobHost__functionTimeout",
    ] {
        assert!(said.contains(&format!("{name}: ")), "{name} is not named:\n{said}");
        assert!(said.contains(&format!("(for example {name}=")), "no example of {name}:\n{said}");
        assert!(ended.stdout.iter().any(|line| line.contains(name)), "{name} is not in the log");
    }
    assert_eq!(ended.stderr.len(), 11, "one line for each problem:\n{said}");
}

#[test]
fn a_storage_that_cannot_be_meant_is_named_without_its_secrets() {
    let app = App::new();
    let endpoint = "https://lake.blob.core.windows.net/?sv=2024-11-04&sig=c2VjcmV0";
    let table = [
        (
            "LAKEHAND_STORAGE",
            "@Microsoft.KeyVault(SecretUri=https://my-vault.vault.azure.net/secrets/c2VjcmV0)",
        ),
        ("LAKEHAND_STORAGE", "c2VjcmV0LWtleQ=="),
        ("LAKEHAND_STORAGE", "c2VjcmV0"),
        ("LAKEHAND_STORAGE", "AccountKey=c2VjcmV0LWtleQ=="),
        ("LAKEHAND_STORAGE", "BlobEndpoint=c2VjcmV0;AccountName=lake;AccountKey=c2VjcmV0LWtleQ=="),
        ("LAKEHAND_STORAGE", endpoint),
        ("LAKEHAND_STORAGE__blobServiceUri", "c2VjcmV0"),
        ("LAKEHAND_STORAGE__credential", "c2VjcmV0"),
    ];
    for setting in table {
        let ended = app.fail(&[(FIRST, "0"), setting]);
        let said = refused_to_start(&ended);
        assert!(said.contains("LAKEHAND_STORAGE"), "{setting:?}:\n{said}");
        assert_eq!(ended.stderr.len(), 1, "{setting:?} is reported once:\n{said}");
    }
}

#[test]
fn no_storage_at_all_is_a_problem_with_two_ways_out() {
    let app = App::new();
    let said = refused_to_start(&app.fail(&[(FIRST, "0"), ("LAKEHAND_LAKE", "")]));
    assert!(said.contains("LAKEHAND_STORAGE: is missing"), "{said}");
    assert!(said.contains("LAKEHAND_LAKE"), "{said}");
}

#[test]
fn a_lake_that_cannot_be_opened_is_a_failure() {
    let app = App::new();
    let file = app.path("lakehand.toml");
    let said =
        refused_to_start(&app.fail(&[(FIRST, "0"), ("LAKEHAND_LAKE", file.to_str().unwrap())]));
    assert!(said.contains("lakehand.toml"), "{said}");
}
