//! The resources of the metadata API.

use serde_json::{Value, json};
use utoipa::{
    PartialSchema,
    openapi::{HttpMethod, RefOr, Schema},
};

use super::{
    document::{
        Describe, Operation, Parameter, Schemas, object, of, page, raw, strict, versioned,
        versioned_page,
    },
    operations::{FOUND, operation, text},
};
use crate::metadata::{
    datasets::model::{Dataset, Draft, Status as DatasetStatus},
    freshness::model::{Freshness, Status as FreshnessStatus},
    http::resource::Deleted,
    runs::{
        model::{Run, Status as RunStatus},
        report::Report,
    },
    tables::{
        exchange::{
            Form,
            http::{Imported, Request as Import},
        },
        http::TableAnswer,
        model::{Mode, Spec, Table},
        sql::Dialect,
    },
    windows::{
        answers::{End, MarkAnswer},
        model::{Purpose, Status as WindowStatus, Window},
        requests::{Commit, Failure, Request, Setting},
    },
};

const ID: Parameter = ("id", || json!({ "type": "string", "minLength": 1, "maxLength": 200 }));
const ETAG: Parameter = ("etag", || json!({ "type": "string", "minLength": 1 }));
const CONDITIONS: &[Parameter] = &[
    ("If-Match", || {
        json!({
            "type": "string", "minLength": 1,
            "description": "The versions of which one must be there, such as `\"1a2b\"`, or `*` for any; outweighs the parameter `etag`.",
        })
    }),
    ("If-None-Match", || {
        json!({
            "type": "string", "minLength": 1,
            "description": "The versions of which none may be there, or `*` if nothing may.",
        })
    }),
];
pub(super) const LIMIT: Parameter =
    ("limit", || json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }));
pub(super) const TOKEN: Parameter = ("continuationToken", || json!({ "type": "string" }));
pub(super) const FROM: Parameter = ("from", time);
pub(super) const TO: Parameter = ("to", time);

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

const MADE: &[u16] = &[400, 409, 413, 503];
const CHANGED: &[u16] = &[400, 404, 409, 412, 413, 503];
const REPLACED: &[u16] = &[400, 404, 409, 412, 413, 428, 503];

/// The names of an enumeration, as a parameter takes them.
fn one_of<T: PartialSchema>() -> Value {
    let schema = serde_json::to_value(T::schema()).unwrap_or_default();
    json!({ "type": "string", "enum": schema["enum"] })
}

/// All of them.
pub(super) fn all() -> Vec<Operation> {
    [datasets(), runs(), freshness(), tables(), windows()].concat()
}

fn datasets() -> Vec<Operation> {
    use HttpMethod::{Delete, Get, Patch, Post, Put};
    const LIST: &[Parameter] = &[
        ID,
        ("status", one_of::<DatasetStatus>),
        ("container", text),
        ("route", text),
        FROM,
        TO,
        LIMIT,
        TOKEN,
    ];
    let new = || operation(Post, "datasets", "Makes a dataset; the same again changes nothing");
    vec![
        operation(Get, "datasets", "Lists datasets, newest first; with `id`, the one")
            .query(LIST)
            .answers_version(200, list_or::<Dataset>)
            .problems(FOUND),
        new()
            .query(&[ID])
            .body(new_dataset)
            .answers_version(200, versioned::<Dataset>)
            .answers_version(201, versioned::<Dataset>)
            .problems(MADE),
        operation(
            Put,
            "datasets",
            "All of the dataset that `id` names, for ids that no path holds",
        )
        .needs(&[ID])
        .query(&[ETAG])
        .headers(CONDITIONS)
        .body(of::<Draft>)
        .answers_version(200, versioned::<Dataset>)
        .answers_version(201, versioned::<Dataset>)
        .problems(REPLACED),
        operation(Patch, "datasets", "Changes the dataset that `id` names")
            .needs(&[ID])
            .query(&[ETAG])
            .headers(CONDITIONS)
            .body(object)
            .answers_version(200, versioned::<Dataset>)
            .problems(CHANGED),
        operation(Delete, "datasets", "Removes the dataset that `id` names")
            .needs(&[ID])
            .query(&[ETAG])
            .headers(CONDITIONS)
            .answers(200, of::<Deleted>)
            .problems(CHANGED),
        operation(Get, "datasets/{id}", "A dataset with its history")
            .answers_version(200, versioned::<Dataset>)
            .problems(FOUND),
        operation(Put, "datasets/{id}", "All of a dataset, new or in the place of a version")
            .query(&[ETAG])
            .headers(CONDITIONS)
            .body(of::<Draft>)
            .answers_version(200, versioned::<Dataset>)
            .answers_version(201, versioned::<Dataset>)
            .problems(REPLACED),
        operation(Patch, "datasets/{id}", "Changes a dataset by a JSON Merge Patch")
            .query(&[ETAG])
            .headers(CONDITIONS)
            .body(object)
            .answers_version(200, versioned::<Dataset>)
            .problems(CHANGED),
        operation(
            Post,
            "datasets/{id}",
            "The same for those who cannot send PATCH; with `delete`, a removal",
        )
        .query(&[ETAG, ("delete", || json!({ "type": "boolean" }))])
        .headers(CONDITIONS)
        .body(object)
        .answers_version(200, changed_or_deleted)
        .problems(CHANGED),
        operation(Delete, "datasets/{id}", "Removes a dataset")
            .query(&[ETAG])
            .headers(CONDITIONS)
            .answers(200, of::<Deleted>)
            .problems(CHANGED),
    ]
}

