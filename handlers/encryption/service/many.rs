//! Which blobs a request means: one, a folder, or a pattern.

use super::{
    Tools,
    failure::{Failure, Kind},
};
use crate::{
    routing::{Source, arrival::is_folder},
    stores::{
        blobs::{BlobPath, is_container},
        optional,
    },
};

/// The most files of one request.
pub const MOST: usize = 1_000;

/// What a request's `source` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// One blob.
    One(BlobPath),
    /// All blobs below a folder, or those that a pattern fits.
    Many {
        /// The container.
        container: String,
        /// What all names begin with, up to a slash.
        folder: String,
        /// The rest of the pattern, in which `*` takes any text without a slash.
        pattern: Option<String>,
    },
}

/// The blobs that were found.
#[derive(Debug, Default)]
pub struct Found {
    /// The blobs, by name.
    pub sources: Vec<Source>,
    /// How many were passed over: markers and files of our own.
    pub skipped: usize,
}

impl Selection {
    /// Reads `container/name`, `container/folder/` or `container/folder/*.parquet`; a slash before
    /// it changes nothing.
    ///
    /// # Errors
    /// Why it names nothing.
    pub fn read(text: &str) -> Result<Self, String> {
        let path = normalised(text)?;
        let (container, name) = path.split_once('/').unwrap_or((path, ""));
        if !name.contains('*') && !name.is_empty() && !name.ends_with('/') {
            return path.parse().map(Self::One).map_err(|error| format!("{error}"));
        }
        if !is_container(container) {
            return Err(format!("`{container}` is not a container name"));
        }
        let literal = name.split('*').next().unwrap_or_default();
        let end = literal.rfind('/').map_or(0, |slash| slash + 1);
        let (folder, rest) = name.split_at(end);
        Ok(Self::Many {
            container: container.to_owned(),
            folder: folder.to_owned(),
            pattern: (!rest.is_empty()).then(|| rest.to_owned()),
        })
    }

    /// The container.
    pub fn container(&self) -> &str {
        match self {
            Self::One(path) => path.container(),
            Self::Many { container, .. } => container,
        }
    }

    /// A blob's name below the folder; of a blob alone, what follows its last slash.
    pub fn relative<'a>(&self, path: &'a BlobPath) -> &'a str {
        let name = path.name();
        match self {
            Self::One(_) => name.rsplit('/').next().unwrap_or(name),
            Self::Many { folder, .. } => name.strip_prefix(folder.as_str()).unwrap_or(name),
        }
    }

    /// Finds the blobs.
    ///
    /// # Errors
    /// There are none, or too many, or the store fails.
    pub async fn find(&self, tools: &Tools) -> Result<Found, Failure> {
        let missing = |reason| Failure::refused(Kind::Missing, "source", reason);
        let found = match self {
            Self::One(path) => {
                let properties = optional(tools.blobs.head(path).await)?;
                let properties =
                    properties.ok_or_else(|| missing(format!("there is no {path}")))?;
                let source = Source { path: path.clone(), properties };
                Found { sources: vec![source], skipped: 0 }
            }
            Self::Many { container, folder, pattern } => {
                list(tools, container, folder, pattern.as_deref()).await?
            }
        };
        if found.sources.is_empty() {
            return Err(missing(format!("there is no file to work on; {} skipped", found.skipped)));
        }
        Ok(found)
    }
}

/// A path without slashes before it.
///
/// # Errors
/// It is an address: nothing is read from or written to hosts that a request names.
pub fn normalised(text: &str) -> Result<&str, String> {
    if text.contains("://") {
        return Err("write container/name, no address".to_owned());
    }
    Ok(text.trim_start_matches('/'))
}

async fn list(
    tools: &Tools,
    container: &str,
    folder: &str,
    pattern: Option<&str>,
) -> Result<Found, Failure> {
    let literal = pattern.and_then(|pattern| pattern.split('*').next()).unwrap_or_default();
    let prefix = format!("{folder}{literal}");
    let (mut found, mut token) = (Found::default(), None);
    loop {
        let listed = tools.blobs.list(container, &prefix, token.as_deref()).await;
        let Some(page) = optional(listed)? else { return Ok(found) };
        for listed in page.items {
            let source = Source { path: listed.path, properties: listed.properties };
            let name = &source.path.name()[folder.len()..];
            if is_folder(&source) || !pattern.is_none_or(|pattern| fits(pattern, name)) {
                continue;
            }
            if is_marker(name) {
                found.skipped += 1;
                continue;
            }
            found.sources.push(source);
        }
        if found.sources.len() > MOST {
            let reason = format!("more than {MOST} files; name a smaller folder or a pattern");
            return Err(Failure::refused(Kind::Wrong, "source", reason));
        }
        token = page.next;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// What Spark and Hadoop write beside data, and our own sidecars.
fn is_marker(name: &str) -> bool {
    name.ends_with(".crc") || name.split('/').any(|part| part.starts_with(['_', '.']))
}

/// Whether a pattern fits a name; `*` takes any text without a slash, also none.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut place, mut retry) = (0, 0, None);
    while place < name.len() {
        if pattern.get(at) == Some(&b'*') {
            retry = Some((at, place));
            at += 1;
        } else if pattern.get(at) == Some(&name[place]) {
            (at, place) = (at + 1, place + 1);
        } else if let Some((star, from)) = retry.filter(|(_, from)| name[*from] != b'/') {
            retry = Some((star, from + 1));
            (at, place) = (star + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_any_text_without_a_slash() {
        for (pattern, name, wanted) in [
            ("*.parquet", "a.parquet", true),
            ("*.parquet", ".parquet", true),
            ("*.parquet", "a/b.parquet", false),
            ("*/*.csv", "a/b.csv", true),
            ("*/*.csv", "a/b/c.csv", false),
            ("*a*b", "aaab", true),
            ("*a*b", "aaba", false),
            ("é*", "éa", true),
            ("x*", "x", true),
            ("*/x", "a/b/x", false),
        ] {
            assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn a_source_is_one_blob_a_folder_or_a_pattern() {
        let many = |folder: &str, pattern: Option<&str>| Selection::Many {
            container: "processing".to_owned(),
            folder: folder.to_owned(),
            pattern: pattern.map(str::to_owned),
        };
        let one = Selection::One("processing/a/x.csv".parse().unwrap());
        for (text, wanted) in [
            ("processing/a/x.csv", one.clone()),
            ("/processing/a/x.csv", one),
            ("processing/a/", many("a/", None)),
            ("processing", many("", None)),
            ("processing/a/*.csv", many("a/", Some("*.csv"))),
            ("processing/a/b*/x*.csv", many("a/", Some("b*/x*.csv"))),
        ] {
            assert_eq!(Selection::read(text), Ok(wanted), "{text}");
        }
        for wrong in ["", "https://a.blob.core.windows.net/c/n", "UPPER/x", "processing/../x"] {
            assert!(Selection::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn markers_are_no_data() {
        for name in ["_SUCCESS", ".x.crc", "a/_lakehand/x.json", "x.parquet.crc"] {
            assert!(is_marker(name), "{name}");
        }
        assert!(!is_marker("a/part-0001_x.parquet"));
    }
}
