//! The manifest that a dataset's marker may hold: `{"files": [{"name", "size", "md5"}]}`, names
//! relative to the dataset's folder, sizes in bytes, MD5 in hexadecimal or base64.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::Source;
use crate::stores::{
    Fault, StoreError,
    blobs::{Blobs, Properties},
};

/// The longest marker that is read, in bytes.
const LIMIT: u64 = 4 << 20;

/// What a marker says of its dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    files: BTreeMap<String, File>,
}

/// The manifest as it is written.
#[derive(Deserialize)]
struct Written {
    files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct File {
    name: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    md5: Option<String>,
}

/// Reads the manifest in a marker. `Ok(None)` where the marker holds none: it is empty, or a text
/// of somebody else's; `Err` says why a marker that holds one cannot be understood.
///
/// # Errors
/// The store's failure.
pub(super) async fn read_manifest(
    blobs: &dyn Blobs,
    marker: &Source,
) -> Result<Result<Option<Manifest>, String>, StoreError> {
    if marker.properties.length == 0 {
        return Ok(Ok(None));
    }
    match blobs.read(&marker.path, LIMIT).await {
        Ok((content, properties)) if properties.etag == marker.properties.etag => {
            Ok(parse(&content))
        }
        Ok(_) => {
            let detail = "the marker has new content; it arrives once more";
            Err(StoreError::new(Fault::Unavailable, "read", &marker.path, detail))
        }
        Err(error) if error.fault == Fault::Rejected => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

fn parse(content: &[u8]) -> Result<Option<Manifest>, String> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(content) else {
        return Ok(None);
    };
    if value.get("files").is_none() {
        return Ok(None);
    }
    let written: Written = serde_json::from_value(value).map_err(|error| {
        format!(
            "the marker's manifest is not {{\"files\": [{{\"name\", \"size\", \"md5\"}}]}}: {error}"
        )
    })?;
    for file in &written.files {
        file.check()?;
    }
    let files = written.files.into_iter().map(|file| (file.name.clone(), file)).collect();
    Ok(Some(Manifest { files }))
}

impl Manifest {
    /// Whether the manifest lists a file.
    pub(super) fn names(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Whether the manifest says that a file has no content.
    pub(super) fn says_empty(&self, name: &str) -> bool {
        self.files.get(name).is_some_and(|file| file.size == Some(0))
    }

    /// The files that are missing among those found, or not as described, each with what is wrong.
    /// A file without a recorded MD5 is taken by its size.
    pub(super) fn problems<'a>(
        &'a self,
        found: &BTreeMap<&str, &Properties>,
    ) -> impl Iterator<Item = (&'a str, String)> {
        let problem =
            |(name, file): (&'a String, &File)| Some((name.as_str(), file.problem(found)?));
        self.files.iter().filter_map(problem)
    }
}

impl File {
    /// Says what is wrong with the entry. A name that no blob can have would be waited for in vain,
    /// and it goes into reasons and logs.
    fn check(&self) -> Result<(), String> {
        let length = self.name.chars().count();
        if length == 0 || length > 1024 || self.name.chars().any(char::is_control) {
            return Err("the manifest has a name that no file can have: it is empty, has over 1,024 characters, or holds a control character".to_owned());
        }
        if self.md5.as_deref().is_some_and(|md5| decode_md5(md5).is_none()) {
            let name = &self.name;
            return Err(format!("the manifest's md5 of {name} is neither hexadecimal nor base64"));
        }
        Ok(())
    }

    fn problem(&self, found: &BTreeMap<&str, &Properties>) -> Option<String> {
        let Some(properties) = found.get(self.name.as_str()) else {
            return Some(format!("{} is missing", self.name));
        };
        if let Some(size) = self.size
            && size != properties.length
        {
            return Some(format!("{} has {} of {size} bytes", self.name, properties.length));
        }
        let wanted = self.md5.as_deref().and_then(decode_md5)?;
        let other = properties.content_md5.is_some_and(|md5| md5 != wanted);
        other.then(|| format!("{} has another MD5", self.name))
    }
}

fn decode_md5(text: &str) -> Option<[u8; 16]> {
    if text.len() == 32 {
        let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..32).step_by(2).map(byte).collect();
        return bytes?.try_into().ok();
    }
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::routing::explain::imagined;
    use time::OffsetDateTime;

    fn properties(length: u64, md5: Option<[u8; 16]>) -> Properties {
        Properties { content_md5: md5, ..imagined(length, None, OffsetDateTime::UNIX_EPOCH) }
    }

    #[test]
    fn a_marker_without_files_holds_no_manifest() {
        for content in [&b""[..], b"done", b"{}", b"[]", b"\xff\xfe", b"{\"rows\": 3}"] {
            assert_eq!(parse(content), Ok(None));
        }
    }

    #[test]
    fn a_manifest_that_is_wrong_is_an_error() {
        for content in [
            r#"{"files": 1}"#,
            r#"{"files": [{"size": 1}]}"#,
            r#"{"files": [{"name": "a", "size": -1}]}"#,
            r#"{"files": [{"name": "a", "md5": "xyz"}]}"#,
            r#"{"files": [{"name": ""}]}"#,
            r#"{"files": [{"name": "a\n[2J"}]}"#,
            &format!(r#"{{"files": [{{"name": "{}"}}]}}"#, "x".repeat(1025)),
        ] {
            assert!(parse(content.as_bytes()).is_err(), "{content}");
        }
    }

    #[test]
    fn it_says_what_is_missing() {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        let content = format!(
            "\u{feff}{{\"files\": [{{\"name\": \"a.csv\", \"size\": 3, \"md5\": \"{md5}\"}}, {{\"name\": \"b.csv\"}}]}}"
        );
        let manifest = parse(content.as_bytes()).unwrap().unwrap();
        let wanted = decode_md5(md5).unwrap();
        let (right, short) = (properties(3, Some(wanted)), properties(2, Some(wanted)));
        let (other, unknown) = (properties(3, Some([0; 16])), properties(3, None));
        let missing = |files: &[(&'static str, &Properties)]| {
            let found = files.iter().map(|(name, file)| (*name, *file)).collect();
            manifest.problems(&found).map(|(_, problem)| problem).next()
        };
        assert_eq!(missing(&[]).as_deref(), Some("a.csv is missing"));
        assert_eq!(manifest.problems(&BTreeMap::new()).count(), 2);
        assert_eq!(missing(&[("a.csv", &right)]).as_deref(), Some("b.csv is missing"));
        assert_eq!(
            missing(&[("a.csv", &short), ("b.csv", &short)]).as_deref(),
            Some("a.csv has 2 of 3 bytes")
        );
        assert_eq!(
            missing(&[("a.csv", &other), ("b.csv", &short)]).as_deref(),
            Some("a.csv has another MD5")
        );
        assert_eq!(missing(&[("a.csv", &unknown), ("b.csv", &short)]), None);
        assert!(manifest.names("a.csv") && !manifest.names("c.csv"));
    }

    #[test]
    fn md5_is_read_in_both_forms() {
        assert_eq!(
            decode_md5("1B2M2Y8AsgTpgAmY7PhCfg=="),
            decode_md5("D41D8CD98F00B204E9800998ECF8427E")
        );
        assert_eq!(decode_md5("ééééééééééééééééé"), None);
    }
}
