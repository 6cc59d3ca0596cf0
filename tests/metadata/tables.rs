//! Tables: what is kept of them, and the lists that others keep.

use serde_json::{Value, json};

use super::{Site, each};

fn orders() -> Value {
    json!({
        "table": "Orders", "watermark": {"column": "updated_at", "type": "datetime2"},
        "sink": "bronze/{table}/{windowId}",
    })
}

#[tokio::test]
async fn a_table_is_created_changed_and_removed() {
    let site = Site::new().await;
    let (status, created) = site.post("tables", orders()).await;
    assert_eq!((status, created["id"].as_str()), (201, Some("dbo.Orders")));
    assert_eq!(created["mode"], "incremental");
    assert_eq!(created["quoted"]["name"], "[dbo].[Orders]");
    // The same again, be it as a text, or as it was answered.
    let text = Value::String(orders().to_string());
    assert_eq!(site.post("tables", text).await.0, 200);
    assert_eq!(site.post("tables", created.clone()).await.0, 200);
    let other = json!({"table": "Orders", "mode": "full"});
    let (status, problem) = site.post("tables", other.clone()).await;
    assert_eq!((status, problem["current"]["id"].as_str()), (409, Some("dbo.Orders")));

    let put = async |headers: &[(&'static str, &str)], query: &str| {
        let address = format!("tables/dbo.Orders{query}");
        site.worker.call("PUT", &address, headers, &other).await
    };
    assert_eq!(put(&[], "").await.0, 428);
    let (status, problem) = put(&[("if-match", "\"x\"")], "").await;
    assert_eq!((status, &problem["etag"]), (412, &created["etag"]));
    let etag = created["etag"].as_str().unwrap();
    let (status, replaced) = put(&[], &format!("?etag={etag}")).await;
    assert_eq!((status, replaced["mode"].as_str()), (200, Some("full")));
    assert_eq!(replaced["watermark"], Value::Null);
    assert_eq!(replaced["createdAt"], created["createdAt"]);

    // What was read may be sent back, but nothing else that nobody can change.
    let (_, read) = site.get("tables/dbo.Orders").await;
    site.done("tables/dbo.Orders", read).await;
    for (name, other) in [
        ("id", json!("other")),
        ("origin", json!("file")),
        ("createdAt", Value::Null),
        ("mark", json!({"value": "7"})),
        ("maxQuery", json!("SELECT 1")),
        ("etag", json!("x")),
    ] {
        let (status, problem) = site.post("tables/dbo.Orders", json!({name: other})).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!(name)), "{problem}");
    }
    let other = json!({"id": "other", "table": "t"});
    for address in ["tables/t9", "tables/dbo.Orders"] {
        let (status, problem) = site.worker.call("PUT", address, &[], &other).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("id")), "{problem}");
    }
    assert_eq!(site.get("tables/t9").await.0, 404);
    let patched = site.done("tables/dbo.Orders", json!({"enabled": false, "order": 7})).await;
    assert_eq!((&patched["enabled"], &patched["order"]), (&json!(false), &json!(7)));
    let (_, read) = site.get("tables?id=dbo.Orders").await;
    assert_eq!((&read["etag"], &read["mark"]), (&patched["etag"], &Value::Null));
    let gone = site.done("tables/dbo.Orders/delete", json!({})).await;
    assert_eq!(gone, json!({"id": "dbo.Orders", "deleted": true}));
    let (status, problem) = site.get("tables/dbo.Orders").await;
    assert_eq!((status, problem["status"].as_u64()), (404, Some(404)));
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_by_its_field() {
    let site = Site::new().await;
    let wrong = json!({"table": 1, "dialct": "x", "watermark": {"column": "c"}});
    let (status, problem) = site.post("tables", wrong).await;
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap())
        .collect();
    assert_eq!(status, 400);
    for field in ["table", "dialct"] {
        assert!(fields.contains(&field), "{problem}");
    }
    let wrong = json!({"id": "a/b", "table": "t", "timeZone": "Mars", "slo": 2});
    let (_, problem) = site.post("tables", wrong).await;
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
    for address in [
        "tables?mode=some",
        "tables?limit=0",
        "tables?x=1",
        "tables/a/windows?status=x",
        "tables/ledger?x=1",
        "tables/ledger/mark?x=1",
        "tables/ledger/windows/w?x=1",
    ] {
        assert_eq!(site.get(address).await.0, 400, "{address}");
    }
    for address in ["import", "ledger/windows", "ledger/windows/w/commit", "ledger/windows/w/fail"]
    {
        let (status, problem) = site.post(&format!("tables/{address}?x=1"), json!({})).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("x")), "{problem}");
    }
    let (status, problem) = site.post("tables/import", json!({"value": [], "replce": true})).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!("replce")), "{problem}");
    assert_eq!(site.worker.call("DELETE", "tables", &[], &Value::Null).await.0, 405);
    assert_eq!(site.get("tables/%FF").await.0, 400);
}