/// A page, or the one resource that a parameter names.
fn list_or<T: utoipa::ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let (page, one) = (versioned_page::<T>(schemas), versioned::<T>(schemas));
    raw(json!({ "anyOf": [page, one] }))
}

fn changed_or_deleted(schemas: &mut Schemas) -> RefOr<Schema> {
    let (changed, deleted) = (versioned::<Dataset>(schemas), of::<Deleted>(schemas));
    raw(json!({ "anyOf": [changed, deleted] }))
}

/// A draft with the id that it shall have.
fn new_dataset(schemas: &mut Schemas) -> RefOr<Schema> {
    strict::<Draft>(schemas, Some(ID))
}

fn runs() -> Vec<Operation> {
    use HttpMethod::{Get, Post};
    const LIST: &[Parameter] = &[
        ID,
        ("status", one_of::<RunStatus>),
        ("pipeline", text),
        ("factory", text),
        ("table", text),
        ("dataset", text),
        ("parent", text),
        FROM,
        TO,
        LIMIT,
        TOKEN,
    ];
    vec![
        operation(Get, "runs", "Lists runs, newest first; with `id`, the one")
            .query(LIST)
            .answers_version(200, list_or::<Run>)
            .problems(FOUND),
        operation(Post, "runs", "Takes an event of a run, also of OpenLineage")
            .body(report)
            .answers_version(200, versioned::<Run>)
            .answers_version(201, versioned::<Run>)
            .problems(MADE),
        operation(Get, "runs/{id}", "A run, put together from its events")
            .answers_version(200, versioned::<Run>)
            .problems(FOUND),
    ]
}

fn report(schemas: &mut Schemas) -> RefOr<Schema> {
    let own = of::<Report>(schemas);
    let lineage = json!({
        "type": "object", "required": ["eventType", "run", "job"],
        "description": "A run event of OpenLineage.",
        "properties": { "eventType": { "type": "string" }, "run": { "type": "object" }, "job": { "type": "object" } },
    });
    raw(json!({ "anyOf": [own, lineage] }))
}

fn freshness() -> Vec<Operation> {
    const QUERY: &[Parameter] = &[
        ID,
        ("dataset", text),
        ("days", || json!({ "type": "integer", "minimum": 1, "maximum": 30, "default": 30 })),
        ("status", one_of::<FreshnessStatus>),
        LIMIT,
        TOKEN,
    ];
    vec![
        operation(
            HttpMethod::Get,
            "freshness",
            "How old the newest data of tables and datasets is",
        )
        .query(QUERY)
        .answers(200, page::<Freshness>)
        .problems(FOUND),
    ]
}

