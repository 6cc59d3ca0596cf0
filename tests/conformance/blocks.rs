//! The rules of [`Blobs`] for blobs in parts.

use bytes::Bytes;
use futures::future::join_all;
use lakehand::stores::{
    Condition, ETag, Fault, StoreError,
    blobs::{Attributes, BlobPath, Blobs, BlockId, Metadata},
};
use uuid::Uuid;

use super::{
    assert_fault,
    blobs::{at, names, put, text},
};

/// Stages contents as a new writer, the last one first.
pub(crate) async fn stage_all(
    store: &dyn Blobs,
    path: &BlobPath,
    contents: &[&str],
) -> Vec<BlockId> {
    let writer = Uuid::new_v4();
    let blocks: Vec<_> =
        (0..contents.len()).map(|n| BlockId::new(writer, n.try_into().unwrap())).collect();
    for (block, content) in blocks.iter().zip(contents).rev() {
        let content = Bytes::copy_from_slice(content.as_bytes());
        store.stage(path, block, content).await.unwrap();
    }
    blocks
}

/// Commits blocks without attributes.
pub(crate) async fn commit_if(
    store: &dyn Blobs,
    path: &BlobPath,
    blocks: &[BlockId],
    condition: &Condition,
) -> Result<ETag, StoreError> {
    store.commit(path, blocks, &Attributes::default(), condition).await
}

fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn attributes() -> Attributes {
    Attributes {
        content_type: Some("text/csv".into()),
        metadata: metadata(&[("Origin", "crm"), ("batch", "7")]),
        tags: metadata(&[("stage", "raw")]),
        tier: Some("Cool".into()),
    }
}

/// A range is read exactly, or not at all.
pub(crate) async fn reads_ranges(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let (path, empty) = (at(container, "ten"), at(container, "none"));
    let etag = put(store, &path, "0123456789").await;
    for (offset, length, expected) in
        [(0, 10, "0123456789"), (0, 1, "0"), (3, 4, "3456"), (9, 1, "9"), (10, 0, ""), (4, 0, "")]
    {
        let content = store.read_range(&path, &etag, offset, length).await.unwrap();
        assert_eq!(content, expected, "{length} from {offset}");
    }
    for (offset, length) in
        [(0, 11), (9, 2), (10, 1), (11, 1), (u64::MAX, 1), (1, u64::MAX), (u64::MAX - 1, 2)]
    {
        assert_fault(store.read_range(&path, &etag, offset, length).await, Fault::Rejected);
    }
    let etag = put(store, &empty, "").await;
    // Two bytes: of the range of one, Azurite makes one that ends before it begins.
    assert_fault(store.read_range(&empty, &etag, 0, 2).await, Fault::Rejected);
}

/// A range is of the version that was asked for, or an error says that it is no longer there.
pub(crate) async fn reads_one_version(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "blob");
    let first = put(store, &path, "first").await;
    let second = put(store, &path, "second").await;
    assert_fault(store.read_range(&path, &first, 0, 2).await, Fault::Changed);
    assert_eq!(store.read_range(&path, &second, 0, 2).await.unwrap(), "se");
    store.delete(&path, &Condition::Always).await.unwrap();
    assert_fault(store.read_range(&path, &second, 0, 2).await, Fault::NotFound);
}

