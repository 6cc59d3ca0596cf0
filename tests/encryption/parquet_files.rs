//! Parquet from end to end.

use serde_json::json;

use super::{SECRET, Site, decrypting::ON};
use crate::{
    parquet::{
        Bytes,
        files::read,
        fixtures::{RICH, ROWS, everything},
    },
    routing::at,
};

async fn content(site: &Site, path: &str) -> Bytes {
    let (content, _) = site.blobs.read(&at(&site.real(path)), 64 << 20).await.unwrap();
    Bytes(content.to_vec())
}

async fn there_and_back(site: Site) {
    let original = everything(RICH);
    site.write("processing/x.parquet", original.0.clone()).await;
    let columns = json!([
        { "name": "email", "method": "randomized" },
        { "name": "customer.address.street", "method": "deterministic", "output": "base64" },
        { "name": "born", "method": "randomized", "bind": "column" },
    ]);
    let order = json!({ "source": "processing/x.parquet", "destination": "curated/x.parquet",
        "columns": columns, "key": "pii" });
    let (status, answer) = site.encrypt(order.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["rows"], ROWS.iter().sum::<usize>());
    assert_eq!(site.names("curated").await, ["x.parquet"], "the envelope is in the footer");
    let protected = content(&site, "curated/x.parquet").await;
    for leaf in 0..3 {
        assert_eq!(read(&protected, leaf).unwrap(), read(&original, leaf).unwrap());
    }
    assert_ne!(read(&protected, 24).unwrap(), read(&original, 24).unwrap());
    let (_, again) = site.encrypt(order).await;
    assert_eq!(again["files"][0]["alreadyDone"], true, "{again}");

    let order = json!({ "source": "curated/x.parquet", "destination": "curated/y.parquet",
        "policy": "pii" });
    let (status, answer) = site.encrypt(order).await;
    assert!([400, 422].contains(&status), "{answer}");

    let order = json!({ "source": "curated/x.parquet", "destination": "restricted/x.parquet" });
    let (status, answer) = site.decrypt(SECRET, order).await;
    assert_eq!(status, 200, "{answer}");
    let opened = content(&site, "restricted/x.parquet").await;
    for leaf in 0..35 {
        assert_eq!(read(&opened, leaf).unwrap(), read(&original, leaf).unwrap(), "{leaf}");
    }
}

#[tokio::test]
async fn a_file_goes_and_comes_back_on_the_local_lake() {
    there_and_back(Site::new(false, &[ON, ("LAKEHAND_DECRYPT_SECRET", SECRET)]).await).await;
}

#[tokio::test]
async fn a_file_goes_and_comes_back_in_azure() {
    there_and_back(Site::new(true, &[ON, ("LAKEHAND_DECRYPT_SECRET", SECRET)]).await).await;
}

#[tokio::test]
async fn what_is_no_parquet_is_refused_and_nothing_is_written() {
    let site = Site::local().await;
    let whole = everything(RICH).0;
    for bytes in [Vec::new(), b"id,email\n1,a@x.org\n".to_vec(), whole[..whole.len() / 2].to_vec()]
    {
        site.write("processing/x.parquet", bytes).await;
        let order = json!({ "source": "processing/x.parquet", "destination": "curated/x.parquet",
            "policy": "pii" });
        let (status, answer) = site.encrypt(order).await;
        assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("source")), "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains("Parquet"), "{answer}");
    }
    assert_eq!(site.names("curated").await, [""; 0]);
}
