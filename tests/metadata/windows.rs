//! Windows: from the mark to a bound, one at a time, and what a commit makes of them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lakehand::metadata::{
    datasets::{
        model::Status,
        rules::Event,
        store::{Datasets, Sighting},
    },
    http::time::write_time,
};
use parquet::{
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Site, each};
use crate::stores::local::database;
#[tokio::test]
async fn a_window_has_all_that_a_copy_needs() {
    let site = Site::new().await;
    let address = "tables/sales.orders/windows";
    let (status, problem) = site.post(address, json!({"runId": "r1"})).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("\"firstRun\": true"), "{problem}");

    let first = json!({"runId": "r1", "firstRun": true, "upper": "2024-12-01 06:00:00.1234567"});
    let (status, window) = site.post(address, first.clone()).await;
    assert_eq!(status, 201, "{window}");
    assert_eq!((&window["firstRun"], &window["mode"]), (&json!(true), &json!("incremental")));
    let wanted = "SELECT * FROM [sales].[orders] WHERE ([updated_at] <= \
                  CAST('2024-12-01T06:00:00.1234567' AS datetime2(7))) OR [updated_at] IS NULL";
    assert_eq!(window["query"], wanted);
    assert_eq!(window["upper"], "2024-12-01 06:00:00.1234567", "as the source wrote it");
    let id = window["id"].as_str().unwrap();
    assert_eq!(window["sink"]["path"], format!("bronze/sales/orders/{id}"));

    // The same run, the same window; another one is told who is there.
    let again = Value::String(first.to_string());
    assert_eq!(site.post(address, again).await, (200, window.clone()));
    let (status, problem) = site.post(address, json!({"runId": "r2"})).await;
    assert_eq!((status, &problem["current"]["window"]["id"]), (409, &window["id"]));

    let commit = json!({"rowsRead": "3", "max": "2024-12-01 05:59:59.0000001"});
    let end = site.done(&format!("{address}/{id}/commit"), commit.clone()).await;
    assert_eq!((&end["applied"], &end["moved"]), (&json!(true), &json!(true)));
    assert_eq!(end["mark"]["value"], "2024-12-01 05:59:59.0000001");
    assert_eq!(end["emptied"], Value::Null);
    let end = site.done(&format!("{address}/{id}/commit"), commit).await;
    assert_eq!((&end["applied"], &end["moved"]), (&json!(false), &json!(true)));

    let next = json!({"runId": "r2", "upper": "2024-12-02T00:00:00"});
    let window = site.done(address, next).await;
    let wanted = "SELECT * FROM [sales].[orders] WHERE [updated_at] > \
                  CAST('2024-12-01T05:59:59.0000001' AS datetime2(7)) AND [updated_at] <= \
                  CAST('2024-12-02T00:00:00.0000000' AS datetime2(7))";
    assert_eq!(window["query"], wanted);
    assert_eq!(window["previousMark"], "2024-12-01 05:59:59.0000001");
}

#[tokio::test]
async fn a_failure_is_told_and_the_mark_stays() {
    let site = Site::new().await;
    site.counter().await;
    let opened = site.done("tables/counter/windows", json!({"runId": "r1", "upper": 9})).await;
    let id = opened["id"].as_str().unwrap();
    let failed = json!({"reason": "the source is down"});
    let end = site.done(&format!("tables/counter/windows/{id}/fail"), failed).await;
    assert_eq!((&end["window"]["status"], &end["mark"]), (&json!("failed"), &Value::Null));
    let (status, _) =
        site.post(&format!("tables/counter/windows/{id}/commit"), json!({"rowsRead": 1})).await;
    assert_eq!(status, 409);
    let again = site.done("tables/counter/windows", json!({"runId": "r1", "upper": 9})).await;
    assert_ne!(again["id"], opened["id"]);
    let (_, read) = site.get(&format!("tables/counter/windows/{id}")).await;
    assert_eq!(read["reason"], "the source is down");
    for id in ["mark", "nothing", "b0"] {
        let address = format!("tables/counter/windows/{id}/commit");
        assert_eq!(site.post(&address, json!({"rowsRead": 1})).await.0, 404, "{id}");
        assert_eq!(site.get(&format!("tables/counter/windows/{id}")).await.0, 404, "{id}");
    }
    for wrong in [json!({}), json!({"rowsRead": -1}), json!({"rowsRead": 1.5}), json!({"rows": 1})]
    {
        let id = again["id"].as_str().unwrap();
        let (status, problem) =
            site.post(&format!("tables/counter/windows/{id}/commit"), wrong.clone()).await;
        assert_eq!(status, 400, "{wrong} {problem}");
    }
}

