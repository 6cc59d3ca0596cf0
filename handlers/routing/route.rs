//! Routes: which blob they take, and what is to become of it.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{
    pattern::{Captures, Pattern},
    template::Template,
};
use crate::{
    encryption::{csv::CsvOptions, policy::Policy},
    stores::blobs::{BlobPath, Properties},
};

/// One `[[route]]` of the configuration.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name, in logs, the ledger and metadata: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// The names it takes.
    pub from: Pattern,
    /// What else must be true of a blob.
    pub when: When,
    /// Where the blob goes.
    pub to: Template,
    /// The account it goes to, if not the landing account.
    pub to_account: Option<String>,
    /// Whether the source stays.
    pub action: Action,
    /// The access tier at the destination.
    pub tier: Option<String>,
    /// Index tags at the destination; values are templates.
    pub tags: BTreeMap<String, Template>,
    /// What to do when the destination is taken.
    pub on_conflict: OnConflict,
    /// Set when the route collects datasets.
    pub complete: Option<Completion>,
    /// Set when the route encrypts instead of copying.
    pub protect: Option<Protect>,
}

/// What a route encrypts, and what becomes of the plaintext.
#[derive(Clone, Debug)]
pub struct Protect {
    /// The policy.
    pub policy: Policy,
    /// How CSV files are written.
    pub csv: CsvOptions,
    /// Where the plaintext is kept; nowhere, unless this says so.
    pub original: Option<Template>,
}

/// What happens to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is removed once its copy is verified and recorded.
    Move,
    /// It stays.
    Copy,
}

/// What happens when another blob has the destination's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The new blob is quarantined.
    Fail,
    /// The new blob takes the name, except in a folder called `Original`.
    Replace,
    /// The new blob gets a name of its own beside the other.
    Version,
}

/// How a dataset is known to be complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The end of the marker's name, such as `.done`; compared without regard to case.
    pub marker: String,
    /// How long the listing must rest when the marker holds no manifest.
    pub settle: Duration,
    /// How old the newest dataset may be.
    pub freshness: Option<Duration>,
    /// The part of datasets that shall become ready, above 0 and below 1.
    pub slo: Option<f64>,
}

/// Conditions beside the name; an empty one is always true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Extensions without the leading dot, compared without regard to case; `csv.gz` is one.
    pub extension: Vec<String>,
    /// The least length in bytes.
    pub min_size: Option<u64>,
    /// The greatest length in bytes.
    pub max_size: Option<u64>,
    /// Media types; `text/*` takes every subtype.
    pub content_type: Vec<String>,
    /// Metadata that must be there with exactly this value.
    pub metadata: BTreeMap<String, String>,
}

/// Why a route does not take a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Route {
    /// What the captures hold if this route takes the blob.
    ///
    /// The marker of a dataset answers to the name alone: conditions such as an extension speak of
    /// the dataset's files.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn take(&self, path: &BlobPath, properties: &Properties) -> Result<Captures, Mismatch> {
        let captures = self.from.captures(path).ok_or_else(|| Mismatch(self.from.explain(path)))?;
        if !self.is_marker(path) {
            self.when.check(path, properties)?;
        }
        Ok(captures)
    }

    /// What protects this blob on its way; markers go as they are.
    pub fn protection(&self, path: &BlobPath) -> Option<&Protect> {
        self.protect.as_ref().filter(|_| !self.is_marker(path))
    }

    /// Whether the name is that of a dataset's marker.
    pub fn is_marker(&self, path: &BlobPath) -> bool {
        self.complete.as_ref().is_some_and(|complete| ends_with(path.name(), &complete.marker))
    }
}

/// The first route that takes the blob, and what its captures hold.
pub fn choose<'a>(
    routes: &'a [Route],
    path: &BlobPath,
    properties: &Properties,
) -> Option<(&'a Route, Captures)> {
    routes.iter().find_map(|route| Some((route, route.take(path, properties).ok()?)))
}

impl When {
    fn check(&self, path: &BlobPath, properties: &Properties) -> Result<(), Mismatch> {
        self.check_extension(path.name())?;
        self.check_size(properties.length)?;
        self.check_content_type(properties.content_type.as_deref())?;
        self.check_metadata(properties)
    }

