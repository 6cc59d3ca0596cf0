//! The rules of [`Blobs`].

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use lakehand::stores::{
    Condition, ETag, Fault, StoreError,
    blobs::{Attributes, BlobPath, Blobs, CopySource, CopyState, Listed, Metadata, Properties},
};
use md5::{Digest, Md5};
use time::OffsetDateTime;

use super::{assert_fault, count_winners};

/// The address of a blob; the name is legal.
pub(crate) fn at(container: &str, name: &str) -> BlobPath {
    BlobPath::new(container, name).unwrap()
}

/// Writes a blob without attributes or conditions.
pub(crate) async fn put(store: &dyn Blobs, path: &BlobPath, content: &str) -> ETag {
    write_if(store, path, content, &Condition::Always).await.unwrap()
}

async fn write_if(
    store: &dyn Blobs,
    path: &BlobPath,
    content: &str,
    condition: &Condition,
) -> Result<ETag, StoreError> {
    let content = Bytes::copy_from_slice(content.as_bytes());
    store.write(path, content, &Attributes::default(), condition).await
}

/// Copies inside the store without attributes.
pub(crate) async fn copy_if(
    store: &dyn Blobs,
    (source, version): (&BlobPath, &ETag),
    target: &BlobPath,
    condition: &Condition,
) -> Result<CopyState, StoreError> {
    let source = CopySource::Here(source);
    store.copy(source, version, target, &Attributes::default(), condition).await
}

/// The content of a blob as text.
pub(crate) async fn text(store: &dyn Blobs, path: &BlobPath) -> String {
    let (content, _) = store.read(path, 1 << 20).await.unwrap();
    String::from_utf8(content.to_vec()).unwrap()
}

/// A whole listing, page by page.
pub(crate) async fn list_all(store: &dyn Blobs, container: &str, prefix: &str) -> Vec<Listed> {
    let mut all = Vec::new();
    let mut token = None;
    loop {
        let page = store.list(container, prefix, token.as_deref()).await.unwrap();
        all.extend(page.items);
        match page.next {
            Some(next) => token = Some(next),
            None => return all,
        }
    }
}

/// The names of a whole listing, in the order in which the store gave them.
pub(crate) async fn names(store: &dyn Blobs, container: &str, prefix: &str) -> Vec<String> {
    let all = list_all(store, container, prefix).await;
    all.into_iter().map(|listed| listed.path.name().to_owned()).collect()
}

fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A blob comes back as it was written, with everything the store knows of it.
pub(crate) async fn reads_what_was_written(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "crm/people.csv");
    let attributes = Attributes {
        content_type: Some("text/csv".into()),
        metadata: metadata(&[("origin", "crm"), ("Batch", "7 of 9")]),
        tags: metadata(&[("stage", "raw")]),
        tier: Some("Cool".into()),
    };
    let content = Bytes::from_static(b"id,name\n1,Ada\n");
    let etag = store.write(&path, content.clone(), &attributes, &Condition::Absent).await.unwrap();

    let (read, properties) = store.read(&path, 1024).await.unwrap();
    assert_eq!(read, content);
    assert_eq!(properties.etag, etag);
    assert_eq!(properties.length, 14);
    assert_eq!(properties.content_type.as_deref(), Some("text/csv"));
    assert_eq!(properties.content_md5, Some(Md5::digest(&content).into()));
    assert_eq!(properties.metadata, metadata(&[("batch", "7 of 9"), ("origin", "crm")]));
    assert_eq!(properties.copy, None);
    assert_eq!(properties.last_modified.nanosecond(), 0);
    let age = OffsetDateTime::now_utc() - properties.last_modified;
    assert!(age.abs() < Duration::from_secs(300), "written {age} ago");
    let head = store.head(&path).await.unwrap();
    assert_eq!(head.tier.as_deref(), Some("Cool"));
    // Azure does not tell the tier with the content.
    assert_eq!(head, Properties { tier: head.tier.clone(), ..properties });
}

