//! Times as the API reads and writes them.

use time::{
    OffsetDateTime, UtcOffset,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// An instant as RFC 3339 in UTC with six digits of a second, so that texts compare as times do.
pub fn write_time(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(TIME).expect("a time in UTC has all the parts")
}

/// Reads an instant of RFC 3339 from 1970 to 9999. A blank where a plus sign belongs is taken for
/// it: that is what an address makes of one that is not encoded.
///
/// # Errors
/// Why it is none.
pub fn read_time(text: &str) -> Result<OffsetDateTime, &'static str> {
    let wrong = "must be a time of RFC 3339 from 1970 to 9999, such as 2026-12-01T06:00:00Z";
    let text = match text.rsplit_once(' ') {
        Some((before, after)) if before.contains('T') => format!("{before}+{after}"),
        _ => text.to_owned(),
    };
    let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| wrong)?;
    let at = at.checked_to_offset(UtcOffset::UTC).ok_or(wrong)?;
    if (1970..=9999).contains(&at.year()) { Ok(at) } else { Err(wrong) }
}

/// Writes a time that was read, with up to six digits of a second.
///
/// # Errors
/// As [`read_time`].
pub fn normalized(text: &str) -> Result<String, &'static str> {
    read_time(text).map(write_time)
}
