//! Any bytes as the payload of an alert.

use lakehand::alerts::{
    incident::Incident,
    intake::{self, MOST_INCIDENTS},
    severity::Rules,
};
use time::OffsetDateTime;

/// There is an incident, there are not too many, and each can be written down and read again.
pub fn check(input: &[u8]) {
    let incidents = intake::read(input, OffsetDateTime::UNIX_EPOCH, &Rules::default());
    assert!((1..=MOST_INCIDENTS).contains(&incidents.len()));
    for incident in &incidents {
        assert!(!incident.title.is_empty() && !incident.title.contains(char::is_control));
        let text = serde_json::to_string(incident).expect("an incident has no keys but texts");
        let again: Incident = serde_json::from_str(&text).expect("it was written so");
        assert_eq!(again.id, incident.id);
    }
}
