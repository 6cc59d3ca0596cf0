//! Every type, encoding, version and codec: protected, read by others, opened.

use lakehand::encryption::{
    engine::EngineError,
    parquet::{columns, envelope},
    policy::{Method, Output},
};
use parquet::{
    basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel},
    file::properties::WriterVersion,
};

use super::{
    Bytes, MEMORY, files,
    fixtures::{self, PLAIN, RICH, Style},
    open, paths, protect, protect_with,
    python::Python,
    rule,
};

/// Protects all columns and opens them again, and then the even ones alone.
fn round_trip(file: &Bytes) {
    let all = paths(file);
    for step in [1, 2] {
        let chosen: Vec<_> = all.iter().step_by(step).map(String::as_str).collect();
        let (protected, totals) = protect(file, &chosen).unwrap();
        assert_eq!(totals.rows, columns(file).unwrap().rows);
        let opened = open(&protected, &chosen).unwrap();
        for (leaf, path) in all.iter().enumerate() {
            let old = files::read(file, leaf).unwrap();
            let now = files::read(&protected, leaf).unwrap();
            match leaf % step {
                0 => assert_cells(&old, &now),
                _ => assert_eq!(old, now, "{path}"),
            }
            assert_eq!(old, files::read(&opened, leaf).unwrap(), "{path}");
        }
    }
}

fn assert_cells(old: &files::Values, now: &files::Values) {
    assert_eq!(old.definitions, now.definitions);
    assert_eq!(old.repetitions, now.repetitions);
    assert_eq!(old.values.len(), now.values.len());
    assert!(now.values.iter().all(|cell| cell.len() >= 28));
}

#[test]
fn every_type_comes_back() {
    round_trip(&fixtures::everything(PLAIN));
}

#[test]
fn every_encoding_is_read() {
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for (dictionary, dense) in [(true, false), (false, false), (false, true)] {
            for extras in [true, false] {
                round_trip(&fixtures::everything(Style {
                    version,
                    dictionary,
                    dense,
                    extras,
                    ..RICH
                }));
            }
        }
    }
}

#[test]
fn every_codec_is_read() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            round_trip(&fixtures::everything(Style { compression, version, ..RICH }));
        }
    }
}

#[test]
fn files_without_rows_or_row_groups_are_protected() {
    for rows in [&[][..], &[0], &[0, 3], &[3, 0]] {
        let schema =
            "message m { optional binary a (STRING); required int32 b; repeated int64 c; }";
        round_trip(&fixtures::write(schema, RICH, rows, vec![]));
    }
}

#[test]
fn a_column_of_nulls_stays_one() {
    let schema = "message m { optional group g { optional binary a (STRING); } }";
    // The first row of each five is null.
    let file = fixtures::write(schema, RICH, &[1, 1, 1], vec![]);
    let (_, totals) = protect(&file, &["g.a"]).unwrap();
    assert_eq!((totals.cells, totals.nulls, totals.rows), (0, 3, 3));
    round_trip(&file);
}

#[test]
fn cells_may_be_text() {
    let file = fixtures::everything(RICH);
    let plan = rule("born", Method::Deterministic, Output::Base64);
    let (protected, _) = protect_with(&file, &[plan], MEMORY).unwrap();
    let info = columns(&protected).unwrap().columns;
    assert_eq!(info.iter().find(|column| column.path == "born").unwrap().words, "string as binary");
    let opened = open(&protected, &["born"]).unwrap();
    let born = paths(&file).iter().position(|path| path == "born").unwrap();
    assert_eq!(files::read(&file, born).unwrap(), files::read(&opened, born).unwrap());
    assert_eq!(columns(&file).unwrap().columns, columns(&opened).unwrap().columns);
}

#[test]
fn equal_values_stay_equal_when_the_method_says_so() {
    let file = fixtures::everything(RICH);
    let leaf = paths(&file).iter().position(|path| path == "city").unwrap();
    let distinct =
        |values: &[Vec<u8>]| values.iter().collect::<std::collections::BTreeSet<_>>().len();
    let old = files::read(&file, leaf).unwrap().values;
    for method in [Method::Deterministic, Method::Token] {
        let plan = rule("city", method, Output::Binary);
        let (protected, _) = protect_with(&file, &[plan], MEMORY).unwrap();
        let now = files::read(&protected, leaf).unwrap().values;
        assert_eq!(distinct(&old), distinct(&now));
    }
    let (protected, _) = protect(&file, &["city"]).unwrap();
    let now = files::read(&protected, leaf).unwrap().values;
    assert_eq!(distinct(&now), now.len());
}

