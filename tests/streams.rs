//! What the engines' streams ask of a store: how often, how much at once, and what they leave.

use std::{
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lakehand::{
    encryption::{
        engine::Source,
        streams::{BlobSink, BlobSource, store_error},
    },
    stores::{
        Condition, Fault,
        blobs::{Attributes, Blobs},
        local::LocalBlobs,
    },
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    conformance::{
        blobs::{at, text},
        streams::{content, engine, sink, source},
    },
    routing::flaky::{Flaky, Trouble},
};

const PART: usize = 4 << 20;
const BLOCK: usize = 8 << 20;

async fn lake() -> (TempDir, Arc<Flaky>, Arc<dyn Blobs>) {
    let folder = tempfile::tempdir().unwrap();
    let flaky = Arc::new(Flaky::new(Arc::new(LocalBlobs::open(folder.path()).unwrap())));
    flaky.create_container("landing").await.unwrap();
    let store: Arc<dyn Blobs> = flaky.clone();
    (folder, flaky, store)
}

/// A blob of so many parts and a bit to read from; the calls so far are forgotten.
async fn parts(count: usize, flaky: &Flaky, store: &Arc<dyn Blobs>) -> BlobSource {
    let path = at("landing", "blob");
    let bytes = content(count * PART + 5).into();
    store.write(&path, bytes, &Attributes::default(), &Condition::Always).await.unwrap();
    let source = source(store, &path).await;
    flaky.take_calls();
    source
}

/// Waits until something holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The blocks that lie in a lake.
fn blocks(lake: &Path) -> usize {
    std::fs::read_dir(lake.join(".lakehand/tmp")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn small_reads_in_a_row_cost_one_request_a_part() {
    let (_lake, flaky, store) = lake().await;
    let source = parts(10, &flaky, &store).await;
    engine(move || {
        let mut buffer = vec![0; 1 << 16];
        for offset in (0..source.length() - 5).step_by(buffer.len()) {
            source.read_at(offset, &mut buffer).unwrap();
        }
        source.read_at(source.length() - 5, &mut buffer[..5]).unwrap();
    })
    .await;
    assert_eq!(flaky.take_calls(), ["read_range"; 11]);
}

#[tokio::test]
async fn no_more_parts_are_held_than_promised() {
    let (_lake, flaky, store) = lake().await;
    let source = parts(10, &flaky, &store).await;
    let held = BlobSource::MEMORY / PART;
    engine(move || {
        let read = |part: usize| {
            source.read_at((part * PART) as u64, &mut [0; 8]).unwrap();
            flaky.take_calls().len()
        };
        // Backwards, so that nothing is read ahead.
        for part in (0..10).rev() {
            assert_eq!(read(part), 1, "part {part}");
        }
        for part in 0..held - 1 {
            assert_eq!(read(part), 0, "part {part}");
        }
        assert_ne!(read(held), 0);
    })
    .await;
}

#[tokio::test]
async fn a_long_read_is_never_more_than_one_part_ahead() {
    let (_lake, flaky, store) = lake().await;
    let source = parts(10, &flaky, &store).await;
    engine(move || source.read_at(1, &mut vec![0; 10 * PART]).unwrap()).await;
    assert!(flaky.traffic().peak <= 2, "{} reads at a time", flaky.traffic().peak);
    assert_eq!(flaky.take_calls(), ["read_range"; 11]);
}

#[tokio::test]
async fn a_part_that_failed_is_asked_for_again() {
    let (_lake, flaky, store) = lake().await;
    let source = parts(1, &flaky, &store).await;
    flaky.trouble("read_range", Trouble::Before(Fault::Unavailable));
    engine(move || {
        let error = source.read_at(0, &mut [0; 8]).unwrap_err();
        assert_eq!(store_error(&error).map(|error| error.fault), Some(Fault::Unavailable));
        source.read_at(0, &mut [0; 8]).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_writer_waits_while_blocks_do_not_arrive() {
    let (lake, flaky, store) = lake().await;
    let path = at("landing", "blob");
    let mut sink = sink(&store, &path);
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    let gate = flaky.gate.lock().await;
    let writer = tokio::spawn(engine(move || {
        let piece = vec![7; 1 << 20];
        for _ in 0..80 {
            sink.write_all(&piece).unwrap();
            counter.fetch_add(piece.len(), Ordering::SeqCst);
        }
        sink.finish().unwrap()
    }));
    until("as much is accepted as may be held", || {
        accepted.load(Ordering::SeqCst) == BlobSink::MEMORY
    })
    .await;
    assert_eq!(flaky.traffic().now, BlobSink::MEMORY / BLOCK - 1);
    drop(gate);
    let mut staged = writer.await.unwrap();
    assert_eq!(accepted.load(Ordering::SeqCst), 80 << 20);
    assert_eq!(flaky.traffic().peak, BlobSink::MEMORY / BLOCK - 1);
    assert_eq!(flaky.take_calls().len(), 10);
    staged.commit(&Attributes::default(), &Condition::Absent).await.unwrap();
    drop(staged);
    assert_eq!(store.head(&path).await.unwrap().length, 80 << 20);
    assert_eq!(blocks(lake.path()), 0);
}

#[tokio::test]
async fn who_gives_up_leaves_nothing() {
    let (lake, _, store) = lake().await;
    let path = at("landing", "blob");
    let mut dropped = sink(&store, &path);
    let mut finished = sink(&store, &path);
    let staged = engine(move || {
        for sink in [&mut dropped, &mut finished] {
            sink.write_all(b"head").unwrap();
            sink.cut().unwrap();
            sink.write_all(b"footer").unwrap();
        }
        finished.finish().unwrap()
    })
    .await;
    until("the other one's blocks are gone", || blocks(lake.path()) == 2).await;
    drop(staged);
    until("its blocks are gone", || blocks(lake.path()) == 0).await;
}

#[tokio::test]
async fn a_block_that_does_not_arrive_fails_the_whole() {
    let path = at("landing", "blob");
    for (trouble, fault) in
        [(Trouble::Before(Fault::Denied), Fault::Denied), (Trouble::After, Fault::Unavailable)]
    {
        // A block of the first sink may still be on its way, and would meet the second trouble.
        let (lake, flaky, store) = lake().await;
        flaky.trouble("stage", trouble);
        let mut sink = sink(&store, &path);
        let finish = move || {
            for _ in 0..6 {
                sink.write_all(b"piece")?;
                sink.cut()?;
            }
            sink.finish()
        };
        let error = engine(finish).await.unwrap_err();
        assert_eq!(store_error(&error).map(|error| error.fault), Some(fault), "{error}");
        until("its blocks are gone", || blocks(lake.path()) == 0).await;
    }
}

#[tokio::test]
async fn a_commit_may_be_repeated() {
    let (lake, flaky, store) = lake().await;
    let path = at("landing", "blob");
    let mut sink = sink(&store, &path);
    let finish = move || {
        sink.write_all(b"content").unwrap();
        sink.finish().unwrap()
    };
    let mut staged = engine(finish).await;
    flaky.trouble("commit", Trouble::Before(Fault::Unavailable));
    let attributes = Attributes::default();
    staged.commit(&attributes, &Condition::Absent).await.unwrap_err();
    staged.commit(&attributes, &Condition::Absent).await.unwrap();
    drop(staged);
    assert_eq!(text(&*store, &path).await, "content");
    assert_eq!(blocks(lake.path()), 0);
}
