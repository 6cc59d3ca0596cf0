//! `lakehand encrypt`, `decrypt`, `inspect` and `keys`, as a user types them.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use super::PEOPLE;
use crate::parquet::{
    Bytes,
    files::read,
    fixtures::{RICH, everything},
};

fn run(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lakehand"))
        .args(arguments.split(' '))
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap()
}

pub(super) fn good(folder: &Path, arguments: &str) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn bad(folder: &Path, arguments: &str) -> String {
    let output = run(folder, arguments);
    assert!(!output.status.success(), "{arguments}");
    String::from_utf8(output.stderr).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("people.csv"), PEOPLE).unwrap();
    fs::write(folder.path().join("all.parquet"), everything(RICH).0).unwrap();
    good(folder.path(), "keys init --keyring k.json --key pii");
    folder
}

/// Every name in the folder, but for the lake.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "lake" && !name.ends_with(".lock"));
    names.sort();
    names
}

#[test]
fn a_text_file_goes_and_comes_back() {
    let folder = folder();
    let at = folder.path();
    let keys = "--key pii --keyring k.json";
    let rehearsed =
        good(at, "encrypt people.csv --columns email,note --method randomized --dry-run");
    assert!(rehearsed.contains("3 rows, 4 cells to protect, 2 nulls"), "{rehearsed}");
    assert_eq!(names(at), ["all.parquet", "k.json", "people.csv"]);
    good(
        at,
        &format!("encrypt people.csv out.csv --columns email,note --method randomized {keys}"),
    );
    let protected = fs::read_to_string(at.join("out.csv")).unwrap();
    assert!(!protected.contains("@x.org"), "{protected}");
    assert!(rehearsed.contains(&format!("become {}", protected.len())), "{rehearsed}");
    assert_eq!(names(at), ["_lakehand", "all.parquet", "k.json", "out.csv", "people.csv"]);
    let inspected = good(at, "inspect out.csv");
    assert!(inspected.contains("email  randomized  key pii, version 1"), "{inspected}");
    let json: Value = serde_json::from_str(&good(at, "inspect out.csv --json")).unwrap();
    assert_eq!(json["columns"][1]["path"], "note");

    // A new version of the key opens what the old one wrapped.
    good(at, "keys rotate --keyring k.json --key pii");
    good(at, "decrypt out.csv back.csv --keyring k.json");
    assert_eq!(fs::read_to_string(at.join("back.csv")).unwrap(), PEOPLE);
}

#[test]
fn a_parquet_file_goes_and_comes_back() {
    let folder = folder();
    let at = folder.path();
    let columns = "--columns email,customer.address.street --method deterministic";
    let rehearsed = good(at, &format!("encrypt all.parquet {columns} --dry-run"));
    assert!(rehearsed.contains("email  string"), "{rehearsed}");
    good(at, &format!("encrypt all.parquet out.parquet {columns} --key pii --keyring k.json"));
    assert!(good(at, "inspect out.parquet").contains("deterministic  key pii, version 1"));
    good(at, "decrypt out.parquet back.parquet --keyring k.json --columns email");
    let file = |name: &str| Bytes(fs::read(at.join(name)).unwrap());
    let (original, back) = (file("all.parquet"), file("back.parquet"));
    assert_eq!(read(&back, 24).unwrap(), read(&original, 24).unwrap());
    assert_ne!(read(&back, 30).unwrap(), read(&original, 30).unwrap());
}

#[test]
fn nothing_is_left_of_what_fails() {
    let folder = folder();
    let at = folder.path();
    fs::write(at.join("broken.csv"), "id,email\n1,a@x.org\n2\n").unwrap();
    let before = names(at);
    let keys = "--key pii --keyring k.json";
    for (arguments, text) in [
        (format!("encrypt people.csv out.csv --columns emial --method mask {keys}"), "did you mean `email`"),
        (format!("encrypt broken.csv out.csv --columns email --method randomized {keys}"), "line 3"),
        (format!("encrypt people.csv people.csv --columns email --method randomized {keys}"), "the source"),
        (format!("encrypt people.csv all.parquet --columns email --method randomized {keys}"), "--force"),
        (format!("encrypt none.csv out.csv --columns email --method randomized {keys}"), "none.csv"),
        ("encrypt people.csv out.csv --columns email --method randomized --key no --keyring k.json".to_owned(), "no"),
        ("encrypt people.csv out.csv --columns email --method randomized --key pii".to_owned(), "LAKEHAND_KEYRING"),
        ("decrypt people.csv out.csv --keyring k.json".to_owned(), "nothing says"),
    ] {
        let errors = bad(at, &arguments);
        assert!(errors.contains(text), "{arguments}: {errors}");
    }
    assert_eq!(names(at), before);
}

