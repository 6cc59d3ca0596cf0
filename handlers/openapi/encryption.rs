//! Requests for work on files; their bodies are read member by member, so they are described here.

use serde_json::{Value, json};
use utoipa::openapi::{HttpMethod, RefOr, Schema};

use super::{
    document::{Operation, Parameter, Schemas, object, raw},
    operations::operation,
};
use crate::settings::Guarded;

const WORKED: &[u16] = &[400, 403, 404, 409, 413, 422, 503, 504];

const DECRYPT: Parameter = (Guarded::Decrypt.header(), proof);
const KEYS: Parameter = (Guarded::Keys.header(), proof);

fn proof() -> Value {
    json!({
        "type": "string",
        "description": "The secret that proves, beside the function's key, that the caller may; not needed of one whose token has the application role.",
    })
}

const FORMATS: [&str; 3] = ["parquet", "csv", "jsonl"];

/// All of them.
pub(super) fn all() -> Vec<Operation> {
    use HttpMethod::Post;
    vec![
        operation(Post, "encrypt", "Protects columns of a blob, a folder or a pattern")
            .body(protect)
            .answers(200, done)
            .problems(WORKED),
        operation(Post, "decrypt", "Opens them again; off unless it is switched on")
            .headers(&[DECRYPT])
            .body(decrypt)
            .answers(200, done)
            .problems(WORKED),
        operation(
            Post,
            "keys/rewrap",
            "Wraps data keys under the current version of their key; off unless it is switched on",
        )
        .headers(&[KEYS])
        .body(rewrap)
        .answers(200, object)
        .problems(WORKED),
    ]
}

/// The members that requests for work on files share.
fn work(more: &[(&str, Value)], required: &[&str]) -> RefOr<Schema> {
    let mut properties = json!({
        "source": { "type": "string", "description": "A blob, a folder or a pattern.", "examples": ["processing/people/x.parquet"] },
        "destination": { "type": "string", "description": "A blob, or a folder with a slash at its end." },
        "on_conflict": { "type": "string", "enum": ["fail", "replace", "version"] },
        "format": { "type": "string", "enum": FORMATS },
        "csv": { "type": "object" },
    });
    for (name, schema) in more {
        properties[*name] = schema.clone();
    }
    raw(json!({
        "type": "object", "required": required, "properties": properties,
        "additionalProperties": false,
    }))
}

fn protect(_: &mut Schemas) -> RefOr<Schema> {
    let string = || json!({ "type": "string" });
    let column = json!({
        "type": "object", "required": ["name", "method"],
        "properties": {
            "name": string(),
            "method": { "type": "string", "enum": ["randomized", "deterministic", "token", "mask", "replace", "redact", "keep"] },
            "output": { "type": "string", "enum": ["binary", "base64"] },
            "bind": { "type": "string", "enum": ["column", "none"] },
            "masking_char": string(),
            "chars_to_mask": { "type": "integer", "minimum": 0 },
            "from_end": { "type": "boolean" },
            "new_value": string(),
        },
        "additionalProperties": false,
    });
    let more = [
        ("policy", string()),
        ("columns", json!({ "type": "array", "items": column, "minItems": 1 })),
        ("key", string()),
        ("rejects", string()),
        ("dataset", string()),
        ("runId", string()),
    ];
    work(&more, &["source", "destination"])
}

fn decrypt(_: &mut Schemas) -> RefOr<Schema> {
    let columns = json!({ "type": "array", "items": { "type": "string" } });
    work(&[("columns", columns)], &["source", "destination"])
}

fn rewrap(_: &mut Schemas) -> RefOr<Schema> {
    let naming = |required: &str| {
        json!({
        "type": "object", "required": [required],
        "properties": {
            "source": { "type": "string", "description": "The files whose keys are wrapped anew." },
            "key": { "type": "string", "description": "The key whose named data keys are." },
            "format": { "type": "string", "enum": FORMATS },
        },
        "additionalProperties": false,
        })
    };
    raw(json!({ "anyOf": [naming("source"), naming("key")] }))
}

fn done(_: &mut Schemas) -> RefOr<Schema> {
    let number = || json!({ "type": "integer", "minimum": 0 });
    raw(json!({
        "type": "object", "required": ["rows", "cells", "nulls", "rejected", "bytesIn", "bytesOut", "seconds", "skipped", "files"],
        "properties": {
            "rows": number(), "cells": number(), "nulls": number(), "rejected": number(),
            "bytesIn": number(), "bytesOut": number(), "skipped": number(),
            "seconds": { "type": "number" },
            "files": { "type": "array", "items": { "type": "object" } },
        },
    }))
}
