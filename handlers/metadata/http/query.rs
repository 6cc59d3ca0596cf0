//! The query parameters of an address, each known by its name.

use std::collections::BTreeMap;

use axum::http::Uri;
use time::OffsetDateTime;

use super::{
    text::{check_id, nearest},
    time::read_time,
};
use crate::error::{Error, Wrong};

/// How many items a page has when nothing is said, and at most.
pub const LIMIT: usize = 100;

/// The most items of a page.
pub const MOST: usize = 1_000;

/// The query parameters of a request.
#[derive(Debug, Default)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads those of an address. `code` and `clientId` are the host's own and pass.
    ///
    /// # Errors
    /// `Fields` with the parameters that are not known here, or there twice.
    pub fn read(uri: &Uri, known: &[&str]) -> Result<Self, Error> {
        let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        {
            let is_hosts = ["code", "clientid"].contains(&name.to_ascii_lowercase().as_str());
            if !is_hosts && !known.contains(&&*name) {
                problems.push(unknown(&name, known));
            } else if found.insert(name.to_string(), value.into_owned()).is_some() && !is_hosts {
                problems.push(Wrong::new(&*name, "is there more than once"));
            }
        }
        if problems.is_empty() { Ok(Self(found)) } else { Err(Error::Fields(problems)) }
    }

    /// A parameter, as it is.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An id: a text that may be stored.
    ///
    /// # Errors
    /// Why it is none.
    pub fn id(&self, name: &str) -> Result<Option<&str>, Wrong> {
        let id = self.text(name);
        id.map_or(Ok(()), |id| check_id(name, id)).map(|()| id)
    }

    /// A parameter that its type can be read from.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Wrong> {
        let read = |text: &str| text.parse().map_err(|error| Wrong::new(name, format!("{error}")));
        self.text(name).map(read).transpose()
    }

    /// How many items the page shall have.
    ///
    /// # Errors
    /// It is no number from 1 to [`MOST`].
    pub fn limit(&self) -> Result<usize, Wrong> {
        let Some(text) = self.text("limit") else { return Ok(LIMIT) };
        let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
        number.ok_or_else(|| Wrong::new("limit", format!("must be a number from 1 to {MOST}")))
    }

    /// A time.
    ///
    /// # Errors
    /// It is none of RFC 3339.
    pub fn time(&self, name: &str) -> Result<Option<OffsetDateTime>, Wrong> {
        self.text(name).map(|text| read_time(text).map_err(|e| Wrong::new(name, e))).transpose()
    }

    /// The token of the page that is asked for; an empty one asks for the first, so that a loop of
    /// Data Factory may begin with an empty variable.
    pub fn token(&self) -> Option<&str> {
        self.text("continuationToken").filter(|token| !token.is_empty())
    }
}

fn unknown(name: &str, known: &[&str]) -> Wrong {
    let hint = nearest(name, known).map(|near| format!("; did you mean `{near}`?"));
    let detail = format!(
        "is not a parameter here{}; known are: {}",
        hint.unwrap_or_default(),
        known.join(", ")
    );
    Wrong::new(super::text::shortened(name, 100), detail)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["status", "limit", "from", "continuationToken"];

    fn read(query: &str) -> Result<Parameters, Error> {
        Parameters::read(&format!("/api/datasets?{query}").parse().unwrap(), &KNOWN)
    }

    #[test]
    fn a_parameter_nobody_knows_is_refused_by_name() {
        let error = read("state=x&limit=1&limit=2").unwrap_err().to_string();
        assert!(error.contains("state: is not a parameter"), "{error}");
        assert!(error.contains("did you mean `status`?"), "{error}");
        assert!(error.contains("limit: is there more than once"), "{error}");
        assert!(read("code=secret&Code=x&clientId=default").is_ok());
    }

    #[test]
    fn a_limit_is_a_number_from_1_to_1000() {
        assert_eq!(read("").unwrap().limit().unwrap(), LIMIT);
        assert_eq!(read("limit=1000").unwrap().limit().unwrap(), 1_000);
        for wrong in ["", "0", "-1", "1001", "1.5", "99999999999999999999", "x"] {
            assert!(read(&format!("limit={wrong}")).unwrap().limit().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_survives_what_addresses_do_to_it() {
        let at = |text: &str| read(&format!("from={text}")).unwrap().time("from");
        let wanted = at("2026-12-01T05:00:00Z").unwrap();
        assert_eq!(at("2026-12-01T06:00:00+01:00").unwrap(), wanted);
        assert_eq!(at("2026-12-01T06:00:00%2B01:00").unwrap(), wanted);
        assert!(at("2026-12-01T05:00:00.1234567Z").unwrap() > wanted);
        for wrong in ["", "now", "2026-12-01", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00"]
        {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
