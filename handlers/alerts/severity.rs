//! How bad an incident is, and what is presumed of a payload that does not say.

use super::incident::{Condition, Factory, Severity};

/// What is presumed where a payload does not say.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// How bad a failure is that nothing else tells of.
    pub severity: Severity,
    /// Where pipelines run: completes a factory of the same name, or one without a name.
    pub factory: Option<Factory>,
}

/// How bad an incident is: the payload's own word first, then what its error code is worth, then
/// `otherwise`. What is over is good to know.
pub fn of(
    payload: Option<&str>,
    code: Option<Severity>,
    condition: Condition,
    otherwise: Severity,
) -> Severity {
    let said = payload.and_then(read);
    match condition {
        Condition::Resolved => said.unwrap_or(Severity::Info),
        Condition::Fired => said.or(code).unwrap_or(otherwise),
    }
}

/// Reads a severity in the words of Azure Monitor, PagerDuty, Application Insights and people.
pub fn read(text: &str) -> Option<Severity> {
    match text.trim().to_ascii_lowercase().as_str() {
        "sev0" | "sev1" | "critical" | "fatal" | "p1" | "emergency" | "highest" => {
            Some(Severity::Critical)
        }
        "sev2" | "error" | "high" | "p2" | "severe" => Some(Severity::Error),
        "sev3" | "warning" | "warn" | "medium" | "p3" => Some(Severity::Warning),
        "sev4" | "info" | "information" | "informational" | "verbose" | "low" | "p4" | "lowest" => {
            Some(Severity::Info)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_speaks_first_and_the_default_last() {
        let of = |payload, code| of(payload, code, Condition::Fired, Severity::Error);
        for (payload, severity) in [
            ("Sev0", Severity::Critical),
            ("sev1", Severity::Critical),
            ("Sev2", Severity::Error),
            ("SEV3", Severity::Warning),
            ("Sev4", Severity::Info),
            (" P1 ", Severity::Critical),
        ] {
            assert_eq!(of(Some(payload), Some(Severity::Info)), severity, "{payload}");
        }
        assert_eq!(of(Some("awful"), Some(Severity::Critical)), Severity::Critical);
        assert_eq!(of(None, None), Severity::Error);
    }

    #[test]
    fn what_is_over_wakes_nobody() {
        let over = super::of(None, Some(Severity::Critical), Condition::Resolved, Severity::Error);
        assert_eq!(over, Severity::Info);
    }
}
