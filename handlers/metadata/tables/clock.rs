//! What a clock in a table's time zone says, also when it is put forward or back.

use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp,
    civil::{DateTime, Time},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use time::OffsetDateTime;

use super::{
    kind::Kind,
    moment::{self, Moment},
    value::Value,
};

/// A time zone by its name in the IANA database.
///
/// # Errors
/// There is none of that name.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    // What only this machine knows, another one may not.
    let known = || TimeZoneDatabase::bundled().get(name).ok();
    let is_place = !["Etc/Unknown", "Factory"].iter().any(|it| name.eq_ignore_ascii_case(it));
    is_place.then(known).flatten().ok_or_else(|| {
        "must be a time zone of the IANA database, such as UTC or Europe/Berlin".to_owned()
    })
}

/// The upper bound of a window that nobody gave one: the last unit of the type that is over, `lag`
/// ago, by the table's clock.
///
/// A clock that is put back shows an hour twice. As long as it does, the bound stays where that
/// hour begins: a row of the second pass would otherwise lie below a mark of the first.
pub fn upper(kind: Kind, zone: &TimeZone, now: OffsetDateTime, lag: Duration) -> Option<Value> {
    let lag = SignedDuration::try_from(lag).ok()?;
    let then = timestamp(now)?.checked_sub(lag).ok()?;
    let clock = match kind {
        kind if kind.is_instant() => TimeZone::UTC.to_datetime(then),
        kind if kind.is_local() => wall(zone, then),
        _ => return None,
    };
    Value::parse(kind, &moment::text(kind, last_over(kind, clock)?)).ok()
}

/// The start of the last unit that is over: of a day, yesterday.
fn last_over(kind: Kind, clock: DateTime) -> Option<DateTime> {
    let Some(digits) = kind.digits() else {
        return clock.date().yesterday().ok().map(DateTime::from);
    };
    // Hundredths are what a `datetime` can say exactly.
    let unit = moment::unit(if kind == Kind::DateTime { 2 } else { digits });
    let part = moment::nanoseconds(clock) % unit;
    clock.checked_sub(SignedDuration::from_nanos(part + unit)).ok()
}

/// The wall clock, held where a repeated hour begins.
fn wall(zone: &TimeZone, at: Timestamp) -> DateTime {
    let clock = zone.to_datetime(at);
    let AmbiguousOffset::Fold { after, .. } = zone.to_ambiguous_timestamp(clock).offset() else {
        return clock;
    };
    let is_second = zone.to_offset(at) == after;
    let turned = match is_second {
        // `preceding` leaves the instant itself out.
        true => at
            .checked_add(SignedDuration::from_nanos(1))
            .ok()
            .and_then(|at| zone.preceding(at).next().map(|transition| transition.timestamp())),
        false => zone.following(at).next().map(|transition| transition.timestamp()),
    };
    turned.map_or(clock, |turned| after.to_datetime(turned))
}

/// Which of the instants is meant that a wall clock may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The earlier one: what is read begins here.
    From,
    /// The later one: what is read ends here.
    To,
}

/// Reads a bound of a backfill. Of a type with an offset, one without is taken for the table's own
/// time; of a type without, one with an offset is what the table's clock said then: what a clock shows twice makes the window wider, and what it skips is where it jumps to.
///
/// # Errors
/// Why it is none.
pub fn bound(kind: Kind, zone: &TimeZone, text: &str, side: Side) -> Result<Value, String> {
    if !kind.is_instant() && !kind.is_local() {
        return Value::parse(kind, text);
    }
    let written = moment::write_down(text)?;
    if kind.is_local() {
        return match written.instant() {
            Some(at) => local(kind, zone, at),
            None => Value::parse(kind, text),
        };
    }
    if written.offset.is_some() {
        return Value::parse(kind, text);
    }
    let found = zone.to_ambiguous_timestamp(written.at);
    let found = match (found.offset(), side) {
        (AmbiguousOffset::Fold { .. }, Side::To) => found.later(),
        _ => found.compatible(),
    };
    let at = found.map_err(|error| error.to_string())?;
    let utc = moment::fit(kind, TimeZone::UTC.to_datetime(at))?;
    Value::parse(kind, &moment::text(kind, utc))
}

/// What the table's clock said at an instant, as a value of a type without an offset.
fn local(kind: Kind, zone: &TimeZone, at: Timestamp) -> Result<Value, String> {
    let clock = zone.to_datetime(at);
    let clock = match kind.digits() {
        None => clock.date().to_datetime(Time::midnight()),
        Some(_) => clock,
    };
    Value::parse(kind, &moment::text(kind, moment::fit(kind, clock)?))
}

/// When a value of a time type was, by the table's clock; the earlier time if there are two.
pub fn instant(value: &Value, zone: &TimeZone) -> Option<OffsetDateTime> {
    let moment: Moment = value.moment()?;
    let at = match value.kind().is_instant() {
        true => TimeZone::UTC.to_timestamp(moment),
        false => zone.to_timestamp(moment),
    };
    OffsetDateTime::from_unix_timestamp_nanos(at.ok()?.as_nanosecond()).ok()
}

