//! What is kept of an incident.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::alerts::{deliver::channel::Occasion, incident::Incident};

/// Where an incident stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = IncidentStatus)]
pub enum Status {
    /// Something is wrong.
    #[default]
    Open,
    /// It is over; the same cause opens it again.
    Resolved,
}

/// An incident and its course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The incident's id.
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// The incident's pipeline again, where lists filter by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// When it opened, the last time that it did.
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
    /// When it was last reported.
    #[serde(with = "time::serde::rfc3339")]
    pub last_at: OffsetDateTime,
    /// When it was over.
    #[serde(
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub resolved_at: Option<OffsetDateTime>,
    /// How often it was reported since it opened.
    pub reports: u64,
    /// The report that opened it.
    pub incident: Incident,
    /// Some of the reports that nothing was said of yet.
    #[serde(default)]
    pub examples: Vec<Incident>,
    /// What was said.
    #[serde(default)]
    pub told: Told,
    /// Who looks after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
}

/// What was said of an incident since it opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Told {
    /// When its opening was taken by a channel, or by the outbox.
    #[serde(with = "time::serde::rfc3339::option")]
    pub opened: Option<OffsetDateTime>,
    /// How many reports nothing was said of.
    pub unsaid: u64,
    /// Until when they are gathered.
    #[serde(with = "time::serde::rfc3339::option")]
    pub window_ends: Option<OffsetDateTime>,
    /// When it is told of again, if it lasts.
    #[serde(with = "time::serde::rfc3339::option")]
    pub reminder_at: Option<OffsetDateTime>,
    /// Whether its end was told.
    pub resolved: bool,
    /// How many notices there were, also before it opened again: names the next one.
    pub number: u64,
    /// Who is about to say something.
    pub claim: Option<Claim>,
    /// The last notices, oldest first.
    pub notices: Vec<Said>,
}

/// The right to say something, which ends by itself if its holder dies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Whose it is: drawn anew for each.
    pub by: String,
    /// On which occasion.
    pub occasion: Occasion,
    /// How many reports it speaks of beside the first.
    pub unsaid: u64,
    /// Until when.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
}

/// A notice to one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: OffsetDateTime,
    /// On which occasion.
    pub occasion: Occasion,
    /// To which channel.
    pub channel: String,
    /// `delivered`, `stored` for another try, or `failed`.
    pub outcome: Fate,
    /// Why it was not delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// The channel took it.
    Delivered,
    /// The outbox holds it and tries again.
    Stored,
    /// Neither.
    Failed,
}

/// Who looks after an incident: no reminder is sent from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: OffsetDateTime,
    /// What they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How messages are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spacing {
    /// So long further reports are gathered after something was said.
    pub window: Duration,
    /// After so long an incident that lasts is told of again.
    pub repeat: Duration,
}
