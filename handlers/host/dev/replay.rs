//! `--replay FILE`: recorded events, delivered once the worker is ready.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Error, event_grid::EventFunction};

/// The recorded deliveries of one file.
#[derive(Debug)]
pub(super) struct Replay {
    file: String,
    deliveries: Vec<Value>,
}

impl Replay {
    /// Reads an event of either schema, a recorded `{"Data": …, "Metadata": …}`, or an array of
    /// them.
    ///
    /// # Errors
    /// [`Error::Replay`] names the file and what is wrong with it.
    pub(super) fn read(file: &Path) -> Result<Self, Error> {
        let name = file.display().to_string();
        let wrong = |reason: String| Error::Replay { file: name.clone(), reason };
        let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        let deliveries = parse(&text).map_err(wrong)?;
        Ok(Self { file: name, deliveries })
    }

    /// Delivers everything in order and prints how it went.
    pub(super) async fn run(self, function: &EventFunction) {
        let count = self.deliveries.len();
        let mut failed = 0;
        for delivery in self.deliveries {
            let result = match is_envelope(&delivery) {
                true => function.invoke(&delivery).await,
                false => function.deliver(delivery).await,
            };
            failed += usize::from(result.is_err());
        }
        let file = &self.file;
        function.worker.report.event(&format!("replayed {file}: {count} sent, {failed} failed"));
    }
}

fn is_envelope(delivery: &Value) -> bool {
    delivery.get("Data").is_some() && delivery.get("Metadata").is_some()
}

fn parse(text: &str) -> Result<Vec<Value>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let deliveries = match serde_json::from_str(text).map_err(|error| error.to_string())? {
        Value::Array(deliveries) => deliveries,
        delivery => vec![delivery],
    };
    if deliveries.iter().all(Value::is_object) {
        Ok(deliveries)
    } else {
        Err("write an event, which is a JSON object, or an array of events".to_owned())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn one_event_and_several_are_read_alike() {
        assert_eq!(parse("\u{feff}{\"id\": 1}").unwrap().len(), 1);
        assert_eq!(parse(r#"[{"id": 1}, {"Data": {}, "Metadata": {}}]"#).unwrap().len(), 2);
        assert!(parse("[1]").unwrap_err().contains("JSON object"));
        assert!(parse("{\n").unwrap_err().contains("line 2"));
    }

    #[test]
    fn a_recorded_envelope_is_told_from_an_event() {
        assert!(is_envelope(&serde_json::json!({"Data": {}, "Metadata": {}})));
        assert!(!is_envelope(&serde_json::json!({"data": {}, "subject": "s"})));
    }
}
