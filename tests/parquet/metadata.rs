//! What stands around the data: indexes, bloom filters, sort orders and the footer's entries.

use parquet::{
    data_type::AsBytes,
    file::{
        metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
        properties::ReaderProperties,
        reader::{FileReader, SerializedFileReader},
        serialized_reader::ReadOptionsBuilder,
    },
};
use serde_json::{Value, json};

use super::{
    Bytes, MEMORY, files,
    fixtures::{self, RICH},
    open, paths, protect, protect_with, randomized, rule,
};
use lakehand::encryption::{
    engine::EngineError,
    policy::{Method, Output},
};

fn with_indexes(file: &Bytes) -> ParquetMetaData {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .parse_and_finish(&bytes::Bytes::from(file.0.clone()))
        .unwrap()
}

#[test]
fn page_indexes_move_with_their_pages() {
    let file = fixtures::everything(RICH);
    let (protected, _) = protect(&file, &["email", "tags.list.element"]).unwrap();
    let (old, new) = (with_indexes(&file), with_indexes(&protected));
    for group in 0..2 {
        for (leaf, path) in paths(&file).iter().enumerate() {
            let chunk = |file: &ParquetMetaData| file.row_group(group).column(leaf).byte_range();
            let pages = |file: &ParquetMetaData| {
                let start = chunk(file).0 as i64;
                let index = file.page_index_for_row_group(group);
                let pages = index.page_locations(leaf).unwrap().iter();
                pages
                    .map(|page| {
                        (page.offset - start, page.compressed_page_size, page.first_row_index)
                    })
                    .collect::<Vec<_>>()
            };
            if ["email", "tags.list.element"].contains(&path.as_str()) {
                let rows = pages(&new).iter().map(|page| page.2).collect::<Vec<_>>();
                assert!(rows[0] == 0 && rows.is_sorted());
                let size: i64 = pages(&new).iter().map(|page| i64::from(page.1)).sum();
                assert_eq!(size as u64, chunk(&new).1);
            } else {
                assert_eq!(pages(&old), pages(&new));
                let index = |file: &ParquetMetaData| {
                    file.page_index_for_row_group(group).column_index(leaf).cloned()
                };
                assert_eq!(index(&old), index(&new));
            }
        }
    }
}

#[test]
fn bloom_filters_move() {
    let file = fixtures::everything(RICH);
    let (protected, _) = protect(&file, &["email"]).unwrap();
    let id = paths(&file).iter().position(|path| path == "id").unwrap();
    let city = paths(&file).iter().position(|path| path == "city").unwrap();
    let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
    let reader =
        SerializedFileReader::new_with_options(bytes::Bytes::from(protected.0), options).unwrap();
    for leaf in [id, city] {
        let group = reader.get_row_group(0).unwrap();
        let filter = group.get_column_bloom_filter(leaf).unwrap();
        for value in &files::read(&file, leaf).unwrap().values[..100] {
            assert!(filter.check(value.as_bytes()));
        }
    }
}

#[test]
fn a_sort_order_ends_before_a_protected_column() {
    let file = fixtures::everything(RICH);
    let sorting = |file: &Bytes| {
        let metadata = files::metadata(file);
        let sorting = metadata.row_group(0).sorting_columns();
        sorting.map(|columns| columns.iter().map(|column| column.column_idx).collect::<Vec<_>>())
    };
    let protected = |path| protect(&file, &[path]).unwrap().0;
    assert_eq!(sorting(&file), Some(vec![4, 24]));
    assert_eq!(sorting(&protected("city")), Some(vec![4, 24]));
    assert_eq!(sorting(&protected("email")), Some(vec![4]));
    assert_eq!(sorting(&protected("id")), None);
}

const SCHEMA: &str = "message spark_schema {
    optional int32 id;
    optional group customer {
        optional binary name (STRING);
        optional group marks (LIST) { repeated group list { optional int32 element; } }
    }
    optional group scores (MAP) { repeated group key_value { required binary key (STRING); optional int64 value; } }
    optional binary code (STRING);
}";

fn spark() -> Value {
    let field = |name: &str, inner: Value| json!({"name": name, "type": inner, "nullable": true, "metadata": {}});
    let marks = json!({"type": "array", "elementType": "integer", "containsNull": true});
    let customer = json!({"type": "struct", "fields": [field("name", "string".into()), field("marks", marks)]});
    let scores =
        json!({"type": "map", "keyType": "string", "valueType": "long", "valueContainsNull": true});
    let mut code = field("code", "string".into());
    code["metadata"]["__CHAR_VARCHAR_TYPE_STRING"] = "varchar(3)".into();
    code["metadata"]["comment"] = "kept".into();
    json!({"type": "struct", "fields": [field("id", "integer".into()), field("customer", customer), field("scores", scores), code]})
}

const SPARK: &str = "org.apache.spark.sql.parquet.row.metadata";

