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

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_are_read_as_services_write_them() {
        for (text, at) in [
            ("2026-12-01T05:04:10Z", datetime!(2026-12-01 05:04:10 UTC)),
            ("2026-12-01T05:04:10.1234567Z", datetime!(2026-12-01 05:04:10.1234567 UTC)),
            ("2026-12-01T05:04:10.5", datetime!(2026-12-01 05:04:10.5 UTC)),
            ("2026-12-01 05:04:10", datetime!(2026-12-01 05:04:10 UTC)),
            ("2026-12-01T06:04:10+01:00", datetime!(2026-12-01 05:04:10 UTC)),
            ("12/1/2026 5:04:10 PM", datetime!(2026-12-01 17:04:10 UTC)),
            ("12/01/2026 17:04:10", datetime!(2026-12-01 17:04:10 UTC)),
        ] {
            assert_eq!(time(text), Some(at), "{text}");
        }
        for text in [
            "",
            "now",
            "@utcnow()",
            "2026-13-01T00:00:00Z",
            "1/2",
            "9999-12-31T23:59:59-01:00",
            "ü",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_seconds_or_a_span() {
        for (text, is) in
            [("250", Some(250.0)), ("00:04:10.5", Some(250.5)), ("1.00:00:01", Some(86_401.0))]
        {
            assert_eq!(seconds(text), is, "{text}");
        }
        for text in ["", "-1", "NaN", "inf", "1e300", "1:2", "a:b:c"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
