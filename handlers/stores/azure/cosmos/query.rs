//! Lists: one query of one partition, in the order of the ids.

use std::num::NonZeroU32;

use azure_data_cosmos::{
    CosmosError, FeedScope,
    clients::ContainerClient,
    options::{MaxItemCountHint, QueryOptions},
};
use futures::TryStreamExt;
use time::OffsetDateTime;

use super::{
    account::options,
    error::Attempt,
    item::{Item, partition_key_of},
};
use crate::stores::{
    Page, StoreError,
    documents::{Collection, Document, Filter, ID, Order, Query},
};

/// A query as the service takes it, with its parameters.
type Select = azure_data_cosmos::Query;

/// What the service gave, and whether there may be more.
pub(super) struct Found {
    items: Vec<Item>,
    has_more: bool,
}

impl Found {
    /// The page that a query asked for, without what has expired.
    pub(super) fn keep(
        mut self,
        collection: Collection,
        query: &Query<'_>,
        now: OffsetDateTime,
    ) -> Page<Document> {
        let has_more = self.has_more || self.items.len() > query.limit;
        self.items.truncate(query.limit);
        let last = self.items.last().filter(|_| has_more);
        let next = last.map(|last| query.token_after(collection, &last.raw));
        let living = self.items.into_iter().filter(|item| !item.has_expired(now));
        Page { items: living.map(|item| item.into_document(query.partition)).collect(), next }
    }
}

/// Writes a query; every text of it travels as a parameter.
///
/// # Errors
/// `Rejected` if the token is not one of this query's.
pub(super) fn select(collection: Collection, query: &Query<'_>) -> Result<Select, StoreError> {
    let (beyond, direction) = match query.order {
        Order::Ascending => (">", "ASC"),
        Order::Descending => ("<", "DESC"),
    };
    let last = query.last_seen(collection)?;
    let mut conditions: Vec<(String, &str)> = query.filters.iter().map(condition).collect();
    conditions.extend(last.as_deref().map(|last| (format!("c.raw {beyond}"), last)));
    let (mut text, mut values) = ("SELECT * FROM c".to_owned(), Vec::new());
    for (number, (condition, value)) in conditions.into_iter().enumerate() {
        let joint = if number == 0 { "WHERE" } else { "AND" };
        text.push_str(&format!(" {joint} {condition} @p{number}"));
        values.push((format!("@p{number}"), value.to_owned()));
    }
    text.push_str(&format!(" ORDER BY c.raw {direction}"));
    values.into_iter().try_fold(Select::from(text), |select, (name, value)| {
        select
            .with_parameter(name, value)
            .map_err(|error| Attempt::new("list", query.partition).failed(&error))
    })
}

fn condition<'a>(filter: &Filter<'a>) -> (String, &'a str) {
    let (member, comparison, value) = match *filter {
        Filter::Equals(member, value) => (member, "=", value),
        Filter::AtLeast(member, value) => (member, ">=", value),
        Filter::Below(member, value) => (member, "<", value),
    };
    let place = match member {
        ID => "c.raw".to_owned(),
        _ => format!("c.body['{}']", member.replace('\\', r"\\").replace('\'', r"\'")),
    };
    (format!("{place} {comparison}"), value)
}

/// The first page of a query that has something on it. The service cuts pages where it likes, by
/// size and by what they cost, even before the first document that fits.
pub(super) async fn page(
    attempt: &Attempt,
    container: &ContainerClient,
    query: &Query<'_>,
    select: Select,
) -> Result<Found, StoreError> {
    let failed = |error: CosmosError| attempt.failed(&error);
    // One more than asked for shows whether another page follows.
    let most = u32::try_from(query.limit).unwrap_or(u32::MAX).saturating_add(1);
    let hint =
        NonZeroU32::new(most).map_or(MaxItemCountHint::ServerDecides, MaxItemCountHint::Limit);
    let options =
        QueryOptions::default().with_max_item_count(hint).with_operation_options(options());
    let scope = FeedScope::partition(partition_key_of(query.partition));
    let found = container.query_items::<Item>(select, scope, Some(options)).await;
    let mut pages = found.map_err(failed)?.into_pages();
    while let Some(page) = pages.try_next().await.map_err(failed)? {
        let has_more = page.headers().continuation().is_some();
        if !page.items().is_empty() {
            return Ok(Found { items: page.into_items(), has_more });
        }
    }
    Ok(Found { items: Vec::new(), has_more: false })
}
