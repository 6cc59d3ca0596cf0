//! Operations as an OpenAPI document (version 3.1).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        ComponentsBuilder, ContentBuilder, Header, HeaderBuilder, HttpMethod, InfoBuilder, OpenApi,
        OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
        path::{OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme},
    },
};

use crate::error::Wrong;

/// The schemas that operations refer to, by name.
pub type Schemas = BTreeMap<String, RefOr<Schema>>;

/// How a body is described; it adds the schemas that it refers to.
pub type Describe = fn(&mut Schemas) -> RefOr<Schema>;

/// One method of one address.
#[derive(Clone)]
pub struct Operation {
    /// Such as `get`.
    pub method: HttpMethod,
    /// Below `/api`, with parameters in braces.
    pub path: &'static str,
    /// What it does, one line.
    pub summary: &'static str,
    /// The parameters of its query without which it does nothing.
    pub needed: &'static [Parameter],
    /// The other parameters of its query.
    pub query: &'static [Parameter],
    /// The headers that it reads, beside the key.
    pub headers: &'static [Parameter],
    /// What it reads.
    pub body: Option<Describe>,
    /// What it answers when all is well.
    pub answers: Vec<Answer>,
    /// The statuses of its problems.
    pub problems: &'static [u16],
    /// Whether the host asks for a function key.
    pub is_guarded: bool,
}

/// An answer when all is well.
#[derive(Clone, Copy)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Describe,
    /// Whether it has the version of a resource in the header `ETag`.
    pub has_version: bool,
}

/// A parameter of a query, or a header: its name and its schema.
pub type Parameter = (&'static str, fn() -> Value);

/// The schema of a type, by reference.
pub fn of<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let mut found = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut found);
    schemas.extend(found);
    Ref::from_schema_name(T::name()).into()
}

/// A schema that is written down as JSON.
///
/// # Panics
/// It is none, or has a member that would be left out, which a test would have shown.
pub fn raw(schema: Value) -> RefOr<Schema> {
    let read = RefOr::<Schema>::deserialize(&schema).expect("a schema that is written here is one");
    let members = |schema: &Value| schema.as_object().map_or(0, serde_json::Map::len);
    debug_assert_eq!(members(&reference(&read)), members(&schema), "a member is lost: {schema}");
    read
}

/// The schema of a type as it is, for a request that allows nothing else, and a `more` member.
pub fn strict<T: ToSchema>(schemas: &mut Schemas, more: Option<Parameter>) -> RefOr<Schema> {
    of::<T>(schemas);
    let mut schema = serde_json::to_value(T::schema()).unwrap_or_default();
    if let Some((name, described)) = more {
        schema["properties"][name] = described();
    }
    raw(schema)
}

/// Lets answers that have all members of another type have more than these.
fn relax(schemas: &mut Schemas) {
    let mut parts = BTreeSet::new();
    for schema in schemas.values() {
        for part in reference(schema)["allOf"].as_array().into_iter().flatten() {
            parts.extend(
                part["$ref"].as_str().and_then(|it| it.rsplit('/').next()).map(str::to_owned),
            );
        }
    }
    for name in parts {
        let Some(schema) = schemas.get_mut(&name) else { continue };
        let mut relaxed = reference(schema);
        if let Value::Object(members) = &mut relaxed {
            members.shift_remove("additionalProperties");
        }
        *schema = raw(relaxed);
    }
}

fn reference(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

/// A resource with its version.
pub fn versioned<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let resource = reference(&of::<T>(schemas));
    let version = json!({
        "type": "object", "required": ["etag"],
        "properties": { "etag": { "type": "string", "description": "Its version, to be sent as `If-Match` or as the parameter `etag`." } },
    });
    raw(json!({ "allOf": [resource, version] }))
}

fn list(item: Value) -> RefOr<Schema> {
    raw(json!({
        "type": "object", "required": ["count", "value", "continuationToken"],
        "properties": {
            "count": { "type": "integer", "minimum": 0, "description": "How many items this page has. It may be none although there are more." },
            "value": { "type": "array", "items": item },
            "continuationToken": { "type": ["string", "null"], "description": "What to send as `continuationToken` for the next page; null after the last one." },
        },
    }))
}

/// A page of a list.
pub fn page<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let item = reference(&of::<T>(schemas));
    list(item)
}

/// A page of a list whose items have versions.
pub fn versioned_page<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let item = reference(&versioned::<T>(schemas));
    list(item)
}

/// Any object.
pub fn object(_: &mut Schemas) -> RefOr<Schema> {
    raw(json!({ "type": "object" }))
}

/// What holds for all operations. A method that is described is never answered 405, so no operation
/// can say what this does.
const ABOUT: &str = "Routing, column encryption and the memory of a data pipeline. Problems are \
    those of RFC 9457. Any other method of these addresses is answered 405, with the header `Allow`, \
    and any other address 404, both as a `Problem`.";

