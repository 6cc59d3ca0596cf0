//! Times and durations as Data Factory, Azure Monitor and people write them.

use time::{
    OffsetDateTime, PrimitiveDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

/// What expressions make of a time that is put into a text.
const AMERICAN: &[BorrowedFormatItem<'_>] = format_description!(
    "[month padding:none]/[day padding:none]/[year] [hour padding:none repr:12]:[minute]:[second] [period]"
);
const AMERICAN_24: &[BorrowedFormatItem<'_>] = format_description!(
    "[month padding:none]/[day padding:none]/[year] [hour padding:none]:[minute]:[second]"
);

/// Reads a time; one without an offset is of UTC, as Data Factory's are.
pub fn time(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    // The longest way to write a time has fewer characters.
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let iso = text.replacen(' ', "T", 1);
    let local =
        |format| PrimitiveDateTime::parse(text, format).ok().map(PrimitiveDateTime::assume_utc);
    let at = OffsetDateTime::parse(&iso, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{iso}Z"), &Rfc3339))
        .ok();
    let at = at.or_else(|| local(AMERICAN)).or_else(|| local(AMERICAN_24))?;
    // Whoever writes it down later can say it in any offset.
    (1970..=9998).contains(&at.year()).then_some(at)
}

/// Reads seconds: a number of them, or `00:01:23.4`, with days before a dot.
pub fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let parts: Vec<&str> = text.split(':').collect();
    let seconds = match parts[..] {
        [seconds] => seconds.parse().ok()?,
        [hours, minutes, seconds] => {
            let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
            let number = |text: &str| text.parse::<f64>().ok();
            ((number(days)? * 24.0 + number(hours)?) * 60.0 + number(minutes)?) * 60.0
                + number(seconds)?
        }
        _ => return None,
    };
    (0.0..1e9).contains(&seconds).then_some(seconds)
}
