//! What the host reads as success: status 200 and a JSON object with outputs, logs and a return
//! value. An empty body or `null` would hang the invocation until the host kills the worker.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};

/// A successful invocation; each line is logged by the host under the invocation.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reply {
    outputs: Map<String, Value>,
    logs: Vec<String>,
    return_value: Value,
}

impl Reply {
    /// A reply that says these lines.
    pub fn of(lines: impl IntoIterator<Item = impl ToString>) -> Self {
        let logs = lines.into_iter().map(|line| printable(&line.to_string())).collect();
        Self { logs, ..Self::default() }
    }
}

/// One line of sane length, whatever names and events from outside put into it.
fn printable(line: &str) -> String {
    let longest = 8_192;
    line.chars().take(longest).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_from_outside_stays_one_line() {
        let reply = Reply::of(["a\r\nforged: \u{1b}[2J".to_owned(), "x".repeat(1 << 20)]);
        assert_eq!(reply.logs[0], "a\u{fffd}\u{fffd}forged: \u{fffd}[2J");
        assert_eq!(reply.logs[1].len(), 8_192);
    }
}
