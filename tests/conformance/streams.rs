//! The rules of the engines' streams over any store.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use bytes::Bytes;
use lakehand::{
    encryption::{
        engine::Source,
        streams::{BlobSink, BlobSource, SourceReader, Staged, store_error},
    },
    stores::{
        Condition, Fault,
        blobs::{Attributes, BlobPath, Blobs, Metadata},
    },
};
use tokio::{runtime::Handle, task::spawn_blocking};
use uuid::Uuid;

use super::{
    assert_fault,
    blobs::{at, names, put, text},
};

/// Bytes that differ everywhere.
pub(crate) fn content(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(step).collect()
}

/// The current version of a blob to read from.
pub(crate) async fn source(store: &Arc<dyn Blobs>, path: &BlobPath) -> BlobSource {
    let properties = store.head(path).await.unwrap();
    BlobSource::new(Arc::clone(store), path.clone(), &properties, Handle::current())
}

/// A blob to write to.
pub(crate) fn sink(store: &Arc<dyn Blobs>, path: &BlobPath) -> BlobSink {
    BlobSink::new(Arc::clone(store), path.clone(), Uuid::new_v4(), Handle::current())
}

/// Does what an engine does: reads or writes where waiting is allowed.
pub(crate) async fn engine<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.unwrap()
}

/// Writes all at once and commits it as a new blob.
async fn write(store: &Arc<dyn Blobs>, path: &BlobPath, content: Vec<u8>) {
    let mut sink = sink(store, path);
    let finish = move || {
        sink.write_all(&content)?;
        sink.finish()
    };
    let mut staged: Staged = engine(finish).await.unwrap();
    staged.commit(&Attributes::default(), &Condition::Absent).await.unwrap();
}

/// A blob of several parts is read like a file: any place, any length, several threads at once.
pub(crate) async fn reads_like_a_file(store: Arc<dyn Blobs>, container: &str) {
    store.create_container(container).await.unwrap();
    let (path, empty) = (at(container, "blob"), at(container, "empty"));
    let expected = content((9 << 20) + 17);
    store
        .write(&path, expected.clone().into(), &Attributes::default(), &Condition::Absent)
        .await
        .unwrap();
    put(&*store, &empty, "").await;
    let (source, empty) = (source(&store, &path).await, source(&store, &empty).await);
    let length = expected.len();
    engine(move || {
        for (offset, count) in [(length - 8, 8), (0, 4), (length / 2, 9), (0, length), (7, 0)] {
            let mut buffer = vec![0; count];
            source.read_at(offset as u64, &mut buffer).unwrap();
            assert!(buffer == expected[offset..offset + count], "{count} from {offset}");
        }
        for (offset, count) in [(length, 1), (length - 1, 2), (usize::MAX, 2)] {
            let error = source.read_at(offset as u64, &mut vec![0; count]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut all = Vec::new();
                    SourceReader::new(&source).read_to_end(&mut all).unwrap();
                    assert!(all == expected);
                });
            }
        });
        assert_eq!(SourceReader::new(&empty).read(&mut [0; 4]).unwrap(), 0);
    })
    .await;
}

/// A blob that changes while it is read is an error that says so.
pub(crate) async fn reads_what_changed_as_failure(store: Arc<dyn Blobs>, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "blob");
    put(&*store, &path, "before").await;
    let source = source(&store, &path).await;
    put(&*store, &path, "after!").await;
    engine(move || {
        let error = source.read_at(0, &mut [0; 6]).unwrap_err();
        assert_eq!(store_error(&error).map(|error| error.fault), Some(Fault::Changed), "{error}");
    })
    .await;
}

/// What is written arrives byte for byte: nothing, one byte, one block, exactly two, several.
pub(crate) async fn writes_like_a_file(store: Arc<dyn Blobs>, container: &str) {
    store.create_container(container).await.unwrap();
    for length in [0, 1, 8 << 20, 16 << 20, (33 << 20) + 5] {
        let (path, expected) = (at(container, &format!("blob-{length}")), content(length));
        write(&store, &path, expected.clone()).await;
        let (read, _) = store.read(&path, 64 << 20).await.unwrap();
        assert!(read == expected, "{length}");
    }
}

/// What was cut off can be replaced, again and again.
pub(crate) async fn replaces_a_footer(store: Arc<dyn Blobs>, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "blob");
    let mut sink = sink(&store, &path);
    let finish = move || {
        for piece in ["he", "ad", " and "] {
            sink.write_all(piece.as_bytes())?;
        }
        sink.flush()?;
        sink.cut()?;
        sink.cut()?;
        sink.write_all(b"footer")?;
        sink.finish()
    };
    let mut staged = engine(finish).await.unwrap();
    assert_eq!(staged.length(), 15);
    assert_fault(store.head(&path).await, Fault::NotFound);
    let first = staged.commit(&Attributes::default(), &Condition::Absent).await.unwrap();
    let refused = staged.commit(&Attributes::default(), &Condition::Absent).await.unwrap_err();
    assert!(matches!(refused.fault, Fault::AlreadyExists | Fault::Lost), "{refused}");
    drop(staged);
    let empty = Metadata::new();
    let second = store.replace_tail(&path, &first, 9, "another".into(), &empty).await.unwrap();
    assert_eq!(text(&*store, &path).await, "head and another");
    let tail = Bytes::from_static(b"a third");
    store.replace_tail(&path, &second, 9, tail, &empty).await.unwrap();
    assert_eq!(text(&*store, &path).await, "head and a third");
}

/// Two who write the same blob at once do not mix; one who gives up leaves nothing.
pub(crate) async fn keeps_rivals_apart(store: Arc<dyn Blobs>, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "blob");
    let (mut one, mut two, mut three) =
        (sink(&store, &path), sink(&store, &path), sink(&store, &path));
    let finish = move || {
        for number in 0..3 {
            write!(one, "one {number}, ")?;
            write!(two, "two {number}, ")?;
            three.write_all(b"three")?;
            one.cut()?;
            two.cut()?;
            three.cut()?;
        }
        drop(three);
        io::Result::Ok((one.finish()?, two.finish()?))
    };
    let (mut one, mut two) = engine(finish).await.unwrap();
    two.commit(&Attributes::default(), &Condition::Absent).await.unwrap();
    let late = one.commit(&Attributes::default(), &Condition::Absent).await.unwrap_err();
    assert!(matches!(late.fault, Fault::AlreadyExists | Fault::Lost), "{late}");
    drop(one);
    assert_eq!(text(&*store, &path).await, "two 0, two 1, two 2, ");
    assert_eq!(names(&*store, container, "").await, ["blob"]);
}