#[tokio::test]
async fn tables_of_the_file_cannot_be_changed_here() {
    let site = Site::new().await;
    let (_, table) = site.get("tables/sales.orders").await;
    assert_eq!((&table["origin"], &table["table"]), (&json!("file"), &json!("orders")));
    assert_eq!(table["watermark"]["lag"], "5m");
    assert!(table["maxQuery"].as_str().unwrap().starts_with("SELECT CONVERT(varchar(40), MAX("));
    // What the file says, said again.
    let same = json!({"id": "ledger", "schema": "acc", "table": "ledger", "dialect": "postgresql",
        "batch": "nightly", "order": 1, "sink": "bronze/{id}/{windowId}"});
    let (status, same) = site.post("tables", same).await;
    assert_eq!((status, &same["origin"]), (200, &json!("file")), "{same}");
    for (method, address) in
        [("PATCH", "tables/sales.orders"), ("DELETE", "tables/sales.orders"), ("POST", "tables")]
    {
        let body = if method == "POST" {
            json!({"id": "ledger", "table": "x"})
        } else {
            json!({"order": 9})
        };
        let (status, problem) = site.worker.call(method, address, &[], &body).await;
        assert_eq!(status, 409, "{method}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("lakehand.toml"), "{problem}");
    }
}

#[tokio::test]
async fn a_list_goes_on_where_it_ended() {
    let site = Site::new().await;
    for (table, order) in [("c", 2), ("a", 2), ("b", 1)] {
        let body = json!({"table": table, "batch": "nightly", "order": order});
        site.done("tables", body).await;
    }
    site.done("tables", json!({"table": "z", "enabled": false})).await;
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let address = format!("tables?limit=2&batch=nightly&continuationToken={token}");
        let (status, list) = site.get(&address).await;
        assert_eq!(status, 200, "{list}");
        assert_eq!(list["count"], list["value"].as_array().unwrap().len());
        found.extend(each(&list, "id").iter().map(|id| (*id).to_owned()));
        match list["continuationToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(found, ["dbo.b", "ledger", "dbo.a", "dbo.c", "sales.orders"]);
    let (status, problem) = site.get(&format!("tables?continuationToken={token}")).await;
    assert_eq!(status, 400, "{problem}");
    let (_, off) = site.get("tables?enabled=false").await;
    assert_eq!(each(&off, "id"), ["dbo.z"]);
    let (_, postgres) = site.get("tables?dialect=postgresql&mode=full").await;
    assert_eq!(each(&postgres, "id"), ["ledger"]);
}

#[tokio::test]
async fn a_list_to_loop_over_is_read_and_written() {
    let site = Site::new().await;
    let list = json!([
        {"schema": "dbo", "table": "DimUser", "cdc_col": "updated_at", "from_date": ""},
        {"schema": "dbo", "table": "DimDate", "cdc_col": "date", "from_date": "2026-01-01"},
        {"schema": "dbo", "cdc_col": "x"},
        {"schema": "sales", "table": "orders", "cdc_col": "other", "colour": "red"},
    ]);
    let done = site.done("tables/import", list.clone()).await;
    let result = each(&done, "result");
    assert_eq!(result, ["created", "created", "refused", "kept"], "{done}");
    let notes = done["value"].to_string();
    for wanted in [
        "datetime2(7) was assumed",
        "`from_date` is of one run",
        "has no `table`",
        "`colour` is ignored",
    ] {
        assert!(notes.contains(wanted), "{wanted}: {notes}");
    }
    // As a Lookup activity gives it, with defaults.
    let lookup = json!({
        "count": 1, "value": [list[1]], "effectiveIntegrationRuntime": "x", "replace": true,
        "defaults": {"watermarkType": "date", "sink": "bronze/{table}/{windowId}"},
    });
    let again = site.done("tables/import", lookup).await;
    assert_eq!(each(&again, "result"), ["replaced"]);
    let (_, table) = site.get("tables/dbo.DimDate").await;
    assert_eq!((&table["watermark"]["type"], &table["origin"]), (&json!("date"), &json!("api")));

    let (_, written) = site.get("tables/export?format=loop_input").await;
    assert!(written["value"].as_array().unwrap().contains(&list[0]), "{written}");
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let address = format!("tables/export?limit=3&continuationToken={token}");
        let (status, page) = site.get(&address).await;
        assert_eq!(status, 200, "{page}");
        assert!(page["value"].as_array().unwrap().len() <= 3, "{page}");
        pages.extend(page["value"].as_array().unwrap().clone());
        match page["continuationToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(Value::Array(pages), written["value"]);
    let other = format!("tables/export?format=controlTable&continuationToken={token}");
    assert_eq!(site.get(&other).await.0, 400);
    assert_eq!(site.post("tables/import", json!({"value": [1]})).await.0, 400);
    assert_eq!(site.post("tables/import", json!([{"x": 1}])).await.0, 400);
}

#[tokio::test]
async fn an_import_leaves_another_table_of_the_same_id_alone() {
    let site = Site::new().await;
    // One table as it is, without a list around it.
    let alone = json!({"schema": "dbo", "table": "a/b", "cdc_col": "c"});
    let done = site.done("tables/import", alone).await;
    assert_eq!((each(&done, "id"), each(&done, "result")), (vec!["dbo.a-b"], vec!["created"]));
    for replace in [false, true] {
        let list = json!({"value": [{"table": "a#b"}, {"table": "a/b"}], "replace": replace});
        let done = site.done("tables/import", list).await;
        let wanted = if replace { "replaced" } else { "kept" };
        assert_eq!(each(&done, "result"), ["refused", wanted], "{done}");
        assert!(done["value"][0]["notes"][0].as_str().unwrap().contains("\"a/b\""), "{done}");
    }
    let (_, table) = site.get("tables/dbo.a-b").await;
    assert_eq!(table["table"], "a/b");
}

#[tokio::test]
async fn a_last_value_becomes_the_mark() {
    let site = Site::new().await;
    let cdc = json!({"cdc": "2024-12-01T06:00:00.1234567", "table": "sales.orders"});
    assert_eq!(each(&site.done("tables/import", cdc).await, "result"), ["marked"]);
    let (_, table) = site.get("tables/sales.orders").await;
    assert_eq!(table["mark"]["value"], "2024-12-01T06:00:00.1234567");
    let list = json!({"value": [{"cdc": "1900-01-01"}], "table": "sales.orders"});
    assert_eq!(each(&site.done("tables/import", list).await, "result"), ["kept"]);
    let wrong = json!({"value": [{"cdc": "soon"}], "table": "sales.orders", "replace": true});
    assert_eq!(each(&site.done("tables/import", wrong).await, "result"), ["refused"]);
    let (_, written) = site.get("tables/export?format=cdc&table=sales.orders").await;
    assert_eq!(written, json!({"cdc": "2024-12-01T06:00:00.1234567"}));
    assert_eq!(site.post("tables/import", json!({"cdc": "x"})).await.0, 400);
}

#[tokio::test]
async fn rows_of_a_control_table_are_read_and_written() {
    let site = Site::new().await;
    let row = |table: &str, behaviour: &Value| {
        json!({
            "Id": 1,
            "SourceObjectSettings": json!({"schema": "SalesLT", "table": table}).to_string(),
            "SourceConnectionSettingsName": "NA",
            "CopySourceSettings": "{\"partitionOption\": \"None\", \"sqlReaderQuery\": null}",
            "SinkObjectSettings": json!({"fileName": "x.parquet", "fileSystem": "raw"}).to_string(),
            "CopyActivitySettings": json!({"translator": {"mappings": [
                {"source": {"name": "ModifiedDate", "type": "DateTime", "physicalType": "datetime"}}
            ]}}).to_string(),
            "TopLevelPipelineName": "Ingest_TopLevel",
            "TriggerName": "[\"Sandbox\", \"Trigger_nightly\"]",
            "DataLoadingBehaviorSettings": behaviour.to_string(),
            "TaskId": 4,
            "CopyEnabled": 1,
        })
    };
    let delta = json!({
        "dataLoadingBehavior": "DeltaLoad", "watermarkColumnName": "ModifiedDate",
        "watermarkColumnType": "DateTime", "watermarkColumnStartValue": "2006-06-01T00:00:00.000Z",
    });
    let full = json!({"dataLoadingBehavior": "FullLoad", "watermarkColumnName": null});
    let rows = json!({"value": [row("Address", &delta), row("Customer", &full)]});
    let done = site.done("tables/import", rows).await;
    assert_eq!(each(&done, "result"), ["created", "created"], "{done}");
    assert!(done["value"].to_string().contains("`SinkObjectSettings` is ignored"));

    let (_, table) = site.get("tables/SalesLT.Address").await;
    assert_eq!(table["watermark"]["type"], "datetime");
    assert_eq!((&table["batch"], &table["order"]), (&json!("Trigger_nightly"), &json!(-4)));
    let opened = site.done("tables/SalesLT.Address/windows", json!({"runId": "r"})).await;
    assert_eq!(opened["lowerLiteral"], "CAST('2006-06-01T00:00:00.000' AS datetime)");

    let (_, written) = site.get("tables/export?format=controlTable").await;
    let is_address = |row: &&Value| row["SourceObjectSettings"]["table"] == "Address";
    let address = written["value"].as_array().unwrap().iter().find(is_address).unwrap();
    assert_eq!(address["DataLoadingBehaviorSettings"], delta);
    assert_eq!((&address["TaskId"], &address["CopyEnabled"]), (&json!(4), &json!(1)));
    // What was written is read as what is there.
    let again = site.done("tables/import", json!({"value": [written["value"][0]]})).await;
    assert!(["unchanged", "kept"].contains(&each(&again, "result")[0]), "{again}");
}