#[test]
fn redacted_values_become_null_or_empty() {
    let file = fixtures::everything(RICH);
    let all = paths(&file);
    for (path, becomes_null) in [
        ("city", true),
        ("email", false),
        ("customer.address.street", true),
        ("marks", false),
        ("tags.list.element", true),
        ("scores.key_value.key", false),
    ] {
        let leaf = all.iter().position(|known| known == path).unwrap();
        let plan = rule(path, Method::Redact, Output::Binary);
        let (protected, _) = protect_with(&file, &[plan], MEMORY).unwrap();
        let (old, now) =
            (files::read(&file, leaf).unwrap(), files::read(&protected, leaf).unwrap());
        assert_eq!(old.repetitions, now.repetitions);
        if becomes_null {
            assert!(now.values.is_empty(), "{path}");
            let deepest = old.definitions.iter().max().unwrap();
            let lowered = old.definitions.iter().map(|level| *level.min(&(deepest - 1)));
            assert!(lowered.eq(now.definitions.iter().copied()), "{path}");
        } else {
            assert_eq!(old.definitions, now.definitions, "{path}");
            assert!(
                now.values.len() == old.values.len() && now.values.concat().is_empty(),
                "{path}"
            );
        }
    }
}

#[test]
fn some_columns_can_stay_protected() {
    let file = fixtures::everything(RICH);
    let (protected, _) = protect(&file, &["email", "born", "city"]).unwrap();
    let opened = open(&protected, &["born"]).unwrap();
    let left = envelope(&opened).unwrap().unwrap();
    let left: Vec<_> = left.columns.iter().map(|column| column.path.as_str()).collect();
    assert_eq!(left, ["email", "city"]);
    let opened = open(&opened, &["city", "email"]).unwrap();
    assert_eq!(envelope(&opened).unwrap(), None);
    for leaf in 0..paths(&file).len() {
        assert_eq!(files::read(&file, leaf).unwrap(), files::read(&opened, leaf).unwrap());
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    let file = fixtures::everything(PLAIN);
    let (protected, _) = protect(&file, &["email"]).unwrap();
    let refused = |result: Result<(Bytes, _), EngineError>| result.map(drop).unwrap_err();
    assert!(matches!(refused(protect(&protected, &["city"])), EngineError::AlreadyProtected(_)));
    assert!(matches!(refused(protect(&file, &["customer"])), EngineError::Unsupported { .. }));
    let plan = rule(
        "packed",
        Method::Mask { masking_char: '*', chars_to_mask: 3, from_end: false },
        Output::Binary,
    );
    assert!(matches!(
        refused(protect_with(&file, &[plan], MEMORY)),
        EngineError::Unsupported { .. }
    ));
    assert!(matches!(open(&file, &["email"]), Err(EngineError::Stopped)));
}

#[test]
fn a_changed_byte_of_a_cell_does_not_open() {
    let file = fixtures::everything(PLAIN);
    let (mut protected, _) = protect(&file, &["email"]).unwrap();
    let leaf = paths(&file).iter().position(|path| path == "email").unwrap();
    let cell = files::read(&protected, leaf).unwrap().values.pop().unwrap();
    let at = protected.0.windows(cell.len()).position(|window| window == cell).unwrap();
    protected.0[at + 20] ^= 1;
    let error = open(&protected, &["email"]).map(drop).unwrap_err();
    assert!(matches!(error, EngineError::NotOpened(path) if path == "email"));
}

#[test]
fn little_memory_is_enough() {
    let file = fixtures::everything(RICH);
    let plans: Vec<_> = paths(&file).iter().map(|path| super::randomized(path)).collect();
    let (protected, _) = protect_with(&file, &plans, 1 << 20).unwrap();
    let all = paths(&file);
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let opened = open(&protected, &all).unwrap();
    for leaf in 0..all.len() {
        assert_eq!(files::read(&file, leaf).unwrap(), files::read(&opened, leaf).unwrap());
    }
}

#[test]
fn other_readers_see_the_same() {
    let Some(mut python) = Python::start() else { return };
    let dense = Style { dictionary: false, dense: true, ..PLAIN };
    for style in [PLAIN, RICH, dense] {
        let file = fixtures::everything(style);
        // DuckDB refuses a file with BSON in it.
        let chosen = ["id", "email", "city", "wide", "born", "packed", "tags.list.element"];
        let (protected, _) = protect(&file, &chosen).unwrap();
        let opened = open(&protected, &chosen).unwrap();
        assert_eq!(python.compare([&file, &protected, &opened], &chosen, true), Ok(()));
    }
}

#[test]
fn arrow_types_of_other_columns_stay() {
    let Some(mut python) = Python::start() else { return };
    let file = python.arrow_types();
    let leaves =
        ["zoned", "lasting", "coded", "token", "nested.b.list.element", "two.list.element"];
    for chosen in [&leaves[..], &["id", "large", "nested.a", "pairs.key_value.key"], &[]] {
        let (protected, _) = protect(&file, chosen).unwrap();
        let opened = open(&protected, chosen).unwrap();
        assert_eq!(python.compare([&file, &protected, &opened], chosen, false), Ok(()));
    }
}
