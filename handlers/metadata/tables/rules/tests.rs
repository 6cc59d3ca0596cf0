use serde_json::json;

use super::*;

fn read(body: Json) -> Result<Checked, String> {
    let Json::Object(body) = body else { panic!("an object") };
    let spec = spec_of(body).map_err(|error| error.to_string())?;
    let id = default_id(&spec);
    checked(&id, spec).map_err(|wrong| {
        wrong.iter().map(|wrong| format!("{}: {}\n", wrong.field, wrong.detail)).collect()
    })
}

#[test]
fn what_is_not_said_follows() {
    let table = read(json!({
        "table": "Orders", "watermark": {"column": "updated_at", "type": "datetime2"}
    }));
    let table = table.unwrap();
    assert_eq!(table.id, "dbo.Orders");
    assert_eq!(table.mode, Mode::Incremental);
    let answer = serde_json::to_value(table.answer(None)).unwrap();
    assert_eq!(answer["schema"], "dbo");
    assert_eq!(answer["watermark"]["type"], "datetime2(7)");
    assert_eq!(answer["quoted"]["name"], "[dbo].[Orders]");
    assert_eq!(answer["timeZone"], "UTC");
    assert_eq!(answer["origin"], "file");
    assert!(answer["maxQuery"].as_str().unwrap().contains("MAX([updated_at])"));
    let full = read(json!({"table": "t", "dialect": "postgresql"})).unwrap();
    assert_eq!((full.id.as_str(), full.mode), ("public.t", Mode::Full));
    assert_eq!(full.max_query(), None);
}

#[test]
fn what_was_read_can_be_sent_back() {
    let table = read(json!({"table": "t", "sink": "bronze/{table}/{windowId}"})).unwrap();
    let mut answer = serde_json::to_value(table.answer(None)).unwrap();
    answer["etag"] = json!("x");
    assert_eq!(read(answer).unwrap().spec.table, "t");
}

#[test]
fn everything_that_is_wrong_is_told() {
    let wrong = read(json!({
        "schema": "", "table": "a\u{0}", "timeZone": "Mars", "sink": "{x}", "batch": "\n",
        "freshness": "soon", "slo": 1, "mode": "incremental",
        "watermark": {"column": "", "type": "timestamp", "lag": "1"}
    }));
    let wrong = wrong.unwrap_err();
    for field in [
        "schema",
        "table",
        "timeZone",
        "sink",
        "batch",
        "freshness",
        "slo",
        "watermark.column",
        "watermark.type",
        "watermark.lag",
    ] {
        assert!(wrong.lines().any(|line| line.starts_with(&format!("{field}: "))), "{wrong}");
    }
    let missing = read(json!({"table": "t", "mode": "incremental"})).unwrap_err();
    assert!(missing.starts_with("watermark: is missing"), "{missing}");
    let start = json!({"column": "c", "type": "int", "start": "x"});
    let start = read(json!({"table": "t", "watermark": start})).unwrap_err();
    assert!(start.starts_with("watermark.start: "), "{start}");
    for (kind, is_good) in [("int", false), ("rowversion", false), ("date", true)] {
        let watermark = json!({"column": "c", "type": kind, "lag": "5m"});
        let found = read(json!({"table": "t", "watermark": watermark}));
        assert_eq!(found.is_ok(), is_good, "{kind}");
        let wrong = found.err().unwrap_or_default();
        assert_eq!(wrong.starts_with("watermark.lag: has no meaning"), !is_good, "{wrong}");
    }
    assert!(read(json!({"table": "t", "dialct": "x"})).unwrap_err().contains("`dialect`"));
}

#[test]
fn an_id_fits_an_address() {
    assert_eq!(read(json!({"table": "a/b#c"})).unwrap().id, "dbo.a-b-c");
    for id in ["", "import", "a/b", "a%2Fb", "a?", ".."] {
        assert!(check(id).is_err(), "{id}");
    }
    assert!(check("Größe und Gewicht").is_ok());
}

#[test]
fn a_patch_merges_deeply() {
    let watermark = json!({"column": "c", "type": "date", "lag": "5m"});
    let table = read(json!({"table": "t", "watermark": watermark})).unwrap();
    let Json::Object(patch) = json!({"watermark": {"lag": null, "column": "d"}, "order": 3}) else {
        panic!("an object")
    };
    let spec = patched(&table.spec, &patch).unwrap();
    let watermark = spec.watermark.unwrap();
    assert_eq!((watermark.column.as_str(), watermark.lag), ("d", None));
    assert_eq!(spec.order, 3);
}