/// A read stops at its limit before it takes the memory; a blob of exactly that size passes.
pub(crate) async fn reads_within_a_limit(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "ten");
    put(store, &path, "0123456789").await;
    assert_fault(store.read(&path, 9).await, Fault::Rejected);
    assert_fault(store.read(&path, 0).await, Fault::Rejected);
    assert_eq!(store.read(&path, 10).await.unwrap().0.len(), 10);
}

/// Nothing at all is a legal content: read, copied and listed like any other.
pub(crate) async fn keeps_empty_blobs(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let (path, target) = (at(container, "sales/.done"), at(container, "sales/.copied"));
    let etag = put(store, &path, "").await;
    let (content, properties) = store.read(&path, 0).await.unwrap();
    assert!(content.is_empty());
    assert_eq!((properties.length, &properties.etag), (0, &etag));
    copy_if(store, (&path, &etag), &target, &Condition::Absent).await.unwrap();
    assert_eq!(store.head(&target).await.unwrap().length, 0);
    assert_eq!(names(store, container, "").await, ["sales/.copied", "sales/.done"]);
}

/// What is not there is `NotFound`, whatever one tries with it, and no container appears by itself.
pub(crate) async fn misses_what_is_not_there(store: &dyn Blobs, container: &str) {
    let elsewhere = at(container, "blob");
    for _ in 0..2 {
        assert_fault(store.head(&elsewhere).await, Fault::NotFound);
        assert_fault(store.list(container, "", None).await, Fault::NotFound);
        assert_fault(write_if(store, &elsewhere, "x", &Condition::Always).await, Fault::NotFound);
    }
    store.create_container(container).await.unwrap();
    store.create_container(container).await.unwrap();
    let (path, there) = (at(container, "gone/blob"), at(container, "there"));
    let etag = put(store, &there, "x").await;
    assert_fault(store.head(&path).await, Fault::NotFound);
    assert_fault(store.read(&path, 10).await, Fault::NotFound);
    assert_fault(store.delete(&path, &Condition::Always).await, Fault::NotFound);
    let pinned = Condition::Matches(etag.clone());
    assert_fault(store.delete(&path, &pinned).await, Fault::NotFound);
    let copied = copy_if(store, (&path, &etag), &there, &Condition::Always).await;
    assert_fault(copied, Fault::NotFound);
    let nowhere = at(&format!("{container}-nowhere"), "blob");
    assert_fault(
        copy_if(store, (&there, &etag), &nowhere, &Condition::Always).await,
        Fault::NotFound,
    );
    assert!(store.list(container, "gone/", None).await.unwrap().items.is_empty());
}

/// A write happens only under its condition, and a refused one changes nothing.
pub(crate) async fn writes_under_conditions(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "config");
    let unknown = Condition::Matches(ETag::new("0x0000"));
    assert_fault(write_if(store, &path, "0", &unknown).await, Fault::Changed);
    let first = write_if(store, &path, "1", &Condition::Absent).await.unwrap();
    let again = write_if(store, &path, "2", &Condition::Absent).await;
    assert_fault(again, Fault::AlreadyExists);
    assert_eq!(text(store, &path).await, "1");
    let second = write_if(store, &path, "3", &Condition::Matches(first.clone())).await.unwrap();
    let stale = write_if(store, &path, "4", &Condition::Matches(first)).await;
    assert_fault(stale, Fault::Changed);
    assert_eq!(text(store, &path).await, "3");
    assert_eq!(store.head(&path).await.unwrap().etag, second);
    put(store, &path, "5").await;
    assert_eq!(text(store, &path).await, "5");
}

/// A delete happens only under its condition, and then the blob is gone.
pub(crate) async fn deletes_under_conditions(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "deep/down/blob");
    let first = put(store, &path, "1").await;
    let second = put(store, &path, "2").await;
    assert_fault(store.delete(&path, &Condition::Matches(first)).await, Fault::Changed);
    assert_eq!(text(store, &path).await, "2");
    store.delete(&path, &Condition::Matches(second.clone())).await.unwrap();
    assert_fault(store.head(&path).await, Fault::NotFound);
    assert_fault(store.delete(&path, &Condition::Matches(second)).await, Fault::NotFound);
    assert_fault(store.delete(&path, &Condition::Always).await, Fault::NotFound);
    assert!(names(store, container, "").await.is_empty());
    let third = write_if(store, &path, "3", &Condition::Absent).await.unwrap();
    assert_eq!(store.head(&path).await.unwrap().etag, third);
    store.delete(&path, &Condition::Always).await.unwrap();
}