fn tables() -> Vec<Operation> {
    use HttpMethod::{Delete, Get, Patch, Post, Put};
    const LIST: &[Parameter] = &[
        ID,
        ("enabled", || json!({ "type": "boolean" })),
        ("batch", text),
        ("dialect", one_of::<Dialect>),
        ("mode", one_of::<Mode>),
        LIMIT,
        TOKEN,
    ];
    let answer = versioned::<Table> as Describe;
    vec![
        operation(Get, "tables", "Lists the tables to ingest; with `id`, the one")
            .query(LIST)
            .answers_version(200, list_or::<Table>)
            .problems(FOUND),
        operation(Post, "tables", "Makes a table; the same again changes nothing")
            .query(&[ID])
            .body(new_table)
            .answers_version(200, answer)
            .answers_version(201, answer)
            .problems(MADE),
        operation(Post, "tables/import", "Reads a list of tables in one of several forms")
            .body(of::<Import>)
            .answers(200, page::<Imported>)
            .problems(&[400, 404, 409, 413, 503]),
        operation(Get, "tables/export", "Writes the tables in one of these forms")
            .query(&[("format", one_of::<Form>), ("table", text), LIMIT, TOKEN])
            .answers(200, object)
            .problems(FOUND),
        operation(Get, "tables/{id}", "A table, and how far it is read")
            .answers_version(200, versioned::<TableAnswer>)
            .problems(FOUND),
        operation(Put, "tables/{id}", "All of a table, new or in the place of a version")
            .query(&[ETAG])
            .headers(CONDITIONS)
            .body(table)
            .answers_version(200, answer)
            .answers_version(201, answer)
            .problems(REPLACED),
        operation(Patch, "tables/{id}", "Changes a table by a JSON Merge Patch")
            .query(&[ETAG])
            .headers(CONDITIONS)
            .body(object)
            .answers_version(200, answer)
            .problems(CHANGED),
        operation(Post, "tables/{id}", "The same for those who cannot send PATCH")
            .query(&[ETAG])
            .headers(CONDITIONS)
            .body(object)
            .answers_version(200, answer)
            .problems(CHANGED),
        operation(Delete, "tables/{id}", "Removes a table")
            .query(&[ETAG])
            .headers(CONDITIONS)
            .answers(200, of::<Deleted>)
            .problems(CHANGED),
        operation(Post, "tables/{id}/delete", "The same for those who cannot send DELETE")
            .query(&[ETAG])
            .headers(CONDITIONS)
            .answers(200, of::<Deleted>)
            .problems(CHANGED),
    ]
}

fn new_table(schemas: &mut Schemas) -> RefOr<Schema> {
    strict::<Spec>(schemas, Some(ID))
}

fn table(schemas: &mut Schemas) -> RefOr<Schema> {
    strict::<Spec>(schemas, None)
}

fn windows() -> Vec<Operation> {
    use HttpMethod::{Get, Post, Put};
    const LIST: &[Parameter] = &[
        ("purpose", one_of::<Purpose>),
        ("status", one_of::<WindowStatus>),
        ("runId", text),
        LIMIT,
        TOKEN,
    ];
    let mark = |method, summary| {
        operation(method, "tables/{id}/mark", summary)
            .query(&[ETAG])
            .headers(CONDITIONS)
            .body(of::<Setting>)
            .answers_version(200, versioned::<MarkAnswer>)
            .problems(REPLACED)
    };
    vec![
        operation(Get, "tables/{id}/mark", "How far a table is read")
            .answers_version(200, versioned::<MarkAnswer>)
            .problems(FOUND),
        mark(Put, "Sets the mark by hand"),
        mark(Post, "The same for those who cannot send PUT"),
        operation(Get, "tables/{id}/windows", "Lists the windows of a table, newest first")
            .query(LIST)
            .answers(200, page::<Window>)
            .problems(FOUND),
        operation(Post, "tables/{id}/windows", "Opens an extraction window")
            .body(of::<Request>)
            .answers(200, of::<Window>)
            .answers(201, of::<Window>)
            .problems(CHANGED),
        operation(Get, "tables/{id}/windows/{window}", "A window")
            .answers(200, of::<Window>)
            .problems(FOUND),
        operation(
            Post,
            "tables/{id}/windows/{window}/commit",
            "Moves the mark to the end of a window",
        )
        .body(of::<Commit>)
        .answers(200, of::<End>)
        .problems(CHANGED),
        operation(
            Post,
            "tables/{id}/windows/{window}/fail",
            "Ends a window without moving the mark",
        )
        .body(of::<Failure>)
        .answers(200, of::<End>)
        .problems(CHANGED),
    ]
}
