//! `POST /api/encrypt`.

use lakehand::stores::Condition;
use serde_json::{Value, json};

use super::{PEOPLE, SECRET, Site, rewrapping::GUARDS};
use crate::routing::at;

fn body(source: &str, destination: &str) -> Value {
    json!({ "source": source, "destination": destination, "policy": "pii" })
}

async fn protects_a_file(site: Site) {
    site.write("processing/people/x.csv", PEOPLE).await;
    let order = body("/processing/people/x.csv", "curated/people/x.csv");
    let (status, answer) = site.encrypt(order.clone()).await;
    assert_eq!(status, 200, "{answer}");
    let file = &answer["files"][0];
    assert_eq!((&file["rows"], &file["cells"], &file["nulls"]), (&json!(3), &json!(4), &json!(2)));
    assert_eq!(file["bytesIn"], PEOPLE.len());
    assert_eq!((&file["keyId"], &file["keyVersion"]), (&json!("pii"), &json!("1")));
    assert_eq!(file["alreadyDone"], false);
    assert_eq!(answer["rows"], 3);
    let protected = site.read("curated/people/x.csv").await.unwrap();
    assert_eq!(file["bytesOut"], protected.len());
    assert!(protected.starts_with("id,email,note\r\n1,"), "{protected}");
    for plain in ["@x.org", "hi, you"] {
        assert!(!protected.contains(plain), "{protected}");
    }
    let mut names = site.names("curated").await;
    names.sort();
    assert_eq!(names, ["people/_lakehand/x.csv.json", "people/x.csv"]);
    let sidecar = site.read("curated/people/_lakehand/x.csv.json").await.unwrap();
    let sidecar: Value = serde_json::from_str(&sidecar).unwrap();
    assert_eq!(sidecar["columns"][0]["path"], "email");
    assert_eq!(sidecar["keys"]["file"]["name"], "pii");

    // The same again is answered from what is there.
    let (status, again) = site.encrypt(order.clone()).await;
    assert_eq!((status, &again["files"][0]["alreadyDone"]), (200, &json!(true)), "{again}");
    assert_eq!(again["files"][0]["cells"], 4);
    assert_eq!(site.read("curated/people/x.csv").await.as_deref(), Some(protected.as_str()));

    // Another version of the source is a conflict, unless the request says otherwise.
    site.write("processing/people/x.csv", PEOPLE).await;
    let (status, refused) = site.encrypt(order.clone()).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (409, &json!("destination")), "{refused}");
    for (policy, files) in [("version", 4), ("version", 4), ("replace", 4)] {
        let mut order = order.clone();
        order["on_conflict"] = policy.into();
        let (status, answer) = site.encrypt(order).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(site.names("curated").await.len(), files, "{policy}");
    }
    assert_ne!(site.read("curated/people/x.csv").await.unwrap(), protected);
}

#[tokio::test]
async fn a_file_is_protected_once_on_the_local_lake() {
    protects_a_file(Site::local().await).await;
}

#[tokio::test]
async fn a_file_is_protected_once_in_azure() {
    protects_a_file(Site::azure().await).await;
}