/// Blocks become one content in the order of the commit, with all that was given beside it.
pub(crate) async fn commits_blocks(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "crm/a b+é#?.csv");
    let pieces: Vec<String> = (0..40).map(|n| format!("block {n}\n").repeat(n + 1)).collect();
    let contents: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let mut blocks = stage_all(store, &path, &contents).await;
    let etag = store.commit(&path, &blocks, &attributes(), &Condition::Absent).await.unwrap();
    assert_eq!(text(store, &path).await, pieces.concat());
    let found = store.head(&path).await.unwrap();
    assert_eq!((&found.etag, found.length), (&etag, pieces.concat().len() as u64));
    assert_eq!(found.content_type.as_deref(), Some("text/csv"));
    assert_eq!(found.metadata, metadata(&[("batch", "7"), ("origin", "crm")]));
    assert_eq!(found.tier.as_deref(), Some("Cool"));
    assert_eq!(found.content_md5, None);
    assert_eq!(names(store, container, "").await, ["crm/a b+é#?.csv"]);

    blocks = stage_all(store, &path, &["a", "b", "c"]).await;
    blocks.reverse();
    commit_if(store, &path, &blocks, &Condition::Matches(etag)).await.unwrap();
    assert_eq!(text(store, &path).await, "cba");
    assert_eq!(store.head(&path).await.unwrap().metadata, Metadata::new());
}

/// No blocks make an empty blob.
pub(crate) async fn commits_nothing(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "empty");
    let etag = commit_if(store, &path, &[], &Condition::Absent).await.unwrap();
    let (content, found) = store.read(&path, 10).await.unwrap();
    assert_eq!((content.len(), found.length, found.etag), (0, 0, etag));
    assert_fault(commit_if(store, &path, &[], &Condition::Absent).await, Fault::AlreadyExists);
}

/// A block that is staged again is replaced, and one that is not committed is no part of the blob.
pub(crate) async fn commits_one_block_last_staged(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "blob");
    let blocks = stage_all(store, &path, &["first", "unused"]).await;
    store.stage(&path, &blocks[0], Bytes::from_static(b"second")).await.unwrap();
    commit_if(store, &path, &blocks[..1], &Condition::Absent).await.unwrap();
    assert_eq!(text(store, &path).await, "second");
}

/// A commit happens only under its condition and with all of its blocks; a refused one changes
/// nothing.
pub(crate) async fn commits_under_conditions(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "blob");
    let blocks = stage_all(store, &path, &["1", "2"]).await;
    let unknown = Condition::Matches(ETag::new("0x0000"));
    assert_fault(commit_if(store, &path, &blocks, &unknown).await, Fault::Changed);
    assert_fault(store.head(&path).await, Fault::NotFound);
    let mut strange = blocks.clone();
    strange.push(BlockId::new(Uuid::new_v4(), 0));
    assert_fault(commit_if(store, &path, &strange, &Condition::Absent).await, Fault::Lost);
    assert_fault(store.head(&path).await, Fault::NotFound);
    let first = commit_if(store, &path, &blocks, &Condition::Absent).await.unwrap();

    let blocks = stage_all(store, &path, &["3", "4"]).await;
    let again = commit_if(store, &path, &blocks, &Condition::Absent).await;
    assert_fault(again, Fault::AlreadyExists);
    assert_eq!(store.head(&path).await.unwrap().etag, first);
    assert_eq!(text(store, &path).await, "12");
    let second = commit_if(store, &path, &blocks, &Condition::Matches(first.clone())).await;
    assert_eq!(store.head(&path).await.unwrap().etag, second.unwrap());
    let blocks = stage_all(store, &path, &["5"]).await;
    let stale = commit_if(store, &path, &blocks, &Condition::Matches(first)).await;
    assert_fault(stale, Fault::Changed);
    assert_eq!(text(store, &path).await, "34");
    commit_if(store, &path, &blocks, &Condition::Always).await.unwrap();
    assert_eq!(text(store, &path).await, "5");
}

/// What is staged is nowhere to be seen, and changes nothing of what is there.
pub(crate) async fn shows_nothing_before_the_commit(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let (path, there) = (at(container, "new"), at(container, "there"));
    let etag = put(store, &there, "content").await;
    stage_all(store, &path, &["hidden"]).await;
    stage_all(store, &there, &["hidden"]).await;
    assert_fault(store.head(&path).await, Fault::NotFound);
    assert_fault(store.read(&path, 10).await, Fault::NotFound);
    assert_fault(store.read_range(&path, &etag, 0, 1).await, Fault::NotFound);
    assert_eq!(names(store, container, "").await, ["there"]);
    assert_eq!(store.read_range(&there, &etag, 0, 7).await.unwrap(), "content");
    assert_eq!(text(store, &there).await, "content");
}

