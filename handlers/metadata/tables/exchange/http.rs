//! `POST /api/tables/import` and `GET /api/tables/export`.

use std::sync::Arc;

use axum::{
    Json,
    body::{self as raw, Body},
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Any};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{Defaults, Form, Read, cdc, control_table, find, form_of, loop_input};
use crate::{
    app::App,
    error::{Error, Wrong},
    metadata::{
        http::{
            body::{self, LONGEST},
            conditions::Preconditions,
            list::{List, Written},
            query::{MOST, Parameters},
            text::{nearest, shortened},
            token,
        },
        tables::{
            model::Spec,
            rules::{self, Checked},
            store::{Outcome, Place, Tables},
        },
        windows::store::Windows,
    },
};

/// The members of a body that are ours.
const OWN: [&str; 5] = ["value", "format", "defaults", "table", "replace"];

/// What else the output of an activity has that answers a list, and a list of ours.
const OF_ACTIVITIES: [&str; 8] = [
    "ADFWebActivityResponseHeaders",
    "billingReference",
    "continuationToken",
    "count",
    "durationInQueue",
    "effectiveIntegrationRuntime",
    "effectiveIntegrationRuntimes",
    "executionDuration",
];

/// A list to read: `value` as a Lookup activity gives it, and how.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = Import)]
pub struct Request {
    /// The objects.
    #[schema(value_type = Vec<Object>)]
    pub value: Vec<Any>,
    /// Their form, if it cannot be told from them.
    pub format: Option<Form>,
    /// What holds for tables that say nothing else.
    pub defaults: Defaults,
    /// The id of the table that a `cdc.json` belongs to.
    pub table: Option<String>,
    /// Whether tables that are there are replaced; they are left alone otherwise.
    pub replace: bool,
}

/// What became of an object of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The table's id; null if the object names none.
    #[schema(required)]
    pub id: Option<String>,
    /// `created`, `unchanged`, `replaced`, `kept` for another one that was there, `marked`, or
    /// `refused`.
    pub result: &'static str,
    /// What was assumed, ignored or wrong.
    pub notes: Vec<String>,
}

/// `POST /api/tables/import`: the objects are read one by one, and one that is wrong keeps no other
/// from being read.
///
/// # Errors
/// `Fields` if it is no list, or the store's failure.
pub async fn import(
    State(app): State<Arc<App>>,
    uri: Uri,
    body: Body,
) -> Result<Json<List<Imported>>, Error> {
    Parameters::read(&uri, &[])?;
    let request = read(body).await?;
    let rows: Vec<&Map<String, Any>> = request.value.iter().filter_map(Any::as_object).collect();
    if rows.len() != request.value.len() {
        return Err(Wrong::new("value", "must be a list of objects").into());
    }
    let form = request.format.map_or_else(|| form_of(&request.value), Ok);
    let form = form.map_err(|detail| Wrong::new("value", detail))?;
    let active = app.config.current().await?;
    let tables = app.tables(&active);
    let mut done = Vec::new();
    for row in rows {
        done.push(match form {
            Form::Cdc => mark(&app, &tables, &request, row).await?,
            Form::LoopInput => {
                keep(&tables, &request, loop_input::read(row, &request.defaults)).await?
            }
            Form::ControlTable => {
                keep(&tables, &request, control_table::read(row, &request.defaults)).await?
            }
        });
    }
    Ok(Json(List::new(done, None)))
}

/// Reads a request, a bare list, or a bare `cdc.json`.
async fn read(body: Body) -> Result<Request, Error> {
    let bytes = raw::to_bytes(body, LONGEST).await.map_err(|_| Error::TooLarge(LONGEST))?;
    let trimmed = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    if let Ok(Any::Array(value)) = serde_json::from_slice(trimmed) {
        return Ok(Request { value, ..Request::default() });
    }
    let mut object = body::object_of(&bytes).map_err(|reason| Wrong::new("body", reason))?;
    if object.contains_key("value") {
        check_members(&object)?;
        object.retain(|name, _| OWN.contains(&name.as_str()));
        return body::typed(object);
    }
    // Beside a last value `table` says whose it is; otherwise the object is a table itself.
    let is_of_table = find(&object, "cdc").is_some();
    let table = is_of_table.then(|| object.shift_remove("table")).flatten();
    let table = table.and_then(|table| table.as_str().map(str::to_owned));
    Ok(Request { value: vec![Any::Object(object)], table, ..Request::default() })
}

/// Refuses what is neither ours nor an activity's: it may be a `replace` that was misspelt.
fn check_members(object: &Map<String, Any>) -> Result<(), Error> {
    let is_known = |name: &str| OWN.contains(&name) || OF_ACTIVITIES.contains(&name);
    let unknown = object.keys().filter(|name| !is_known(name)).take(20);
    let problems: Vec<Wrong> = unknown
        .map(|name| {
            let hint = nearest(name, &OWN).map(|near| format!("; did you mean `{near}`?"));
            let hint = hint.unwrap_or_default();
            let detail = format!("is not a field{hint}; known are: {}", OWN.join(", "));
            Wrong::new(shortened(name, 200), detail)
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::Fields(problems)) }
}

