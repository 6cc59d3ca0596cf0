//! What the fuzz targets check, with the seeds that they begin with, each changed a few times. The
//! seeds are left in `target/fuzz-seeds`, for `cargo fuzz`; see `fuzz/README.md`.

use std::{fs, path::Path};

use lakehand::encryption::{
    canonical::Kind,
    policy::{Method, Output},
};
use parquet::basic::Compression;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use crate::parquet::{
    Bytes, MEMORY,
    fixtures::{self, PLAIN, RICH, Style},
    protect_with, randomized, rule,
};

#[expect(unreachable_pub, reason = "for the fuzz targets this is a crate of its own")]
#[path = "../fuzz/src/lib.rs"]
mod checks;

/// How often each seed is changed.
const CHANGES: usize = 60;

/// Keeps the seeds of a target, and checks them as they are and changed.
fn run(target: &str, seeds: &[Vec<u8>], check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz-seeds").join(target);
    fs::create_dir_all(&folder).unwrap();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("{number:03}")), seed).unwrap();
        check(seed);
        let mut random = StdRng::seed_from_u64(number as u64);
        for _ in 0..CHANGES {
            check(&changed(seed, &seeds[random.random_range(0..seeds.len())], &mut random));
        }
    }
}

/// A few bytes are others, gone, doubled, or come from another seed.
fn changed(seed: &[u8], other: &[u8], random: &mut impl Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..bytes.len().max(1)).min(bytes.len());
        let end = (at + random.random_range(0..16)).min(bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at..end].iter_mut().for_each(|byte| *byte = random.random()),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            _ => {
                let from = random.random_range(0..=other.len());
                let piece = &other[from..(from + 16).min(other.len())];
                drop(bytes.splice(at..end, piece.iter().copied()));
            }
        }
    }
    bytes
}

const TABLES: [&str; 6] = [
    "id,email,note\r\n1,a@x.org,\r\n2,\"b@x.org\",\"hi, you\"\r\n3,,x\r\n",
    "id,note\n\n1,\"a \"\"b\"\" c\"\n2,\"a \\\"b\\\" c\"\n3,\"two\nlines\"\n4,\"\"\n",
    "\u{feff}a\tb\r\"x\ty\"\tz\ré\t\\\\\r",
    "a,b\n1,x\\,y\n2,\\\\\n",
    "a,a,b\n1,2,3\n\n1,2\n",
    "name\n\"",
];

fn in_all_dialects(text: &str) -> Vec<Vec<u8>> {
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut all: Vec<_> =
        [0, 1, 2, 6, 8, 16, 32].map(|style| [&[style], text.as_bytes()].concat()).into();
    all.push([&[64], &utf_16[..]].concat());
    all
}

#[test]
fn csv_in_any_dialect() {
    let mut seeds: Vec<_> = TABLES.iter().flat_map(|text| in_all_dialects(text)).collect();
    seeds.push([&[0], &packed(TABLES[0])[..]].concat());
    run("csv", &seeds, checks::csv::check);
}

fn packed(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

const LINES: [&str; 5] = [
    "{\"id\": 1, \"email\": \"a@x.org\"}\n{\"id\": 2, \"email\": null}\r\n\n{\"email\": \"\\u00e9\\n\"}\n",
    "{\"a\": {\"b\": [1, 2.5e3, true, \"x\"]}}\n{\"a\": {\"b\": []}, \"a\": {\"b\": -0}}\n",
    "{\"\\u0061\": \"x\", \"a\": \"y\", \"list\": [{\"a\": \"\\ud83d\\ude00\"}]}",
    "[1, \"two\", null]\n\"three\"\n4\n",
    "{\"a\": \"\\ud800\"}\n{\"a\"\n",
];

#[test]
fn json_lines() {
    let mut seeds: Vec<_> = LINES.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.push(packed(LINES[0]));
    run("json_lines", &seeds, checks::json_lines::check);
}

const SCHEMA: &str = "message spark_schema {
    optional int64 id;
    optional binary email (STRING);
    optional int32 born (DATE);
    optional group tags (LIST) { repeated group list { optional binary element (STRING); } }
}";

/// What pyarrow says of the schema.
const ARROW: &str = "/////zgBAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAQAAADQAAAAkAAAAFwAAA\
     AEAAAAUP///wAAAQwUAAAAHAAAAAQAAAABAAAAFAAAAAQAAAB0YWdzAAAAAID///98////AAABBRQAAAAYAAAABAAA\
     AAAAAAAHAAAAZWxlbWVudACo////pP///wAAAQgQAAAAHAAAAAQAAAAAAAAABAAAAGJvcm4AAAYACAAGAAYAAAAAAA\
     AA1P///wAAAQUQAAAAHAAAAAQAAAAAAAAABQAAAGVtYWlsAAAABAAEAAQAAAAQABQACAAGAAcADAAAABAAEAAAAAAA\
     AQIQAAAAHAAAAAQAAAAAAAAAAgAAAGlkAAAIAAwACAAHAAgAAAAAAAABQAAAAAAAAAA=";

