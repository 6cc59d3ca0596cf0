//! Where the files of a window go.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    routing::template::{Template, time_field},
    stores::blobs::BlobPath,
};

/// The fields of a sink beside those of the time at which the window was opened.
const FIELDS: [&str; 5] = ["id", "schema", "table", "windowId", "runId"];

/// The fields that no two windows share.
const OWN: [&str; 1] = ["windowId"];

/// The fields of routing's templates that mean a blob, which there is none of here.
const OF_BLOBS: [&str; 3] = ["container", "path", "guid"];

/// What a sink is rendered of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The table's id.
    pub id: &'a str,
    /// Its schema.
    pub schema: &'a str,
    /// Its name in the database.
    pub table: &'a str,
    /// The window.
    pub window_id: &'a str,
    /// The run that opened it.
    pub run_id: &'a str,
    /// When that was.
    pub opened: OffsetDateTime,
}

/// A folder for the files of one window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sink {
    /// The container.
    pub container: String,
    /// The folder in it, without a slash at its end.
    pub folder: String,
    /// Both.
    pub path: String,
    /// Whether no other window has this folder.
    pub is_own: bool,
}

/// Reads the template of a sink.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Template, String> {
    let fields = FIELDS.map(str::to_owned);
    let template = Template::parse(text, &fields).map_err(|error| error.to_string())?;
    if let Some(name) = template.fields().find(|name| OF_BLOBS.contains(name)) {
        return Err(format!("`{{{name}}}` has no value here; use {{{}}}", FIELDS.join("}, {")));
    }
    if template.container().is_none() {
        return Err("must begin with a container's name and a slash, as bronze/{table}".to_owned());
    }
    Ok(template)
}

/// Fills a sink in.
///
/// # Errors
/// The outcome is no folder.
pub fn render(text: &str, facts: &Facts<'_>) -> Result<Sink, String> {
    let template = parse(text)?;
    let path = template.fill(|name| {
        let value = match name {
            "id" => facts.id,
            "schema" => facts.schema,
            "table" => facts.table,
            "windowId" => facts.window_id,
            "runId" => facts.run_id,
            name => return time_field(name, facts.opened).unwrap_or_default(),
        };
        one_segment(value)
    });
    let path = path.trim_end_matches('/');
    let blob: BlobPath = path.parse().map_err(|error| format!("{error}"))?;
    let is_own = template.fields().any(|name| OWN.contains(&name));
    Ok(Sink {
        container: blob.container().to_owned(),
        folder: blob.name().to_owned(),
        path: path.to_owned(),
        is_own,
    })
}

/// A value without what would part a path or be lost in an address.
fn one_segment(value: &str) -> String {
    value.replace(|c: char| c.is_control() || "/\\?#%".contains(c), "_")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn rendered(text: &str, table: &str) -> Result<Sink, String> {
        let facts = Facts {
            id: "sales.orders",
            schema: "sales",
            table,
            window_id: "w1",
            run_id: "r/1",
            opened: datetime!(2026-12-01 06:05:04 UTC),
        };
        render(text, &facts)
    }

    #[test]
    fn a_sink_is_a_folder_of_the_window() {
        let sink = rendered("bronze/{schema}/{table}/{yyyy}-{MM}-{dd}/{windowId}/", "orders");
        let sink = sink.unwrap();
        assert_eq!(sink.path, "bronze/sales/orders/2026-12-01/w1");
        assert_eq!((sink.container.as_str(), sink.is_own), ("bronze", true));
        let shared = rendered("bronze/{id}/{HH}", "orders").unwrap();
        assert_eq!((shared.folder.as_str(), shared.is_own), ("sales.orders/06", false));
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        let sink = rendered("bronze/{table}/{runId}", "../../gold/x").unwrap();
        assert_eq!(sink.path, "bronze/.._.._gold_x/r_1");
        assert!(rendered("bronze/{table}", "..").is_err());
        for wrong in ["bronze", "{table}/x", "bronze/{path}", "bronze/{nothing}", "bronze/{", ""] {
            assert!(rendered(wrong, "x").is_err(), "{wrong}");
        }
    }
}