fn timestamp(at: OffsetDateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(at.unix_timestamp_nanos()).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn berlin() -> TimeZone {
        zone("Europe/Berlin").unwrap()
    }

    fn at(kind: &str, now: OffsetDateTime, lag: u64) -> String {
        let kind = kind.parse().unwrap();
        upper(kind, &berlin(), now, Duration::from_secs(lag)).unwrap().text().to_owned()
    }

    #[test]
    fn the_bound_is_the_last_unit_that_is_over() {
        let now = datetime!(2026-12-01 09:00:00.123456789 UTC);
        for (kind, lag, wanted) in [
            ("datetime2(7)", 0, "2026-12-01T10:00:00.1234566"),
            ("datetime2(0)", 300, "2026-12-01T09:54:59"),
            ("datetime", 0, "2026-12-01T10:00:00.110"),
            ("timestamp", 0, "2026-12-01T10:00:00.123455"),
            ("datetimeoffset(7)", 0, "2026-12-01T09:00:00.1234566+00:00"),
            ("timestamptz", 3_600, "2026-12-01T08:00:00.123455+00:00"),
            ("date", 0, "2026-11-30"),
            ("date", 10 * 3_600 + 1, "2026-11-29"),
        ] {
            assert_eq!(at(kind, now, lag), wanted, "{kind}");
        }
        for kind in [Kind::BigInt, Kind::RowVersion, Kind::Text, Kind::Decimal] {
            assert_eq!(upper(kind, &berlin(), now, Duration::ZERO), None);
        }
    }

    #[test]
    fn an_hour_that_comes_twice_ends_no_window() {
        // On 2026-10-25 at 3:00 (1:00 UTC) the clocks of Berlin go back to 2:00.
        for (now, wanted) in [
            (datetime!(2026-10-24 23:59:59 UTC), "2026-10-25T01:59:58"),
            (datetime!(2026-10-25 00:00:00 UTC), "2026-10-25T01:59:59"),
            (datetime!(2026-10-25 00:30:00 UTC), "2026-10-25T01:59:59"),
            (datetime!(2026-10-25 01:00:00 UTC), "2026-10-25T01:59:59"),
            (datetime!(2026-10-25 01:59:59 UTC), "2026-10-25T01:59:59"),
            (datetime!(2026-10-25 02:00:00 UTC), "2026-10-25T02:59:59"),
        ] {
            assert_eq!(at("datetime2(0)", now, 0), wanted, "{now}");
        }
        // Instants go on.
        let now = datetime!(2026-10-25 00:30:00 UTC);
        assert_eq!(at("datetimeoffset(0)", now, 0), "2026-10-25T00:29:59+00:00");
    }

    #[test]
    fn an_hour_that_is_skipped_is_no_bound() {
        // On 2026-03-29 at 2:00 (1:00 UTC) they go forward to 3:00.
        let before = at("datetime2(0)", datetime!(2026-03-29 00:59:59 UTC), 0);
        assert_eq!(before, "2026-03-29T01:59:58");
        assert_eq!(
            at("datetime2(0)", datetime!(2026-03-29 01:00:01 UTC), 0),
            "2026-03-29T03:00:00"
        );
    }

    #[test]
    fn a_bound_without_an_offset_is_of_the_tables_clock() {
        let kind = Kind::TimestampTz(6);
        let read = |text, side| bound(kind, &berlin(), text, side).unwrap().text().to_owned();
        assert_eq!(read("2026-12-01", Side::From), "2026-11-30T23:00:00.000000+00:00");
        assert_eq!(read("2026-12-01T10:00:00+05:00", Side::To), "2026-12-01T10:00:00+05:00");
        // Twice there: the wider window.
        let twice = "2026-10-25T02:30:00";
        assert_eq!(read(twice, Side::From), "2026-10-25T00:30:00.000000+00:00");
        assert_eq!(read(twice, Side::To), "2026-10-25T01:30:00.000000+00:00");
        // Never there: where the clock jumped to.
        let never = "2026-03-29T02:30:00";
        assert_eq!(read(never, Side::From), "2026-03-29T01:30:00.000000+00:00");
        let local = bound(Kind::DateTime2(7), &berlin(), never, Side::To).unwrap();
        assert_eq!(local.text(), never);
    }

    #[test]
    fn a_bound_with_an_offset_is_told_in_the_tables_time() {
        for (kind, text, wanted) in [
            ("datetime2(7)", "2026-07-01T00:00:00Z", "2026-07-01T02:00:00.0000000"),
            ("datetime2(0)", "2026-12-01T10:00:00+05:00", "2026-12-01T06:00:00"),
            ("timestamp", "2026-12-01T10:00:00", "2026-12-01T10:00:00"),
            ("date", "2026-06-30T22:00:00Z", "2026-07-01"),
        ] {
            let read = bound(kind.parse().unwrap(), &berlin(), text, Side::From).unwrap();
            assert_eq!(read.text(), wanted, "{kind} {text}");
        }
    }

    #[test]
    fn a_value_is_an_instant_by_the_tables_clock() {
        let value = Value::parse(Kind::DateTime2(7), "2026-12-01T10:00:00").unwrap();
        assert_eq!(instant(&value, &berlin()), Some(datetime!(2026-12-01 09:00 UTC)));
        let number = Value::parse(Kind::BigInt, "7").unwrap();
        assert_eq!(instant(&number, &berlin()), None);
        for name in ["Mars/Olympus", "localtime", "posixrules", "Etc/Unknown", "Factory", ""] {
            assert!(zone(name).is_err(), "{name}");
        }
    }
}
