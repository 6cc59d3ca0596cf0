//! Days and times as SQL Server, PostgreSQL and Data Factory write them, to the last digit.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time},
};

use super::kind::Kind;

/// A day or time: of the clock on the wall, or of UTC for the types that have an offset.
pub type Moment = DateTime;

/// What a text says, before it is known what its type makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The clock.
    pub at: DateTime,
    /// Whether a time of the day was given.
    pub has_time: bool,
    /// What the clock is ahead of UTC, if that was given.
    pub offset: Option<SignedDuration>,
}

/// Reads a value of a type.
///
/// # Errors
/// Why it is none, and what would be one.
pub fn read(kind: Kind, text: &str) -> Result<Moment, String> {
    let written = write_down(text)?;
    if kind.is_instant() {
        let offset = written.offset.ok_or_else(|| {
            format!("must end in an offset from UTC, as a {kind} does: Z or +01:00, for example")
        })?;
        let utc = written.at.checked_sub(offset).map_err(|_| out_of_range())?;
        return fit(kind, utc);
    }
    // Lookup activities put a Z behind times that have no time zone.
    if written.offset.is_some_and(|offset| !offset.is_zero()) {
        return Err(format!("has an offset from UTC, which a {kind} has not"));
    }
    fit(kind, written.at)
}

/// Holds a time against what its type can say.
///
/// # Errors
/// Why the type cannot say it.
pub fn fit(kind: Kind, at: DateTime) -> Result<Moment, String> {
    if !(1..=9999).contains(&at.year()) {
        return Err(out_of_range());
    }
    match kind.digits() {
        None if at.time() != Time::midnight() => {
            Err("must be a day, such as 2026-12-01".to_owned())
        }
        None => Ok(at),
        Some(_) if kind == Kind::DateTime => in_ticks(at),
        Some(digits) if nanoseconds(at) % unit(digits) != 0 => {
            Err(format!("has more digits of a second than a {kind}"))
        }
        Some(_) => Ok(at),
    }
}

/// The last digit of a time, in nanoseconds.
pub fn unit(digits: u8) -> i64 {
    10_i64.pow(9 - u32::from(digits.min(9)))
}

/// The part of a second, in nanoseconds.
pub fn nanoseconds(at: DateTime) -> i64 {
    i64::from(at.subsec_nanosecond())
}

/// A `datetime` counts in steps of 1/300 second, and so is everything rounded that it is given.
fn in_ticks(at: DateTime) -> Result<Moment, String> {
    if at.year() < 1753 {
        return Err("a datetime begins with the year 1753".to_owned());
    }
    let ticks = (nanoseconds(at) * 300 + 500_000_000) / 1_000_000_000;
    let second = at.with().subsec_nanosecond(0).build().map_err(|_| out_of_range())?;
    let part = SignedDuration::from_nanos(ticks * 1_000_000_000 / 300);
    second.checked_add(part).map_err(|_| out_of_range())
}

fn out_of_range() -> String {
    "must be of the years 1 to 9999".to_owned()
}

/// The text of a time with so many digits of a second at most, `2026-12-01T10:00:00.123`.
pub fn text(kind: Kind, at: DateTime) -> String {
    let date = format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day());
    let Some(digits) = kind.digits() else { return date };
    let clock = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
    let units = match kind {
        // The steps of 1/300 second are written as .000, .003 and .007.
        Kind::DateTime => (nanoseconds(at) + 500_000) / 1_000_000,
        _ => nanoseconds(at) / unit(digits),
    };
    let zone = if kind.is_instant() { "+00:00" } else { "" };
    match digits {
        0 => format!("{date}T{clock}{zone}"),
        digits => format!("{date}T{clock}.{units:0>width$}{zone}", width = usize::from(digits)),
    }
}

/// Reads `YYYY-MM-DD`, then perhaps a time after a blank or a `T`, then perhaps an offset.
///
/// # Errors
/// What a time looks like.
pub fn write_down(text: &str) -> Result<Written, String> {
    let wrong = || "must be a day or a time, such as 2026-12-01T10:00:00.1234567".to_owned();
    if !text.is_ascii() {
        return Err(wrong());
    }
    let (date, rest) = text.split_at_checked(10).ok_or_else(wrong)?;
    let date = read_date(date).ok_or_else(wrong)?;
    if rest.is_empty() {
        return Ok(Written {
            at: date.to_datetime(Time::midnight()),
            has_time: false,
            offset: None,
        });
    }
    let rest = rest.strip_prefix(['T', ' ']).ok_or_else(wrong)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.');
    let (clock, zone) = rest.split_at(end.unwrap_or(rest.len()));
    let time = read_time(clock).ok_or_else(wrong)?;
    let offset = match zone.trim_start_matches(' ') {
        "" if zone.is_empty() => None,
        zone => Some(read_offset(zone).ok_or_else(wrong)?),
    };
    Ok(Written { at: date.to_datetime(time), has_time: true, offset })
}