/// A copy happens only under the condition on its target.
pub(crate) async fn copies_under_conditions(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let (source, target) = (at(container, "source"), at(container, "target"));
    let version = put(store, &source, "content").await;
    let from = (&source, &version);
    let unknown = Condition::Matches(ETag::new("0x0000"));
    assert_fault(copy_if(store, from, &target, &unknown).await, Fault::Changed);
    assert_fault(store.head(&target).await, Fault::NotFound);
    copy_if(store, from, &target, &Condition::Absent).await.unwrap();
    let again = copy_if(store, from, &target, &Condition::Absent).await;
    assert_fault(again, Fault::AlreadyExists);
    let old = put(store, &target, "other").await;
    let stale = Condition::Matches(put(store, &target, "another").await);
    put(store, &target, "a third").await;
    assert_fault(copy_if(store, from, &target, &Condition::Matches(old)).await, Fault::Changed);
    assert_fault(copy_if(store, from, &target, &stale).await, Fault::Changed);
    assert_eq!(text(store, &target).await, "a third");
    let current = Condition::Matches(store.head(&target).await.unwrap().etag);
    copy_if(store, from, &target, &current).await.unwrap();
    assert_eq!(text(store, &target).await, "content");
    put(store, &target, "before").await;
    copy_if(store, from, &target, &Condition::Always).await.unwrap();
    assert_eq!(text(store, &target).await, "content");
    assert_eq!(store.head(&source).await.unwrap().etag, version);
}

/// A copy takes the version it was told to take or nothing.
pub(crate) async fn copies_one_version(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let (source, target) = (at(container, "source"), at(container, "target"));
    let first = put(store, &source, "first").await;
    let second = put(store, &source, "second").await;
    let stale = copy_if(store, (&source, &first), &target, &Condition::Always).await;
    assert_fault(stale, Fault::NotFound);
    assert_fault(store.head(&target).await, Fault::NotFound);
    copy_if(store, (&source, &second), &target, &Condition::Absent).await.unwrap();
    assert_eq!(text(store, &target).await, "second");
    store.delete(&source, &Condition::Always).await.unwrap();
    let gone = copy_if(store, (&source, &second), &target, &Condition::Always).await;
    assert_fault(gone, Fault::NotFound);
    assert_eq!(text(store, &target).await, "second");
}

/// A copy keeps content, length, MD5 and media type; metadata, tags and tier are the new ones.
pub(crate) async fn copies_replace_attributes(store: &dyn Blobs, container: &str) {
    let archive = format!("{container}-archive");
    store.create_container(container).await.unwrap();
    store.create_container(&archive).await.unwrap();
    let (source, target) = (at(container, "a/source.json"), at(&archive, "b/target.json"));
    let written = Attributes {
        content_type: Some("application/json".into()),
        metadata: metadata(&[("old", "1"), ("both", "1")]),
        tags: metadata(&[("old", "1")]),
        tier: Some("Cool".into()),
    };
    let content = Bytes::from_static(b"{\"id\": 1}");
    let version =
        store.write(&source, content.clone(), &written, &Condition::Absent).await.unwrap();
    let attributes = Attributes {
        content_type: None,
        metadata: metadata(&[("both", "2"), ("new", "2")]),
        tags: metadata(&[("new", "2")]),
        tier: Some("Cold".into()),
    };
    let state = store
        .copy(CopySource::Here(&source), &version, &target, &attributes, &Condition::Absent)
        .await
        .unwrap();
    assert_eq!(state, CopyState::Success);
    assert_eq!(store.read(&target, 1024).await.unwrap().0, content);
    let copied = store.head(&target).await.unwrap();
    assert_eq!(copied.length, 9);
    assert_eq!(copied.content_md5, Some(Md5::digest(&content).into()));
    assert_eq!(copied.content_type.as_deref(), Some("application/json"));
    assert_eq!(copied.metadata, attributes.metadata);
    assert_eq!(copied.tier.as_deref(), Some("Cold"));
    assert!(matches!(copied.copy, None | Some(CopyState::Success)), "{:?}", copied.copy);
    assert_eq!(store.head(&source).await.unwrap().metadata, written.metadata);
}

