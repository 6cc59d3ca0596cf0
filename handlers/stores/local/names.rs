//! Blob names as paths, kept as they are wherever a disk can hold them.
//!
//! A name is split at its slashes into segments, each the name of a directory or, the last one, of
//! a file. What a disk cannot hold is marked by `%!` at the beginning of a file or directory name:
//!
//! | On disk             | Stands for                                                             |
//! |---------------------|------------------------------------------------------------------------|
//! | `%!`                | an empty segment: `a//b`, `/a` and `a/`                                |
//! | `%!=` and a segment | a segment that itself begins with `%!`                                 |
//! | `%!+` and a piece   | the beginning of a segment too long for one name; the rest lies inside |
//! | `%!@` and a segment | a blob beside a directory of the same name: `a` beside `a/b`           |
//!
//! No two blobs share a path, and no path stands for two blobs.

use std::path::{Path, PathBuf};

/// What every name begins with that is not a plain segment.
pub(super) const MARK: &str = "%!";

/// The longest name, in bytes, that common file systems hold.
const LONGEST: usize = 255;

/// How many bytes of a too long segment go into one piece. What follows is long enough not to be
/// `.` or `..`.
const PIECE: usize = 200;

/// Where the file of a blob lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// Under the blob's own name.
    Plain,
    /// Beside the directory that has taken the name.
    Aside,
}

