//! Reading `[[table]]` and `[ingestion]`.

use super::section::{Found, Problems, Section};
use crate::{
    metadata::tables::{
        model::{Mode, Spec, Watermark},
        rules::{self, Checked},
        sql::Dialect,
    },
    stores::blobs::is_container,
};

/// Reads `[[table]]`, in order.
pub(super) fn read(sections: Vec<Section<'_>>) -> Vec<Checked> {
    let mut tables: Vec<Checked> = Vec::new();
    for section in sections {
        let Some(table) = table(&section) else {
            section.finish();
            continue;
        };
        if tables.iter().any(|other| other.id == table.id) {
            section.problem(format!("the table `{}` is named twice", table.id));
        }
        section.finish();
        tables.push(table);
    }
    tables
}

fn table(section: &Section<'_>) -> Option<Checked> {
    let text = |name| section.text(name).map(Found::into_inner);
    let id = section.required("name", "sales.orders").map(Found::into_inner);
    let (mut schema, mut table) = (text("schema"), text("table"));
    // What the name says need not be said again.
    match id.as_deref().and_then(|id| id.split_once('.')) {
        Some((before, after)) if table.is_none() => {
            schema = schema.or_else(|| Some(before.to_owned()));
            table = Some(after.to_owned());
        }
        _ => table = table.or_else(|| id.clone()),
    }
    let dialects = [("sqlserver", Dialect::SqlServer), ("postgresql", Dialect::PostgreSql)];
    let modes = [("full", Some(Mode::Full)), ("incremental", Some(Mode::Incremental))];
    let order = section.count("order", 1_000_000, 0);
    let spec = Spec {
        schema,
        table: table?,
        dialect: section.choice("dialect", &dialects, Dialect::SqlServer),
        mode: section.choice("mode", &modes, None),
        watermark: section.table("watermark").and_then(watermark),
        time_zone: text("time_zone").unwrap_or_else(|| "UTC".to_owned()),
        enabled: section.flag_or("enabled", true),
        order: i32::try_from(order).unwrap_or(i32::MAX),
        batch: text("batch"),
        sink: text("sink"),
        freshness: text("freshness"),
        slo: section.part("slo"),
    };
    match rules::checked(&id?, spec) {
        Ok(table) => Some(table),
        Err(wrong) => {
            for wrong in wrong {
                let field = if wrong.field == "timeZone" { "time_zone" } else { &wrong.field };
                section.problem(format!("`{field}`: {}", wrong.detail));
            }
            None
        }
    }
}

fn watermark(section: Section<'_>) -> Option<Watermark> {
    let column = section.required("column", "updated_at");
    let kind = section.required("type", "datetime2(7)");
    let text = |name| section.text(name).map(Found::into_inner);
    let (lag, start) = (text("lag"), text("start"));
    section.finish();
    Some(Watermark { column: column?.into_inner(), kind: kind?.into_inner(), lag, start })
}

/// Reads the containers of `[ingestion]`.
pub(super) fn sinks(section: Option<Section<'_>>, problems: &Problems<'_>) -> Vec<String> {
    let Some(section) = section else { return Vec::new() };
    let found = section.texts("sinks");
    for container in found.iter().filter(|found| !is_container(found.get_ref())) {
        let message = format!("`{}` is not a container name", container.get_ref());
        problems.add(&container.span(), message);
    }
    section.finish();
    found.into_iter().map(Found::into_inner).collect()
}
