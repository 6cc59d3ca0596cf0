//! What all resources do when others write at the same time.

use std::time::Duration;

use crate::stores::{Fault, StoreError};

/// Waits a moment after a lost race, longer and more at random each time, so that many writers of
/// one document get through one after the other.
pub async fn pause(attempt: u32) {
    let most = 1_u64 << attempt.min(6);
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..=most))).await;
}

/// A document for which the races never end.
pub fn busy(id: &str) -> StoreError {
    let detail = "others change it all the time; try again";
    StoreError::new(Fault::Unavailable, "change", format!("{id:?}"), detail)
}
