//! What a clock in a table's time zone says, also when it is put forward or back.

use std::{sync::LazyLock, time::Duration};

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use time::OffsetDateTime;

use super::{
    kind::Kind,
    moment::{self, Moment},
    value::Value,
};

/// The database that comes with the program: that of a machine has names of its own, and what was
/// taken on one must be understood on every other.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Names that are no time zone: what the machine has, and what nobody knows.
const NONE: [&str; 4] = ["localtime", "posixrules", "Factory", "Etc/Unknown"];

/// A time zone by its name in the IANA database.
///
/// # Errors
/// There is none of that name.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    let is_none = NONE.iter().any(|none| none.eq_ignore_ascii_case(name));
    ZONES.get(name).ok().filter(|_| !is_none).ok_or_else(|| {
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
    let turned = turned(zone, at, zone.to_offset(at) == after);
    turned.map_or(clock, |turned| after.to_datetime(turned))
}

/// When the clock was put back that shows the hour of an instant for the second time, or is about
/// to do so.
fn turned(zone: &TimeZone, at: Timestamp, is_second: bool) -> Option<Timestamp> {
    let transition = match is_second {
        // `preceding` leaves the instant itself out.
        true => zone.preceding(at.checked_add(SignedDuration::from_nanos(1)).ok()?).next(),
        false => zone.following(at).next(),
    };
    transition.map(|transition| transition.timestamp())
}

/// What the clock shows at an instant that bounds a backfill. In an hour that it shows twice, the
/// rows of both passes lie side by side: the window is made wider, so that none is missed.
fn shown(kind: Kind, zone: &TimeZone, at: Timestamp, side: Side) -> DateTime {
    let clock = zone.to_datetime(at);
    let AmbiguousOffset::Fold { before, after } = zone.to_ambiguous_timestamp(clock).offset()
    else {
        return clock;
    };
    let is_second = zone.to_offset(at) == after;
    let Some(turned) = turned(zone, at, is_second) else { return clock };
    match (side, is_second) {
        // Above this: the whole second pass is later.
        (Side::From, false) => last_over(kind, after.to_datetime(turned)).unwrap_or(clock),
        // Up to this: the whole first pass was earlier.
        (Side::To, true) => before.to_datetime(turned),
        _ => clock,
    }
}

/// Which of the instants is meant that a wall clock may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The earlier one: what is read begins here.
    From,
    /// The later one: what is read ends here.
    To,
}

/// Reads a bound of a backfill. One with an offset is an instant, which a type without offsets has
/// as the table's clock shows it; one without is of that clock. What it shows twice makes the window
/// wider, and what it skips is where it jumps to.
///
/// # Errors
/// Why it is none.
pub fn bound(kind: Kind, zone: &TimeZone, text: &str, side: Side) -> Result<Value, String> {
    if !kind.is_time() {
        return Value::parse(kind, text);
    }
    let written = moment::write_down(text)?;
    match (written.offset, kind.is_local()) {
        (Some(offset), true) => {
            let utc = written.at.checked_sub(offset).and_then(|at| TimeZone::UTC.to_timestamp(at));
            let at = utc.map_err(|error| error.to_string())?;
            let clock = moment::fit(kind, shown(kind, zone, at, side))?;
            return Value::parse(kind, &moment::text(kind, clock));
        }
        (None, false) => {}
        _ => return Value::parse(kind, text),
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
    fn a_bound_with_an_offset_becomes_a_time_of_the_tables_clock() {
        let read = |kind, text, side| {
            bound(kind, &berlin(), text, side).map(|value| value.text().to_owned())
        };
        let kind = Kind::DateTime2(0);
        for side in [Side::From, Side::To] {
            for (text, wanted) in [
                ("2026-12-01T10:00:00Z", "2026-12-01T11:00:00"),
                ("2026-07-01T10:00:00+00:00", "2026-07-01T12:00:00"),
                ("2026-12-01 10:00:00 +05:00", "2026-12-01T06:00:00"),
                ("2026-12-01T10:00:00", "2026-12-01T10:00:00"),
            ] {
                assert_eq!(read(kind, text, side).as_deref(), Ok(wanted), "{text}");
            }
        }
        // On 2026-10-25 the clock shows 2:00 to 3:00 twice, from 0:00 and from 1:00 UTC on.
        let (first, second) = ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z");
        for (text, side, wanted) in [
            (first, Side::From, "2026-10-25T01:59:59"),
            (first, Side::To, "2026-10-25T02:30:00"),
            (second, Side::From, "2026-10-25T02:30:00"),
            (second, Side::To, "2026-10-25T03:00:00"),
        ] {
            assert_eq!(read(kind, text, side).as_deref(), Ok(wanted), "{text} {side:?}");
        }
        let day = |text| read(Kind::Date, text, Side::From);
        assert_eq!(day("2026-11-30T23:00:00Z").as_deref(), Ok("2026-12-01"));
        assert!(day("2026-12-01T00:00:00Z").is_err(), "no day begins then");
        assert!(read(kind, "2026-12-01T10:00:00.5Z", Side::To).is_err(), "digits it cannot have");
    }

    #[test]
    fn a_value_is_an_instant_by_the_tables_clock() {
        let value = Value::parse(Kind::DateTime2(7), "2026-12-01T10:00:00").unwrap();
        assert_eq!(instant(&value, &berlin()), Some(datetime!(2026-12-01 09:00 UTC)));
        let number = Value::parse(Kind::BigInt, "7").unwrap();
        assert_eq!(instant(&number, &berlin()), None);
    }

    #[test]
    fn a_zone_is_one_that_every_machine_knows() {
        for name in ["UTC", "Europe/Berlin", "europe/berlin", "Etc/GMT+5"] {
            assert!(zone(name).is_ok(), "{name}");
        }
        let none = ["Mars/Olympus", "", "localtime", "posixrules", "Factory", "etc/unknown"];
        for name in none.into_iter().chain(["right/UTC", "posix/UTC", "/etc/localtime"]) {
            assert!(zone(name).is_err(), "{name}");
        }
    }
}
