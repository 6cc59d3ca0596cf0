//! What users, other programs and crashes can do to a lake behind the store's back.

use std::{
    fs::{self, File, FileTimes},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures::{future::join_all, join};
use lakehand::stores::{
    Condition, ETag, Fault,
    blobs::{Attributes, BlobPath, Blobs},
    local::LocalBlobs,
};
use md5::{Digest, Md5};

use super::local::lake;
use crate::conformance::{
    assert_fault,
    blobs::{at, copy_if, list_all, names, put, text},
};

/// Writes a file as a user does.
fn drop_file(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn marked() -> Attributes {
    Attributes { metadata: [("mark".to_owned(), "1".to_owned())].into(), ..Attributes::default() }
}

async fn put_marked(store: &LocalBlobs, path: &BlobPath, content: &str) -> ETag {
    let content = Bytes::copy_from_slice(content.as_bytes());
    store.write(path, content, &marked(), &Condition::Always).await.unwrap()
}

/// All sidecars of a lake.
fn sidecars(lake: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![lake.join(".lakehand/properties")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

#[tokio::test]
async fn takes_files_that_are_dropped_by_hand() {
    let (lake, store) = lake();
    let file = lake.path().join("landing/crm/é 100%20.csv");
    drop_file(&file, "a,b\n");
    let path = at("landing", "crm/é 100%20.csv");
    let (content, properties) = store.read(&path, 100).await.unwrap();
    assert_eq!(&content[..], b"a,b\n");
    assert_eq!((properties.content_type, properties.content_md5), (None, None));
    assert_eq!(properties.tier.as_deref(), Some("Hot"));
    assert!(properties.metadata.is_empty());
    let listed = list_all(&store, "landing", "crm/").await;
    assert_eq!(listed[0].properties.etag, properties.etag);
    let pinned = Condition::Matches(properties.etag);
    store.delete(&path, &pinned).await.unwrap();
    assert!(!file.exists());
}

#[tokio::test]
async fn writes_files_where_a_user_finds_them() {
    let (lake, store) = lake();
    store.create_container("curated").await.unwrap();
    put(&store, &at("curated", "people/2026 01.csv"), "1").await;
    let file = lake.path().join("curated/people/2026 01.csv");
    assert_eq!(fs::read_to_string(file).unwrap(), "1");
}

#[tokio::test]
async fn forgets_the_properties_of_a_file_that_is_replaced_by_hand() {
    let (lake, store) = lake();
    store.create_container("landing").await.unwrap();
    let path = at("landing", "file");
    let file = lake.path().join("landing/file");
    let written = put_marked(&store, &path, "written").await;
    fs::write(&file, "replaced").unwrap();
    let replaced = store.head(&path).await.unwrap();
    assert_ne!(replaced.etag, written);
    assert!(replaced.metadata.is_empty());
    assert_eq!((replaced.length, replaced.content_md5), (8, None));
    let target = at("landing", "copy");
    let stale = copy_if(&store, (&path, &written), &target, &Condition::Always).await;
    assert_fault(stale, Fault::NotFound);
    let stale = store.delete(&path, &Condition::Matches(written)).await;
    assert_fault(stale, Fault::Changed);
    put(&store, &path, "again").await;
    assert_eq!(sidecars(lake.path()).len(), 1, "the old sidecar must go");
    store.delete(&path, &Condition::Always).await.unwrap();
    let properties = lake.path().join(".lakehand/properties/landing");
    assert_eq!(fs::read_dir(properties).unwrap().count(), 0, "and nothing of it must stay");
}

#[tokio::test]
async fn keeps_a_version_when_only_the_permissions_change() {
    let (lake, store) = lake();
    store.create_container("landing").await.unwrap();
    let path = at("landing", "file");
    put_marked(&store, &path, "written").await;
    let before = store.head(&path).await.unwrap();
    let file = lake.path().join("landing/file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(store.head(&path).await.unwrap(), before);
}

#[tokio::test]
async fn takes_the_same_file_dropped_again_for_another() {
    let (lake, store) = lake();
    let (path, file) = (at("landing", "file"), lake.path().join("landing/file"));
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let drop_it = || {
        drop_file(&file, "same");
        let times = FileTimes::new().set_modified(modified);
        File::options().write(true).open(&file).unwrap().set_times(times).unwrap();
        fs::metadata(&file).unwrap()
    };
    let first = drop_it();
    let etag = store.head(&path).await.unwrap().etag;
    store.delete(&path, &Condition::Always).await.unwrap();
    // The disk's clock ticks slowly; the file may even get its old inode.
    let deadline = Instant::now() + Duration::from_secs(10);
    while (drop_it().ctime(), drop_it().ctime_nsec()) == (first.ctime(), first.ctime_nsec()) {
        assert!(Instant::now() < deadline, "the disk's clock stands still");
    }
    let again = store.head(&path).await.unwrap();
    assert_ne!(again.etag, etag);
    assert!(again.last_modified > modified, "it landed now, whatever its own time says");
}

#[tokio::test]
async fn moves_a_blob_aside_without_changing_it() {
    let (lake, store) = lake();
    let long = "n".repeat(255);
    for name in ["a", "dir/%!b", &long] {
        let place = name.replace("%!", "%!=%!");
        drop_file(&lake.path().join("landing").join(&place), "dropped");
        let path = at("landing", name);
        let before = store.head(&path).await.unwrap();
        put(&store, &at("landing", &format!("{name}/below")), "below").await;
        assert_eq!(store.head(&path).await.unwrap(), before);
        assert_eq!(text(&store, &path).await, "dropped");
        assert_eq!(
            names(&store, "landing", name).await,
            [name.to_owned(), format!("{name}/below")]
        );
        store.delete(&path, &Condition::Matches(before.etag)).await.unwrap();
        assert_eq!(text(&store, &at("landing", &format!("{name}/below"))).await, "below");
    }
}

#[tokio::test]
async fn prefers_the_file_dropped_where_one_was_moved_aside() {
    let (lake, store) = lake();
    store.create_container("landing").await.unwrap();
    let (path, below) = (at("landing", "a"), at("landing", "a/below"));
    put(&store, &below, "below").await;
    put_marked(&store, &path, "aside").await;
    store.delete(&below, &Condition::Always).await.unwrap();
    assert_eq!(text(&store, &path).await, "aside");
    drop_file(&lake.path().join("landing/a"), "dropped");
    assert_eq!(text(&store, &path).await, "dropped");
    assert_eq!(names(&store, "landing", "").await, ["a"]);
    store.delete(&path, &Condition::Always).await.unwrap();
    assert!(names(&store, "landing", "").await.is_empty(), "the old one must not come back");
}

#[tokio::test]
async fn moves_a_blob_back_when_it_is_written_again() {
    let (lake, store) = lake();
    store.create_container("landing").await.unwrap();
    let (path, below) = (at("landing", "a"), at("landing", "a/below"));
    put(&store, &below, "below").await;
    put(&store, &path, "old").await;
    store.delete(&below, &Condition::Always).await.unwrap();
    put(&store, &path, "new").await;
    let file = lake.path().join("landing/a");
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    fs::remove_file(&file).unwrap();
    assert_fault(store.head(&path).await, Fault::NotFound);
}

/// Somebody who only looks takes no lock, and still sees one whole version after another.
#[tokio::test]
async fn shows_a_blob_with_its_properties_while_it_is_replaced_and_moved() {
    let (_lake, store) = lake();
    store.create_container("landing").await.unwrap();
    let (path, below) = (at("landing", "a"), at("landing", "a/below"));
    put_marked(&store, &path, "first").await;
    let done = AtomicBool::new(false);
    let write = async {
        for _ in 0..50 {
            put(&store, &below, "below").await;
            put_marked(&store, &path, "aside").await;
            store.delete(&below, &Condition::Always).await.unwrap();
            put_marked(&store, &path, "plain").await;
        }
        done.store(true, Ordering::SeqCst);
    };
    let look = || async {
        while !done.load(Ordering::SeqCst) {
            let (content, properties) = store.read(&path, 10).await.unwrap();
            assert_eq!(properties.metadata, marked().metadata);
            assert_eq!(properties.content_md5, Some(Md5::digest(&content).into()));
        }
    };
    join!(write, join_all((0..4).map(|_| look())));
}

#[tokio::test]
async fn removes_directories_that_a_delete_leaves_empty() {
    let (lake, store) = lake();
    store.create_container("landing").await.unwrap();
    let path = at("landing", "a//b/c");
    put(&store, &path, "1").await;
    put(&store, &at("landing", "a/d"), "1").await;
    store.delete(&path, &Condition::Always).await.unwrap();
    assert!(lake.path().join("landing/a/d").exists());
    assert!(!lake.path().join("landing/a/%!").exists());
    store.delete(&at("landing", "a/d"), &Condition::Always).await.unwrap();
    assert_eq!(fs::read_dir(lake.path().join("landing")).unwrap().count(), 0);
}

#[tokio::test]
async fn follows_no_symbolic_link() {
    let (lake, store) = lake();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    drop_file(&secret, "secret");
    drop_file(&lake.path().join("landing/plain"), "plain");
    symlink(&secret, lake.path().join("landing/link")).unwrap();
    symlink(outside.path(), lake.path().join("landing/folder")).unwrap();
    symlink(outside.path(), lake.path().join("linked")).unwrap();
    symlink("plain", lake.path().join("landing/inner")).unwrap();
    symlink("nowhere", lake.path().join("landing/dangling")).unwrap();

    assert_eq!(names(&store, "landing", "").await, ["plain"]);
    assert_fault(store.list("linked", "", None).await, Fault::Rejected);
    let (plain, copy) = (at("landing", "plain"), at("landing", "copy"));
    let version = store.head(&plain).await.unwrap().etag;
    for (container, name) in [
        ("landing", "link"),
        ("landing", "folder/secret"),
        ("landing", "folder/new"),
        ("landing", "inner"),
        ("landing", "dangling"),
        ("linked", "secret"),
    ] {
        let path = at(container, name);
        assert_fault(store.head(&path).await, Fault::Rejected);
        assert_fault(store.read(&path, 100).await, Fault::Rejected);
        assert_fault(store.delete(&path, &Condition::Always).await, Fault::Rejected);
        let content = Bytes::from_static(b"x");
        let write = store.write(&path, content, &marked(), &Condition::Always).await;
        assert_fault(write, Fault::Rejected);
        let out = copy_if(&store, (&path, &version), &copy, &Condition::Always).await;
        assert_fault(out, Fault::Rejected);
        let onto = copy_if(&store, (&plain, &version), &path, &Condition::Always).await;
        assert_fault(onto, Fault::Rejected);
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn refuses_containers_that_lead_elsewhere() {
    let (lake, store) = lake();
    drop_file(&lake.path().join("filed"), "a file, not a container");
    for container in ["..", ".", "", "../landing", "/tmp", ".lakehand", "a/b", "UPPER", "filed"] {
        assert_fault(store.list(container, "", None).await, Fault::Rejected);
        assert_fault(store.create_container(container).await, Fault::Rejected);
    }
    for name in ["..", "../x", "a/../../x", ".", "a/./b"] {
        assert!(BlobPath::new("landing", name).is_err(), "{name}");
    }
}

#[tokio::test]
async fn leaves_alone_what_is_no_file() {
    let (lake, store) = lake();
    drop_file(&lake.path().join("landing/folder/file"), "1");
    let _socket = UnixListener::bind(lake.path().join("landing/socket")).unwrap();
    drop_file(&lake.path().join("landing/%!"), "a file where a directory belongs");
    assert_fault(store.head(&at("landing", "folder")).await, Fault::NotFound);
    let socket = at("landing", "socket");
    assert_fault(store.read(&socket, 10).await, Fault::Rejected);
    assert_fault(store.delete(&socket, &Condition::Always).await, Fault::Rejected);
    for name in ["socket", "socket/below", "/lead"] {
        let content = Bytes::from_static(b"x");
        let path = at("landing", name);
        let write = store.write(&path, content, &marked(), &Condition::Always).await;
        assert_fault(write, Fault::Rejected);
    }
    assert_eq!(names(&store, "landing", "").await, ["folder/file"]);
}

#[tokio::test]
async fn skips_names_that_no_blob_can_have() {
    let (lake, store) = lake();
    let landing = lake.path().join("landing");
    drop_file(&landing.join("good"), "1");
    drop_file(&landing.join("%!what"), "1");
    drop_file(&landing.join("%!=not-needed"), "1");
    drop_file(&landing.join("%!+piece/short"), "1");
    drop_file(&landing.join("%!=folder/z"), "1");
    drop_file(&landing.join("folder/a"), "1");
    drop_file(&landing.join("folder/z"), "1");
    drop_file(&landing.join("line\nbreak"), "1");
    drop_file(&landing.join(std::ffi::OsStr::from_bytes(b"latin-\xe9")), "1");
    assert_eq!(names(&store, "landing", "").await, ["folder/a", "folder/z", "good"]);
}

#[tokio::test]
async fn ignores_damaged_sidecars() {
    let (lake, store) = lake();
    store.create_container("landing").await.unwrap();
    let path = at("landing", "file");
    for garbage in ["", "{", "[1]", "{\"etag\": 7}", "\u{0}\u{0}\u{0}"] {
        put_marked(&store, &path, "content").await;
        let [sidecar] = &sidecars(lake.path())[..] else { panic!("one blob, one sidecar") };
        fs::write(sidecar, garbage).unwrap();
        let properties = store.head(&path).await.unwrap();
        assert!(properties.metadata.is_empty());
        assert_eq!(text(&store, &path).await, "content");
        assert_eq!(names(&store, "landing", "").await, ["file"]);
    }
    put_marked(&store, &path, "content").await;
    assert_eq!(store.head(&path).await.unwrap().metadata, marked().metadata);
}

#[tokio::test]
async fn removes_only_old_leftovers() {
    let (lake, store) = lake();
    store.probe().await.unwrap();
    let tmp = lake.path().join(".lakehand/tmp");
    let (old, new) = (tmp.join("old"), tmp.join("new"));
    drop_file(&old, "half");
    drop_file(&new, "half");
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
    File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    LocalBlobs::open(lake.path()).unwrap();
    assert_eq!((old.exists(), new.exists()), (false, true));
}

#[tokio::test]
async fn leaves_nothing_half_written() {
    let (lake, store) = lake();
    store.create_container("landing").await.unwrap();
    let path = at("landing", "file");
    let etag = put(&store, &path, "1").await;
    let refused = copy_if(&store, (&path, &etag), &at("nowhere", "x"), &Condition::Always).await;
    assert_fault(refused, Fault::NotFound);
    let content = Bytes::from_static(b"2");
    let refused = store.write(&path, content, &marked(), &Condition::Absent).await;
    assert_fault(refused, Fault::AlreadyExists);
    assert_eq!(fs::read_dir(lake.path().join(".lakehand/tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn lists_page_by_page_while_blobs_go() {
    let (lake, store) = lake();
    let mut expected = Vec::new();
    for number in 0..2500 {
        let name = format!("{:02}/{number:04}", number % 7);
        drop_file(&lake.path().join("landing").join(&name), "");
        expected.push(name);
    }
    expected.sort();
    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let page = store.list("landing", "", token.as_deref()).await.unwrap();
        assert!(page.items.len() <= 1000);
        for listed in page.items {
            store.delete(&listed.path, &Condition::Matches(listed.properties.etag)).await.unwrap();
            seen.push(listed.path.name().to_owned());
        }
        match page.next {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn says_when_a_name_is_too_long_for_the_disk() {
    let (_lake, store) = lake();
    store.create_container("landing").await.unwrap();
    let path = at("landing", &"😀".repeat(1024));
    let write = store.write(&path, Bytes::new(), &marked(), &Condition::Always).await;
    let error = write.unwrap_err();
    assert_eq!(error.fault, Fault::Rejected);
    assert!(error.detail.contains("shorten"), "{error}");
    assert_eq!(names(&store, "landing", "").await, [""; 0]);
}

#[tokio::test]
async fn lends_nothing() {
    let (lake, store) = lake();
    drop_file(&lake.path().join("landing/file"), "1");
    assert_fault(store.lend(&at("landing", "file")).await, Fault::Rejected);
    assert!(!store.is_hierarchical().await.unwrap());
}

#[tokio::test]
async fn says_who_must_act_on_a_lake_that_cannot_be_written() {
    let (lake, store) = lake();
    drop_file(&lake.path().join("landing/file"), "1");
    let (landing, path) = (lake.path().join("landing"), at("landing", "file"));
    fs::set_permissions(&landing, fs::Permissions::from_mode(0o555)).unwrap();
    let is_privileged = fs::write(landing.join("probe"), "").is_ok();
    if is_privileged {
        println!("skipped: permissions do not bind this user");
        return;
    }
    let version = store.head(&path).await.unwrap().etag;
    let target = at("landing", "copy");
    let copied = copy_if(&store, (&path, &version), &target, &Condition::Always).await;
    assert_fault(copied, Fault::Denied);
    assert_fault(store.delete(&path, &Condition::Always).await, Fault::Denied);
    assert_eq!(text(&store, &path).await, "1");
    fs::set_permissions(&landing, fs::Permissions::from_mode(0o755)).unwrap();
}
