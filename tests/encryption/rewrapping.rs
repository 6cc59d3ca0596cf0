//! `POST /api/keys/rewrap`: the wrapping of data keys changes, in every place that holds it, and
//! nothing else does.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    time::{Duration, Instant},
};

use lakehand::{
    encryption::{
        envelope::{Envelope, FILE_KEY, NAMED_KEY},
        parquet,
        service::{
            audit::Caller,
            failure::Failure,
            format::Format,
            records::Record,
            rewrap::{Rewrap, State},
        },
    },
    routing::{Source, outcome::Outcome},
    stores::{
        Condition, Fault, StoreError,
        blobs::Attributes,
        documents::{Collection, Key},
        optional,
    },
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{PEOPLE, SECRET, Site, decrypting};
use crate::{
    parquet::{
        Bytes,
        fixtures::{RICH, everything},
    },
    routing::{Lake, at, flaky::Trouble},
};

const ON: (&str, &str) = ("AzureFunctionsJobHost__functions__98", "keys");

pub(crate) const GUARDS: [(&str, &str); 4] =
    [ON, decrypting::ON, ("LAKEHAND_KEYS_SECRET", SECRET), ("LAKEHAND_DECRYPT_SECRET", SECRET)];

const FILES: [&str; 2] = ["curated/x.csv", "curated/x.parquet"];

/// A site with a protected file of each kind, and a second version of the key.
async fn rotated(is_azure: bool) -> Site {
    let site = Site::new(is_azure, &GUARDS).await;
    protect(&site).await;
    site.keyring().rotate("pii", OffsetDateTime::now_utc()).unwrap();
    site
}

async fn protect(site: &Site) {
    site.write("processing/x.csv", PEOPLE).await;
    site.write("processing/x.parquet", everything(RICH).0).await;
    let columns = json!([{ "name": "email", "method": "randomized" },
        { "name": "city", "method": "deterministic" }]);
    for order in [
        json!({ "source": "processing/x.csv", "destination": "curated/x.csv", "policy": "pii" }),
        json!({ "source": "processing/x.parquet", "destination": "curated/x.parquet",
            "columns": columns, "key": "pii" }),
    ] {
        let (status, answer) = site.encrypt(order).await;
        assert_eq!(status, 200, "{answer}");
    }
}

/// Everything that holds a wrapped key of a file: content, metadata, record and sidecar.
struct Held {
    content: Vec<u8>,
    envelopes: Vec<Envelope>,
}

async fn held(site: &Site, path: &str) -> Held {
    let place = at(&site.real(path));
    let (content, _) = site.blobs.read(&place, 64 << 20).await.unwrap();
    let there = site.blobs.head(&place).await.unwrap();
    let key = Key::new(place.to_string(), &there.metadata["lakehand_id"]);
    let record = site.documents().get(Collection::Envelopes, &key).await.unwrap().body;
    let mut envelopes: Vec<Envelope> = vec![
        serde_json::from_str(&there.metadata["lakehand_envelope"]).unwrap(),
        serde_json::from_str(record.get()).unwrap(),
    ];
    if path.ends_with(".parquet") {
        envelopes.push(parquet::envelope(&Bytes(content.to_vec())).unwrap().unwrap());
    } else {
        let sidecar = site.read("curated/_lakehand/x.csv.json").await.unwrap();
        envelopes.push(serde_json::from_str::<Record>(&sidecar).unwrap().envelope);
    }
    Held { content: content.to_vec(), envelopes }
}

impl Held {
    /// The version that wraps, the same in all places.
    fn version(&self) -> &str {
        let keys = &self.envelopes[0].keys;
        assert!(self.envelopes.iter().all(|envelope| envelope.keys == *keys));
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[FILE_KEY].version, keys[NAMED_KEY].version);
        &keys[FILE_KEY].version
    }

    /// The content but for the footer.
    fn data(&self) -> &[u8] {
        let Some(end) = self.content.len().checked_sub(8) else { return &self.content };
        match &self.content[end..] {
            [a, b, c, d, b'P', b'A', b'R', b'1'] => {
                let length = u32::from_le_bytes([*a, *b, *c, *d]);
                &self.content[..end - length as usize]
            }
            _ => &self.content,
        }
    }

    fn contains(&self, text: &str) -> bool {
        self.content.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

fn disable(site: &Site, version: &str) {
    let path = site.root.path().join("keyring.json");
    let mut ring: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    ring["keys"]["pii"]["versions"][version]["disabled"] = true.into();
    fs::write(&path, ring.to_string()).unwrap();
}

async fn assert_opens(site: &Site) {
    for (source, destination) in FILES.into_iter().zip(["restricted/x.csv", "restricted/x.parquet"])
    {
        let order = json!({ "source": source, "destination": destination,
            "on_conflict": "replace" });
        let (status, answer) = site.decrypt(SECRET, order).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(site.read("restricted/x.csv").await.as_deref(), Some(PEOPLE));
}

async fn is_rewrapped(mut site: Site) {
    let mut before = Vec::new();
    for path in FILES {
        before.push(held(&site, path).await);
    }
    let order = json!({ "source": "curated/", "key": "pii" });
    let (status, answer) = site.rewrap(order.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["rewrapped"], &answer["skipped"]), (&json!(2), &json!(1)), "{answer}");
    assert_eq!(answer["key"], json!({ "keyId": "pii", "keyVersion": "2", "rewrapped": 1 }));
    assert_eq!(answer["files"][0]["keyVersion"], "2");
    for (path, before) in FILES.into_iter().zip(&before) {
        let after = held(&site, path).await;
        assert_eq!((before.version(), after.version()), ("1", "2"));
        assert!(after.data() == before.data() && !after.data().is_empty(), "{path}");
        for old in before.envelopes[0].keys.values() {
            assert!(!after.contains(&old.wrapped), "{path}");
        }
        for (before, after) in before.envelopes.iter().zip(&after.envelopes) {
            let same = Envelope { keys: before.keys.clone(), ..after.clone() };
            assert_eq!(&same, before);
        }
    }

    disable(&site, "1");
    site.restart(&[]).await;
    let (_, again) = site.rewrap(order).await;
    assert_eq!((&again["unchanged"], &again["key"]["rewrapped"]), (&json!(2), &json!(0)));
    assert_opens(&site).await;

    let audit = site.audit().await;
    let of = |subject: &str| {
        let subject = site.real(subject);
        let mut found =
            audit.iter().filter(|it| it["action"] == "rewrap" && it["subject"] == subject);
        (found.next().cloned().unwrap(), found.count())
    };
    let (record, more) = of("curated/x.csv");
    assert_eq!(more, 0, "what is unchanged leaves no record");
    assert_eq!(record["caller"]["proof"], "secret");
    assert_eq!(record["columns"], json!(["email", "note"]));
    assert_eq!(record["keys"], json!(["pii, version 1", "pii, version 1"]));
    assert_eq!(record["destination"], "pii, version 2");
    assert!(audit.iter().any(|it| it["action"] == "rewrap" && it["subject"] == "pii"));
}

#[tokio::test]
async fn keys_are_wrapped_anew_and_data_stays_on_the_local_lake() {
    is_rewrapped(rotated(false).await).await;
}

#[tokio::test]
async fn keys_are_wrapped_anew_and_data_stays_in_azure() {
    is_rewrapped(rotated(true).await).await;
}

async fn survives_a_kill(is_azure: bool) {
    for step in ["rewrapped", "noted"] {
        for path in FILES {
            let mut site = rotated(is_azure).await;
            let before = held(&site, path).await;
            site.restart(&[("LAKEHAND_CRASH_AT", step)]).await;
            let order = json!({ "source": site.real(path) });
            let headers = [("x-lakehand-keys", SECRET)];
            assert!(site.worker.dies_at("keys/rewrap", &headers, &order).await, "{step} {path}");
            assert_eq!(site.worker.ended().await.signal(), Some(9), "{step} {path}");

            site.restart(&[]).await;
            assert_opens(&site).await;
            let (status, answer) = site.rewrap(json!({ "source": "curated/*" })).await;
            assert_eq!(status, 200, "{answer}");
            let after = held(&site, path).await;
            assert_eq!(after.version(), "2", "{step} {path}");
            assert!(after.data() == before.data(), "{step} {path}");
            assert_opens(&site).await;
        }
    }
}

#[tokio::test]
async fn a_kill_halfway_is_made_good_on_the_local_lake() {
    survives_a_kill(false).await;
}

#[tokio::test]
async fn a_kill_halfway_is_made_good_in_azure() {
    survives_a_kill(true).await;
}

#[track_caller]
fn assert_refused((status, answer): &(u16, Value), wanted: u16, field: &str, says: &str) {
    assert_eq!((*status, &answer["errors"][0]["field"]), (wanted, &json!(field)), "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains(says), "{answer}");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_changes_nothing() {
    let mut site = rotated(false).await;
    let order = json!({ "source": "curated/x.csv" });
    let foreign = |text: String| text.replace("\"pii\"", "\"somebody-elses\"");
    let sidecar = site.read("curated/_lakehand/x.csv.json").await.unwrap();
    let content = site.read("curated/x.csv").await.unwrap();
    site.write("curated/copy/x.csv", content).await;
    site.write("curated/copy/_lakehand/x.csv.json", foreign(sidecar)).await;
    let copy = json!({ "source": "curated/copy/x.csv" });
    assert_refused(&site.rewrap(copy).await, 422, "key", "somebody-elses");

    disable(&site, "1");
    site.restart(&[]).await;
    assert_refused(&site.rewrap(order.clone()).await, 403, "key", "pii, version 1");
    disable(&site, "2");
    assert_refused(&site.rewrap(order).await, 403, "key", "version 2 is disabled");
    assert_eq!(held(&site, "curated/x.csv").await.version(), "1");
    let (_, answer) = site.rewrap(json!({ "key": "lost" })).await;
    assert!(answer["detail"].as_str().unwrap().contains("not configured"), "{answer}");
    let lost = site.rewrap(json!({ "key": "no-such-key" })).await;
    assert_refused(&lost, 400, "key", "no-such-key");
    assert!(site.audit().await.iter().all(|it| it["action"] != "rewrap"));
}

#[tokio::test]
async fn it_is_off_and_then_asks_for_a_proof_of_its_own() {
    let site = Site::new(false, &[("LAKEHAND_KEYS_SECRET", SECRET)]).await;
    let (status, answer) = site.rewrap(json!({ "key": "pii" })).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("`keys` is off"), "{answer}");

    let site = Site::new(false, &[ON, ("LAKEHAND_DECRYPT_SECRET", SECRET)]).await;
    let refused = site.rewrap(json!({ "key": "pii" })).await;
    assert_refused(&refused, 403, "x-lakehand-keys", "LAKEHAND_KEYS_SECRET");

    let site = Site::new(false, &[ON, ("LAKEHAND_KEYS_SECRET", SECRET)]).await;
    let (status, _) = site.worker.call("POST", "keys/rewrap", &[], &json!({ "key": "pii" })).await;
    assert_eq!(status, 403);
    site.blobs.create_container(&site.real("curated")).await.unwrap();
    site.write("curated/plain.csv", PEOPLE).await;
    site.write("curated/notes.txt.bin", "x").await;
    for (order, status, field) in [
        (json!({}), 400, "source"),
        (json!({ "source": "processing/" }), 403, "source"),
        (json!({ "source": "curated/none.csv" }), 404, "source"),
        (json!({ "source": "curated/plain.csv" }), 422, "source"),
        (json!({ "source": "curated/notes.txt.bin" }), 400, "format"),
        (json!({ "source": "curated/", "format": "xml" }), 400, "format"),
        (json!({ "key": "other" }), 400, "key"),
    ] {
        let answer = site.rewrap(order).await;
        assert_refused(&answer, status, field, "");
    }
    let (status, answer) = site.rewrap(json!({ "source": "curated/", "destination": "x" })).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (400, &json!("body")), "{answer}");
    let (status, answer) = site.rewrap(json!({ "source": "curated/" })).await;
    assert_eq!((status, &answer["unprotected"]), (200, &json!(2)), "{answer}");
}

/// A sidecar that was changed after the file must not cost the good key that others hold.
#[tokio::test]
async fn keys_that_differ_from_place_to_place_are_left_alone() {
    let site = rotated(false).await;
    let place = "curated/_lakehand/x.csv.json";
    let sidecar = site.read(place).await.unwrap();
    let mut record: Record = serde_json::from_str(&sidecar).unwrap();
    let named = record.envelope.keys[NAMED_KEY].clone();
    record.envelope.keys.insert(FILE_KEY.to_owned(), named);
    site.write(place, serde_json::to_vec(&record).unwrap()).await;
    let refused = site.rewrap(json!({ "source": "curated/x.csv" })).await;
    assert_refused(&refused, 422, "key", "differs from place to place");
    let there = site.blobs.head(&at(&site.real("curated/x.csv"))).await.unwrap();
    assert!(there.metadata["lakehand_envelope"].contains("\"version\":\"1\""));
}

const RULES: &str = r#"
[[policy]]
name = "pii"
key = "pii"
columns = [{ name = "email", method = "randomized" }]

[[route]]
name = "people"
from = "landing/{file...}"
protect = "pii"
to = "processing/{file}"
"#;

fn rewrap() -> Rewrap {
    Rewrap {
        configured: vec!["pii".to_owned()],
        caller: Caller::default(),
        deadline: Instant::now() + Duration::from_secs(600),
    }
}

/// A lake with a protected file, and a second version of the key.
async fn lake(file: &str) -> (Lake, Format) {
    let lake = Lake::new(RULES).await;
    let path = at(&format!("landing/{file}"));
    let content = match file.ends_with(".csv") {
        true => PEOPLE.as_bytes().to_vec(),
        false => everything(RICH).0,
    };
    let attributes = Attributes::default();
    let blobs = &lake.blobs.inner;
    blobs.write(&path, content.into(), &attributes, &Condition::Always).await.unwrap();
    let outcome = lake.arrive(&format!("landing/{file}")).await.unwrap();
    assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome}");
    lake.keyring().rotate("pii", OffsetDateTime::now_utc()).unwrap();
    (lake, Format::of_file(file, &Default::default()).unwrap())
}