#[test]
fn a_key_is_revealed_only_on_purpose() {
    let folder = folder();
    let at = folder.path();
    good(
        at,
        "encrypt people.csv out.csv --columns email --method randomized --key pii --keyring k.json",
    );
    let errors = bad(at, "keys reveal out.csv --keyring k.json");
    assert!(errors.contains("--yes-reveal-the-key"), "{errors}");
    let revealed = good(at, "keys reveal out.csv --keyring k.json --yes-reveal-the-key");
    let (column, key) = revealed.trim().split_once("  ").unwrap();
    assert_eq!((column, key.len()), ("email", 44));
}

#[test]
fn keys_of_files_are_wrapped_anew() {
    let folder = folder();
    let at = folder.path();
    let keys = "--method randomized --key pii --keyring k.json";
    good(at, &format!("encrypt people.csv out.csv --columns email {keys}"));
    good(at, &format!("encrypt all.parquet out.parquet --columns email {keys}"));
    let before = ["out.csv", "out.parquet"].map(|name| fs::read(at.join(name)).unwrap());
    let rotated = good(at, "keys rotate --keyring k.json --key pii out.csv out.parquet");
    assert!(rotated.contains("out.parquet: under pii, version 2"), "{rotated}");
    assert_eq!(fs::read(at.join("out.csv")).unwrap(), before[0], "its sidecar has the key");
    let after = fs::read(at.join("out.parquet")).unwrap();
    let is_same = |end: usize| after[..end] == before[1][..end];
    assert!(is_same(before[1].len() * 3 / 4) && after != before[1]);
    for name in ["out.csv", "out.parquet"] {
        let inspected = good(at, &format!("inspect {name}"));
        assert!(inspected.contains("key pii, version 2"), "{inspected}");
    }
    let again = good(at, "keys rewrap out.csv out.parquet --keyring k.json");
    assert_eq!(again.matches("unchanged, pii, version 2").count(), 2, "{again}");
    let errors = bad(at, "keys rewrap people.csv out.csv --keyring k.json");
    assert!(errors.contains("people.csv: nothing says"), "{errors}");

    let ring = fs::read_to_string(at.join("k.json")).unwrap();
    let mut ring: Value = serde_json::from_str(&ring).unwrap();
    ring["keys"]["pii"]["versions"]["1"]["disabled"] = true.into();
    fs::write(at.join("k.json"), ring.to_string()).unwrap();
    good(at, "decrypt out.csv back.csv --keyring k.json");
    good(at, "decrypt out.parquet back.parquet --keyring k.json");
    assert_eq!(fs::read_to_string(at.join("back.csv")).unwrap(), PEOPLE);
}

#[test]
fn a_rehearsal_of_decryption_writes_nothing() {
    let folder = folder();
    let at = folder.path();
    good(
        at,
        "encrypt people.csv out.csv --columns email --method randomized --key pii --keyring k.json",
    );
    let before = names(at);
    let rehearsed = good(at, "decrypt out.csv --dry-run --keyring k.json");
    assert!(rehearsed.contains("email: 2 cells in 3 rows open"), "{rehearsed}");
    assert_eq!(names(at), before);
    let damaged = fs::read_to_string(at.join("out.csv")).unwrap().replace("1,", "1,AAAA");
    fs::write(at.join("out.csv"), damaged).unwrap();
    assert!(bad(at, "decrypt out.csv --dry-run --keyring k.json").contains("does not open"));
    bad(at, "decrypt out.csv --keyring k.json");
}

#[test]
fn rejected_records_go_to_a_file_of_their_own() {
    let folder = folder();
    let at = folder.path();
    fs::write(at.join("broken.csv"), "id,email\n1,a@x.org\n2\n3,c@x.org\n").unwrap();
    let order =
        "encrypt broken.csv out.csv --columns email --method randomized --key pii --keyring k.json";
    let before = names(at);
    for (rejects, text) in
        [("broken.csv", "the source"), ("out.csv", "the destination"), ("people.csv", "--force")]
    {
        let errors = bad(at, &format!("{order} --rejects {rejects}"));
        assert!(errors.contains(text), "{errors}");
    }
    let parquet = order.replace("broken.csv", "all.parquet");
    assert!(bad(at, &format!("{parquet} --rejects bad.jsonl")).contains("no records"));
    assert_eq!(names(at), before);
    let done = good(at, &format!("{order} --rejects bad.jsonl"));
    assert!(done.contains("bad.jsonl: 1 records rejected"), "{done}");
    let rejects = fs::read_to_string(at.join("bad.jsonl")).unwrap();
    assert!(rejects.contains("\"line\":3"), "{rejects}");
    assert_eq!(fs::read_to_string(at.join("out.csv")).unwrap().lines().count(), 3);

    // A whole file has no rejects, and leaves no empty file.
    let whole = order.replace("broken.csv", "people.csv").replace("out.csv", "whole.csv");
    good(at, &format!("{whole} --rejects none.jsonl"));
    assert!(!names(at).contains(&"none.jsonl".to_owned()));
}
