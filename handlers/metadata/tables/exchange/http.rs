//! `POST /api/tables/import` and `GET /api/tables/export`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

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

use super::{Defaults, Form, Read, cdc, control_table, form_of, loop_input};
use crate::{
    app::App,
    error::{Error, Wrong},
    metadata::{
        http::{
            body::{self, LONGEST},
            conditions::Preconditions,
            list::List,
            query::Parameters,
        },
        tables::{
            model::Spec,
            rules::{self, Checked},
            store::{Outcome, Tables},
        },
        windows::{rules::set_mark, store::Windows},
    },
};

/// The members of a body that are ours; a Lookup activity's output has others.
const OWN: [&str; 5] = ["value", "format", "defaults", "table", "replace"];

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
    // What else a Lookup activity's output has says nothing about tables.
    if object.contains_key("value") {
        object.retain(|name, _| OWN.contains(&name.as_str()));
        return body::typed(object);
    }
    // A `cdc.json` does not say which table it belongs to; the request does, beside it.
    let table = match object.contains_key("cdc") {
        true => object.shift_remove("table"),
        false => None,
    };
    let table = table.and_then(|table| table.as_str().map(str::to_owned));
    Ok(Request { value: vec![Any::Object(object)], table, ..Request::default() })
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
    let name = |spec: &Spec| (rules::schema_of(spec), spec.table.clone());
    if tables.look(&id).await?.is_some_and(|found| name(&found.table.spec) != name(&spec)) {
        let note = "another table has this id; make this one with an id of its own";
        return Ok(refused(Some(id), vec![note.to_owned()]));
    }
    let result = match write(tables, request.replace, &id, spec).await {
        Ok(outcome) => outcome,
        Err(Error::Conflict { .. }) => "kept",
        Err(error) => return Err(error),
    };
    Ok(Imported { id: Some(id), result, notes: notes.into_iter().collect() })
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
            tables.change(id, &any, now, |_| Ok(spec.clone())).await.map(|_| "replaced")
        }
        Err(error) => Err(error),
    }
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
    let value = match cdc::read(row, watermark.kind) {
        Ok(value) => value,
        Err(reason) => return Ok(refused(Some(id), vec![reason])),
    };
    let windows = Windows { documents: &*app.documents, table: &id };
    let (now, column) = (OffsetDateTime::now_utc(), &watermark.column);
    let is_kept = AtomicBool::new(false);
    windows
        .set(|state, _| {
            // Decided on the state that is written over: a commit may come first.
            let keep = state.mark.is_some() && !request.replace;
            is_kept.store(keep, Ordering::Relaxed);
            if keep { Ok(state.clone()) } else { set_mark(state, column, Some(value.clone()), now) }
        })
        .await?;
    if is_kept.into_inner() {
        let notes = vec!["it has a mark already; \"replace\": true sets it anew".to_owned()];
        return Ok(Imported { id: Some(id), result: "kept", notes });
    }
    Ok(Imported { id: Some(id), result: "marked", notes: Vec::new() })
}

/// `GET /api/tables/export?format=loop_input|cdc|controlTable`: all tables as one list, `value`; of
/// a `cdc.json`, with `table`, the object itself.
///
/// # Errors
/// `Fields`, `NotFound`, or the store's failure.
pub async fn export(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Error> {
    let parameters = Parameters::read(&uri, &["format", "table"])?;
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
    let mut value = Vec::new();
    for found in tables.all().await? {
        value.push(match form {
            Form::ControlTable => {
                let mark = value_of(&app, &found.table).await?;
                control_table::write(&found.table, mark.as_deref())
            }
            _ => loop_input::write(&found.table),
        });
    }
    Ok(List::new(value, None).into_response())
}

/// How far a table is read, or where it begins.
async fn value_of(app: &App, table: &Checked) -> Result<Option<String>, Error> {
    let windows = Windows { documents: &*app.documents, table: &table.id };
    let mark = windows.state().await?.0.mark.map(|mark| mark.value);
    let start = || table.incremental().and_then(|watermark| watermark.start.clone());
    Ok(mark.or_else(start).map(|value| value.text().to_owned()))
}
