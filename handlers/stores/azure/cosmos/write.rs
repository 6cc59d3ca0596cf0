//! Writing under a condition, with a client that repeats what got no answer.
//!
//! A repeat finds what the try before it wrote and is refused for that. So a refusal is held against
//! the item that is there: if it carries the identity of this very write, the write was done.

use azure_core::http::Etag;
use azure_data_cosmos::{
    CosmosError,
    clients::ContainerClient,
    models::ItemResponse,
    options::{ItemWriteOptions, Precondition},
};

use super::{
    CosmosDocuments,
    account::options,
    error::{Attempt, is_absent, is_changed, is_taken, may_be_our_own},
    item::{Item, item_id, partition_key},
};
use crate::stores::{Condition, ETag, StoreError, documents::Key};

impl CosmosDocuments {
    /// Writes an item if the condition holds, and returns its version.
    pub(super) async fn write(
        &self,
        attempt: &Attempt,
        container: &ContainerClient,
        key: &Key,
        item: &Item,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        match condition {
            Condition::Always => {
                let options = Some(write_options());
                let partition = item.partition.clone();
                let written = container.upsert_item(partition, &item.id, item, options).await;
                version(attempt, written)
            }
            Condition::Absent => self.create(attempt, container, key, item).await,
            Condition::Matches(etag) => match replace(container, item, etag).await {
                Err(error) if is_changed(&error) || is_absent(&error) => {
                    let own = match may_be_our_own(&error) {
                        true => self.read(attempt, container, key).await?,
                        false => None,
                    };
                    let own = own.filter(|found| found.write == item.write);
                    own.map(|own| own.etag()).ok_or_else(|| attempt.changed(etag))
                }
                written => version(attempt, written),
            },
        }
    }

    async fn create(
        &self,
        attempt: &Attempt,
        container: &ContainerClient,
        key: &Key,
        item: &Item,
    ) -> Result<ETag, StoreError> {
        let options = Some(write_options());
        let partition = item.partition.clone();
        let written = container.create_item(partition, &item.id, item, options).await;
        if !written.as_ref().is_err_and(is_taken) {
            return version(attempt, written);
        }
        match self.read(attempt, container, key).await? {
            Some(found) if found.write == item.write => Ok(found.etag()),
            Some(found) if found.has_expired((self.clock)()) => {
                match replace(container, item, &found.etag()).await {
                    Err(error) if is_changed(&error) || is_absent(&error) => Err(attempt.taken()),
                    written => version(attempt, written),
                }
            }
            _ => Err(attempt.taken()),
        }
    }
}

/// Removes an item; if a try before the last may have done so, an absent one counts as removed.
pub(super) async fn remove(
    attempt: &Attempt,
    container: &ContainerClient,
    key: &Key,
    condition: &Condition,
) -> Result<(), StoreError> {
    let options = match condition {
        Condition::Matches(etag) => write_options().with_precondition(if_match(etag)),
        Condition::Always | Condition::Absent => write_options(),
    };
    let id = item_id(&key.id);
    match (container.delete_item(partition_key(key), &id, Some(options)).await, condition) {
        (Ok(_), _) => Ok(()),
        (Err(error), _) if is_absent(&error) && may_be_our_own(&error) => Ok(()),
        (Err(error), _) if is_absent(&error) => Err(attempt.absent()),
        (Err(error), Condition::Matches(etag)) if is_changed(&error) => Err(attempt.changed(etag)),
        (Err(error), _) => Err(attempt.failed(&error)),
    }
}

async fn replace(
    container: &ContainerClient,
    item: &Item,
    etag: &ETag,
) -> Result<ItemResponse, CosmosError> {
    let options = write_options().with_precondition(if_match(etag));
    container.replace_item(item.partition.clone(), &item.id, item, Some(options)).await
}

/// What a write is sent with.
fn write_options() -> ItemWriteOptions {
    ItemWriteOptions::default().with_operation_options(options())
}

/// The condition that this version is there.
fn if_match(etag: &ETag) -> Precondition {
    Precondition::IfMatch(Etag::from(etag.quoted()))
}

fn version(
    attempt: &Attempt,
    written: Result<ItemResponse, CosmosError>,
) -> Result<ETag, StoreError> {
    let response = written.map_err(|error| attempt.failed(&error))?;
    let etag = response.headers().etag().ok_or_else(|| attempt.garbled())?;
    Ok(ETag::new(etag))
}