async fn source(lake: &Lake, file: &str) -> Source {
    let path = at(&format!("processing/{file}"));
    let properties = lake.blobs.inner.head(&path).await.unwrap();
    Source { path, properties }
}

#[tokio::test]
async fn whatever_fails_a_repeat_completes_the_work() {
    for (file, operations) in [
        ("x.csv", &["read", "set_metadata", "write"][..]),
        ("x.parquet", &["read_range", "replace_tail"]),
    ] {
        for operation in operations {
            for trouble in [
                Trouble::Before(Fault::Unavailable),
                Trouble::Before(Fault::Changed),
                Trouble::After,
            ] {
                let context = format!("{file} {operation} {trouble:?}");
                let (lake, format) = lake(file).await;
                lake.blobs.trouble(operation, trouble);
                if let Err(failure) =
                    rewrap().blob(&lake.tools, source(&lake, file).await, &format).await
                {
                    assert!(
                        matches!(&failure, Failure::Store(error) if error.is_transient()),
                        "{context}: {failure}"
                    );
                    rewrap().blob(&lake.tools, source(&lake, file).await, &format).await.unwrap();
                }
                let source = source(&lake, file).await;
                assert!(
                    source.properties.metadata["lakehand_envelope"].contains("\"version\":\"2\""),
                    "{context}"
                );
                let done = rewrap().blob(&lake.tools, source, &format).await.unwrap();
                assert_eq!(done.state, State::Unchanged, "{context}");
            }
        }
    }
}

