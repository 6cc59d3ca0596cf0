//! What fits, and what must not.

use proptest::prelude::*;

use super::*;
use crate::alerts::incident::Factory;

fn incident() -> Incident {
    let mut incident = Incident {
        id: "1".to_owned(),
        severity: Severity::Error,
        pipeline: Some("ingest-sales".to_owned()),
        table: Some("sales.orders".to_owned()),
        factory: Some(Factory { name: "adf-prod".to_owned(), ..Factory::default() }),
        ..Incident::default()
    };
    incident.cause.code = Some("2200".to_owned());
    incident
}

fn globs(patterns: &[&str]) -> Vec<Glob> {
    patterns.iter().map(|pattern| Glob::new(pattern)).collect()
}

#[test]
fn a_star_takes_anything() {
    let table = [
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("ingest-*", "ingest-", true),
        ("ingest-*", "Ingest-Sales", true),
        ("ingest-*", "reingest-sales", false),
        ("*sales*", "ingest-sales/eu", true),
        ("*.orders", "sales.orders.old", false),
        ("*.orders", "orders.orders", true),
        ("a*b*c", "a1b2b3c", true),
        ("a*b*c", "a1c2b", false),
        ("**a", "a", true),
        ("ÜBER*", "überall", true),
        ("a.c", "abc", false),
        ("a?c", "abc", false),
    ];
    for (pattern, text, fits) in table {
        assert_eq!(Glob::new(pattern).matches(text), fits, "{pattern} on {text}");
    }
}

#[test]
fn every_list_that_says_something_must_fit() {
    let incident = incident();
    assert!(When::default().matches(&incident) && When::default().is_empty());
    let both = When {
        severity: vec![Severity::Critical, Severity::Error],
        pipeline: globs(&["nightly", "ingest-*"]),
        code: globs(&["2200"]),
        ..When::default()
    };
    assert!(both.matches(&incident) && !both.is_empty());
    let wrong = [
        When { severity: vec![Severity::Critical], ..both.clone() },
        When { pipeline: globs(&["nightly"]), ..both.clone() },
        When { table: globs(&["hr.*"]), ..both.clone() },
        When { code: globs(&["22"]), ..both.clone() },
    ];
    assert!(wrong.iter().all(|when| !when.matches(&incident)));
}

#[test]
fn what_is_not_known_fits_no_list() {
    let everyone = When { owner: globs(&["*"]), ..When::default() };
    assert!(!everyone.matches(&incident()));
    let anywhere = When { environment: globs(&["*"]), ..When::default() };
    assert!(!anywhere.matches(&incident()));
}

#[test]
fn the_first_rule_says_how_bad_it_is() {
    let rule = |pattern: &str, severity| SeverityRule {
        when: When { pipeline: globs(&[pattern]), ..When::default() },
        severity,
    };
    let rules = [
        rule("nightly", Severity::Info),
        rule("ingest-*", Severity::Critical),
        rule("*", Severity::Warning),
    ];
    assert_eq!(severity(&rules, &incident()), Severity::Critical);
    assert_eq!(severity(&rules[..1], &incident()), Severity::Error);
}

fn factory_mutes_tables(same: Vec<Property>) -> Inhibition {
    Inhibition {
        source: When { code: globs(&["FactoryDown"]), ..When::default() },
        target: When { table: globs(&["*"]), ..When::default() },
        same,
    }
}

fn factory_down() -> Incident {
    let mut down = Incident { table: None, id: "2".to_owned(), ..incident() };
    down.cause.code = Some("FactoryDown".to_owned());
    down
}

#[test]
fn a_fault_of_the_factory_mutes_its_tables() {
    let rule = factory_mutes_tables(vec![Property::Factory]);
    assert!(rule.mutes(&factory_down(), &incident()));
    assert!(!rule.mutes(&incident(), &factory_down()));
    let elsewhere = Incident { factory: None, ..incident() };
    assert!(!rule.mutes(&factory_down(), &elsewhere));
    let nowhere = Incident { factory: None, ..factory_down() };
    assert!(!rule.mutes(&nowhere, &elsewhere), "nothing known is nothing in common");
    let over = Incident { condition: Condition::Resolved, ..factory_down() };
    assert!(!rule.mutes(&over, &incident()));
    let upper = Factory { name: "ADF-PROD".to_owned(), ..Factory::default() };
    assert!(rule.mutes(&Incident { factory: Some(upper), ..factory_down() }, &incident()));
}

#[test]
fn nothing_mutes_itself_or_its_equal() {
    let rule = factory_mutes_tables(Vec::new());
    let both = Incident { table: Some("x".to_owned()), ..factory_down() };
    assert!(!rule.mutes(&both, &both));
    let other = Incident { id: "3".to_owned(), ..both.clone() };
    assert!(!rule.mutes(&both, &other) && !rule.mutes(&other, &both));
}

proptest! {
    #[test]
    fn a_star_fits_like_its_expression(pattern in "[ab*]{0,8}", text in "[ab]{0,12}") {
        let source = format!("^{}$", pattern.replace('*', ".*"));
        let expected = regex::Regex::new(&source).is_ok_and(|regex| regex.is_match(&text));
        prop_assert_eq!(Glob::new(&pattern).matches(&text), expected);
    }
}
