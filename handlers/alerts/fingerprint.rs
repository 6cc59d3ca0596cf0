//! Which incident a report belongs to: the same digest for all reports of one cause.

use std::{fmt::Write as _, sync::LazyLock};

use regex::Regex;
use ring::digest;

use super::incident::Incident;

/// How many hex digits of a SHA-256 are an incident's id.
const DIGITS: usize = 32;

/// What differs from run to run in a text about the same: ids, times, addresses, numbers, and the
/// parts of a path that hold digits.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i-u:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})",
        r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?",
        r"|\d{1,2}/\d{1,2}/\d{4}(?: \d{1,2}:\d\d:\d\d(?: [AP]M)?)?",
        r"|(?i-u:\b0x[0-9a-f]+\b|\b[0-9a-f]{16,}\b)",
        r"|[^\s/\\'\x22=]*\d[^\s/\\'\x22]*[/\\][^\s'\x22]*",
        r"|[/\\][^\s/\\'\x22]*\d[^\s'\x22]*",
        r"|\d+(?:[.,:]\d+)*",
    ))
    .expect("the pattern is constant, and a test uses it")
});

/// The id of the incident that a report belongs to: of its sender's key if there is one, else of what
/// it has in common with the reports of other runs. 32 lower-case hex digits.
pub fn id(incident: &Incident, key: Option<&str>) -> String {
    key.map_or_else(|| cause(incident), |key| hex(&["key", key]))
}

/// What names the run that a report is of, the outermost that it knows: parents and children tell of
/// one incident. An alert rule has a key of its own, under which it also says that all is well again.
pub fn run(incident: &Incident) -> Option<String> {
    let run = incident.root_run_id.as_deref().or(incident.run_id.as_deref())?;
    let is_rule = incident.shape == "azureMonitor";
    (is_id(run) && !is_rule).then(|| hex(&["run", &run.trim().to_lowercase()]))
}

/// Whether a run's id is one and not a word like `manual` that many runs have.
fn is_id(run: &str) -> bool {
    run.trim().len() >= 4 && run.contains(|letter: char| letter.is_ascii_digit())
}

/// Factory, pipeline and error code; where there is no code, the text, without what differs from run
/// to run.
fn cause(incident: &Incident) -> String {
    let lower = |text: Option<&str>| text.unwrap_or_default().trim().to_lowercase();
    let text = match incident.cause.code {
        Some(_) => String::new(),
        None => normalized(&incident.cause.root),
    };
    hex(&[
        "cause",
        &lower(incident.factory.as_ref().map(|factory| factory.name.as_str())),
        &lower(incident.pipeline.as_deref()),
        &lower(incident.cause.code.as_deref()),
        &text,
    ])
}

/// A text with what differs from run to run left out, in lower case with single blanks.
pub fn normalized(text: &str) -> String {
    let text = VARIABLE.replace_all(text, "#").to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A digest of parts, each with its length before it so that no two lists are alike.
fn hex(parts: &[&str]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    let mut text = String::with_capacity(DIGITS);
    for byte in &context.finish().as_ref()[..DIGITS / 2] {
        write!(text, "{byte:02x}").expect("a string takes all that is written");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::incident::Cause;

    fn failed(root: &str) -> Incident {
        let pipeline = Some("ingest".to_owned());
        let cause = Cause { root: root.to_owned(), ..Cause::default() };
        Incident { pipeline, cause, ..Incident::default() }
    }

    #[test]
    fn the_same_cause_in_another_run_is_the_same() {
        let one = "Path landing/2026/12/01/a.csv not found at 2026-12-01T06:00:00.1Z, request \
                   0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0, row 17 of 3,000";
        let two = "Path landing/2027/01/31/b.csv not found at 2027-01-31T07:00:00Z,  request \
                   1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1ff, row 9 of 12";
        assert_eq!(normalized(one), normalized(two));
        assert_eq!(cause(&failed(one)), cause(&failed(two)));
        assert_ne!(
            cause(&failed("Invalid column name 'a'")),
            cause(&failed("Invalid column name 'b'"))
        );
    }

    #[test]
    fn parents_and_children_are_of_one_run() {
        let of = |run_id: &str, root: Option<&str>| Incident {
            run_id: Some(run_id.to_owned()),
            root_run_id: root.map(str::to_owned),
            ..failed(run_id)
        };
        let parent = run(&of("A-1234", None)).expect("it is an id");
        assert_eq!(run(&of("b-2345", Some("a-1234"))), Some(parent.clone()));
        assert_ne!(run(&of("b-2345", None)), Some(parent.clone()));
        assert_eq!((parent.len(), run(&of("manual", None))), (32, None));
        assert_eq!(id(&of("c-1234", None), Some("rule")), id(&of("d-1234", None), Some("rule")));
        let rule = Incident { shape: "azureMonitor".to_owned(), ..of("A-1234", None) };
        assert_eq!(run(&rule), None);
    }

    #[test]
    fn a_code_says_more_than_its_text() {
        let coded = |text: &str| {
            let mut incident = failed(text);
            incident.cause.code = Some("2627".to_owned());
            incident
        };
        assert_eq!(id(&coded("row 'a' of t1"), None), id(&coded("row 'b' of t2"), None));
        assert_ne!(id(&coded("row"), None), id(&failed("row"), None));
    }

    #[test]
    fn parts_are_not_confused() {
        assert_ne!(hex(&["ab", "c"]), hex(&["a", "bc"]));
    }
}
