//! How a message is tried again: pauses that grow, a channel's own wish, and never a second repeat
//! of what may have arrived.

use std::time::Duration;

use super::{answer::Outcome, channel::Pace};

/// The course of one message to one channel.
#[derive(Debug)]
pub(super) struct Course {
    pace: Pace,
    tries: u32,
    /// Why it may have arrived already.
    ambiguous: Option<String>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait, then try again.
    Wait(Duration),
    /// This is what became of it.
    End(Outcome),
}

impl Course {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, tries: 0, ambiguous: None }
    }

    /// What follows from the outcome of a try, when so much time is `left`. `chance` is from 0 to 1.
    pub(super) fn next(&mut self, outcome: Outcome, left: Duration, chance: f64) -> Step {
        self.tries += 1;
        let pause = match &outcome {
            Outcome::Accepted | Outcome::Refused(_) => return Step::End(outcome),
            Outcome::Ambiguous(_) if self.ambiguous.is_some() => return Step::End(outcome),
            Outcome::Ambiguous(reason) => {
                self.ambiguous = Some(reason.clone());
                self.pause(chance)
            }
            Outcome::Retry { after, .. } => {
                let usual = self.pause(chance);
                after.map_or(usual, |after| usual.max(after.saturating_add(usual / 4)))
            }
        };
        if self.tries >= self.pace.tries || pause >= left {
            return Step::End(self.last(outcome));
        }
        Step::Wait(pause)
    }

    /// What failed for certain after something that may have arrived may have arrived.
    fn last(&mut self, outcome: Outcome) -> Outcome {
        match (outcome, self.ambiguous.take()) {
            (Outcome::Retry { .. }, Some(reason)) => Outcome::Ambiguous(reason),
            (outcome, _) => outcome,
        }
    }

    /// From half of the whole pause to the whole of it, so that many do not come back together.
    fn pause(&self, chance: f64) -> Duration {
        let doublings = self.tries.saturating_sub(1).min(16);
        let whole = self.pace.pause.saturating_mul(1 << doublings).min(self.pace.longest);
        whole.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}
