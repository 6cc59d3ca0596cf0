//! What the host does when the worker process ends: its rules, free of processes and clocks.
//!
//! Exit code 0 counts as intended and 200 as a wished restart; everything else is an error, and
//! the third error in a row, with no gap over half an hour, ends the host.

use std::{
    process::ExitStatus,
    time::{Duration, Instant},
};

/// An error this long after the last one starts a new count.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30 * 60);
/// The error that ends the host.
const LAST_ERROR: u32 = 3;

/// How a worker process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It left by itself with this code.
    Code(i32),
    /// A signal killed it.
    Signal,
    /// It never answered and was killed for it.
    NeverReady,
    /// It could not even be started.
    NotStarted,
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        status.code().map_or(Self::Signal, Self::Code)
    }
}

/// What follows from an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: the host thinks all is well, and every later invocation fails.
    Rest,
    /// A new process.
    Restart,
    /// The host shuts down.
    GiveUp,
}

/// The count of errors so far.
#[derive(Debug, Default)]
pub(super) struct ExitRules {
    errors: u32,
    last_error: Option<Instant>,
}

impl ExitRules {
    /// Judges one end.
    pub(super) fn judge(&mut self, ended: Ended, now: Instant) -> Verdict {
        match ended {
            Ended::Code(0) => Verdict::Rest,
            Ended::Code(200) => Verdict::Restart,
            _ if self.count(now) >= LAST_ERROR => Verdict::GiveUp,
            _ => Verdict::Restart,
        }
    }

    fn count(&mut self, now: Instant) -> u32 {
        let forgiven = self.last_error.is_none_or(|last| now.duration_since(last) > FORGIVEN_AFTER);
        self.errors = if forgiven { 1 } else { self.errors + 1 };
        self.last_error = Some(now);
        self.errors
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended::*, Verdict::*, *};

    /// What it shows, the ends at their minutes, and what follows from each.
    type Case<'a> = (&'a str, &'a [(u64, Ended)], &'a [Verdict]);

    /// Judges ends at the given minutes.
    fn verdicts(ends: &[(u64, Ended)]) -> Vec<Verdict> {
        let start = Instant::now();
        let mut rules = ExitRules::default();
        ends.iter()
            .map(|&(minute, ended)| rules.judge(ended, start + Duration::from_secs(minute * 60)))
            .collect()
    }

    #[test]
    fn ends_are_judged_as_the_host_judges_them() {
        let table: &[Case<'_>] = &[
            ("zero rests", &[(0, Code(0))], &[Rest]),
            ("200 never counts", &[(0, Code(200)); 4], &[Restart; 4]),
            ("the third error", &[(0, Code(1)); 3], &[Restart, Restart, GiveUp]),
            (
                "every kind of error counts",
                &[(0, Signal), (1, NeverReady), (2, NotStarted)],
                &[Restart, Restart, GiveUp],
            ),
            (
                "wished restarts in between change nothing",
                &[(0, Code(1)), (1, Code(200)), (2, Code(1)), (3, Code(200)), (4, Code(134))],
                &[Restart, Restart, Restart, Restart, GiveUp],
            ),
            (
                "the gap is from error to error, so exactly half an hour each still counts",
                &[(0, Code(1)), (30, Code(1)), (60, Code(1))],
                &[Restart, Restart, GiveUp],
            ),
            (
                "a longer gap forgives",
                &[(0, Code(1)), (1, Code(1)), (32, Code(1)), (33, Code(1)), (34, Code(1))],
                &[Restart, Restart, Restart, Restart, GiveUp],
            ),
            ("a negative code is an error", &[(0, Code(-1)); 3], &[Restart, Restart, GiveUp]),
        ];
        for (case, ends, expected) in table {
            assert_eq!(verdicts(ends), *expected, "{case}");
        }
    }
}
