//! Between a blob's attributes and the headers that carry them.

use std::collections::HashMap;

use azure_core::{
    http::headers::{HeaderName, Headers},
    time::parse_rfc7231,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::stores::{
    ETag,
    blobs::{Attributes, CopyState, Properties},
};

const METADATA: &str = "x-ms-meta-";

/// The metadata and the tags of a blob to be, as headers want them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) metadata: Option<HashMap<String, String>>,
    pub(super) tags: Option<String>,
}

impl Labels {
    /// Checks the names and values; with `tags_are_metadata`, for an account with a hierarchical
    /// namespace, the tags go where there is room for them.
    ///
    /// # Errors
    /// Names the entry that no header can carry.
    pub(super) fn new(attributes: &Attributes, tags_are_metadata: bool) -> Result<Self, String> {
        let mut metadata = HashMap::new();
        if tags_are_metadata {
            metadata
                .extend(attributes.tags.iter().map(|(name, tag)| (identifier(name), tag.clone())));
        }
        for (name, value) in &attributes.metadata {
            metadata.insert(name.to_ascii_lowercase(), value.clone());
        }
        for (name, value) in &metadata {
            if *name != identifier(name) || !value.bytes().all(|b| matches!(b, b' '..=b'~')) {
                return Err(format!(
                    "the metadata `{name}` needs a name of letters, digits and `_` and a value in ASCII"
                ));
            }
        }
        let tags = (!tags_are_metadata && !attributes.tags.is_empty())
            .then(|| encode_tags(&attributes.tags));
        Ok(Self { metadata: (!metadata.is_empty()).then_some(metadata), tags })
    }
}

/// The nearest name that metadata may have: C#'s rule for identifiers, in ASCII and lower case.
fn identifier(name: &str) -> String {
    let digit_first = name.starts_with(|first: char| first.is_ascii_digit());
    let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let start = if digit_first || name.is_empty() { "_" } else { "" };
    start.chars().chain(name.chars().map(fit)).collect()
}

/// Tags in the form of a query string.
pub(super) fn encode_tags<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let pairs = tags.into_iter().map(|(name, tag)| format!("{}={}", encode(name), encode(tag)));
    pairs.collect::<Vec<_>>().join("&")
}

/// What the headers of an answer say of a blob; `None` if they are not those of a blob.
pub(super) fn properties(headers: &Headers) -> Option<Properties> {
    let text = |name: &'static str| headers.get_optional_str(&HeaderName::from_static(name));
    Some(Properties {
        etag: ETag::new(text("etag")?),
        length: length(text("content-range"), text("content-length"))?,
        last_modified: parse_rfc7231(text("last-modified")?).ok()?,
        content_type: text("content-type").map(str::to_owned),
        // The hash of a range, when only that was asked for, is in the plain header.
        content_md5: text("x-ms-blob-content-md5").or(text("content-md5")).and_then(md5),
        metadata: headers
            .iter()
            .filter_map(|(name, value)| {
                let name = name.as_str().to_ascii_lowercase();
                Some((name.strip_prefix(METADATA)?.to_owned(), value.as_str().to_owned()))
            })
            .collect(),
        tier: text("x-ms-access-tier").map(str::to_owned),
        copy: copy_status(headers),
    })
}

/// What the headers of an answer say of a copy.
pub(super) fn copy_status(headers: &Headers) -> Option<CopyState> {
    let text = |name: &'static str| headers.get_optional_str(&HeaderName::from_static(name));
    Some(copy_state(text("x-ms-copy-status")?, text("x-ms-copy-status-description")))
}

/// The whole blob's length, which an answer with a part of it has after the slash.
fn length(range: Option<&str>, length: Option<&str>) -> Option<u64> {
    match range.and_then(|range| range.rsplit_once('/')) {
        Some((_, whole)) => whole.parse().ok(),
        None => length?.parse().ok(),
    }
}

