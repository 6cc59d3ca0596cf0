//! Conditional requests: what a caller demands of the version that is there (RFC 9110, section 13).

use axum::http::{HeaderMap, HeaderName, header};

use crate::{
    error::{Error, Wrong},
    stores::ETag,
};

/// What a request demands of the version that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    matches: Option<Tags>,
    none_match: Option<Tags>,
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    Any,
    OneOf(Vec<ETag>),
}

impl Preconditions {
    /// Reads `If-Match` and `If-None-Match`; the parameter `etag` counts as `If-Match` where the
    /// header is absent, for callers who can send none.
    ///
    /// # Errors
    /// `Fields` with what cannot be read.
    pub fn read(headers: &HeaderMap, etag: Option<&str>) -> Result<Self, Error> {
        let matches = match (tags(headers, &header::IF_MATCH)?, etag) {
            (_, Some("")) => return Err(Wrong::new("etag", "is empty").into()),
            (None, Some("*")) => Some(Tags::Any),
            (None, Some(etag)) => Some(Tags::OneOf(vec![ETag::new(etag)])),
            (found, _) => found,
        };
        Ok(Self { matches, none_match: tags(headers, &header::IF_NONE_MATCH)? })
    }

    /// Whether the request names the version that it is about to change.
    pub fn names_version(&self) -> bool {
        self.matches.is_some()
    }

    /// Holds them against the version that is there, if any is.
    ///
    /// # Errors
    /// `Changed`, with that version.
    pub fn check(&self, current: Option<&ETag>) -> Result<(), Error> {
        let fits = |tags: &Tags| match (tags, current) {
            (_, None) => false,
            (Tags::Any, Some(_)) => true,
            (Tags::OneOf(tags), Some(current)) => tags.contains(current),
        };
        if self.matches.as_ref().is_none_or(fits) && !self.none_match.as_ref().is_some_and(fits) {
            return Ok(());
        }
        Err(Error::Changed(current.cloned()))
    }

    /// Refuses a replacement that does not say what it replaces.
    ///
    /// # Errors
    /// `Unconditional`.
    pub fn require_version(&self) -> Result<(), Error> {
        if self.names_version() { Ok(()) } else { Err(Error::Unconditional) }
    }
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Error> {
    let mut found = None;
    for value in headers.get_all(name) {
        let wrong = || Wrong::new(name.as_str(), "must be a version such as \"1a2b\", or *");
        let text = value.to_str().map_err(|_| wrong())?.trim();
        let tags = match text {
            "" => return Err(wrong().into()),
            "*" => Tags::Any,
            // A weak one never compares equal here, as RFC 9110 wants it for a write.
            text => Tags::OneOf(text.split(',').map(|tag| ETag::new(tag.trim())).collect()),
        };
        found = Some(match (found, tags) {
            (Some(Tags::OneOf(mut all)), Tags::OneOf(more)) => {
                all.extend(more);
                Tags::OneOf(all)
            }
            (Some(Tags::Any), _) | (_, Tags::Any) => Tags::Any,
            (None, tags) => tags,
        });
    }
    Ok(found)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn read(matches: Option<&str>, none_match: Option<&str>, etag: Option<&str>) -> Preconditions {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::IF_MATCH, matches), (header::IF_NONE_MATCH, none_match)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        Preconditions::read(&headers, etag).unwrap()
    }

    #[test]
    fn versions_are_held_against_what_is_there() {
        let there = ETag::new("b");
        for (matches, none_match, etag, current, wanted) in [
            (None, None, None, None, true),
            (None, None, None, Some(&there), true),
            (Some("\"b\""), None, None, Some(&there), true),
            (Some("\"a\", \"b\""), None, None, Some(&there), true),
            (Some("b"), None, None, Some(&there), true),
            (Some("\"a\""), None, None, Some(&there), false),
            (Some("W/\"b\""), None, None, Some(&there), false),
            (Some("\"b\""), None, None, None, false),
            (Some("*"), None, None, Some(&there), true),
            (Some("*"), None, None, None, false),
            (None, Some("*"), None, None, true),
            (None, Some("*"), None, Some(&there), false),
            (None, Some("\"a\""), None, Some(&there), true),
            (None, Some("\"b\""), None, Some(&there), false),
            (None, None, Some("b"), Some(&there), true),
            (None, None, Some("\"a\""), Some(&there), false),
            (Some("\"b\""), None, Some("a"), Some(&there), true),
        ] {
            let found = read(matches, none_match, etag).check(current).is_ok();
            assert_eq!(found, wanted, "{matches:?} {none_match:?} {etag:?} {current:?}");
        }
    }

    #[test]
    fn the_version_that_is_there_is_told() {
        let error = read(Some("\"a\""), None, None).check(Some(&ETag::new("b"))).unwrap_err();
        assert_eq!(error.status().as_u16(), 412);
        assert_eq!(error.problem(None)["etag"], "b");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, "".parse().unwrap());
        assert!(Preconditions::read(&headers, None).is_err());
        assert!(Preconditions::read(&HeaderMap::new(), Some("")).is_err());
        headers.insert(header::IF_MATCH, "*".parse().unwrap());
        assert!(Preconditions::read(&headers, Some("")).is_err(), "an expression gave nothing");
    }
}
