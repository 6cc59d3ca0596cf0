//! Names: whatever is legal goes in and comes out byte for byte.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use lakehand::stores::{
    Condition,
    blobs::{BlobPath, Blobs},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use super::blobs::{at, copy_if, names, put, text};

/// Names that have broken file movers before, and pairs that must not be taken for one another.
pub(crate) fn awkward() -> Vec<String> {
    let plain = [
        "plain.csv",
        "with space.csv",
        "with%20escape.csv",
        "100%",
        "%",
        "%2F",
        "%2f",
        "%!",
        "%!@a",
        "a+b",
        "a#b",
        "a?b=c&d=e",
        "[x]{y}",
        "a:b",
        "a;b,c@d$e!f(g)'h*",
        "quote\"d <tag> `tick` |pipe|^",
        "back\\slash",
        "a",
        "a/b",
        "a/b/c",
        "a/",
        "a//",
        "a//b",
        "/lead",
        "//lead",
        "trail/",
        "trail//",
        "/",
        "A",
        "caf\u{e9}",
        "cafe\u{301}",
        "仓库/数据 1.parquet",
        "😀/🏴\u{200d}☠.bin",
        ".hidden",
        ".hidden/.file",
        "a.",
        "a./b.",
        "...",
        "~",
        "~/x",
        "-rf",
        "year=2026/month=01/part-0.parquet",
        "CON",
        " lead and trail ",
    ];
    let mut all: Vec<String> = plain.iter().map(|&name| name.to_owned()).collect();
    all.extend([
        "x".repeat(255),
        format!("{}/in", "x".repeat(255)),
        "x".repeat(256),
        "y".repeat(1024),
        "é".repeat(600),
        format!("{}/{}/z", "long".repeat(120), "%!".repeat(130)),
        vec!["d"; 254].join("/"),
    ]);
    all
}

/// Legal names made of the pieces that go wrong.
pub(crate) fn legal() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z0-9]{1,8}",
        4 => prop::sample::select(vec![
            " ", "%20", "%", "%!", "%!@", "%!+", "%!=", "+", "#", "?", "&", "=", "[", "]", ":",
            "\\", "\"", "'", "\u{e9}", "e\u{301}", "仓库", "😀", ".", "~", "%2F", "%25", "@", ";",
        ]).prop_map(str::to_owned),
        3 => Just("/".to_owned()),
        1 => Just("w".repeat(130)),
    ];
    prop::collection::vec(piece, 1..24)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("legal", |name| BlobPath::new("container", name.as_str()).is_ok())
}

/// The awkward names and some made up ones, each once.
pub(crate) fn sample() -> BTreeSet<String> {
    let mut runner = TestRunner::new(Config::default());
    let made_up = (0..40).map(|_| legal().new_tree(&mut runner).unwrap().current());
    awkward().into_iter().chain(made_up).collect()
}

/// Every name survives write, list, head, copy, read and delete, all beside each other.
pub(crate) async fn keeps_names(store: &dyn Blobs, container: &str, sample: &BTreeSet<String>) {
    let copies = format!("{container}-copies");
    store.create_container(container).await.unwrap();
    store.create_container(&copies).await.unwrap();
    stream::iter(sample)
        .for_each_concurrent(8, |name| async move {
            put(store, &at(container, name), name).await;
        })
        .await;
    assert_eq!(listed(store, container).await, *sample);
    stream::iter(sample)
        .for_each_concurrent(8, |name| copy_one(store, at(container, name), at(&copies, name)))
        .await;
    assert_eq!(listed(store, &copies).await, *sample);
    stream::iter(sample)
        .for_each_concurrent(8, |name| delete_one(store, at(container, name)))
        .await;
    assert!(names(store, container, "").await.is_empty());
    assert_eq!(listed(store, &copies).await, *sample);
}

/// The names in the store; a name twice or out of byte order fails.
async fn listed(store: &dyn Blobs, container: &str) -> BTreeSet<String> {
    let all = names(store, container, "").await;
    for pair in all.windows(2) {
        assert!(pair[0] < pair[1], "{:?} is listed before {:?}", pair[0], pair[1]);
    }
    all.into_iter().collect()
}

async fn copy_one(store: &dyn Blobs, source: BlobPath, target: BlobPath) {
    let properties = store.head(&source).await.unwrap();
    assert_eq!(properties.length, source.name().len() as u64, "{source}");
    copy_if(store, (&source, &properties.etag), &target, &Condition::Absent).await.unwrap();
    assert_eq!(text(store, &target).await, source.name());
}

async fn delete_one(store: &dyn Blobs, path: BlobPath) {
    let etag = store.head(&path).await.unwrap().etag;
    store.delete(&path, &Condition::Matches(etag)).await.unwrap();
}
