//! Silences: for a time, some incidents are not told of. They are recorded all the same, and those
//! that are still open at the end are told of then.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::alerts::{
    choose::{Glob, When},
    incident::{Incident, Severity},
};

/// A silence, as it is kept and answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// The incidents that are not told of.
    pub when: Matchers,
    /// Who silences them.
    pub author: String,
    /// Why.
    pub reason: String,
    /// From when on.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: OffsetDateTime,
    /// Until when.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: OffsetDateTime,
}

/// What an incident must be like, as `when` of a channel; texts may have `*` for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Matchers {
    /// How bad it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub severity: Vec<Severity>,
    /// Its pipeline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pipeline: Vec<String>,
    /// Its table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub table: Vec<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner: Vec<String>,
    /// Its error code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<String>,
    /// Its environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
}

impl Matchers {
    /// As a rule.
    pub fn rule(&self) -> When {
        let globs = |texts: &[String]| texts.iter().map(|text| Glob::new(text)).collect();
        When {
            severity: self.severity.clone(),
            pipeline: globs(&self.pipeline),
            table: globs(&self.table),
            owner: globs(&self.owner),
            code: globs(&self.code),
            environment: globs(&self.environment),
        }
    }
}

impl Silence {
    /// Whether the incident is not told of at this time.
    pub fn covers(&self, incident: &Incident, now: OffsetDateTime) -> bool {
        (self.starts_at..self.ends_at).contains(&now) && self.when.rule().matches(incident)
    }
}