/// The document with these operations.
pub fn write(operations: Vec<Operation>) -> OpenApi {
    let mut schemas = Schemas::new();
    let wrong = reference(&of::<Wrong>(&mut schemas));
    schemas.insert("Problem".to_owned(), problem(wrong));
    let mut paths = PathsBuilder::new();
    for operation in operations {
        let path = format!("/api/{}", operation.path);
        let method = operation.method.clone();
        paths = paths.path(path, PathItem::new(method, describe(operation, &mut schemas)));
    }
    relax(&mut schemas);
    let key = ApiKeyValue::with_description("x-functions-key", "The function's key, or the app's.");
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(key)))
        .build();
    let info = InfoBuilder::new()
        .title("lakehand")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .build();
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

fn describe(operation: Operation, schemas: &mut Schemas) -> OperationBuilder {
    let Operation { method, path, summary, needed, query, headers, .. } = operation;
    let Operation { body, answers, problems, is_guarded, .. } = operation;
    let verb = serde_json::to_value(&method).unwrap_or_default();
    let id = format!("{} {path}", verb.as_str().unwrap_or_default());
    let id: Vec<_> =
        id.split(|c: char| !c.is_ascii_alphanumeric()).filter(|it| !it.is_empty()).collect();
    let tag = path.split('/').next().unwrap_or_default();
    let mut described =
        OperationBuilder::new().summary(Some(summary)).operation_id(Some(id.join("_"))).tag(tag);
    for name in path.split(['{', '}']).skip(1).step_by(2) {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
        let schema = raw(json!({ "type": "string", "minLength": 1, "maxLength": 200 }));
        described = described.parameter(parameter.required(Required::True).schema(Some(schema)));
    }
    for (parameters, place, required) in [
        (needed, ParameterIn::Query, Required::True),
        (query, ParameterIn::Query, Required::False),
        (headers, ParameterIn::Header, Required::False),
    ] {
        for (name, schema) in parameters {
            let parameter = ParameterBuilder::new().name(*name).parameter_in(place.clone());
            let parameter = parameter.required(required.clone()).schema(Some(raw(schema())));
            described = described.parameter(parameter);
        }
    }
    if let Some(body) = body {
        let content = ContentBuilder::new().schema(Some(body(schemas))).build();
        let body = RequestBodyBuilder::new().content("application/json", content);
        described = described.request_body(Some(body.required(Some(Required::True)).build()));
    }
    for answer in answers {
        described = described.response(answer.status.to_string(), done(answer, schemas));
    }
    let problems: BTreeSet<u16> = problems.iter().chain(ANYWHERE).copied().collect();
    for status in problems {
        described = described.response(status.to_string(), refused(status));
    }
    if !is_guarded {
        return described.security(SecurityRequirement::default());
    }
    // The host says so itself, and in its own way.
    let keyless = ResponseBuilder::new().description("The key is missing or wrong: no body");
    described.response("401", keyless).security(SecurityRequirement::new("key", [""; 0]))
}

fn done(answer: Answer, schemas: &mut Schemas) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some((answer.body)(schemas))).build();
    let response = ResponseBuilder::new().description("Done").content("application/json", content);
    match answer.has_version {
        true => response.header("ETag", version()),
        false => response,
    }
}

/// The header that has the version of a resource; a list has none.
fn version() -> Header {
    let schema = raw(json!({ "type": "string" }));
    let description = "The version of the one resource that is answered, as `etag` in the body.";
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

/// The problems that every operation may have: it is switched off, or lakehand is broken.
const ANYWHERE: &[u16] = &[403, 500];

fn refused(status: u16) -> ResponseBuilder {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let description = match (status, reason) {
        (403, _) => "Forbidden; also where the function is off",
        (_, reason) => reason.unwrap_or_default(),
    };
    let response = ResponseBuilder::new().description(description);
    response.content("application/problem+json", content)
}

/// A problem of RFC 9457.
fn problem(wrong: Value) -> RefOr<Schema> {
    raw(json!({
        "type": "object", "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What is wrong, and what to do." },
            "errors": { "type": "array", "items": wrong },
            "invocationId": { "type": "string", "description": "Under which the log says more." },
            "current": { "type": ["object", "null"], "description": "What is there, in a conflict." },
            "etag": { "type": ["string", "null"], "description": "The version that is there, where another one was named." },
            "files": {
                "type": "array",
                "description": "What became of each file of many, where one of them failed.",
                "items": {
                    "type": "object", "required": ["source"],
                    "properties": {
                        "source": { "type": "string" },
                        "error": { "type": "string", "description": "Why it failed; absent if it did not." },
                    },
                },
            },
        },
    }))
}