#[tokio::test]
async fn every_refusal_names_its_field_and_nothing_is_written() {
    let site = Site::local().await;
    site.write("processing/x.csv", PEOPLE).await;
    site.write("processing/broken.csv", "id,email,note\n1,2\n").await;
    site.write("processing/x.bin", "1").await;
    let order = |change: Value| {
        let mut order = body("processing/x.csv", "curated/x.csv");
        for (name, value) in change.as_object().unwrap() {
            order[name] = value.clone();
        }
        order
    };
    let columns =
        |columns: Value| order(json!({ "policy": null, "key": "pii", "columns": columns }));
    for (body, status, field, text) in [
        (order(json!({ "source": "elsewhere/x.csv" })), 403, "source", "out of reach"),
        (order(json!({ "destination": "processing/y.csv" })), 403, "destination", "out of reach"),
        (order(json!({ "rejects": "curated/y.csv/../.." })), 400, "rejects", "blob name"),
        (order(json!({ "source": "processing/none.csv" })), 404, "source", "there is no"),
        (order(json!({ "source": "processing/none/" })), 400, "destination", "folder"),
        (order(json!({ "source": "processing/broken.csv" })), 422, "source", "line 2"),
        (order(json!({ "source": "processing/x.bin" })), 400, "format", "does not tell"),
        (order(json!({ "policy": "none" })), 400, "policy", "there are: lost, pii"),
        (order(json!({ "policy": "lost" })), 400, "key", "no-such-key"),
        (order(json!({ "polisy": "pii" })), 400, "body", "known are"),
        (order(json!({ "on_conflict": "maybe" })), 400, "on_conflict", "one of"),
        (order(json!({ "format": "xls" })), 400, "format", "one of"),
        (order(json!({ "csv": { "delimiter": "" } })), 400, "csv", "character"),
        (columns(json!([])), 400, "columns", "a list"),
        (
            columns(json!([{ "name": "emial", "method": "mask" }])),
            400,
            "columns",
            "did you mean `email`",
        ),
        (columns(json!([{ "name": "email", "method": "rot13" }])), 400, "columns", "rot13"),
        (
            columns(json!([{ "name": "email", "method": "mask", "chars": 1 }])),
            400,
            "columns",
            "`chars`",
        ),
        (
            order(
                json!({ "policy": null, "columns": [{ "name": "email", "method": "token" }], "key": "x" }),
            ),
            400,
            "key",
            "not configured",
        ),
        (order(json!({ "policy": null })), 400, "policy", "missing"),
        (json!([1]), 400, "body", "no object"),
    ] {
        let shown = body.to_string();
        let (found, answer) = match body.is_object() {
            true => site.encrypt(body).await,
            false => site.worker.call("POST", "encrypt", &[], &body).await,
        };
        assert_eq!(
            (found, &answer["errors"][0]["field"]),
            (status, &json!(field)),
            "{shown}: {answer}"
        );
        let detail = answer["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(text), "{shown}: {detail}");
    }
    assert_eq!(site.names("curated").await, [""; 0]);
    let (status, answer) = site.worker.call("PUT", "encrypt", &[], &json!({})).await;
    assert_eq!(status, 405, "{answer}");
}

#[tokio::test]
async fn what_is_protected_is_not_protected_again() {
    let site = Site::local().await;
    site.write("processing/x.csv", PEOPLE).await;
    assert_eq!(site.encrypt(body("processing/x.csv", "curated/x.csv")).await.0, 200);
    let (status, answer) = site.encrypt(body("curated/x.csv", "curated/y.csv")).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("source")), "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("protected already"));
}

#[tokio::test]
async fn a_folder_is_protected_file_by_file() {
    let site = Site::local().await;
    for name in ["a/1.csv", "a/2.jsonl", "_SUCCESS", ".1.csv.crc", "b/3.csv"] {
        let json = r#"{"email": "a@x.org", "note": "1"}"#;
        let content = if name.ends_with("jsonl") { json } else { PEOPLE };
        site.write(&format!("processing/people/{name}"), content).await;
    }
    let order = body("processing/people/", "curated/people/");
    // A string that holds an object, as an expression in Data Factory gives it.
    let mut real = order.clone();
    site.make_real(&mut real);
    let text = Value::String(real.to_string());
    let (status, answer) = site.worker.call("POST", "encrypt", &[], &text).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["rows"], &answer["skipped"]), (&json!(7), &json!(2)));
    assert_eq!(answer["files"].as_array().unwrap().len(), 3);
    assert!(site.read("curated/people/b/3.csv").await.is_some());

    site.write("processing/people/a/0.csv", "id,note\n1,2\n").await;
    let (status, answer) =
        site.encrypt(body("processing/people/a/*.csv", "curated/people/a/")).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (400, &json!("columns")), "{answer}");
    let files = answer["files"].as_array().unwrap();
    assert!(files[0]["error"].as_str().unwrap().contains("email"), "{answer}");
    assert_eq!(files[1]["alreadyDone"], true);
}

