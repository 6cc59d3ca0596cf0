//! The worker's memory while it routes one blob, small or large.

use std::{
    fs::File,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::stream;
use lakehand::stores::{blobs::BlobPath, optional};
use serde_json::json;

use crate::{
    azurite::Azurite,
    peer::Peer,
    process::memory,
    table::{Table, decimals, mebibytes},
    worker::Worker,
};

const MIB: u64 = 1 << 20;

const SIZES: [(&str, u64); 4] =
    [("1 MiB", MIB), ("100 MiB", 100 * MIB), ("1 GiB", 1024 * MIB), ("5 GiB", 5120 * MIB)];

/// What both stores need for all sizes, and some air.
const DISK: u64 = 16 * 1024 * MIB;

const PATIENCE: Duration = Duration::from_secs(600);

const INTRODUCTION: &str = "\
## Memory

The most memory that a fresh worker ever held, after it routed one blob of each size; its time from \
the event to the answer, or to the sweep that finished the copy. On Azurite the blob is made of \
staged blocks, and Azurite copies it by reference; on the local lake it is a file of zeros, copied \
and flushed to the disk. The last column is the envelope of a blob trigger, in which the host sends \
the whole content, base64, and the worker reads past it.

";

/// Measures each size in each store.
pub(crate) async fn measure() -> String {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    assert!(free_space(root.path()) >= DISK, "16 GiB of free disk are needed");
    let azurite = Azurite::start(Some(root.path()), false);
    let mut peer = Peer::start(&azurite.connection_string());
    let mut table = Table::new(&[
        "one blob of",
        "Azurite: peak MiB",
        "s",
        "local lake: peak MiB",
        "s",
        "envelope: peak MiB",
    ]);
    for (name, size) in SIZES {
        let (on_azurite, azurite_time) = on_azurite(&azurite, &mut peer, size).await;
        let (on_lake, lake_time) = on_lake(size).await;
        let envelope = in_envelope(size).await;
        table.row(&[
            &name,
            &mebibytes(on_azurite),
            &decimals(azurite_time, 2),
            &mebibytes(on_lake),
            &decimals(lake_time, 2),
            &mebibytes(envelope),
        ]);
    }
    INTRODUCTION.to_owned() + &table.into_text() + "\n"
}

/// Bytes free on the disk of a folder.
fn free_space(folder: &Path) -> u64 {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().nth(1).unwrap().trim().parse().unwrap()
}

async fn on_azurite(azurite: &Azurite, peer: &mut Peer, size: u64) -> (u64, f64) {
    let blobs = azurite.blobs().await;
    let name = format!("{size}.bin");
    peer.run(&json!({"job": "fill", "name": name, "size": size}));
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let worker = Worker::start(root.path(), Some(&azurite.connection_string()));
    let landed = BlobPath::new("landing", &name).unwrap();
    let began = Instant::now();
    worker.announce(&name).await;
    while optional(blobs.head(&landed).await).unwrap().is_some() {
        assert!(began.elapsed() < PATIENCE, "the blob is not moved");
        worker.sweep().await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let moved = blobs.head(&BlobPath::new("out", &name).unwrap()).await.unwrap();
    assert_eq!(moved.length, size);
    (memory(worker.id()).peak, seconds)
}

async fn on_lake(size: u64) -> (u64, f64) {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let [landing, out] = ["landing", "out"].map(|name| root.path().join("lake").join(name));
    for container in [&landing, &out] {
        std::fs::create_dir_all(container).unwrap();
    }
    let landed = landing.join("blob.bin");
    File::create(&landed).unwrap().set_len(size).unwrap();
    let worker = Worker::start(root.path(), None);
    let began = Instant::now();
    worker.announce("blob.bin").await;
    let seconds = began.elapsed().as_secs_f64();
    assert!(!landed.exists(), "the blob is not moved");
    assert_eq!(out.join("blob.bin").metadata().unwrap().len(), size);
    (memory(worker.id()).peak, seconds)
}

/// The same on the local lake by the blob trigger, the content in the envelope.
async fn in_envelope(size: u64) -> u64 {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let landing = root.path().join("lake/landing");
    std::fs::create_dir_all(&landing).unwrap();
    std::fs::write(landing.join("blob.bin"), "content").unwrap();
    let worker = Worker::start(root.path(), None);
    let piece = Bytes::from(vec![b'A'; 1 << 16]);
    let pieces = size.div_ceil(3) * 4 / piece.len() as u64;
    let head = Bytes::from_static(br#"{"Data": {"file": ""#);
    let tail = Bytes::from_static(br#""}, "Metadata": {"path": "\"blob.bin\""}}"#);
    let envelope = std::iter::once(head)
        .chain((0..pieces).map(move |_| piece.clone()))
        .chain(std::iter::once(tail));
    let envelope = stream::iter(envelope.map(Ok::<_, std::convert::Infallible>));
    worker.post("route_blob", reqwest::Body::wrap_stream(envelope)).await;
    assert!(!landing.join("blob.bin").exists(), "the blob is not moved");
    memory(worker.id()).peak
}
