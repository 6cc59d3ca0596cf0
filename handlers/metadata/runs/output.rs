//! The output of an activity, as it comes: what is known is lifted, what is too large is left out.

use serde_json::{Map, Value};

use super::model::{Counters, Failure};
use crate::metadata::http::text::shortened;

/// What is kept of an output, in bytes of JSON.
const MOST_OUTPUT: usize = 64 << 10;

/// So many errors are lifted out of an output.
const MOST_ERRORS: usize = 10;

/// What is kept of a message, in bytes.
const LONGEST_MESSAGE: usize = 4_000;

/// What is kept of a code, a kind or a target, in bytes.
const LONGEST_NAME: usize = 200;

/// The known counters of an output; what is no number counts as not there.
pub fn counters(output: &Map<String, Value>) -> Counters {
    let whole = |name: &str| output.get(name).and_then(whole);
    let number = |name: &str| output.get(name).and_then(number);
    Counters {
        data_read: whole("dataRead"),
        data_written: whole("dataWritten"),
        files_read: whole("filesRead"),
        files_written: whole("filesWritten"),
        rows_read: whole("rowsRead"),
        rows_copied: whole("rowsCopied"),
        rows_skipped: whole("rowsSkipped"),
        copy_duration: number("copyDuration"),
        throughput: number("throughput"),
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|number| number.is_finite() && *number >= 0.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 0 and 2^53"
)]
fn whole(value: &Value) -> Option<u64> {
    const MOST: f64 = 9_007_199_254_740_991.0;
    number(value).filter(|number| *number <= MOST).map(|number| number as u64)
}

/// The errors that an output lists.
pub fn errors(output: &Map<String, Value>) -> Vec<Failure> {
    let listed = output.get("errors").and_then(Value::as_array);
    listed.into_iter().flatten().take(MOST_ERRORS).map(failure).collect()
}

/// A failure out of a text, or of an object with the names that Data Factory uses, in any case.
pub fn failure(value: &Value) -> Failure {
    let Value::Object(fields) = value else {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Failure { message: shortened(&text, LONGEST_MESSAGE), ..Failure::default() };
    };
    let find = |names: &[&str], longest| {
        let is_one = |(name, _): &(&String, &Value)| {
            names.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        let (_, value) = fields.iter().find(is_one).filter(|(_, value)| !value.is_null())?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(shortened(&text, longest))
    };
    let whole = || shortened(&value.to_string(), LONGEST_MESSAGE);
    Failure {
        code: find(&["code", "errorCode"], LONGEST_NAME),
        message: find(&["message", "errorMessage"], LONGEST_MESSAGE).unwrap_or_else(whole),
        failure_type: find(&["failureType", "eventType", "errorType"], LONGEST_NAME),
        target: find(&["target", "activityName", "source"], LONGEST_NAME),
    }
}

/// The output without its largest members, as many of them as are too much, and their names.
pub fn bounded(mut output: Map<String, Value>) -> (Map<String, Value>, Vec<String>) {
    let size = |(name, value): (&String, &Value)| name.len() + value.to_string().len() + 4;
    let mut total: usize = output.iter().map(size).sum();
    let mut dropped = Vec::new();
    while total > MOST_OUTPUT {
        let sizes = output.iter().map(|(name, value)| (size((name, value)), name));
        let Some((largest, name)) = sizes.max().map(|(size, name)| (size, name.clone())) else {
            break;
        };
        output.shift_remove(&name);
        total -= largest;
        dropped.push(shortened(&name, LONGEST_NAME));
    }
    dropped.sort();
    dropped.truncate(100);
    (output, dropped)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    /// In the shape of a Copy activity's output.
    #[test]
    fn the_counters_of_a_copy_activity_are_lifted() {
        let output = object(json!({
            "dataRead": 1_180_089_300_500_i64, "dataWritten": 1_180_089_300_500_i64,
            "filesRead": 110, "filesWritten": 110, "sourcePeakConnections": 640,
            "copyDuration": 388, "throughput": 2_970_183.5, "rowsCopied": "42", "rowsRead": null,
            "rowsSkipped": -1, "billingReference": {"x": 1}, "durationInQueue": {"y": 0},
            "errors": [
                {"Code": 9010, "Message": "m", "EventType": 0, "Category": 5, "Source": "s"},
                "plain",
            ],
        }));
        let counters = counters(&output);
        assert_eq!(counters.data_read, Some(1_180_089_300_500));
        assert_eq!((counters.files_read, counters.rows_copied), (Some(110), Some(42)));
        assert_eq!((counters.rows_read, counters.rows_skipped), (None, None));
        assert_eq!(counters.throughput, Some(2_970_183.5));
        let errors = errors(&output);
        assert_eq!((errors[0].code.as_deref(), errors[0].message.as_str()), (Some("9010"), "m"));
        assert_eq!(errors[1].message, "plain");
    }

    #[test]
    fn an_output_is_bounded_and_says_what_it_lost() {
        let output = object(json!({
            "rowsCopied": 1, "executionDetails": "x".repeat(60_000), "errors": "y".repeat(50_000),
        }));
        let (kept, dropped) = bounded(output.clone());
        assert_eq!(dropped, ["executionDetails"]);
        assert_eq!((kept["rowsCopied"].clone(), kept.len()), (json!(1), 2));
        assert_eq!(bounded(kept.clone()), (kept, Vec::new()));
        let huge = object(json!({"x": "z".repeat(1 << 20)}));
        assert_eq!(bounded(huge), (Map::new(), vec!["x".to_owned()]));
    }

    #[test]
    fn a_failure_is_read_whatever_its_names_are() {
        let value = json!({"ErrorCode": "2200", "Message": "m".repeat(10_000), "failureType": "UserError", "target": "Copy", "details": []});
        let failure = failure(&value);
        assert_eq!(failure.code.as_deref(), Some("2200"));
        assert!(failure.message.len() <= LONGEST_MESSAGE && failure.message.ends_with("(cut)"));
        assert_eq!(failure.target.as_deref(), Some("Copy"));
    }
}
