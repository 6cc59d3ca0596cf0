//! Which incidents a rule of `lakehand.toml` means: for the choice of channels, for severities, and
//! for what mutes what.

#[cfg(test)]
mod tests;

use super::incident::{Condition, Incident, Severity};

/// What an incident must be like. Each list that is not empty must have something that fits; an
/// incident without the property in question fits no list of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// How bad it is.
    pub severity: Vec<Severity>,
    /// Its pipeline's name.
    pub pipeline: Vec<Glob>,
    /// Its table.
    pub table: Vec<Glob>,
    /// Whose it is.
    pub owner: Vec<Glob>,
    /// Its error code.
    pub code: Vec<Glob>,
    /// Its environment.
    pub environment: Vec<Glob>,
}

impl When {
    /// Whether the incident is like that.
    pub fn matches(&self, incident: &Incident) -> bool {
        let severity = self.severity.is_empty() || self.severity.contains(&incident.severity);
        severity
            && fits(&self.pipeline, incident.pipeline.as_deref())
            && fits(&self.table, incident.table.as_deref())
            && fits(&self.owner, incident.owner.as_deref())
            && fits(&self.code, incident.cause.code.as_deref())
            && fits(&self.environment, incident.environment.as_deref())
    }

    /// Whether it says nothing, so that every incident fits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn fits(globs: &[Glob], text: Option<&str>) -> bool {
    globs.is_empty() || text.is_some_and(|text| globs.iter().any(|glob| glob.matches(text)))
}

/// A text in which `*` stands for any characters, also none. Case does not count, for it does not
/// in the names of pipelines either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    /// Takes a pattern; every text is one.
    pub fn new(pattern: &str) -> Self {
        Self(lower(pattern))
    }

    /// Whether it fits the whole text. Takes at most the product of both lengths in steps.
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (&self.0, lower(text));
        let (mut at, mut place, mut retry) = (0, 0, None);
        while place < text.len() {
            if pattern.get(at) == Some(&'*') {
                retry = Some((at + 1, place));
                at += 1;
            } else if pattern.get(at) == Some(&text[place]) {
                (at, place) = (at + 1, place + 1);
            } else if let Some((after, from)) = retry {
                retry = Some((after, from + 1));
                (at, place) = (after, from + 1);
            } else {
                return false;
            }
        }
        pattern[at..].iter().all(|character| *character == '*')
    }
}

fn lower(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// `[[severity]]`: how bad some incidents are, whatever their payload says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityRule {
    /// Which incidents.
    pub when: When,
    /// How bad they are.
    pub severity: Severity,
}

/// How bad an incident is: as the first rule that fits says, else as it is.
pub fn severity(rules: &[SeverityRule], incident: &Incident) -> Severity {
    let rule = rules.iter().find(|rule| rule.when.matches(incident));
    rule.map_or(incident.severity, |rule| rule.severity)
}

/// `[[inhibit]]`: while the one goes wrong, the other is not told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inhibition {
    /// The incidents that mute.
    pub source: When,
    /// The incidents that are muted.
    pub target: When,
    /// What both must have in common.
    pub same: Vec<Property>,
}

/// Something that two incidents may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// The factory or workspace, by name.
    Factory,
    /// The pipeline.
    Pipeline,
    /// The table.
    Table,
    /// The dataset.
    Dataset,
    /// The owner.
    Owner,
    /// The environment.
    Environment,
    /// The error code.
    Code,
}

impl Property {
    /// What it is called in the configuration.
    pub const NAMES: [(&'static str, Self); 7] = [
        ("factory", Self::Factory),
        ("pipeline", Self::Pipeline),
        ("table", Self::Table),
        ("dataset", Self::Dataset),
        ("owner", Self::Owner),
        ("environment", Self::Environment),
        ("code", Self::Code),
    ];

    fn of(self, incident: &Incident) -> Option<&str> {
        match self {
            Self::Factory => incident.factory.as_ref().map(|factory| factory.name.as_str()),
            Self::Pipeline => incident.pipeline.as_deref(),
            Self::Table => incident.table.as_deref(),
            Self::Dataset => incident.dataset.as_deref(),
            Self::Owner => incident.owner.as_deref(),
            Self::Environment => incident.environment.as_deref(),
            Self::Code => incident.cause.code.as_deref(),
        }
    }

    /// Whether both have it and it is the same. What neither has is nothing in common: an alert is
    /// not muted because nothing is known of it.
    fn is_shared(self, one: &Incident, other: &Incident) -> bool {
        let lower = |incident| self.of(incident).map(str::to_lowercase);
        lower(one).is_some_and(|value| lower(other) == Some(value))
    }
}

impl Inhibition {
    /// Whether `source`, which is open, mutes `target`. Nothing mutes itself, and what both sides of
    /// the rule fit mutes nothing, or two such incidents would hide each other.
    pub fn mutes(&self, source: &Incident, target: &Incident) -> bool {
        source.id != target.id
            && source.condition == Condition::Fired
            && self.source.matches(source)
            && self.target.matches(target)
            && !(self.target.matches(source) && self.source.matches(target))
            && self.same.iter().all(|property| property.is_shared(source, target))
    }
}
