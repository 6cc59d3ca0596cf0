//! Templates of destinations: literal text with the captures of a pattern and built-in fields.
//!
//! Built in are `{container}` and `{path}` of the source, `{yyyy}` `{MM}` `{dd}` `{HH}` `{mm}`
//! `{ss}` of the time it landed (UTC), and `{guid}`, derived from container, name and ETag. All of
//! them are the same at every delivery of the same blob version, so a repeat renders the same name.

use time::OffsetDateTime;
use uuid::Uuid;

use super::pattern::{BUILT_IN, Captures, Piece, Syntax, split};
use crate::stores::{
    ETag,
    blobs::{BlobPath, InvalidPath},
};

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

/// What a template draws from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What the route's pattern took from the name.
    pub captures: &'a Captures,
    /// The blob that landed.
    pub source: &'a BlobPath,
    /// Its version.
    pub etag: &'a ETag,
    /// When it landed.
    pub landed: OffsetDateTime,
}

/// The namespace of `{guid}`: a UUID drawn once for this product.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c61_6b65_6861_6e64_8e5d_0f3a_1b7c_9d42);

impl Template {
    /// Parses a template that may use the given captures.
    ///
    /// # Errors
    /// A fault of its text, or a field that is neither built in nor captured.
    pub fn parse(text: &str, captures: &[String]) -> Result<Self, TemplateError> {
        let pieces = split(text)?;
        for piece in &pieces {
            if let Piece::Field { name, .. } = piece
                && !BUILT_IN.contains(&name.as_str())
                && !captures.contains(name)
            {
                return Err(TemplateError::unknown(name, captures));
            }
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// A template that stands in for one that does not parse; it renders into no name at all.
    pub(crate) fn nowhere() -> Self {
        Self { text: String::new(), pieces: Vec::new() }
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The container it renders into, unless a field takes part in it.
    pub fn container(&self) -> Option<&str> {
        match self.pieces.first() {
            Some(Piece::Literal(start)) => start.split_once('/').map(|(container, _)| container),
            _ => None,
        }
    }

    /// The names of its fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Field { name, .. } => Some(name.as_str()),
        })
    }

    /// Fills the fields in with what `value` says for each name.
    pub fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Field { name, .. } => value(name),
        };
        self.pieces.iter().map(text).collect()
    }

    /// Fills the fields in.
    pub fn render(&self, facts: &Facts<'_>) -> String {
        self.fill(|name| value(name, facts))
    }

    /// Fills the fields in and checks that the result is a blob's name.
    ///
    /// # Errors
    /// Which part of the result breaks Azure's naming rules.
    pub fn destination(&self, facts: &Facts<'_>) -> Result<BlobPath, InvalidPath> {
        self.render(facts).parse()
    }
}

/// Why a text is not a template for these captures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text itself.
    #[error(transparent)]
    Syntax(#[from] Syntax),
    /// A field that nothing fills.
    #[error("nothing fills `{{{name}}}`: use {known}")]
    Unknown {
        /// The field.
        name: String,
        /// The fields that exist, for the message.
        known: String,
    },
}

impl TemplateError {
    fn unknown(name: &str, captures: &[String]) -> Self {
        let known = captures.iter().map(String::as_str).chain(BUILT_IN);
        let known: Vec<_> = known.map(|field| format!("`{{{field}}}`")).collect();
        Self::Unknown { name: name.to_owned(), known: known.join(", ") }
    }
}

fn value(name: &str, facts: &Facts<'_>) -> String {
    match name {
        "container" => facts.source.container().to_owned(),
        "path" => facts.source.name().to_owned(),
        "guid" => guid(facts.source, facts.etag).to_string(),
        name => time_field(name, facts.landed)
            .or_else(|| facts.captures.get(name).cloned())
            .unwrap_or_default(),
    }
}

/// The value of a field that is a part of a time.
pub fn time_field(name: &str, at: OffsetDateTime) -> Option<String> {
    Some(match name {
        "yyyy" => format!("{:04}", at.year()),
        "MM" => format!("{:02}", u8::from(at.month())),
        "dd" => format!("{:02}", at.day()),
        "HH" => format!("{:02}", at.hour()),
        "mm" => format!("{:02}", at.minute()),
        "ss" => format!("{:02}", at.second()),
        _ => return None,
    })
}