/// No block is empty, and none makes a container.
pub(crate) async fn refuses_impossible_blocks(store: &dyn Blobs, container: &str) {
    let path = at(container, "blob");
    let block = BlockId::new(Uuid::new_v4(), 0);
    let content = Bytes::from_static(b"x");
    assert_fault(store.stage(&path, &block, content).await, Fault::NotFound);
    assert_fault(commit_if(store, &path, &[], &Condition::Always).await, Fault::NotFound);
    store.create_container(container).await.unwrap();
    assert_fault(store.stage(&path, &block, Bytes::new()).await, Fault::Rejected);
    assert_fault(commit_if(store, &path, &[block], &Condition::Always).await, Fault::Lost);
    assert!(names(store, container, "").await.is_empty());
}

/// A commit throws away what rivals staged on the same name, and they notice.
pub(crate) async fn throws_rivals_blocks_away(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let (path, beside) = (at(container, "blob"), at(container, "blob-2"));
    let ours = stage_all(store, &path, &["we ", "won"]).await;
    let theirs = stage_all(store, &path, &["they ", "lost"]).await;
    let others = stage_all(store, &beside, &["untouched"]).await;
    commit_if(store, &path, &ours, &Condition::Absent).await.unwrap();
    let late = commit_if(store, &path, &theirs, &Condition::Absent).await.unwrap_err();
    assert!(matches!(late.fault, Fault::AlreadyExists | Fault::Lost), "{late}");
    assert_fault(commit_if(store, &path, &theirs, &Condition::Always).await, Fault::Lost);
    assert_eq!(text(store, &path).await, "we won");
    let theirs = stage_all(store, &path, &["they ", "started again"]).await;
    commit_if(store, &path, &theirs, &Condition::Always).await.unwrap();
    assert_eq!(text(store, &path).await, "they started again");
    commit_if(store, &beside, &others, &Condition::Absent).await.unwrap();
    assert_eq!(text(store, &beside).await, "untouched");
}

/// Of many who commit the same blob at once, one wins and its content stays, whole.
pub(crate) async fn commits_once(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "race/blob");
    let tasks = (0..8).map(|task| {
        let path = path.clone();
        async move {
            let contents = [format!("task {task}, "), format!("again {task}")];
            let blocks = stage_all(store, &path, &contents.each_ref().map(String::as_str)).await;
            commit_if(store, &path, &blocks, &Condition::Absent).await
        }
    });
    let results = join_all(tasks).await;
    let winners: Vec<_> = (0..8).filter(|task| results[*task].is_ok()).collect();
    let [winner] = winners[..] else { panic!("{winners:?} won") };
    for lost in results.into_iter().filter_map(Result::err) {
        assert!(matches!(lost.fault, Fault::AlreadyExists | Fault::Lost), "{lost}");
    }
    assert_eq!(text(store, &path).await, format!("task {winner}, again {winner}"));
}

/// Discarding leaves nothing, may be repeated, and touches nobody else's blocks.
pub(crate) async fn discards(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "blob");
    let ours = stage_all(store, &path, &["kept"]).await;
    let theirs = stage_all(store, &path, &["discarded", "too"]).await;
    for _ in 0..2 {
        store.discard(&path, &theirs).await.unwrap();
    }
    assert!(names(store, container, "").await.is_empty());
    commit_if(store, &path, &ours, &Condition::Absent).await.unwrap();
    assert_eq!(text(store, &path).await, "kept");
}