#[tokio::test]
async fn records_that_are_not_valid_go_where_the_request_says() {
    let site = Site::local().await;
    site.write("processing/x.csv", "id,email,note\n1,a@x.org,\nragged\n").await;
    let mut order = body("processing/x.csv", "curated/x.csv");
    order["rejects"] = "processing/rejects/x.jsonl".into();
    let (status, answer) = site.encrypt(order).await;
    assert_eq!((status, &answer["rejected"]), (200, &json!(1)), "{answer}");
    let rejects = site.read("processing/rejects/x.jsonl").await.unwrap();
    assert!(rejects.contains("ragged") && rejects.contains("\"line\":3"), "{rejects}");
}

#[tokio::test]
async fn without_a_place_of_keys_the_answer_names_the_settings() {
    let site = Site::new(false, &[("LAKEHAND_KEYRING", "")]).await;
    site.write("processing/x.csv", PEOPLE).await;
    let (status, answer) = site.encrypt(body("processing/x.csv", "curated/x.csv")).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (400, &json!("key")), "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("LAKEHAND_KEYRING"), "{answer}");
    // Masks need no key.
    let columns = json!([{ "name": "email", "method": "mask", "chars_to_mask": 3 }]);
    let order =
        json!({ "source": "processing/x.csv", "destination": "curated/x.csv", "columns": columns });
    assert_eq!(site.encrypt(order).await.0, 200);
    assert!(site.read("curated/x.csv").await.unwrap().contains("***.org"));
}

#[tokio::test]
async fn an_answer_to_a_lost_sidecar_is_the_sidecar() {
    let site = Site::local().await;
    site.write("processing/x.csv", PEOPLE).await;
    let order = body("processing/x.csv", "curated/x.csv");
    assert_eq!(site.encrypt(order.clone()).await.0, 200);
    let sidecar = at(&site.real("curated/_lakehand/x.csv.json"));
    site.blobs.delete(&sidecar, &Condition::Always).await.unwrap();
    let (_, answer) = site.encrypt(order).await;
    assert_eq!(answer["files"][0]["alreadyDone"], true);
    assert!(site.blobs.head(&sidecar).await.is_ok());
}

#[tokio::test]
async fn the_dataset_that_a_request_names_is_told_once() {
    let site = Site::local().await;
    site.write("processing/x.csv", PEOPLE).await;
    let mut order = body("processing/x.csv", "curated/x.csv");
    order["dataset"] = json!("landing/people");
    order["runId"] = json!("r1");
    for _ in 0..2 {
        assert_eq!(site.encrypt(order.clone()).await.0, 200);
    }
    let address = "datasets/landing/people";
    let (_, dataset) = site.worker.call("GET", address, &[], &Value::Null).await;
    let [change] = &dataset["history"].as_array().unwrap()[..] else { panic!("{dataset}") };
    assert_eq!((&change["by"], &change["runId"]), (&json!("encryption"), &json!("r1")));
    assert_eq!(change["reason"], "protected 1 file of 3 rows by policy pii");
    order["runId"] = json!("");
    let (status, answer) = site.encrypt(order).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (400, &json!("runId")), "{answer}");
}

#[tokio::test]
async fn a_body_over_1_mib_is_too_large_wherever_it_is_sent() {
    let site = Site::new(false, &GUARDS).await;
    let proofs = [("x-lakehand-decrypt", SECRET), ("x-lakehand-keys", SECRET)];
    for address in ["encrypt", "decrypt", "keys/rewrap"] {
        for (length, expected) in [(1 << 20, 413), ((1 << 20) - 100, 400)] {
            let body = json!({ "sauce": "x".repeat(length) });
            let (status, answer) = site.worker.call("POST", address, &proofs, &body).await;
            assert_eq!((status, &answer["status"]), (expected, &json!(expected)), "{address}");
        }
    }
}
