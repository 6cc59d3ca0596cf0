//! Dates and times in the proleptic Gregorian calendar, far beyond the years people use.

use super::{Unfit, Unit, number, one, put};

const DAY: i64 = 86_400;

/// The Julian day of 1970-01-01, counted from noon as int96 does.
const JULIAN_EPOCH: i64 = 2_440_588;

/// Days in 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

impl Unit {
    /// How many digits of a second it has.
    fn digits(self) -> usize {
        match self {
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }

    fn per_second(self) -> i64 {
        10i64.pow(self.digits() as u32)
    }
}

pub(super) fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = date(days);
    match year {
        0..=9999 => put(out, format_args!("{year:04}-{month:02}-{day:02}")),
        _ => put(out, format_args!("{year:+05}-{month:02}-{day:02}")),
    }
}

/// Year, month and day. The year is counted from March, so that a leap day is its last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let year = era * 400 + year + i64::from(month >= 10);
    (year, (month + 2) % 12 + 1, day - (153 * month + 2) / 5 + 1)
}

pub(super) fn read_date(text: &str) -> Result<i64, Unfit> {
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let mut parts = rest.split('-');
    let mut part = |digits: usize| match parts.next() {
        Some(part) if part.len() >= digits => whole(part),
        _ => Err(Unfit),
    };
    let (year, month, day) = (sign * part(4)?, part(2)?, part(2)?);
    if !(1..=12).contains(&month) || year.abs() > 1_000_000_000 {
        return Err(Unfit);
    }
    let days = days(year, month, day);
    if parts.next().is_some() || date(days) != (year, month, day) {
        return Err(Unfit);
    }
    Ok(days)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + year * 365 + year / 4 - year / 100 + day - EPOCH
}

pub(super) fn write_time(value: i64, unit: Unit, out: &mut Vec<u8>) {
    match value {
        _ if (0..DAY * unit.per_second()).contains(&value) => write_clock(value, unit, out),
        _ => put(out, format_args!("#{value}")),
    }
}

pub(super) fn read_time(text: &str, unit: Unit) -> Result<i64, Unfit> {
    match text.strip_prefix('#') {
        Some(value) => number(value),
        None => read_clock(text, unit),
    }
}

/// A time within a day.
fn write_clock(value: i64, unit: Unit, out: &mut Vec<u8>) {
    let seconds = value / unit.per_second();
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    put(out, format_args!("{hour:02}:{minute:02}:{second:02}"));
    write_fraction(value % unit.per_second(), unit.digits(), out);
}

fn read_clock(text: &str, unit: Unit) -> Result<i64, Unfit> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let mut part = |limit: i64| match parts.next() {
        Some(part) if part.len() == 2 => whole(part).ok().filter(|value| *value < limit),
        _ => None,
    };
    let (Some(hour), Some(minute), Some(second)) = (part(24), part(60), part(60)) else {
        return Err(Unfit);
    };
    if parts.next().is_some() {
        return Err(Unfit);
    }
    let seconds = hour * 3600 + minute * 60 + second;
    Ok(seconds * unit.per_second() + read_fraction(fraction, unit.digits())?)
}

/// The digits after the point, without zeros at the end.
fn write_fraction(mut value: i64, mut digits: usize, out: &mut Vec<u8>) {
    if value == 0 {
        return;
    }
    while value % 10 == 0 {
        (value, digits) = (value / 10, digits - 1);
    }
    put(out, format_args!(".{value:0digits$}"));
}

fn read_fraction(text: &str, digits: usize) -> Result<i64, Unfit> {
    let missing = digits.checked_sub(text.len()).ok_or(Unfit)?;
    if text.is_empty() {
        return Ok(0);
    }
    Ok(whole(text)? * 10i64.pow(missing as u32))
}

pub(super) fn write_timestamp(value: i64, unit: Unit, utc: bool, out: &mut Vec<u8>) {
    let day = DAY * unit.per_second();
    write_date(value.div_euclid(day), out);
    out.push(b'T');
    write_clock(value.rem_euclid(day), unit, out);
    if utc {
        out.push(b'Z');
    }
}

pub(super) fn read_timestamp(text: &str, unit: Unit, utc: bool) -> Result<i64, Unfit> {
    let text = if utc { text.strip_suffix('Z').ok_or(Unfit)? } else { text };
    let (date, clock) = text.split_once('T').ok_or(Unfit)?;
    let day = i128::from(DAY * unit.per_second());
    let value = i128::from(read_date(date)?) * day + i128::from(read_clock(clock, unit)?);
    value.try_into().map_err(|_| Unfit)
}

pub(super) fn write_int96(stored: [u8; 12], out: &mut Vec<u8>) {
    let (nanos, day) = int96(stored);
    if !(0..DAY * Unit::Nanos.per_second()).contains(&nanos) {
        return put(out, format_args!("#{day}:{nanos}"));
    }
    write_date(i64::from(day) - JULIAN_EPOCH, out);
    out.push(b'T');
    write_clock(nanos, Unit::Nanos, out);
}

fn int96(stored: [u8; 12]) -> (i64, i32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = stored;
    (i64::from_le_bytes([a, b, c, d, e, f, g, h]), i32::from_le_bytes([i, j, k, l]))
}

pub(super) fn read_int96(text: &str) -> Result<[u8; 12], Unfit> {
    let (day, nanos) = match text.strip_prefix('#') {
        Some(raw) => {
            let (day, nanos) = raw.split_once(':').ok_or(Unfit)?;
            (number(day)?, number(nanos)?)
        }
        None => {
            let (date, clock) = text.split_once('T').ok_or(Unfit)?;
            (read_date(date)? + JULIAN_EPOCH, read_clock(clock, Unit::Nanos)?)
        }
    };
    let day = i32::try_from(day).map_err(|_| Unfit)?;
    one(&[&nanos.to_le_bytes()[..], &day.to_le_bytes()].concat())
}

pub(super) fn write_interval(stored: [u8; 12], out: &mut Vec<u8>) {
    let part = |at: usize| u32::from_le_bytes(std::array::from_fn(|byte| stored[at + byte]));
    let (months, days, millis) = (part(0), part(4), part(8));
    put(out, format_args!("P{months}M{days}DT{}", millis / 1000));
    write_fraction((millis % 1000).into(), 3, out);
    out.push(b'S');
}

pub(super) fn read_interval(text: &str) -> Result<[u8; 12], Unfit> {
    let parts = || {
        let (months, rest) = text.strip_prefix('P')?.split_once('M')?;
        let (days, seconds) = rest.strip_suffix('S')?.split_once("DT")?;
        Some((months, days, seconds))
    };
    let (months, days, seconds) = parts().ok_or(Unfit)?;
    let (whole_seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let millis = number::<u32>(whole_seconds)?.checked_mul(1000).ok_or(Unfit)?;
    let millis = millis.checked_add(read_fraction(fraction, 3)? as u32).ok_or(Unfit)?;
    one(&[number::<u32>(months)?, number(days)?, millis].map(u32::to_le_bytes).concat())
}

/// Digits alone.
fn whole(text: &str) -> Result<i64, Unfit> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unfit);
    }
    number(text)
}