/// The end of a blob is replaced, with its metadata; everything else stays.
pub(crate) async fn replaces_the_tail(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "a b+é.parquet");
    let blocks = stage_all(store, &path, &["head ", "middle ", "footer"]).await;
    let first = store.commit(&path, &blocks, &attributes(), &Condition::Absent).await.unwrap();
    let replaced = metadata(&[("Key", "2")]);
    let tail = Bytes::from_static(b"another footer");
    let second = store.replace_tail(&path, &first, 12, tail, &replaced).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(text(store, &path).await, "head middle another footer");
    let found = store.head(&path).await.unwrap();
    assert_eq!((&found.etag, found.length), (&second, 26));
    assert_eq!(found.content_type.as_deref(), Some("text/csv"));
    assert_eq!(found.metadata, metadata(&[("key", "2")]));
    assert_eq!(found.tier.as_deref(), Some("Cool"));
    let third = store.replace_tail(&path, &second, 26, "!".into(), &replaced).await.unwrap();
    assert_eq!(text(store, &path).await, "head middle another footer!");
    let fourth =
        store.replace_tail(&path, &third, 5, Bytes::new(), &Metadata::new()).await.unwrap();
    assert_eq!(text(store, &path).await, "head ");
    assert_eq!(store.head(&path).await.unwrap().metadata, Metadata::new());
    store.replace_tail(&path, &fourth, 0, "new".into(), &replaced).await.unwrap();
    assert_eq!(text(store, &path).await, "new");
}

/// The end is that of the version that was asked for, or nothing happens.
pub(crate) async fn replaces_the_tail_of_one_version(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "blob");
    let blocks = stage_all(store, &path, &["head ", "footer"]).await;
    let first = commit_if(store, &path, &blocks, &Condition::Absent).await.unwrap();
    let empty = Metadata::new();
    let beyond = store.replace_tail(&path, &first, 12, "x".into(), &empty).await;
    assert_fault(beyond, Fault::Rejected);
    let rivals = (0..6).map(|n| {
        let tail = Bytes::from(format!("rival {n}"));
        store.replace_tail(&path, &first, 5, tail, &empty)
    });
    let results = join_all(rivals).await;
    let winner = results.iter().position(Result::is_ok).expect("somebody must win");
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for lost in results.into_iter().filter_map(Result::err) {
        assert!(matches!(lost.fault, Fault::Changed | Fault::Lost), "{lost}");
    }
    assert_eq!(text(store, &path).await, format!("head rival {winner}"));
    store.delete(&path, &Condition::Always).await.unwrap();
    let gone = store.replace_tail(&path, &first, 5, "x".into(), &empty).await;
    assert_fault(gone, Fault::NotFound);
    assert!(names(store, container, "").await.is_empty());
}

/// Metadata changes without the content, and makes another version.
pub(crate) async fn sets_metadata(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "people.csv");
    let content = Bytes::from_static(b"id\n1\n");
    let first = store.write(&path, content, &attributes(), &Condition::Absent).await.unwrap();
    let before = store.head(&path).await.unwrap();
    let replaced = metadata(&[("Key", "2")]);
    let second = store.set_metadata(&path, &first, &replaced).await.unwrap();
    assert_ne!(first, second);
    let after = store.head(&path).await.unwrap();
    assert_eq!((&after.etag, &after.metadata), (&second, &metadata(&[("key", "2")])));
    assert_eq!((&after.content_type, &after.tier), (&before.content_type, &before.tier));
    assert_eq!((after.length, after.content_md5), (before.length, before.content_md5));
    assert_eq!(store.read_range(&path, &second, 0, 5).await.unwrap(), "id\n1\n");
    assert_fault(store.read_range(&path, &first, 0, 5).await, Fault::Changed);
    assert_fault(store.set_metadata(&path, &first, &Metadata::new()).await, Fault::Changed);
    assert_eq!(store.head(&path).await.unwrap(), after);
    let third = store.set_metadata(&path, &second, &Metadata::new()).await.unwrap();
    assert_eq!(store.head(&path).await.unwrap().metadata, Metadata::new());
    store.delete(&path, &Condition::Matches(third.clone())).await.unwrap();
    assert_fault(store.set_metadata(&path, &third, &replaced).await, Fault::NotFound);
}
