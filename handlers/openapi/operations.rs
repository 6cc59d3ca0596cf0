//! Every method of every address, in the order of the route table.

use serde_json::{Value, json};
use utoipa::openapi::{HttpMethod, RefOr, Schema};

use super::{
    alerts,
    document::{Answer, Describe, Operation, Parameter, Schemas, object, raw},
    encryption, metadata,
};

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// The problems that any request may have: a name that is wrong, a store that does not answer.
const COMMON: &[u16] = &[400, 503];
pub(super) const FOUND: &[u16] = &[400, 404, 503];

pub(super) fn operation(
    method: HttpMethod,
    path: &'static str,
    summary: &'static str,
) -> Operation {
    Operation {
        method,
        path,
        summary,
        needed: &[],
        query: &[],
        headers: &[],
        body: None,
        answers: Vec::new(),
        problems: COMMON,
        is_guarded: true,
    }
}

impl Operation {
    pub(super) fn needs(self, needed: &'static [Parameter]) -> Self {
        Self { needed, ..self }
    }

    pub(super) fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    pub(super) fn headers(self, headers: &'static [Parameter]) -> Self {
        Self { headers, ..self }
    }

    pub(super) fn body(self, body: Describe) -> Self {
        Self { body: Some(body), ..self }
    }

    pub(super) fn answers(mut self, status: u16, body: Describe) -> Self {
        self.answers.push(Answer { status, body, has_version: false });
        self
    }

    /// Answers a resource with its version, in the header too.
    pub(super) fn answers_version(mut self, status: u16, body: Describe) -> Self {
        self.answers.push(Answer { status, body, has_version: true });
        self
    }

    pub(super) fn problems(self, problems: &'static [u16]) -> Self {
        Self { problems, ..self }
    }

    fn open(self) -> Self {
        Self { is_guarded: false, ..self }
    }
}

/// All operations.
pub fn all() -> Vec<Operation> {
    [worker(), encryption::all(), metadata::all(), alerts::all()].concat()
}

fn worker() -> Vec<Operation> {
    use HttpMethod::Get;
    vec![
        operation(Get, "health", "The version, and whether the worker is ok or degraded")
            .answers(200, health)
            .problems(&[])
            .open(),
        operation(Get, "status", "Which stores answer, and what is wrong with the rules")
            .answers(200, object)
            .problems(&[]),
        operation(Get, "trace", "Every step of one blob, from the ledger")
            .needs(&[("blob", text)])
            .answers(200, object)
            .problems(FOUND),
        operation(Get, "openapi.json", "This document").answers(200, object).problems(&[]),
    ]
}

fn health(_: &mut Schemas) -> RefOr<Schema> {
    raw(json!({
        "type": "object", "required": ["status", "version"],
        "properties": {
            "status": { "type": "string", "enum": ["ok", "degraded"] },
            "version": { "type": "string" },
        },
    }))
}
