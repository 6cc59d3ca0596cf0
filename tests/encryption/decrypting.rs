//! `POST /api/decrypt`: off by default, for those who prove that they may, and recorded.

use lakehand::stores::blobs::Attributes;
use serde_json::{Value, json};

use super::{PEOPLE, SECRET, Site};
use crate::routing::at;

pub(crate) const ON: (&str, &str) = ("AzureFunctionsJobHost__functions__99", "decrypt");

fn order(source: &str, destination: &str) -> Value {
    json!({ "source": source, "destination": destination })
}

async fn protected(site: &Site) {
    site.write("processing/x.csv", PEOPLE).await;
    let body =
        json!({ "source": "processing/x.csv", "destination": "curated/x.csv", "policy": "pii" });
    let (status, answer) = site.encrypt(body).await;
    assert_eq!(status, 200, "{answer}");
}

async fn comes_back(site: Site) {
    protected(&site).await;
    let (status, answer) = site.decrypt(SECRET, order("curated/x.csv", "restricted/x.csv")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(site.read("restricted/x.csv").await.as_deref(), Some(PEOPLE));
    let records = site.audit().await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["action"], "decrypt");
    assert_eq!(records[0]["caller"]["proof"], "secret");
    assert_eq!(records[0]["columns"], json!(["email", "note"]));
    assert_eq!(records[0]["subject"], site.real("curated/x.csv"));
    assert_eq!(records[0]["keys"], json!(["pii, version 1", "pii, version 1"]));

    // One column alone; the other stays as it is.
    let mut one = order("curated/x.csv", "restricted/one.csv");
    one["columns"] = json!(["email"]);
    assert_eq!(site.decrypt(SECRET, one).await.0, 200);
    let text = site.read("restricted/one.csv").await.unwrap();
    assert!(text.contains("a@x.org") && !text.contains("hi, you"), "{text}");
}

#[tokio::test]
async fn a_file_comes_back_on_the_local_lake() {
    comes_back(Site::new(false, &[ON, ("LAKEHAND_DECRYPT_SECRET", SECRET)]).await).await;
}

#[tokio::test]
async fn a_file_comes_back_in_azure() {
    comes_back(Site::new(true, &[ON, ("LAKEHAND_DECRYPT_SECRET", SECRET)]).await).await;
}

#[tokio::test]
async fn decryption_is_off_and_then_asks_for_a_proof() {
    let site = Site::new(false, &[("LAKEHAND_DECRYPT_SECRET", SECRET)]).await;
    let (status, answer) = site.decrypt(SECRET, order("curated/x.csv", "restricted/x.csv")).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("`decrypt` is off"), "{answer}");

    let site = Site::new(false, &[ON]).await;
    let (status, answer) = site.decrypt(SECRET, order("curated/x.csv", "restricted/x.csv")).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("LAKEHAND_DECRYPT_SECRET"), "{answer}");

    let site = Site::new(false, &[ON, ("LAKEHAND_DECRYPT_SECRET", SECRET)]).await;
    protected(&site).await;
    let order = order("curated/x.csv", "restricted/x.csv");
    assert_eq!(site.decrypt("wrong", order.clone()).await.0, 403);
    let mut elsewhere = order.clone();
    elsewhere["destination"] = "curated/y.csv".into();
    let (status, answer) = site.decrypt(SECRET, elsewhere).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (403, &json!("destination")), "{answer}");
    let mut unknown = order;
    unknown["columns"] = json!(["id"]);
    let (status, answer) = site.decrypt(SECRET, unknown).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (400, &json!("columns")), "{answer}");
    assert_eq!(site.names("restricted").await, [""; 0]);
    assert_eq!(site.audit().await, [Value::Null; 0]);
}

/// A copy that lost its metadata has the sidecar; one that lost the sidecar too is not opened, and
/// an envelope that names a foreign key is not believed.
#[tokio::test]
async fn a_copy_is_opened_by_what_it_kept() {
    let site = Site::new(false, &[ON, ("LAKEHAND_DECRYPT_SECRET", SECRET)]).await;
    protected(&site).await;
    let content = site.read("curated/x.csv").await.unwrap();
    let sidecar = site.read("curated/_lakehand/x.csv.json").await.unwrap();
    site.write("processing/copy/x.csv", content.clone()).await;
    let copied = order("processing/copy/x.csv", "restricted/x.csv");
    let (status, answer) = site.decrypt(SECRET, copied.clone()).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("source")), "{answer}");

    let foreign = sidecar.replace("\"pii\"", "\"somebody-elses\"");
    site.write("processing/copy/_lakehand/x.csv.json", foreign).await;
    let (status, answer) = site.decrypt(SECRET, copied.clone()).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("key")), "{answer}");

    site.write("processing/copy/_lakehand/x.csv.json", sidecar).await;
    let (status, answer) = site.decrypt(SECRET, copied).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(site.read("restricted/x.csv").await.as_deref(), Some(PEOPLE));
}

/// The metadata of a file that was changed opens nothing of it.
#[tokio::test]
async fn a_changed_cell_does_not_open_and_nothing_is_written() {
    let site = Site::new(false, &[ON, ("LAKEHAND_DECRYPT_SECRET", SECRET)]).await;
    protected(&site).await;
    let path = at(&site.real("curated/x.csv"));
    let there = site.blobs.head(&path).await.unwrap();
    let changed = site.read("curated/x.csv").await.unwrap().replacen("1,", "1,AAAA", 1);
    let attributes = Attributes { metadata: there.metadata, ..Attributes::default() };
    let condition = lakehand::stores::Condition::Always;
    site.blobs.write(&path, changed.into(), &attributes, &condition).await.unwrap();
    let (status, answer) = site.decrypt(SECRET, order("curated/x.csv", "restricted/x.csv")).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("source")), "{answer}");
    assert_eq!(site.names("restricted").await, [""; 0]);
}
