//! The mark that every blob we write carries: it tells a repeat from a conflict, and our own
//! writes from arrivals.

use ring::digest;

use crate::stores::{
    ETag,
    blobs::{BlobPath, Metadata},
};

/// The metadata that holds the mark.
pub const MARK: &str = "lakehand_mark";

/// The metadata that names the route.
pub const ROUTE: &str = "lakehand_route";

/// The metadata that says why a blob was quarantined.
pub const REASON: &str = "lakehand_reason";

/// The first half, which binds the mark to the blob that carries it, and the second, which binds
/// it to the source version it was made from; 16 hexadecimal digits each.
pub fn mark(source: &BlobPath, etag: &ETag, target: &BlobPath) -> String {
    format!("{}{}", place(target), short_digest(&format!("{source}\n{etag}")))
}

/// Whether the metadata says that we wrote this very blob from this very source version.
pub fn is_from(metadata: &Metadata, source: &BlobPath, etag: &ETag, target: &BlobPath) -> bool {
    metadata.get(MARK).is_some_and(|found| *found == mark(source, etag, target))
}

/// Whether the metadata says that we wrote this very blob. A blob that somebody copied from one of
/// ours carries a mark too, but for another place.
pub fn is_ours(metadata: &Metadata, path: &BlobPath) -> bool {
    metadata.get(MARK).is_some_and(|found| found.starts_with(&place(path)))
}

fn place(target: &BlobPath) -> String {
    short_digest(&target.to_string())
}

fn short_digest(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a text fit for a metadata value, which travels as an HTTP header: printable ASCII, at
/// most 512 characters.
pub fn header_text(text: &str) -> String {
    let escaped = text.chars().flat_map(|c| match c {
        ' '..='~' => vec![c],
        other => other.escape_default().collect(),
    });
    escaped.take(512).collect::<String>().trim().to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_one_source_version_and_one_target() {
        let path = |text: &str| text.parse::<BlobPath>().unwrap();
        let (source, target, etag) = (path("landing/x"), path("out/x"), ETag::new("1"));
        let metadata = Metadata::from([(MARK.to_owned(), mark(&source, &etag, &target))]);
        assert!(is_from(&metadata, &source, &etag, &target));
        assert!(is_ours(&metadata, &target));
        assert!(!is_from(&metadata, &source, &ETag::new("2"), &target));
        assert!(!is_from(&metadata, &path("landing/y"), &etag, &target));
        // Somebody copied our blob back to where files land: it is an arrival.
        assert!(!is_ours(&metadata, &source));
        assert!(!is_ours(&Metadata::new(), &target));
    }

    #[test]
    fn header_text_is_short_printable_ascii() {
        assert_eq!(header_text("a\r\nX-Evil: 1 é"), "a\\r\\nX-Evil: 1 \\u{e9}");
        assert_eq!(header_text(&"x".repeat(600)).len(), 512);
    }
}
