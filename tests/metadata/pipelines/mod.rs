//! The pipelines of `docs/pipelines`, walked against a worker; PostgreSQL is a real one.

mod expression;
mod postgres;
mod snippets;
mod walk;

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf};

use serde_json::{Value, json};

use self::{
    postgres::Postgres,
    walk::{Data, walk},
};
use super::Site;

fn pipeline(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pipelines").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A source of which only the queries are seen.
#[derive(Default)]
struct Seen {
    highest: Value,
    rows: u64,
    error: Option<Value>,
    queries: Vec<String>,
    folders: Vec<String>,
}

impl Data for Seen {
    fn look_up(&mut self, query: &str) -> Value {
        self.queries.push(query.to_owned());
        self.highest.clone()
    }

    fn copy(&mut self, query: &str, container: &str, folder: &str) -> Result<Value, Value> {
        self.queries.push(query.to_owned());
        self.folders.push(format!("{container}/{folder}"));
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(json!({"rowsRead": self.rows, "rowsCopied": self.rows, "errors": []})),
        }
    }
}

#[tokio::test]
async fn sql_server_is_read_from_the_mark_on() {
    let site = Site::new().await;
    let definition = pipeline("ingest_sqlserver.json");
    // Only `sales.orders` of the configuration is of this batch and dialect.
    let mut source = Seen {
        highest: json!({"upper": "2024-12-01 06:00:00.1234567"}),
        rows: 3,
        ..Seen::default()
    };
    let (log, done) = walk(&site.worker, &mut source, &definition, "run-1").await;
    assert_eq!(done, Ok(()), "{log:?}");
    let wanted = [
        "SELECT CONVERT(varchar(40), MAX([updated_at]), 121) AS [upper] FROM [sales].[orders]",
        "SELECT * FROM [sales].[orders] WHERE ([updated_at] <= CAST('2024-12-01T06:00:00.1234567' \
         AS datetime2(7))) OR [updated_at] IS NULL",
    ];
    assert_eq!(source.queries, wanted);
    assert!(source.folders[0].starts_with("bronze/sales/orders/"), "{:?}", source.folders);

    // Nothing new: the window is closed without a copy, and the mark stays.
    source.queries.clear();
    let (log, done) = walk(&site.worker, &mut source, &definition, "run-2").await;
    assert_eq!(done, Ok(()), "{log:?}");
    assert!(log.contains(&"Close empty window: Succeeded".to_owned()), "{log:?}");
    assert_eq!(source.queries.len(), 1);

    // A copy that fails: the window ends, and the run is red.
    source.highest = json!({"upper": "2024-12-01 07:00:00.0000000"});
    let message = "Failure on 'Source' side. \"quoted\"\r\n\\back";
    source.error =
        Some(json!({"errorCode": "2200", "message": message, "failureType": "UserError"}));
    let (log, done) = walk(&site.worker, &mut source, &definition, "run-3").await;
    assert!(done.unwrap_err()[0].contains("Failure on 'Source' side"), "{log:?}");
    let (_, windows) = site.get("tables/sales.orders/windows?status=failed").await;
    assert_eq!(windows["value"][0]["reason"], message);
    // The next one reads the same rows.
    (source.error, source.rows) = (None, 1);
    source.queries.clear();
    let (_, done) = walk(&site.worker, &mut source, &definition, "run-4").await;
    assert_eq!(done, Ok(()));
    let wanted = "SELECT * FROM [sales].[orders] WHERE [updated_at] > \
                  CAST('2024-12-01T06:00:00.1234567' AS datetime2(7)) AND [updated_at] <= \
                  CAST('2024-12-01T07:00:00.0000000' AS datetime2(7))";
    assert_eq!(source.queries[1], wanted);
    // A run that is started again does nothing twice.
    source.queries.clear();
    let (_, done) = walk(&site.worker, &mut source, &definition, "run-4").await;
    assert_eq!((done, source.queries.len()), (Ok(()), 1));
    let (_, mark) = site.get("tables/sales.orders/mark").await;
    assert_eq!(mark["mark"]["value"], "2024-12-01 07:00:00.0000000");
}

