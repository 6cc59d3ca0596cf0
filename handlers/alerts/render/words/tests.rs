//! Tests of the words for times and durations.

use time::macros::datetime;

use super::*;

#[test]
fn durations_are_said_in_two_units() {
    let said =
        [0.25, 1.0, 59.9, 61.0, 5_025.0, 90_000.0].map(|it| duration(it).unwrap_or_default());
    assert_eq!(said, ["250 ms", "1 s", "59 s", "1 min 1 s", "1 h 23 min", "1 d 1 h"]);
    for odd in [-1.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN] {
        assert_eq!(duration(odd), None);
    }
}

#[test]
fn a_moment_is_that_of_the_zone() {
    let at = datetime!(2026-12-01 06:12:03.9 +02:00);
    assert_eq!(moment(at, &TimeZone::UTC), "2026-12-01 04:12:03 UTC");
    let zone = TimeZone::get("Europe/Amsterdam").expect("the zones are built in");
    assert_eq!(moment(at, &zone), "2026-12-01 05:12:03 CET");
    assert_eq!(stamp(at).as_deref(), Some("2026-12-01T04:12:03Z"));
    assert_eq!(stamp(datetime!(-9999-01-01 0:00 UTC)), None);
    assert!(!moment(datetime!(-9999-01-01 0:00 +23:59), &zone).is_empty());
    assert!(!moment(datetime!(9999-12-31 23:59:59 -23:59), &zone).is_empty());
}

#[test]
fn memory_says_what_it_knows() {
    let nothing = Memory::default();
    assert_eq!(memory(&nothing, &TimeZone::UTC), "no success is known");
    let once = Memory { failures: 1, runs: 1, ..nothing };
    assert_eq!(memory(&once, &TimeZone::UTC), "1 of 1 run failed in 7 days, no success is known");
}
