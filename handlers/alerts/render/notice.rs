//! What there is to say of an incident, and how a channel wants it said.

use jiff::tz::TimeZone;
use time::{Duration, OffsetDateTime};

use super::super::incident::{Condition, Incident};

/// Something to say of an incident.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// Which incident.
    pub incident: &'a Incident,
    /// What became of it.
    pub kind: Kind<'a>,
}

/// What became of an incident.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind<'a> {
    /// It began.
    Opened,
    /// It goes on.
    Reminder {
        /// When it began.
        since: OffsetDateTime,
    },
    /// It was reported again within its window.
    Summary {
        /// How many reports there were after the first.
        count: usize,
        /// Some of them.
        examples: Vec<&'a Incident>,
    },
    /// It is over.
    Resolved {
        /// How long it lasted.
        after: Duration,
    },
    /// Nothing is wrong: someone tries the channel.
    Test,
}

impl Kind<'_> {
    /// What it is called in what other programs read.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Reminder { .. } => "reminder",
            Self::Summary { .. } => "summary",
            Self::Resolved { .. } => "resolved",
            Self::Test => "test",
        }
    }
}

impl Notice<'_> {
    /// Whether it says that all is well again.
    pub fn resolved(&self) -> bool {
        matches!(self.kind, Kind::Resolved { .. }) || self.incident.condition == Condition::Resolved
    }
}

/// How a channel wants it said.
#[derive(Clone, Debug)]
pub struct Style {
    /// Whether the texts of errors may be shown: they can quote the values of rows.
    pub include_message: bool,
    /// The zone in which times are given.
    pub zone: TimeZone,
    /// The address at which this incident can be read in full.
    pub read_at: Option<String>,
}

impl Default for Style {
    /// Everything, in UTC.
    fn default() -> Self {
        Self { include_message: true, zone: TimeZone::UTC, read_at: None }
    }
}