/// A copy without metadata keeps the source's, and one cannot set a media type.
pub(crate) async fn copies_keep_what_is_not_given(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let (source, target) = (at(container, "source"), at(container, "target"));
    let written = Attributes {
        content_type: Some("text/plain".into()),
        metadata: metadata(&[("batch", "7")]),
        ..Attributes::default()
    };
    let version =
        store.write(&source, Bytes::from_static(b"x"), &written, &Condition::Absent).await.unwrap();
    let typed = Attributes { content_type: Some("text/csv".into()), ..Attributes::default() };
    let refused =
        store.copy(CopySource::Here(&source), &version, &target, &typed, &Condition::Absent).await;
    assert_fault(refused, Fault::Rejected);
    copy_if(store, (&source, &version), &target, &Condition::Absent).await.unwrap();
    let copied = store.head(&target).await.unwrap();
    assert_eq!(copied.metadata, written.metadata);
    assert_eq!(copied.content_type, written.content_type);
}

/// An archived source and a tier that does not exist can never be copied.
pub(crate) async fn refuses_impossible_copies(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let (source, target) = (at(container, "source"), at(container, "target"));
    let archived = Attributes { tier: Some("Archive".into()), ..Attributes::default() };
    let content = Bytes::from_static(b"x");
    let version = store.write(&source, content, &archived, &Condition::Absent).await.unwrap();
    assert_eq!(store.head(&source).await.unwrap().tier.as_deref(), Some("Archive"));
    let copied = copy_if(store, (&source, &version), &target, &Condition::Absent).await;
    assert_fault(copied, Fault::Rejected);
    let online = at(container, "online");
    let version = put(store, &online, "x").await;
    let lukewarm = Attributes { tier: Some("Lukewarm".into()), ..Attributes::default() };
    let copied = store
        .copy(CopySource::Here(&online), &version, &target, &lukewarm, &Condition::Absent)
        .await;
    assert_fault(copied, Fault::Rejected);
    assert_fault(store.head(&target).await, Fault::NotFound);
}

/// Each write is a version of its own, also of the same content on the same name, and it forgets
/// what an earlier one had beside it.
pub(crate) async fn versions_every_write(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "same");
    let attributes = Attributes { metadata: metadata(&[("mark", "1")]), ..Attributes::default() };
    let content = Bytes::from_static(b"same");
    let mut seen =
        vec![store.write(&path, content, &attributes, &Condition::Always).await.unwrap()];
    for _ in 0..4 {
        seen.push(put(store, &path, "same").await);
    }
    store.delete(&path, &Condition::Always).await.unwrap();
    seen.push(put(store, &path, "same").await);
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), seen.len(), "{seen:?}");
    assert_eq!(store.head(&path).await.unwrap().metadata, Metadata::new());
}

/// A listing holds exactly the names that start with the prefix, in byte order, with what `head`
/// says of each.
pub(crate) async fn lists_by_prefix(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    assert!(names(store, container, "").await.is_empty());
    let all = ["a", "a!", "a-b", "a/b", "a/b/c", "a/c", "a0", "ab/c", "b", "é"];
    for name in all.iter().rev() {
        let attributes = Attributes {
            content_type: Some("text/plain".into()),
            metadata: metadata(&[("Name_Of", "x")]),
            ..Attributes::default()
        };
        let content = Bytes::copy_from_slice(name.as_bytes());
        store.write(&at(container, name), content, &attributes, &Condition::Absent).await.unwrap();
    }
    assert_eq!(names(store, container, "").await, all);
    assert_eq!(names(store, container, "a/").await, ["a/b", "a/b/c", "a/c"]);
    assert_eq!(names(store, container, "a/b").await, ["a/b", "a/b/c"]);
    assert_eq!(names(store, container, "ab/c").await, ["ab/c"]);
    assert_eq!(names(store, container, "a/b/c/d").await, [""; 0]);
    for listed in list_all(store, container, "").await {
        let properties = store.head(&listed.path).await.unwrap();
        assert_eq!(listed.path.container(), container);
        assert_eq!(listed.properties.etag, properties.etag);
        assert_eq!(listed.properties.length, properties.length);
        assert_eq!(listed.properties.metadata, metadata(&[("name_of", "x")]));
        assert_eq!(listed.properties.content_type, properties.content_type);
        assert_eq!(listed.properties.content_md5, properties.content_md5);
        assert_eq!(listed.properties.last_modified, properties.last_modified);
    }
}