/// So many digits and no sign.
fn number<T: std::str::FromStr>(text: &str, digits: usize) -> Option<T> {
    let is_plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn read_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let date = Date::new(number(year, 4)?, number(month, 2)?, number(day, 2)?).ok()?;
    (parts.next().is_none() && date.year() > 0).then_some(date)
}

fn read_time(text: &str) -> Option<Time> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    let is_whole = parts.next().is_none() && (clock.len() == 8 || !text.contains('.'));
    let fraction = is_whole.then(|| format!("{fraction:0<9}"))?;
    let nanosecond = number(&fraction, 9).filter(|_| !text.ends_with('.'))?;
    Time::new(hour, minute, second, nanosecond).ok()
}

fn read_offset(text: &str) -> Option<SignedDuration> {
    if text == "Z" {
        return Some(SignedDuration::ZERO);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = match rest.len() {
        2 => (rest, "00"),
        4 => rest.split_at(2),
        _ => rest.split_once(':')?,
    };
    let minutes = number::<i64>(hours, 2)? * 60 + number::<i64>(minutes, 2).filter(|m| *m < 60)?;
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    (minutes <= 14 * 60).then(|| SignedDuration::from_mins(sign * minutes))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn shown(kind: &str, value: &str) -> Result<String, String> {
        let kind: Kind = kind.parse().unwrap();
        read(kind, value).map(|at| text(kind, at))
    }

    #[test]
    fn times_keep_every_digit() {
        for (kind, value, wanted) in [
            ("datetime2(7)", "2026-12-01 10:00:00.1234567", "2026-12-01T10:00:00.1234567"),
            ("datetime2(7)", "2026-12-01T10:00:00.1234567Z", "2026-12-01T10:00:00.1234567"),
            ("datetime2(7)", "0001-01-01", "0001-01-01T00:00:00.0000000"),
            ("datetime2(0)", "2026-12-01T10:00", "2026-12-01T10:00:00"),
            ("datetime2(3)", "2026-12-01T10:00:00.1230000", "2026-12-01T10:00:00.123"),
            ("timestamp", "2026-12-01 10:00:00.123456", "2026-12-01T10:00:00.123456"),
            ("date", "2026-12-01T00:00:00Z", "2026-12-01"),
            (
                "datetimeoffset",
                "2026-12-01T00:30:00.1696724 +01:00",
                "2026-11-30T23:30:00.1696724+00:00",
            ),
            ("timestamptz", "2026-12-01 00:30:00.5-0330", "2026-12-01T04:00:00.500000+00:00"),
            ("timestamptz", "2026-12-01 00:30:00+02", "2026-11-30T22:30:00.000000+00:00"),
        ] {
            assert_eq!(shown(kind, value).as_deref(), Ok(wanted), "{kind} {value}");
        }
    }

    #[test]
    fn a_datetime_goes_in_steps_of_its_own() {
        for (part, wanted) in [
            ("0", "00.000"),
            ("123", "00.123"),
            ("1233333", "00.123"),
            ("1266667", "00.127"),
            ("126", "00.127"),
            ("125", "00.127"),
            ("124", "00.123"),
            ("999", "01.000"),
        ] {
            let found = shown("datetime", &format!("2026-12-01T10:00:00.{part}")).unwrap();
            assert_eq!(found, format!("2026-12-01T10:00:{wanted}"));
        }
        let same = |value| read(Kind::DateTime, value).unwrap();
        assert_eq!(same("2026-12-01T10:00:00.127"), same("2026-12-01T10:00:00.1266667"));
        assert!(shown("datetime", "1752-12-31").is_err());
    }

    #[test]
    fn what_no_database_reads_is_refused() {
        for value in [
            "",
            "now",
            "2026-12-01T",
            "2026-12-01T24:00:00",
            "2026-12-01T23:59:60",
            "2026-02-29T00:00:00",
            "2026-12-01T10",
            "2026-12-01T10:00:00.",
            "2026-12-01T10:00.5",
            "2026-12-01T10:00:00.12345678901",
            "2026-12-01T10:00:00 ",
            "2026-12-01T10:00:00+15:00",
            "2026-12-01T10:00:00+01:60",
            "2026-12-01T10:00:00+1",
            "+026-12-01",
            "0000-01-01",
            "2026-12-01\u{a0}10:00",
            "2026-12-01T10:00:00'--",
            "2026-12-01T-1:00:00",
            "20261201",
            "01/12/2026",
            "2026-12-01 10:00:00 BC",
            "infinity",
            "2026-12-01T10:00:00+01:00",
        ] {
            assert!(shown("datetime2(7)", value).is_err(), "{value}");
        }
        for (kind, value) in [
            ("timestamptz", "2026-12-01T10:00:00"),
            ("datetimeoffset", "0001-01-01T00:00:00+01:00"),
            ("timestamp", "2026-12-01T10:00:00.1234567"),
            ("datetime2(0)", "2026-12-01T10:00:00.5"),
            ("date", "2026-12-01T10:00:00"),
        ] {
            assert!(shown(kind, value).is_err(), "{kind} {value}");
        }
    }
}
