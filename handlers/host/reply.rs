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
        let logs = lines.into_iter().map(|line| line.to_string()).collect();
        Self { logs, ..Self::default() }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