/// What one name on the disk stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The beginning of a segment; the rest is inside.
    Piece(&'a str),
    /// A segment, or the rest of one.
    Segment(&'a str),
    /// The last segment, or the rest of it, of a blob beside a directory.
    Aside(&'a str),
}

/// The path of a blob below its container's directory.
pub(super) fn encode(name: &str, leaf: Leaf) -> PathBuf {
    let mut path = PathBuf::new();
    let mut segments = name.split('/').peekable();
    while let Some(segment) = segments.next() {
        let leaf = if segments.peek().is_none() { leaf } else { Leaf::Plain };
        push_segment(&mut path, segment, leaf);
    }
    path
}

fn push_segment(path: &mut PathBuf, segment: &str, leaf: Leaf) {
    let mut rest = segment;
    loop {
        let last = escape(rest, leaf);
        if last.len() <= LONGEST {
            return path.push(last);
        }
        let (piece, tail) = split_piece(rest);
        path.push(format!("{MARK}+{piece}"));
        rest = tail;
    }
}

fn escape(segment: &str, leaf: Leaf) -> String {
    match leaf {
        Leaf::Aside => format!("{MARK}@{segment}"),
        Leaf::Plain if segment.is_empty() => MARK.to_owned(),
        Leaf::Plain if segment.starts_with(MARK) => format!("{MARK}={segment}"),
        Leaf::Plain => segment.to_owned(),
    }
}

/// Splits off as many whole characters as fit into one piece.
fn split_piece(text: &str) -> (&str, &str) {
    let end = (0..=PIECE).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.split_at(end)
}

/// Reads one name on the disk; `None` if it begins with the mark but is none of ours.
pub(super) fn parse(component: &str) -> Option<Part<'_>> {
    let Some(marked) = component.strip_prefix(MARK) else {
        return Some(Part::Segment(component));
    };
    if marked.is_empty() {
        return Some(Part::Segment(""));
    }
    match marked.split_at_checked(1)? {
        ("+", piece) => Some(Part::Piece(piece)),
        ("=", segment) => Some(Part::Segment(segment)),
        ("@", segment) => Some(Part::Aside(segment)),
        _ => None,
    }
}

/// The blob whose file would lie at this path below its container's directory, if there is one.
pub(super) fn decode(path: &Path) -> Option<String> {
    let mut name = String::new();
    let mut components = path.iter().peekable();
    while let Some(component) = components.next() {
        let last = components.peek().is_none();
        match parse(component.to_str()?)? {
            Part::Piece(text) if !last => name.push_str(text),
            Part::Aside(text) if last => name.push_str(text),
            Part::Segment(text) => {
                name.push_str(text);
                name.push_str(if last { "" } else { "/" });
            }
            Part::Piece(_) | Part::Aside(_) => return None,
        }
    }
    let is_ours = |leaf| encode(&name, leaf) == path;
    (is_ours(Leaf::Plain) || is_ours(Leaf::Aside)).then_some(name)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(name: &str) -> String {
        encode(name, Leaf::Plain).to_str().unwrap().to_owned()
    }

    #[test]
    fn keeps_what_a_disk_can_hold() {
        let longest = "x".repeat(255);
        let names = [
            "a",
            "a/b.csv",
            "with space",
            "%20",
            "%",
            "%2F/!%",
            ".hidden/~",
            "é",
            "a\\b",
            &longest,
        ];
        for name in names {
            assert_eq!(plain(name), name);
        }
    }

    #[test]
    fn marks_what_it_cannot() {
        let cases = [
            ("a//b", "a/%!/b"),
            ("/a", "%!/a"),
            ("a/", "a/%!"),
            ("/", "%!/%!"),
            ("%!", "%!=%!"),
            ("%!@a/b", "%!=%!@a/b"),
        ];
        for (name, path) in cases {
            assert_eq!(plain(name), path);
        }
        assert_eq!(encode("d/a", Leaf::Aside), Path::new("d/%!@a"));
        assert_eq!(encode("d/", Leaf::Aside), Path::new("d/%!@"));
        let (piece, rest) = ("x".repeat(200), "x".repeat(56));
        assert_eq!(plain(&"x".repeat(256)), format!("%!+{piece}/{rest}"));
        assert_eq!(encode(&"x".repeat(253), Leaf::Aside).iter().count(), 2);
    }

    #[test]
    fn reads_no_path_that_it_would_not_write() {
        for path in ["%!x", "%!=a", "%!+a/b", "%!@a/b", "%!+a", "%!é", "a/%!@b/%!"] {
            assert_eq!(decode(Path::new(path)), None, "{path}");
        }
    }

    /// Names without `.` and `..` segments, made of what the mapping treats in its own way.
    fn name() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[a-z]{1,3}",
            "[ -~é仓😀]{1,4}",
            prop::sample::select(vec!["/", "//", "%!", "%!@", "%!+", "%!=", "%20", ".", ".."])
                .prop_map(str::to_owned),
            (150..300usize).prop_map(|length| "w".repeat(length)),
            (50..100usize).prop_map(|length| "😀".repeat(length)),
        ];
        prop::collection::vec(piece, 1..8)
            .prop_map(|pieces| pieces.concat())
            .prop_filter("legal", |name| !name.split('/').any(|s| matches!(s, "." | "..")))
    }

    fn leaf() -> impl Strategy<Value = Leaf> {
        prop::sample::select(vec![Leaf::Plain, Leaf::Aside])
    }

    proptest! {
        #[test]
        fn comes_back(name in name(), leaf in leaf()) {
            prop_assert_eq!(decode(&encode(&name, leaf)), Some(name));
        }

        #[test]
        fn fits_on_a_disk_and_stays_below(name in name(), leaf in leaf()) {
            let path = encode(&name, leaf);
            prop_assert!(!path.as_os_str().is_empty());
            for component in path.components() {
                prop_assert!(matches!(component, std::path::Component::Normal(_)));
                prop_assert!(component.as_os_str().len() <= LONGEST);
            }
        }

        #[test]
        fn keeps_two_names_apart(one in name(), other in name(), leaf in leaf()) {
            prop_assume!(one != other);
            prop_assert_ne!(encode(&one, leaf), encode(&other, leaf));
            prop_assert_ne!(encode(&one, Leaf::Plain), encode(&other, Leaf::Aside));
        }

        #[test]
        fn never_panics_on_what_it_finds(path in "(%!|[+=@./a]|\\PC){0,20}") {
            if let Some(name) = decode(Path::new(&path)) {
                let path = Path::new(&path);
                prop_assert!(encode(&name, Leaf::Plain) == path || encode(&name, Leaf::Aside) == path);
            }
        }
    }
}