/// What Spark and pandas would say of the schema.
fn pairs() -> Vec<(String, Option<String>)> {
    let field = |name: &str, kind: &str| {
        format!(r#"{{"name":"{name}","type":{kind},"nullable":true,"metadata":{{}}}}"#)
    };
    let list = r#"{"type":"array","elementType":"string","containsNull":true}"#;
    let fields =
        [("id", r#""long""#), ("email", r#""string""#), ("born", r#""date""#), ("tags", list)];
    let fields = fields.map(|(name, kind)| field(name, kind)).join(",");
    let spark = format!(r#"{{"type":"struct","fields":[{fields}]}}"#);
    let pandas = r#"{"index_columns":[],"columns":[{"name":"email","field_name":"email","pandas_type":"unicode"}]}"#;
    [
        ("org.apache.spark.sql.parquet.row.metadata", spark),
        ("pandas", pandas.to_owned()),
        ("geo", r#"{"columns":{"id":{}}}"#.to_owned()),
        ("avro.schema", "{}".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), Some(value)))
    .into()
}

/// Small files in every encoding and compression that the tests can write.
fn files() -> Vec<Bytes> {
    let dense = Style { dense: true, dictionary: false, ..PLAIN };
    let packed = [Compression::SNAPPY, Compression::ZSTD(Default::default()), Compression::LZ4_RAW]
        .map(|compression| Style { compression, ..RICH });
    let first_version = Style { version: PLAIN.version, ..RICH };
    let mut files: Vec<_> = [PLAIN, dense, first_version]
        .iter()
        .chain(&packed)
        .map(|style| fixtures::write(SCHEMA, *style, &[12, 3], pairs()))
        .collect();
    files.push(fixtures::write(fixtures::SCHEMA, PLAIN, &[6], vec![]));
    files.push(fixtures::write(fixtures::SCHEMA, dense, &[6], vec![]));
    let arrow = ("ARROW:schema".to_owned(), Some(ARROW.to_owned()));
    files.push(fixtures::write(SCHEMA, PLAIN, &[4], vec![arrow]));
    files.push(fixtures::write(SCHEMA, PLAIN, &[], vec![]));
    files
}

#[test]
fn parquet_files_and_footers() {
    let files: Vec<_> = files().into_iter().map(|file| file.0).collect();
    run("parquet", &files, checks::parquet::check);
    let footers: Vec<_> = files.iter().filter_map(|file| checks::footer::input(file)).collect();
    assert_eq!(footers.len(), files.len());
    run("footer", &footers, checks::footer::check);
}

#[test]
fn protected_files() {
    let mut seeds = Vec::new();
    for file in files() {
        let text = rule("id", Method::Deterministic, Output::Base64);
        let Ok((sealed, _)) = protect_with(&file, &[text, randomized("email")], MEMORY) else {
            continue;
        };
        seeds.push(
            [&[checks::decrypt::PARQUET], &checks::footer::input(&sealed.0).unwrap()[..]].concat(),
        );
    }
    for dialect in in_all_dialects(TABLES[0]).into_iter().chain(in_all_dialects(TABLES[1])) {
        seeds.extend(
            checks::csv::sealed(&dialect)
                .map(|sealed| [&[checks::decrypt::CSV], &sealed[..]].concat()),
        );
    }
    for lines in LINES {
        let sealed = checks::json_lines::sealed(lines.as_bytes());
        seeds.extend(sealed.map(|sealed| [&[checks::decrypt::JSON_LINES], &sealed[..]].concat()));
    }
    assert!(seeds.len() > 20, "{}", seeds.len());
    run("decrypt", &seeds, checks::decrypt::check);
}

#[test]
fn texts_of_values() {
    let mut seeds = Vec::new();
    for (number, (physical, meaning)) in checks::values::TYPES.into_iter().enumerate() {
        let kind = Kind::new(physical, meaning);
        for fill in [0, 1, 7, 0x7f, 0x80, 0xff] {
            let stored = vec![fill; physical.width().unwrap_or(9)];
            seeds.push([&[number as u8], &stored[..]].concat());
            let mut text = vec![number as u8];
            kind.write_text(&stored, &mut text).unwrap_or_default();
            seeds.push(text);
        }
    }
    run("values", &seeds, checks::values::check);
}

#[test]
fn payloads_of_alerts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alerts/payloads");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| !file.to_string_lossy().ends_with(".incidents.json"));
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(seeds.len() > 20, "{}", seeds.len());
    run("alerts", &seeds, checks::alerts::check);
}