fn file_with(pairs: &[(&str, String)]) -> Bytes {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), Some(value.clone())));
    fixtures::write(SCHEMA, RICH, &[10], pairs.collect())
}

fn entry(file: &Bytes, key: &str) -> Option<String> {
    let metadata = files::metadata(file);
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone())
}

#[test]
fn spark_reads_the_right_types() {
    let file = file_with(&[
        (SPARK, spark().to_string()),
        ("org.apache.spark.version", "3.5.1".to_owned()),
    ]);
    let plans = [
        randomized("id"),
        randomized("customer.marks.list.element"),
        rule("scores.key_value.value", Method::Deterministic, Output::Base64),
        rule("code", Method::Deterministic, Output::Binary),
    ];
    let (protected, _) = protect_with(&file, &plans, MEMORY).unwrap();
    let now: Value = serde_json::from_str(&entry(&protected, SPARK).unwrap()).unwrap();
    let mut expected = spark();
    expected["fields"][0]["type"] = "binary".into();
    expected["fields"][1]["type"]["fields"][1]["type"]["elementType"] = "binary".into();
    expected["fields"][2]["type"]["valueType"] = "string".into();
    expected["fields"][3]["type"] = "binary".into();
    expected["fields"][3]["metadata"] = json!({"comment": "kept"});
    assert_eq!(now, expected);
    assert_eq!(entry(&protected, "org.apache.spark.version").unwrap(), "3.5.1");
    let opened = open(&protected, &["id", "code"]).unwrap();
    let now: Value = serde_json::from_str(&entry(&opened, SPARK).unwrap()).unwrap();
    (expected["fields"][0], expected["fields"][3]) =
        (spark()["fields"][0].clone(), spark()["fields"][3].clone());
    assert_eq!(now, expected);
    let opened = open(&opened, &["customer.marks.list.element", "scores.key_value.value"]).unwrap();
    assert_eq!(entry(&opened, SPARK), entry(&file, SPARK));
    assert_eq!(entry(&opened, "lakehand.original"), None);
}

#[test]
fn spark_metadata_of_other_columns_is_refused() {
    for wrong in ["{", "{\"type\":\"struct\",\"fields\":[]}", "\"integer\""] {
        let error =
            protect(&file_with(&[(SPARK, wrong.to_owned())]), &["id"]).map(drop).unwrap_err();
        assert!(matches!(error, EngineError::Unsupported { .. }), "{error}");
    }
}

#[test]
fn pandas_sees_bytes() {
    let column = |name: &str, kind: &str| json!({"name": name, "field_name": name, "pandas_type": kind, "numpy_type": kind, "metadata": {"x": 1}});
    let pandas = json!({"index_columns": ["id"], "columns": [column("id", "int32"), column("code", "unicode")]});
    let file = file_with(&[("pandas", pandas.to_string())]);
    let (protected, _) = protect(&file, &["id"]).unwrap();
    let now: Value = serde_json::from_str(&entry(&protected, "pandas").unwrap()).unwrap();
    assert_eq!(now["columns"][0]["pandas_type"], "bytes");
    assert_eq!(now["columns"][0]["numpy_type"], "object");
    assert_eq!(now["columns"][0]["metadata"], Value::Null);
    assert_eq!(now["columns"][1], pandas["columns"][1]);
    assert_eq!(entry(&open(&protected, &["id"]).unwrap(), "pandas"), Some(pandas.to_string()));
}

#[test]
fn entries_of_other_tools_are_kept_put_aside_or_left_out() {
    let geo = json!({"columns": {"code": {"bbox": [1, 2, 3, 4]}}}).to_string();
    let file = file_with(&[
        ("avro.schema", "{}".to_owned()),
        ("geo", geo.clone()),
        ("mine", "kept".to_owned()),
    ]);
    let (protected, _) = protect(&file, &["code"]).unwrap();
    let entries = ["avro.schema", "geo", "mine"].map(|key| entry(&protected, key));
    assert_eq!(entries, [None, None, Some("kept".to_owned())]);
    let opened = open(&protected, &["code"]).unwrap();
    let entries = ["avro.schema", "geo", "mine"].map(|key| entry(&opened, key));
    // The bounds of the values are nowhere, so that they do not come back.
    assert_eq!(entries, [Some("{}".to_owned()), None, Some("kept".to_owned())]);
    let (protected, _) = protect(&file, &["id"]).unwrap();
    assert_eq!(entry(&protected, "geo"), Some(geo));
}

#[test]
fn the_writer_of_the_source_stays_named() {
    let file = fixtures::everything(RICH);
    let (protected, _) = protect(&file, &["email"]).unwrap();
    let writer = |file: &Bytes| {
        let metadata = files::metadata(file);
        let file = metadata.file_metadata();
        (file.version(), file.created_by().map(str::to_owned))
    };
    assert_eq!(writer(&file), writer(&protected));
}