async fn keep(
    tables: &Tables<'_>,
    request: &Request,
    read: Result<Read, String>,
) -> Result<Imported, Error> {
    let Read { spec, notes } = match read {
        Ok(read) => read,
        Err(reason) => return Ok(refused(None, vec![reason])),
    };
    let id = rules::default_id(&spec);
    if let Err(wrong) = rules::checked(&id, spec.clone()) {
        let wrong = wrong.into_iter().map(|wrong| format!("{}: {}", wrong.field, wrong.detail));
        return Ok(refused(Some(id), wrong.chain(notes).collect()));
    }
    let mut notes: Vec<String> = notes.into_iter().collect();
    let result = match write(tables, request.replace, &id, spec).await {
        Ok(outcome) => outcome,
        Err(Error::Conflict { .. }) => "kept",
        Err(Error::Fields(wrong)) => {
            notes.extend(
                wrong.into_iter().map(|wrong| format!("{}: {}", wrong.field, wrong.detail)),
            );
            "refused"
        }
        Err(error) => return Err(error),
    };
    Ok(Imported { id: Some(id), result, notes })
}

async fn write(
    tables: &Tables<'_>,
    replace: bool,
    id: &str,
    spec: Spec,
) -> Result<&'static str, Error> {
    let now = OffsetDateTime::now_utc();
    match tables.create(id, spec.clone(), now).await {
        Ok((_, Outcome::Created)) => Ok("created"),
        Ok((_, Outcome::Unchanged)) => Ok("unchanged"),
        Err(Error::Conflict { .. }) if replace => {
            let any = Preconditions::default();
            let change = |there: &Spec| same_table(there, &spec).map(|()| spec.clone());
            tables.change(id, &any, now, change).await.map(|_| "replaced")
        }
        Err(error @ Error::Conflict { .. }) => {
            let there = tables.look(id).await?;
            there.map_or(Ok(()), |there| same_table(&there.table.spec, &spec))?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Two names may give one id, which then is the first one's.
fn same_table(there: &Spec, spec: &Spec) -> Result<(), Error> {
    let name = |spec: &Spec| (rules::schema_of(spec), spec.table.clone());
    if name(there) == name(spec) {
        return Ok(());
    }
    let (schema, table) = name(there);
    let detail = format!(
        "is that of another table, {table:?} of {schema:?}; create this one under an id of its own"
    );
    Err(Wrong::new("id", detail).into())
}

fn refused(id: Option<String>, notes: Vec<String>) -> Imported {
    Imported { id, result: "refused", notes }
}

/// Sets the mark of a table that has none.
async fn mark(
    app: &App,
    tables: &Tables<'_>,
    request: &Request,
    row: &Map<String, Any>,
) -> Result<Imported, Error> {
    let id = request.table.clone().ok_or_else(|| {
        Wrong::new("table", "is missing: a cdc.json does not say which table it belongs to")
    })?;
    let table = tables.find(&id).await?.table;
    let Some(watermark) = table.incremental() else {
        return Ok(refused(Some(id), vec!["all of this table is read, every time".to_owned()]));
    };
    let value = cdc::read(row, watermark.kind).and_then(|value| table.acceptable(value));
    let value = match value {
        Ok(value) => value,
        Err(reason) => return Ok(refused(Some(id), vec![reason])),
    };
    let windows = Windows { documents: &*app.documents, table: &id };
    let now = OffsetDateTime::now_utc();
    let done = windows.import(&watermark.column, &value, request.replace, now).await?;
    if !done.is_changed {
        let notes = vec!["it has a mark already; \"replace\": true sets it anew".to_owned()];
        return Ok(Imported { id: Some(id), result: "kept", notes });
    }
    Ok(Imported { id: Some(id), result: "marked", notes: Vec::new() })
}

/// `GET /api/tables/export?format=loop_input|cdc|controlTable`: the tables as a list, `value`, as
/// many of them as an answer can hold; of a `cdc.json`, with `table`, the object itself.
///
/// # Errors
/// `Fields`, `NotFound`, or the store's failure.
pub async fn export(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Error> {
    let known = ["format", "table", "limit", "continuationToken"];
    let parameters = Parameters::read(&uri, &known)?;
    let form = parameters.text("format").unwrap_or("loop_input");
    let form: Form = serde_json::from_value(form.into())
        .map_err(|_| Wrong::new("format", "must be loop_input, cdc or controlTable"))?;
    let active = app.config.current().await?;
    let tables = app.tables(&active);
    if form == Form::Cdc {
        let id = parameters.text("table").ok_or_else(|| Wrong::new("table", "is missing"))?;
        let table = tables.find(id).await?.table;
        let mark = value_of(&app, &table).await?;
        return Ok(Json(cdc::write(mark.as_deref())).into_response());
    }
    let limit = parameters.text("limit").map_or(Ok(MOST), |_| parameters.limit())?;
    let question = ("export", form);
    let after = parameters.token().map(|text| token::open::<Place>(&question, text)).transpose()?;
    let mut all = tables.all().await?;
    all.retain(|found| after.as_ref().is_none_or(|after| found.place() > *after));
    let mut written = Written::default();
    for found in all.iter().take(limit) {
        if !written.add(&row(&app, &found.table, form).await?) {
            break;
        }
    }
    let last = written.len().checked_sub(1).filter(|_| written.len() < all.len());
    let next = last.map(|last| token::seal(&question, all[last].place()));
    Ok(List::new(written.into_items(), next).into_response())
}

/// A table in a form of many.
async fn row(app: &App, table: &Checked, form: Form) -> Result<Any, Error> {
    if form == Form::ControlTable {
        let mark = value_of(app, table).await?;
        return Ok(control_table::write(table, mark.as_deref()));
    }
    Ok(loop_input::write(table))
}

/// How far a table is read, or where it begins.
async fn value_of(app: &App, table: &Checked) -> Result<Option<String>, Error> {
    let windows = Windows { documents: &*app.documents, table: &table.id };
    let mark = windows.state().await?.0.mark.map(|mark| mark.value);
    let start = || table.incremental().and_then(|watermark| watermark.start.clone());
    Ok(mark.or_else(start).map(|value| value.text().to_owned()))
}