#[tokio::test]
async fn old_windows_are_listed_and_their_runs_remembered() {
    let site = Site::new().await;
    site.counter().await;
    for n in 1..=5 {
        let request = json!({"runId": format!("r{n}"), "upper": n});
        let window = site.done("tables/counter/windows", request).await;
        let id = window["id"].as_str().unwrap();
        site.done(&format!("tables/counter/windows/{id}/commit"), json!({"rowsRead": 1})).await;
    }
    site.done("tables/counter/windows", json!({"runId": "r6", "upper": 9})).await;
    for limit in [1, 2, 4, 1_000] {
        let (mut runs, mut token) = (Vec::new(), String::new());
        loop {
            let address = format!("tables/counter/windows?limit={limit}&continuationToken={token}");
            let (_, list) = site.get(&address).await;
            assert!(list["count"].as_u64().unwrap() <= limit, "{limit}: {list}");
            runs.extend(each(&list, "runId").iter().map(|run| (*run).to_owned()));
            match list["continuationToken"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(runs, ["r6", "r5", "r4", "r3", "r2", "r1"], "{limit}");
    }
    let (status, problem) = site.get("tables/nope/windows").await;
    assert_eq!(status, 404, "{problem}");
    // A caller can read the digest of a question off a token, and write another place beside it.
    let (_, list) = site.get("tables/counter/windows?limit=2").await;
    let token = list["continuationToken"].as_str().unwrap();
    let mut altered: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap();
    let places = [json!(7), json!([]), json!("x"), json!(""), json!("../mark"), json!("\0")];
    for (at, place) in places.into_iter().enumerate() {
        altered["p"] = place;
        let token = URL_SAFE_NO_PAD.encode(altered.to_string());
        let address = format!("tables/counter/windows?limit=2&continuationToken={token}");
        let (status, answer) = site.get(&address).await;
        assert_eq!(status, if at < 2 { 400 } else { 200 }, "{answer}");
    }
    let (_, one) = site.get("tables/counter/windows?runId=r2&status=committed").await;
    assert_eq!(each(&one, "runId"), ["r2"]);
    // A run whose window was committed long ago does not read on.
    let (status, again) = site.post("tables/counter/windows", json!({"runId": "r1"})).await;
    assert_eq!(
        (status, &again["status"], &again["upper"]),
        (200, &json!("committed"), &json!("1"))
    );
    let (_, freshness) = site.get("freshness?id=counter").await;
    let found = &freshness["value"][0];
    assert_eq!((&found["status"], &found["volume"]["rows"]), (&json!("fresh"), &json!(5)));
    assert_eq!(found["objective"]["successRate"], 1.0);
}

#[tokio::test]
async fn a_backfill_reads_again_beside_the_live_window() {
    let site = Site::new().await;
    site.counter().await;
    site.done("tables/counter/windows", json!({"runId": "live", "upper": 9})).await;
    let request = json!({"runId": "again", "from_date": "3", "to_date": "5"});
    let window = site.done("tables/counter/windows", request.clone()).await;
    let between = "WHERE [n] > CAST(3 AS bigint) AND [n] <= CAST(5 AS bigint)";
    assert_eq!(window["query"], format!("SELECT * FROM [dbo].[counter] {between}"));
    assert_eq!(site.post("tables/counter/windows", request.clone()).await, (200, window.clone()));
    let address = format!("tables/counter/windows/{}", window["id"].as_str().unwrap());
    let end = site.done(&format!("{address}/commit"), json!({"rowsRead": 2, "max": "5"})).await;
    assert_eq!((&end["moved"], &end["mark"]), (&json!(false), &Value::Null));
    let again = site.done(&format!("{address}/commit"), json!({"rowsRead": 2})).await;
    assert_eq!(again["applied"], false);
    let (_, list) = site.get("tables/counter/windows?purpose=backfill").await;
    assert_eq!(each(&list, "runId"), ["again"]);
    let (_, live) = site.get("tables/counter/windows").await;
    assert_eq!(each(&live, "runId"), ["live"]);
}

#[tokio::test]
async fn a_mark_is_set_by_hand_only_with_its_version() {
    let site = Site::new().await;
    site.counter().await;
    let set = async |query: &str, value: Value| {
        site.post(&format!("tables/counter/mark{query}"), json!({"value": value})).await
    };
    assert_eq!(set("", json!("7")).await.0, 428);
    assert_eq!(set("?etag=x", json!("7")).await.0, 412);
    let (status, answer) = set("?etag=none", json!("7")).await;
    assert_eq!((status, &answer["mark"]["value"]), (200, &json!("7")));
    let etag = answer["etag"].as_str().unwrap().to_owned();
    assert_eq!(set(&format!("?etag={etag}"), json!("x")).await.0, 400);
    let window = site.done("tables/counter/windows", json!({"runId": "r", "upper": 9})).await;
    let (_, now) = site.get("tables/counter/mark").await;
    let etag = now["etag"].as_str().unwrap().to_owned();
    assert_eq!(now["live"]["id"], window["id"]);
    assert_eq!(set(&format!("?etag={etag}"), json!("3")).await.0, 409, "a window is open");
    let address = format!("tables/counter/windows/{}/fail", window["id"].as_str().unwrap());
    site.done(&address, json!({})).await;
    let (_, now) = site.get("tables/counter/mark").await;
    let etag = now["etag"].as_str().unwrap();
    let (status, answer) = set(&format!("?etag={etag}"), Value::Null).await;
    assert_eq!((status, &answer["mark"]), (200, &Value::Null));
}

#[tokio::test]
async fn a_mark_that_the_database_cannot_hold_is_refused_everywhere() {
    let site = Site::new().await;
    let watermark = json!({"column": "d", "type": "decimal"});
    site.done("tables", json!({"id": "big", "table": "big", "watermark": watermark})).await;
    let value = "9".repeat(39);
    let (status, problem) = site.post("tables/big/mark?etag=none", json!({"value": value})).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("value")), "{problem}");
    let done = site.done("tables/import", json!({"cdc": value, "table": "big"})).await;
    assert_eq!(each(&done, "result"), ["refused"], "{done}");
}

