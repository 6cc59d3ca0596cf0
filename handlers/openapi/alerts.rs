//! Alerts, incidents and silences.

use serde_json::json;
use utoipa::openapi::{HttpMethod, RefOr, Schema};

use super::{
    document::{Operation, Parameter, Schemas, object, of, page, raw},
    metadata::{FROM, LIMIT, TO, TOKEN},
    operations::{FOUND, operation, text},
};
use crate::alerts::{
    announce::Report,
    course::silence::Silence,
    http::{Acknowledge, Answer, Draft},
};

const CHANGED: &[u16] = &[400, 404, 409, 413, 503];

/// All of them.
pub(super) fn all() -> Vec<Operation> {
    use HttpMethod::{Delete, Get, Post};
    const LIST: &[Parameter] = &[
        ("status", || json!({ "type": "string", "enum": ["open", "resolved"] })),
        ("pipeline", text),
        FROM,
        TO,
        LIMIT,
        TOKEN,
    ];
    vec![
        operation(Get, "alerts", "Lists incidents, those first that appeared last")
            .query(LIST)
            .answers(200, incidents),
        operation(Post, "alerts", "Takes any payload that tells of a failure, or of its end")
            .body(anything)
            .answers(200, of::<Answer>)
            .answers(202, of::<Answer>)
            .problems(&[502, 503]),
        operation(
            Post,
            "alerts/preview",
            "What each kind of channel would get, without sending it",
        )
        .body(anything)
        .answers(200, object)
        .problems(&[503]),
        operation(Get, "alerts/silences", "The silences that have not ended")
            .answers(200, page::<Silence>),
        operation(Post, "alerts/silences", "For a time, some incidents are not told of")
            .body(of::<Draft>)
            .answers(201, of::<Silence>)
            .problems(&[400, 413, 503]),
        operation(Delete, "alerts/silences/{id}", "Ends a silence")
            .answers(200, object)
            .problems(FOUND),
        operation(Post, "alerts/silences/{id}/end", "The same for those who cannot send DELETE")
            .body(object)
            .answers(200, object)
            .problems(FOUND),
        operation(Get, "alerts/{id}", "An incident and its course")
            .answers(200, object)
            .problems(FOUND),
        operation(Post, "alerts/{id}/acknowledge", "Somebody looks after it: no reminder is sent")
            .body(of::<Acknowledge>)
            .answers(200, object)
            .problems(CHANGED),
        operation(Post, "alerts/{id}/resolve", "Closes an incident by hand")
            .body(object)
            .answers(200, of::<Report>)
            .problems(CHANGED),
    ]
}

/// Any payload, JSON or not.
fn anything(_: &mut Schemas) -> RefOr<Schema> {
    raw(json!({
        "type": ["object", "array", "string", "number", "boolean", "null"],
        "description": "Any payload, JSON or not; what is not understood is sent as it is.",
    }))
}

fn incidents(_: &mut Schemas) -> RefOr<Schema> {
    raw(json!({
        "type": "object", "required": ["count", "value", "continuationToken"],
        "properties": {
            "count": { "type": "integer", "minimum": 0 },
            "value": { "type": "array", "items": { "type": "object" } },
            "continuationToken": { "type": ["string", "null"] },
        },
    }))
}
