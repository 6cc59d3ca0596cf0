//! The scan: lists the landing container each second and offers what has come to rest.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    arrivals::Arrivals,
    receipts::Receipts,
    report::{Complaint, Report},
    stop::Stop,
};
use crate::stores::{
    ETag, StoreError,
    blobs::{BlobPath, Blobs},
};

/// The pause between two listings, and so the time a blob has to stay as it is.
const PAUSE: Duration = Duration::from_secs(1);

/// The version of every blob in a listing.
type Versions = HashMap<BlobPath, ETag>;

/// The scan of one container.
#[derive(Debug)]
pub(super) struct Scan {
    /// The container.
    pub(super) container: String,
    /// The store of the container.
    pub(super) blobs: Arc<dyn Blobs>,
    /// What has been delivered already.
    pub(super) receipts: Arc<Receipts>,
    /// Where blobs are offered.
    pub(super) arrivals: Arrivals,
    /// Where failures are printed.
    pub(super) report: Report,
}

impl Scan {
    /// Scans until it is time to stop.
    pub(super) async fn run(self, stop: Stop) {
        stop.or(self.scan()).await;
    }

    async fn scan(&self) {
        let mut complaint = Complaint::new(self.report);
        let mut before = Versions::new();
        loop {
            let outcome = match self.list().await {
                Ok(now) => {
                    for path in rested(&before, &now, &self.receipts) {
                        self.arrivals.offer(path).await;
                    }
                    self.receipts.forget_all_but(&now);
                    before = now;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            complaint.about(outcome);
            sleep(PAUSE).await;
        }
    }

    async fn list(&self) -> Result<Versions, StoreError> {
        let mut versions = Versions::new();
        let mut token = None;
        loop {
            let page = self.blobs.list(&self.container, "", token.as_deref()).await?;
            versions.extend(page.items.into_iter().map(|blob| (blob.path, blob.properties.etag)));
            token = page.next;
            if token.is_none() {
                return Ok(versions);
            }
        }
    }
}

/// The blobs that did not change from one listing to the next and have not been delivered.
fn rested(before: &Versions, now: &Versions, receipts: &Receipts) -> Vec<BlobPath> {
    now.iter()
        .filter(|&(path, version)| before.get(path) == Some(version))
        .filter(|(path, version)| !receipts.remembers(path, version))
        .map(|(path, _)| path.clone())
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::stores::local::LocalDatabase;

    fn versions(blobs: &[(&str, &str)]) -> Versions {
        let blob = |(name, version): &(&str, &str)| {
            (BlobPath::new("landing", *name).unwrap(), ETag::new(version))
        };
        blobs.iter().map(blob).collect()
    }

    #[tokio::test]
    async fn only_what_rests_and_is_not_delivered_is_offered() {
        let lake = tempfile::tempdir().unwrap();
        let clock = Arc::new(OffsetDateTime::now_utc);
        let documents = LocalDatabase::open(lake.path(), clock).unwrap().documents();
        let receipts = Receipts::new(documents);
        let before = versions(&[("rests", "1"), ("grows", "1"), ("went", "1"), ("done", "1")]);
        let now = versions(&[("rests", "1"), ("grows", "2"), ("new", "1"), ("done", "1")]);
        let done = BlobPath::new("landing", "done").unwrap();
        receipts.write(&done, &ETag::new("1")).await.unwrap();

        let offered = rested(&before, &now, &receipts);
        assert_eq!(offered, [BlobPath::new("landing", "rests").unwrap()]);

        receipts.forget_all_but(&versions(&[]));
        assert!(!receipts.remembers(&done, &ETag::new("1")));
        assert!(receipts.has(&done, &ETag::new("1")).await.unwrap());
        assert!(!receipts.has(&done, &ETag::new("2")).await.unwrap());
    }
}