fn parquet_file(rows: usize) -> Vec<u8> {
    let schema = parse_message_type("message t { required int64 n; }").unwrap().into();
    let properties = WriterProperties::builder().build().into();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    if rows > 0 {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let values = vec![7_i64; rows];
        column.typed::<parquet::data_type::Int64Type>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn files_without_rows_go_and_no_others() {
    let site = Site::new().await;
    let request = json!({"runId": "r", "firstRun": true});
    let window = site.done("tables/sales.orders/windows", request).await;
    let id = window["id"].as_str().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = site.path(&format!("bronze/sales/orders/{name}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    let empty = ["part-0.parquet", "blank.csv", "nothing.jsonl", "deeper/nothing.csv"];
    write(&format!("{id}/part-0.parquet"), &parquet_file(0));
    write(&format!("{id}/blank.csv"), b"\xef\xbb\xbf\r\n");
    write(&format!("{id}/nothing.jsonl"), b"\n");
    write(&format!("{id}/deeper/nothing.csv"), b"");
    let full = [
        "part-1.parquet",
        "rows.csv",
        "broken.parquet",
        "what.bin",
        "row.jsonl",
        // One line may be a row, and a lone quote ends nothing.
        "line.csv",
        "quote.txt",
    ];
    write(&format!("{id}/line.csv"), b"1,2\n");
    write(&format!("{id}/quote.txt"), b"5\" pipe\n6\n7\n");
    write(&format!("{id}/part-1.parquet"), &parquet_file(3));
    write(&format!("{id}/rows.csv"), b"a,b\n1,2\n");
    write(&format!("{id}/broken.parquet"), b"PAR1");
    write(&format!("{id}/what.bin"), b"");
    write(&format!("{id}/row.jsonl"), b"{\"n\": 1}\n");
    write("other-window/part-0.parquet", &parquet_file(0));
    write(&format!("{id}0/part-0.parquet"), &parquet_file(0));

    let address = format!("tables/sales.orders/windows/{id}/commit");
    let end = site.done(&address, json!({"rowsRead": 0})).await;
    assert_eq!((&end["moved"], &end["mark"]), (&json!(false), &Value::Null));
    let removed = end["emptied"]["removed"].as_array().unwrap();
    let name = |file: &&str| format!("bronze/sales/orders/{id}/{file}");
    for file in &empty {
        assert!(removed.iter().any(|path| *path == name(file)), "{file}: {end}");
        assert!(!site.path(&name(file)).exists(), "{file}");
    }
    assert_eq!(removed.len(), empty.len());
    let left = end["emptied"]["left"].as_array().unwrap();
    for file in &full {
        assert!(left.iter().any(|left| left["path"] == name(file)), "{file}: {end}");
        assert!(site.path(&name(file)).exists(), "{file}");
    }
    assert_eq!(left.len(), full.len());
    assert!(site.path("bronze/sales/orders/other-window/part-0.parquet").exists());
    assert!(site.path(&format!("bronze/sales/orders/{id}0/part-0.parquet")).exists());

    // A commit that is repeated finishes what a crash left.
    write(&format!("{id}/part-2.parquet"), &parquet_file(0));
    let again = site.done(&address, json!({"rowsRead": 0})).await;
    assert_eq!(again["emptied"]["removed"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn more_files_than_are_looked_at_are_told() {
    let site = Site::new().await;
    let request = json!({"runId": "r", "firstRun": true});
    let window = site.done("tables/sales.orders/windows", request).await;
    let id = window["id"].as_str().unwrap();
    let folder = site.path(&format!("bronze/sales/orders/{id}"));
    std::fs::create_dir_all(&folder).unwrap();
    for n in 0..1_002 {
        let content = if n < 2 { "7" } else { "" };
        std::fs::write(folder.join(format!("{n:04}.csv")), content).unwrap();
    }
    let address = format!("tables/sales.orders/windows/{id}/commit");
    for (removed, reason) in [(998, true), (2, false)] {
        let end = site.done(&address, json!({"rowsRead": 0})).await;
        let emptied = &end["emptied"];
        assert_eq!(emptied["removed"].as_array().unwrap().len(), removed);
        assert_eq!(emptied["left"].as_array().unwrap().len(), 2);
        assert_eq!(emptied["reason"].is_string(), reason, "{}", emptied["reason"]);
    }
}

#[tokio::test]
async fn nothing_is_removed_where_others_write() {
    let site = Site::new().await;
    for (id, sink, reason) in [
        ("shared", json!("bronze/{table}/{yyyy}"), "{windowId}"),
        ("elsewhere", json!("gold/{windowId}"), "`gold`"),
        ("nowhere", Value::Null, "no sink"),
    ] {
        site.done("tables", json!({"id": id, "table": "t", "sink": sink})).await;
        let window = site.done(&format!("tables/{id}/windows"), json!({"runId": "r"})).await;
        let folder = window["sink"]["path"].as_str().unwrap_or("bronze");
        let file = site.path(&format!("{folder}/x.csv"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "a\n").unwrap();
        let address = format!("tables/{id}/windows/{}/commit", window["id"].as_str().unwrap());
        let end = site.done(&address, json!({"rowsRead": 0})).await;
        assert!(end["emptied"]["reason"].as_str().unwrap().contains(reason), "{end}");
        assert!(file.exists(), "{id}");
    }
}

#[tokio::test]
async fn a_route_is_as_fresh_as_the_datasets_it_delivered() {
    let site = Site::new().await;
    let (_, before) = site.get("freshness?id=drives").await;
    let found = &before["value"][0];
    assert_eq!((&found["kind"], &found["status"]), (&json!("route"), &json!("never")));
    let database = database(&site.path(""));
    let documents = database.documents();
    let now = OffsetDateTime::now_utc();
    for (id, status) in [("q1", Status::Ready), ("q2", Status::Quarantined)] {
        let event =
            Event { status, at: write_time(now), by: "routing".to_owned(), ..Event::default() };
        let seen = Sighting {
            event,
            container: "landing".to_owned(),
            path: format!("drives/{id}"),
            route: Some("drives".to_owned()),
            size: None,
        };
        Datasets::new(&*documents).observe(id, &seen, now).await.unwrap();
    }
    let (_, list) = site.get("freshness?id=drives").await;
    let found = &list["value"][0];
    assert_eq!((&found["status"], &found["targetSeconds"]), (&json!("fresh"), &json!(86_400)));
    assert_eq!(found["objective"]["successRate"], 0.5);
    // A list of all ends with the routes.
    let (_, all) = site.get("freshness").await;
    assert_eq!(each(&all, "id"), ["ledger", "sales.orders", "drives"]);
}
