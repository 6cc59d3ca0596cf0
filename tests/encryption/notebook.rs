//! The snippets of docs/encryption.md, run as they stand there on a file that the binary protected.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::commands::good;

/// The interpreter of a Python with PySpark 3.5, for who has one and Java 17.
const SPARK: &str = "LAKEHAND_TEST_SPARK";

/// Every kind of column that a notebook meets, in clear.
const WRITE: &str = r#"
import datetime, decimal
import pyarrow as pa
import pyarrow.parquet as pq

rows = range(300)
pq.write_table(pa.table({
    "id": pa.array(rows, pa.int32()),
    "email": pa.array([None if row % 7 == 0 else f"é{row}@x.org" for row in rows]),
    "empty": pa.array(["" for row in rows]),
    "amount": pa.array([decimal.Decimal(row - 150) / 100 for row in rows], pa.decimal128(9, 2)),
    "born": pa.array([datetime.date(2000, 1, 1) + datetime.timedelta(row) for row in rows]),
    "kept": pa.array([f"clear {row}" for row in rows]),
}), "people.parquet", row_group_size=100)
"#;

/// What the cells must say, in the words of docs/encryption.md.
const EXPECT: &str = r#"
import json
import pyarrow.parquet as pq

plain = pq.read_table("plain.parquet").to_pylist()
text = lambda value: None if value is None else str(value)
json.dump([{name: value if name == "id" else text(value) for name, value in row.items()} for row in plain], open("expected.json", "w"))
"#;

const PROTECT: &str = "encrypt plain.parquet people.parquet --policy notebook --keyring k.json";

const POLICY: &str = r#"
[[policy]]
name = "notebook"
key = "pii"
columns = [
  { name = "email", method = "randomized" },
  { name = "empty", method = "deterministic", output = "base64" },
  { name = "amount", method = "deterministic" },
  { name = "born", method = "randomized", output = "base64" },
]
"#;

/// A file of Spark's own, with types that its footer describes in Spark's words too.
const SPARK_WRITES: &str = r#"
spark.sql("""select
  cast(id as int) id, concat('name ', id) name, cast(id as decimal(12, 3)) amount,
  date_add(date'2020-01-01', cast(id as int)) day, timestamp_micros(id * 1000003) at,
  named_struct('street', concat('street ', id), 'number', id) address,
  array(concat('tag ', id), 'b') tags, map('k', concat('value ', id)) pairs
  from range(200)""").coalesce(1).write.parquet("spark")
"#;

/// Schema, untouched columns and opened cells of what became of it.
const SPARK_READS: &str = r#"
import glob, json
plain, sealed = spark.read.parquet(glob.glob("spark/*.parquet")[0]), spark.read.parquet("sealed.parquet")
types = dict(sealed.dtypes)
assert types["name"] == "binary" and types["at"] == "binary", types
assert types["address"] == "struct<street:binary,number:bigint>", types
for same in ["id", "amount", "day", "tags", "pairs"]:
    assert types[same] == dict(plain.dtypes)[same], types
keys = dict(line.rstrip("\n").rsplit("  ", 1) for line in open("keys.txt"))
opened = lambda path: f"cast(aes_decrypt({path}, unbase64('{keys[path]}'), 'GCM') as string)"
left = plain.selectExpr("id", "amount", "day", "tags", "map_entries(pairs)", "name", "address.street", "address.number").orderBy("id").collect()
right = sealed.selectExpr("id", "amount", "day", "tags", "map_entries(pairs)", opened("name"), opened("address.street"), "address.number").orderBy("id").collect()
assert left == right and len(left) == 200, (left[0], right[0])
at = sealed.selectExpr("id", opened("at")).orderBy("id").collect()
# An INT96, as Spark writes timestamps, does not say whether it is UTC.
assert at[1][1] == "1970-01-01T00:00:01.000003", at[1]
"#;

/// The block of code that follows a heading's nth fence of this language.
fn snippet(nth: usize) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/encryption.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, after) = page.split_once("## Read it in a notebook").unwrap();
    let block = after.split("```python\n").nth(nth).unwrap();
    block.split("```").next().unwrap().to_owned()
}

fn python() -> Option<PathBuf> {
    if std::env::var("LAKEHAND_TEST_PYTHON").is_ok_and(|value| value == "off") {
        println!("skipped: LAKEHAND_TEST_PYTHON is off");
        return None;
    }
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python"))
}

fn run(python: &Path, folder: &Path, script: &str) {
    let output = Command::new(python).args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A folder with a protected file, its keys and what it must say.
fn protected(python: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("lakehand.toml"), POLICY).unwrap();
    run(python, at, WRITE);
    fs::rename(at.join("people.parquet"), at.join("plain.parquet")).unwrap();
    run(python, at, EXPECT);
    good(at, "keys init --keyring k.json --key pii");
    good(at, PROTECT);
    let keys = good(at, "keys reveal people.parquet --keyring k.json --yes-reveal-the-key");
    fs::write(at.join("keys.txt"), keys).unwrap();
    folder
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn the_python_snippet_reads_every_cell() {
    let Some(python) = python() else { return };
    let folder = protected(&python);
    let at = folder.path();
    let rest = "\nimport json\njson.dump(table.to_pylist(), open(\"read.json\", \"w\"))\n";
    run(&python, at, &(snippet(1) + rest));
    assert_eq!(json(at, "read.json"), json(at, "expected.json"));
}

/// A Spark of one thread.
const SPARK_BEGINS: &str = r#"
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
"#;

fn spark() -> Option<PathBuf> {
    let spark = std::env::var(SPARK).ok().map(PathBuf::from);
    if spark.is_none() {
        println!("skipped: {SPARK} does not name a Python with PySpark 3.5");
    }
    spark
}

#[test]
fn spark_reads_its_own_file_with_other_types_where_columns_are_protected() {
    let Some(spark) = spark() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(&spark, at, &(SPARK_BEGINS.to_owned() + SPARK_WRITES));
    let entries = fs::read_dir(at.join("spark")).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = names.find(|name| name.ends_with(".parquet") && !name.starts_with('.')).unwrap();
    good(at, "keys init --keyring k.json --key pii");
    let columns = "--columns name,at,address.street --method randomized --key pii --keyring k.json";
    good(at, &format!("encrypt spark/{name} sealed.parquet {columns}"));
    let keys = good(at, "keys reveal sealed.parquet --keyring k.json --yes-reveal-the-key");
    fs::write(at.join("keys.txt"), keys).unwrap();
    run(&spark, at, &(SPARK_BEGINS.to_owned() + SPARK_READS));
}

#[test]
fn the_spark_snippet_reads_every_cell() {
    let Some(python) = python() else { return };
    let Some(spark) = spark() else { return };
    let folder = protected(&python);
    let at = folder.path();
    let rest = "\nimport json\n\
        rows = [row.asDict() for row in table.orderBy(\"id\").collect()]\n\
        json.dump(rows, open(\"read.json\", \"w\"))\n";
    run(&spark, at, &(SPARK_BEGINS.to_owned() + &snippet(2) + rest));
    assert_eq!(json(at, "read.json"), json(at, "expected.json"));
}