#[tokio::test]
async fn a_pipeline_that_died_keeps_others_out_until_it_is_told_otherwise() {
    let site = Site::new().await;
    let mut definition = pipeline("ingest_sqlserver.json");
    let request = json!({"runId": "dead", "firstRun": true, "upper": "2024-12-01T06:00:00"});
    site.done("tables/sales.orders/windows", request).await;
    let mut source = Seen { highest: json!({"upper": "2024-12-01"}), rows: 1, ..Seen::default() };
    let (_, done) = walk(&site.worker, &mut source, &definition, "run-1").await;
    assert!(done.unwrap_err()[0].contains("the run dead reads this table"));
    definition["properties"]["parameters"]["supersede"]["defaultValue"] = json!(true);
    let (log, done) = walk(&site.worker, &mut source, &definition, "run-2").await;
    assert_eq!(done, Ok(()), "{log:?}");
}

/// A PostgreSQL server whose rows go into a folder.
struct Source<'a> {
    server: &'a Postgres,
    lake: PathBuf,
    /// What was copied, by query, in order.
    copied: Vec<(String, Vec<Value>)>,
    /// Whether the next copy dies after it has written.
    dies: bool,
}

impl Data for Source<'_> {
    fn look_up(&mut self, query: &str) -> Value {
        let mut row = self.server.rows(query).unwrap().remove(0);
        // A Lookup activity leaves out what is null.
        row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        row
    }

    fn copy(&mut self, query: &str, container: &str, folder: &str) -> Result<Value, Value> {
        let rows = self.server.rows(query);
        let rows = rows.map_err(|message| json!({"errorCode": "2200", "message": message}))?;
        let folder = self.lake.join(container).join(folder);
        fs::create_dir_all(&folder).unwrap();
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs::write(folder.join("part-0.jsonl"), lines).unwrap();
        if std::mem::take(&mut self.dies) {
            return Err(json!({"errorCode": "2201", "message": "the copy was lost"}));
        }
        let output = json!({"rowsRead": rows.len(), "rowsCopied": rows.len()});
        self.copied.push((query.to_owned(), rows));
        Ok(output)
    }
}

