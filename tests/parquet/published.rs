//! Every file of the published test suite `apache/parquet-testing`, where it is at hand: it is
//! either protected, with all other columns as they were, and opened again, or refused with a
//! reason.

use std::{fs, path::PathBuf};

use lakehand::encryption::{engine::EngineError, parquet::columns};

use super::{Bytes, files, open, paths, protect, python::Python};

fn folder(name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = root.parent()?.join("shared/data/parquet-testing").join(name);
    if !folder.is_dir() {
        println!("skipped: there is no {}", folder.display());
        return None;
    }
    Some(folder)
}

fn files_of(name: &str) -> Vec<(String, Bytes)> {
    let Some(folder) = folder(name) else { return Vec::new() };
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.to_string_lossy().ends_with(".json"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, Bytes(fs::read(path).unwrap()))
        })
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// Protects a part of the columns and compares everything with the file it was made from.
fn run(
    file: &Bytes,
    wanted: impl Fn(usize) -> bool,
    python: &mut Option<Python>,
) -> Result<(), EngineError> {
    let all = paths(file);
    let chosen: Vec<_> = all.iter().enumerate().filter(|(leaf, _)| wanted(*leaf)).collect();
    let chosen: Vec<_> = chosen.into_iter().map(|(_, path)| path.as_str()).collect();
    let (protected, _) = protect(file, &chosen)?;
    let opened = open(&protected, &chosen)?;
    for (leaf, path) in all.iter().enumerate() {
        let Ok(old) = files::read(file, leaf) else {
            println!("    the crate cannot read {path}");
            continue;
        };
        let now = files::read(&protected, leaf).unwrap();
        if wanted(leaf) {
            assert_eq!(old.definitions, now.definitions, "{path}");
            assert_eq!(old.repetitions, now.repetitions, "{path}");
            assert!(now.values.iter().all(|cell| cell.len() >= 28), "{path}");
        } else {
            assert_eq!(old, now, "{path}");
        }
        assert_eq!(old, files::read(&opened, leaf).unwrap(), "{path}");
    }
    let compared =
        python.as_mut().map(|it| it.compare([file, &protected, &opened], &chosen, false));
    match compared.unwrap_or(Ok(())) {
        Err(error) if error.starts_with("skipped") => println!("    {error}"),
        compared => assert_eq!(compared, Ok(())),
    }
    Ok(())
}

/// Files that are refused when all their columns are to be protected, and a part of the reason.
const REFUSED: [(&str, &str); 12] = [
    ("ARROW-GH-41317.parquet", "does not fit the schema"),
    ("ARROW-GH-41321.parquet", "ends too early"),
    ("ARROW-GH-45185.parquet", "begins within a row"),
    ("ARROW-GH-47662.parquet", "ends too early"),
    ("ARROW-RS-GH-6229-DICTHEADER.parquet", "not inside the file"),
    ("ARROW-RS-GH-6229-LEVELS.parquet", "another number of values"),
    ("PARQUET-1481.parquet", "unknown type"),
    ("column_chunk_key_value_metadata.parquet", "its key-value metadata may hold values"),
    ("datapage_v1-corrupt-checksum.parquet", "another checksum"),
    ("large_string_map.brotli.parquet", "raise LAKEHAND_MEMORY"),
    ("nation.dict-malformed.parquet", "longer than its column"),
    ("rle-dict-uncompressed-corrupt-checksum.parquet", "another checksum"),
];

fn check(name: &str, file: &Bytes, python: &mut Option<Python>) {
    println!("{name}");
    let reason = REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, reason)| *reason);
    let reason = reason.or(name.ends_with(".encrypted").then_some("Modular Encryption"));
    if let Some(reason) = reason {
        let error =
            columns(file).and_then(|_| run(file, |_| true, python)).unwrap_err().to_string();
        return assert!(error.contains(reason), "{name}: {error}");
    }
    let rounds: [fn(usize) -> bool; 3] = [|_| true, |leaf| leaf % 2 == 0, |leaf| leaf % 2 == 1];
    for wanted in rounds {
        run(file, wanted, python).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn published_files_pass_or_are_refused() {
    let mut python = Python::start();
    for folder in ["data", "data/geospatial", "data/aes256"] {
        files_of(folder).iter().for_each(|(name, file)| check(name, file, &mut python));
    }
}

#[test]
fn published_bad_files_do_not_panic() {
    files_of("bad_data").iter().for_each(|(name, file)| check(name, file, &mut None));
}