/// A UUID (version 5) that is the same for the same blob version, everywhere and always.
pub fn guid(source: &BlobPath, etag: &ETag) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{source}\n{etag}").as_bytes())
}

/// The name that the `version` policy gives a blob whose own name is taken: the time it landed and
/// the start of its guid before the extension, as in `orders.20261130T211855Z-3fa9c1d2.csv`.
///
/// # Errors
/// The longer name may break the limit of 1,024 characters.
pub fn version_name(target: &BlobPath, facts: &Facts<'_>) -> Result<BlobPath, InvalidPath> {
    let landed = facts.landed;
    let stamp = format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z-{}",
        landed.year(),
        u8::from(landed.month()),
        landed.day(),
        landed.hour(),
        landed.minute(),
        landed.second(),
        &guid(facts.source, facts.etag).simple().to_string()[..8],
    );
    let name = target.name();
    let leaf = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[leaf..].find('.').filter(|dot| *dot > 0).map_or(name.len(), |dot| leaf + dot);
    BlobPath::new(target.container(), format!("{}.{stamp}{}", &name[..dot], &name[dot..]))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn render(template: &str, captures: &[(&str, &str)]) -> Result<String, String> {
        let names: Vec<String> = captures.iter().map(|(name, _)| (*name).to_owned()).collect();
        let captures: Captures = captures
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let source: BlobPath = "landing/sales/x.csv".parse().unwrap();
        let etag = ETag::new("0x8D");
        let landed = datetime!(2026-03-07 09:05:01 UTC);
        let facts = Facts { captures: &captures, source: &source, etag: &etag, landed };
        let template = Template::parse(template, &names).map_err(|error| error.to_string())?;
        template.destination(&facts).map(|path| path.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn fields_are_filled_in() {
        let table = [
            ("out/{yyyy}/{MM}/{dd}/{HH}{mm}{ss}/{f}", "out/2026/03/07/090501/x"),
            ("quarantine/{container}/{path}", "quarantine/landing/sales/x.csv"),
            ("out/{{f}}/{f...}", "out/{f}/x"),
        ];
        for (template, wanted) in table {
            assert_eq!(render(template, &[("f", "x")]).unwrap(), wanted);
        }
    }

    #[test]
    fn a_result_that_is_no_name_is_an_error() {
        assert!(render("{f}/x", &[("f", "No Container")]).unwrap_err().contains("container name"));
        assert!(render("out/{f}", &[("f", "../up")]).unwrap_err().contains("blob name"));
        assert!(render("out/{g}", &[("f", "x")]).unwrap_err().contains("nothing fills `{g}`"));
    }

    #[test]
    fn the_guid_depends_on_the_version_alone() {
        let path: BlobPath = "landing/x".parse().unwrap();
        assert_eq!(guid(&path, &ETag::new("\"1\"")), guid(&path, &ETag::new("1")));
        assert_ne!(guid(&path, &ETag::new("1")), guid(&path, &ETag::new("2")));
        assert_ne!(
            guid(&path, &ETag::new("1")),
            guid(&"landing/y".parse().unwrap(), &ETag::new("1"))
        );
    }

    #[test]
    fn a_version_goes_before_the_extension() {
        let source: BlobPath = "landing/x".parse().unwrap();
        let (captures, etag) = (Captures::new(), ETag::new("1"));
        let landed = datetime!(2026-03-07 09:05:01 UTC);
        let facts = Facts { captures: &captures, source: &source, etag: &etag, landed };
        let short = &guid(&source, &etag).simple().to_string()[..8];
        for (name, start, end) in [
            ("a.b/x.tar.gz", "a.b/x.20260307T090501Z-", ".tar.gz"),
            ("noext", "noext.20260307T090501Z-", ""),
            (".done", ".done.20260307T090501Z-", ""),
            ("dir/", "dir/.20260307T090501Z-", ""),
        ] {
            let target = BlobPath::new("out", name).unwrap();
            let version = version_name(&target, &facts).unwrap();
            assert_eq!(version.name(), format!("{start}{short}{end}"));
        }
    }
}