/// Reads an MD5 in base64.
pub(super) fn md5(text: &str) -> Option<[u8; 16]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// Reads the state of a copy and the service's description of it.
pub(super) fn copy_state(status: &str, description: Option<&str>) -> CopyState {
    match status {
        "success" => CopyState::Success,
        "pending" => CopyState::Pending,
        other => CopyState::Failed(description.unwrap_or(other).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use time::macros::datetime;

    use super::*;

    fn attributes(metadata: &[(&str, &str)], tags: &[(&str, &str)]) -> Attributes {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        Attributes { metadata: map(metadata), tags: map(tags), ..Attributes::default() }
    }

    #[test]
    fn tags_are_encoded_or_become_metadata() {
        let both = attributes(&[("Mark", "m")], &[("cost centre", "a&b=c/d"), ("2nd", "x")]);
        let flat = Labels::new(&both, false).unwrap();
        assert_eq!(flat.tags.as_deref(), Some("2nd=x&cost%20centre=a%26b%3Dc%2Fd"));
        assert_eq!(flat.metadata, Some(HashMap::from([("mark".into(), "m".into())])));
        let hierarchical = Labels::new(&both, true).unwrap();
        assert_eq!(hierarchical.tags, None);
        let metadata = hierarchical.metadata.unwrap();
        assert_eq!(metadata["cost_centre"], "a&b=c/d");
        assert_eq!((metadata["_2nd"].as_str(), metadata["mark"].as_str()), ("x", "m"));
        let none = Labels::new(&attributes(&[], &[]), false).unwrap();
        assert_eq!(none, Labels { metadata: None, tags: None });
    }

    #[test]
    fn metadata_that_no_header_carries() {
        for (name, value) in [
            ("", "x"),
            ("with-hyphen", "x"),
            ("with space", "x"),
            ("仓库", "x"),
            ("1st", "x"),
            ("line", "a\nb: c"),
            ("accent", "é"),
            ("nul", "\0"),
        ] {
            let reason = Labels::new(&attributes(&[(name, value)], &[]), false).unwrap_err();
            assert!(reason.contains(&format!("`{name}`")), "{reason}");
            assert!(value == "x" || !reason.contains(value));
        }
    }

    #[test]
    fn properties_of_an_answer() {
        let mut headers = Headers::new();
        for (name, value) in [
            ("etag", "\"0x8D\""),
            ("content-length", "4"),
            ("content-range", "bytes 0-3/5368709120"),
            ("last-modified", "Mon, 30 Nov 2026 21:34:25 GMT"),
            ("content-type", "text/csv"),
            ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
            ("x-ms-blob-content-md5", "AQEBAQEBAQEBAQEBAQEBAQ=="),
            ("x-ms-meta-hdi_isfolder", "true"),
            ("x-ms-access-tier", "Cool"),
            ("x-ms-copy-status", "failed"),
            ("x-ms-copy-status-description", "404 BlobNotFound"),
        ] {
            headers.insert(name, value);
        }
        let found = properties(&headers).unwrap();
        assert_eq!((found.etag.as_str(), found.length), ("0x8D", 5_368_709_120));
        assert_eq!(found.last_modified, datetime!(2026-11-30 21:34:25 UTC));
        assert_eq!(found.content_md5, Some([1; 16]));
        assert_eq!(found.metadata["hdi_isfolder"], "true");
        assert_eq!(found.tier.as_deref(), Some("Cool"));
        assert_eq!(found.copy, Some(CopyState::Failed("404 BlobNotFound".into())));
        headers.remove("content-range");
        assert_eq!(properties(&headers).unwrap().length, 4);
        headers.remove("etag");
        assert_eq!(properties(&headers), None);
    }

    #[test]
    fn states_of_a_copy() {
        assert_eq!(copy_state("pending", None), CopyState::Pending);
        assert_eq!(copy_state("success", Some("ignored")), CopyState::Success);
        assert_eq!(copy_state("aborted", None), CopyState::Failed("aborted".into()));
    }
}