/// The stub that stands for a folder is a blob beside the blobs of that folder, and its mark comes
/// back in lower case.
pub(crate) async fn keeps_folder_stubs(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let stub =
        Attributes { metadata: metadata(&[("Hdi_isfolder", "true")]), ..Attributes::default() };
    let (dir, file) = (at(container, "dir"), at(container, "dir/file"));
    store.write(&dir, Bytes::new(), &stub, &Condition::Absent).await.unwrap();
    put(store, &file, "content").await;
    let listed = list_all(store, container, "dir").await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].path, dir);
    assert_eq!(listed[0].properties.metadata, metadata(&[("hdi_isfolder", "true")]));
    assert_eq!(listed[1].path, file);
    store.delete(&dir, &Condition::Always).await.unwrap();
    assert_eq!(text(store, &file).await, "content");
    let etag = store.write(&dir, Bytes::new(), &stub, &Condition::Absent).await.unwrap();
    store.delete(&file, &Condition::Always).await.unwrap();
    assert_eq!(names(store, container, "").await, ["dir"]);
    assert_eq!(store.head(&dir).await.unwrap().etag, etag);
}

/// Of many who create the same blob at once, one wins and its content stays.
pub(crate) async fn creates_once(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "race/created");
    let contents: Vec<String> = (0..16).map(|task| format!("task {task}")).collect();
    let results =
        join_all(contents.iter().map(|c| write_if(store, &path, c, &Condition::Absent))).await;
    let winner = results.iter().position(Result::is_ok).expect("somebody must win");
    let won = results[winner].as_ref().unwrap().clone();
    assert_eq!(count_winners(results, Fault::AlreadyExists), 1);
    assert_eq!(text(store, &path).await, contents[winner]);
    assert_eq!(store.head(&path).await.unwrap().etag, won);
}

/// Of many who copy onto the same name at once, one wins.
pub(crate) async fn copies_once(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let (source, target) = (at(container, "source"), at(container, "race/target"));
    let version = put(store, &source, "content").await;
    let copies = (0..16).map(|_| copy_if(store, (&source, &version), &target, &Condition::Absent));
    assert_eq!(count_winners(join_all(copies).await, Fault::AlreadyExists), 1);
    assert_eq!(text(store, &target).await, "content");
}

/// Read, add one, write if unchanged: no increment is lost.
pub(crate) async fn increments_lose_nothing(store: &dyn Blobs, container: &str) {
    store.create_container(container).await.unwrap();
    let path = at(container, "counter");
    put(store, &path, "0").await;
    join_all((0..8).map(|_| increment(store, &path, 4))).await;
    assert_eq!(text(store, &path).await, "32");
}

/// Adds one to the number in a blob, so many times.
pub(crate) async fn increment(store: &dyn Blobs, path: &BlobPath, times: usize) {
    let mut left = times;
    while left > 0 {
        let (content, properties) = store.read(path, 64).await.unwrap();
        let number: u64 = std::str::from_utf8(&content).unwrap().parse().unwrap();
        let next = (number + 1).to_string();
        match write_if(store, path, &next, &Condition::Matches(properties.etag)).await {
            Ok(_) => left -= 1,
            Err(error) => assert_eq!(error.fault, Fault::Changed, "{error}"),
        }
    }
}