/// Two who do the same at once, and one who met the file before it changed.
#[tokio::test]
async fn rivals_end_with_one_wrapping() {
    let (lake, format) = lake("x.parquet").await;
    let old = source(&lake, "x.parquet").await;
    let (one, two) = (rewrap(), rewrap());
    let (one, two) = tokio::join!(
        one.blob(&lake.tools, old.clone(), &format),
        two.blob(&lake.tools, old.clone(), &format)
    );
    assert!([one.unwrap().state, two.unwrap().state].contains(&State::Rewrapped));
    let late = rewrap().blob(&lake.tools, old.clone(), &format).await.unwrap();
    assert_eq!(late.state, State::Unchanged);

    lake.blobs.inner.delete(&old.path, &Condition::Always).await.unwrap();
    let gone = rewrap().blob(&lake.tools, old, &format).await;
    assert!(matches!(gone, Err(Failure::SourceChanged(_))));
}

/// A file whose footer is no block of its own, as after an upload by other tools.
#[tokio::test]
async fn a_file_that_azure_cannot_change_at_its_end_is_refused() {
    let site = rotated(true).await;
    let path = at(&site.real("curated/x.parquet"));
    let (content, properties) = site.blobs.read(&path, 64 << 20).await.unwrap();
    let attributes = Attributes { metadata: properties.metadata, ..Attributes::default() };
    site.blobs.write(&path, content, &attributes, &Condition::Always).await.unwrap();
    let refused = site.rewrap(json!({ "source": "curated/x.parquet" })).await;
    assert_refused(&refused, 422, "source", "no block begins");
    let there: Result<_, StoreError> = optional(site.blobs.head(&path).await);
    assert!(there.unwrap().unwrap().metadata["lakehand_envelope"].contains("\"version\":\"1\""));
}