/// A table with a watermark of one type.
struct Case {
    /// The type as lakehand knows it, and as the column has it.
    kind: &'static str,
    column: &'static str,
    /// Values in their order, as SQL.
    first: [&'static str; 3],
    /// What is added later.
    more: [&'static str; 2],
}

const CASES: [Case; 8] = [
    Case {
        kind: "timestamptz",
        column: "timestamptz",
        first: [
            "'2024-10-27 00:30:00.000001+00'",
            "'2024-10-27 02:30:00+02'",
            "'2024-10-27 02:30:00.5+01'",
        ],
        more: ["'2024-10-27 02:30:00.500001+01'", "'2025-01-01 00:00:00+14'"],
    },
    Case {
        kind: "timestamp",
        column: "timestamp",
        first: [
            "'0001-01-01 00:00:00'",
            "'2024-12-01 06:00:00.123455'",
            "'2024-12-01 06:00:00.123456'",
        ],
        more: ["'2024-12-01 06:00:00.123457'", "'2025-01-01 00:00:00'"],
    },
    Case {
        kind: "timestamptz(3)",
        column: "timestamptz(3)",
        first: ["'2024-12-01 06:00:00.001+00'"; 3],
        more: ["'2024-12-01 06:00:00.002+00'"; 2],
    },
    Case {
        kind: "date",
        column: "date",
        first: ["'2024-02-28'", "'2024-02-29'", "'2024-12-01'"],
        more: ["'2024-12-02'", "'2025-01-01'"],
    },
    Case {
        kind: "int",
        column: "integer",
        first: ["-2147483648", "-1", "0"],
        more: ["1", "2147483647"],
    },
    Case {
        kind: "bigint",
        column: "bigint",
        first: ["-9223372036854775808", "9007199254740992", "9007199254740993"],
        more: ["9007199254740994", "9223372036854775807"],
    },
    Case {
        kind: "decimal",
        column: "numeric",
        first: ["-0.5", "0.1", "123456789012345678901234567890.000000000000000001"],
        more: ["123456789012345678901234567890.000000000000000002", "1e40"],
    },
    Case {
        kind: "string",
        column: "text",
        first: ["'A'", "'O''Neil'", "'\\'"],
        more: ["'\\''; DROP TABLE x; --'", "'a'"],
    },
];

/// Names that want to be more than names.
fn name(index: usize) -> String {
    format!("t{index} \"quoted\"; --")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn insert(server: &Postgres, index: usize, values: &[&str]) {
    let table = quoted(&name(index));
    for value in values {
        server
            .execute(&format!("INSERT INTO \"na.me\".{table} (\"up\"\"dated\") VALUES ({value})"));
    }
}

#[tokio::test]
async fn postgresql_answers_every_query_and_no_row_is_lost_or_read_twice() {
    let Some(server) = Postgres::start() else { return };
    let site = Site::new().await;
    server.execute("CREATE SCHEMA \"na.me\"");
    server.execute("CREATE SCHEMA acc; CREATE TABLE acc.ledger (id int)");
    for (index, Case { kind, column, first, .. }) in CASES.iter().enumerate() {
        server.execute(&format!(
            "CREATE TABLE \"na.me\".{} (id serial, \"up\"\"dated\" {column})",
            quoted(&name(index))
        ));
        site.done("tables", json!({
            "id": format!("t{index}"), "schema": "na.me", "table": name(index), "batch": "nightly",
            "dialect": "postgresql", "order": 2, "sink": "bronze/{id}/{windowId}",
            "watermark": {"column": "up\"dated", "type": kind},
        }))
        .await;
        insert(&server, index, first);
    }
    let definition = pipeline("ingest_postgresql.json");
    let lake = site.path("");
    let mut source = Source { server: &server, lake, copied: Vec::new(), dies: false };

    // The first run reads everything, the second one nothing.
    for (run, wanted) in [("run-1", 3 * CASES.len()), ("run-2", 0)] {
        source.copied.clear();
        let (log, done) = walk(&site.worker, &mut source, &definition, run).await;
        assert_eq!(done, Ok(()), "{log:?}");
        assert_eq!(rows_of(&source), wanted, "{run}: {:?}", source.copied);
    }
    // A copy that dies after it has written: its rows are read again by the next run.
    for (index, case) in CASES.iter().enumerate() {
        insert(&server, index, &case.more);
    }
    source.dies = true;
    source.copied.clear();
    let (_, done) = walk(&site.worker, &mut source, &definition, "run-3").await;
    assert!(done.unwrap_err().concat().contains("the copy was lost"));
    let (log, done) = walk(&site.worker, &mut source, &definition, "run-4").await;
    assert_eq!(done, Ok(()), "{log:?}");
    assert_eq!(rows_of(&source), 2 * CASES.len(), "{:?}", source.copied);
    let mut ids = BTreeMap::new();
    for (query, rows) in &source.copied {
        for row in rows {
            let table = query.split(" WHERE").next().unwrap();
            *ids.entry((table.to_owned(), row["id"].clone().to_string())).or_insert(0) += 1;
        }
    }
    assert!(ids.values().all(|times| *times == 1), "{ids:?}");
}

fn rows_of(source: &Source<'_>) -> usize {
    source
        .copied
        .iter()
        .filter(|(query, _)| !query.contains("ledger"))
        .map(|(_, rows)| rows.len())
        .sum()
}

#[tokio::test]
async fn postgresql_reads_backfills_and_tables_without_rows() {
    let Some(server) = Postgres::start() else { return };
    let site = Site::new().await;
    server.execute("CREATE TABLE days (id int, at timestamptz)");
    let table = json!({
        "id": "days", "table": "days", "dialect": "postgresql", "timeZone": "Europe/Berlin",
        "watermark": {"column": "at", "type": "timestamptz"},
    });
    let created = site.done("tables", table).await;
    let highest = &server.rows(created["maxQuery"].as_str().unwrap()).unwrap()[0];
    assert_eq!(highest, &json!({"upper": null}));
    let request = json!({"runId": "r", "firstRun": true, "upper": highest});
    let window = site.done("tables/days/windows", request).await;
    assert_eq!(server.rows(window["query"].as_str().unwrap()).unwrap(), Vec::<Value>::new());

    // Whole days of the table's own time zone, the long one of October too: rows on both ends.
    server.execute(
        "INSERT INTO days VALUES (1, '2024-10-26 22:00:00+00'), (2, '2024-10-26 22:00:00.000001+00'), \
         (3, '2024-10-27 23:00:00+00'), (4, '2024-10-27 23:00:00.000001+00'), (5, NULL)",
    );
    let request = json!({"runId": "b", "from_date": "2024-10-27", "to_date": "2024-10-28"});
    let window = site.done("tables/days/windows", request).await;
    let rows = server.rows(window["query"].as_str().unwrap()).unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [2, 3], "{window}");
}
