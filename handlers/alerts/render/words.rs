//! The words for times, durations, severities and counts.

use jiff::{Timestamp, tz::TimeZone};
use time::OffsetDateTime;

use super::super::incident::{Memory, Retry, Severity};

/// What a severity is called.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Info",
        Severity::Warning => "Warning",
        Severity::Error => "Error",
        Severity::Critical => "Critical",
    }
}

/// Whether to try again.
pub(super) fn retry(retry: Retry) -> &'static str {
    match retry {
        Retry::Helps => "Running it again may help",
        Retry::Useless => "Running it again will not help before something is changed",
    }
}

/// A moment to the second, as people of the zone say it.
pub(super) fn moment(at: OffsetDateTime, zone: &TimeZone) -> String {
    Timestamp::from_second(at.unix_timestamp()).map_or_else(
        |_| at.to_string(),
        |stamp| stamp.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
    )
}

/// A moment as other programs read it (RFC 3339, UTC), if it is in a year that can be written so.
pub(super) fn stamp(at: OffsetDateTime) -> Option<String> {
    Timestamp::from_second(at.unix_timestamp())
        .ok()
        .filter(|stamp| *stamp >= Timestamp::UNIX_EPOCH)
        .map(|stamp| stamp.to_string())
}

/// A length of time in its two greatest units; nothing for what is no length of time.
pub(super) fn duration(seconds: f64) -> Option<String> {
    if !(0.0..=1e11).contains(&seconds) {
        return None;
    }
    // In range, so that nothing is lost but the fraction.
    let whole = std::time::Duration::from_secs_f64(seconds).as_secs();
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    Some(match whole {
        0 => format!("{} ms", std::time::Duration::from_secs_f64(seconds).as_millis()),
        1..60 => format!("{whole} s"),
        60..3_600 => format!("{minutes} min {} s", whole % 60),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    })
}

/// What is known of the runs before.
pub(super) fn memory(memory: &Memory, zone: &TimeZone) -> String {
    let success = memory.last_success.map_or_else(
        || "no success is known".to_owned(),
        |at| format!("last success {}", moment(at, zone)),
    );
    let (failures, runs) = (memory.failures, memory.runs);
    if runs == 0 {
        return success;
    }
    format!("{failures} of {} failed in 7 days, {success}", counted(runs, "run"))
}

/// A number of things.
pub(super) fn counted(number: impl Into<u64>, thing: &str) -> String {
    match number.into() {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests;