    fn check_extension(&self, name: &str) -> Result<(), Mismatch> {
        let fits = |extension: &String| ends_with(name, &format!(".{extension}"));
        if self.extension.is_empty() || self.extension.iter().any(fits) {
            return Ok(());
        }
        Err(Mismatch(format!("the extension is none of {}", self.extension.join(", "))))
    }

    fn check_size(&self, length: u64) -> Result<(), Mismatch> {
        match (self.min_size, self.max_size) {
            (Some(least), _) if length < least => {
                Err(Mismatch(format!("{length} bytes are fewer than min_size {least}")))
            }
            (_, Some(most)) if length > most => {
                Err(Mismatch(format!("{length} bytes are more than max_size {most}")))
            }
            _ => Ok(()),
        }
    }

    fn check_content_type(&self, actual: Option<&str>) -> Result<(), Mismatch> {
        let actual = actual.unwrap_or_default();
        let actual = actual.split(';').next().unwrap_or_default().trim();
        let fits = |wanted: &String| match wanted.strip_suffix('*') {
            Some(start) => starts_with(actual, start),
            None => wanted.eq_ignore_ascii_case(actual),
        };
        if self.content_type.is_empty() || self.content_type.iter().any(fits) {
            return Ok(());
        }
        let wanted = self.content_type.join(", ");
        Err(Mismatch(format!("the content type `{actual}` is none of {wanted}")))
    }

    fn check_metadata(&self, properties: &Properties) -> Result<(), Mismatch> {
        for (name, wanted) in &self.metadata {
            if properties.metadata.get(&name.to_ascii_lowercase()) != Some(wanted) {
                return Err(Mismatch(format!("its metadata has no {name} = {wanted}")));
            }
        }
        Ok(())
    }
}

/// Whether `text` ends with `end`, ASCII letters compared without regard to case.
fn ends_with(text: &str, end: &str) -> bool {
    let (text, end) = (text.as_bytes(), end.as_bytes());
    text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

fn starts_with(text: &str, start: &str) -> bool {
    let (text, start) = (text.as_bytes(), start.as_bytes());
    text.len() >= start.len() && text[..start.len()].eq_ignore_ascii_case(start)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::routing::explain::imagined;
    use time::OffsetDateTime;

    fn check(when: &When, name: &str, change: impl FnOnce(&mut Properties)) -> Result<(), String> {
        let mut properties =
            imagined(10, Some("Text/CSV; charset=utf-8".to_owned()), OffsetDateTime::UNIX_EPOCH);
        change(&mut properties);
        let path = BlobPath::new("landing", name).unwrap();
        when.check(&path, &properties).map_err(|mismatch| mismatch.to_string())
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn extensions_are_compared_without_case_and_may_be_double() {
        let when = When { extension: words(&["csv", "csv.gz"]), ..When::default() };
        for (name, fits) in [
            ("a.CSV", true),
            ("a.csv.GZ", true),
            ("a.gz", false),
            ("csv", false),
            (".csv", true),
            ("é", false),
        ] {
            assert_eq!(check(&when, name, |_| ()).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn every_condition_says_why_it_fails() {
        let metadata = BTreeMap::from([("Source".to_owned(), "crm".to_owned())]);
        let table = [
            (When { min_size: Some(11), ..When::default() }, "fewer than min_size 11"),
            (When { max_size: Some(9), ..When::default() }, "more than max_size 9"),
            (
                When { content_type: words(&["image/*"]), ..When::default() },
                "`Text/CSV` is none of image/*",
            ),
            (When { metadata, ..When::default() }, "no Source = crm"),
        ];
        for (when, reason) in table {
            assert!(check(&when, "x", |_| ()).unwrap_err().contains(reason), "{reason}");
        }
        let text = When { content_type: words(&["text/*"]), ..When::default() };
        assert_eq!(check(&text, "x", |_| ()), Ok(()));
        assert!(check(&text, "x", |properties| properties.content_type = None).is_err());
    }

    #[test]
    fn metadata_names_have_no_case() {
        let metadata = BTreeMap::from([("Source".to_owned(), "crm".to_owned())]);
        let when = When { metadata, ..When::default() };
        let found = check(&when, "x", |properties| {
            properties.metadata.insert("source".to_owned(), "crm".to_owned());
        });
        assert_eq!(found, Ok(()));
    }
}
