//! What the metadata API is told of a dataset while it is delivered.

use super::{Collecting, Dataset, Status};
use crate::{
    metadata::{
        datasets::{
            model,
            rules::Event,
            store::{Datasets, Sighting},
        },
        http::time::write_time,
    },
    stores::StoreError,
};

impl Collecting<'_> {
    /// Tells how far a delivery is. It is told before anything follows from it, and again at every
    /// repeat, which changes nothing then.
    pub(super) async fn report(&self, record: &Dataset) -> Result<(), StoreError> {
        let status = match record.status {
            Status::Received => model::Status::Received,
            Status::Processing => model::Status::Processing,
            Status::Ready => model::Status::Ready,
            Status::Quarantined => model::Status::Quarantined,
        };
        self.tell(status, Some(record)).await
    }

    /// Tells where the dataset stands, and what is known of the delivery.
    pub(super) async fn tell(
        &self,
        status: model::Status,
        record: Option<&Dataset>,
    ) -> Result<(), StoreError> {
        let ledger = &self.routing.ledger;
        let now = (ledger.now)();
        let sighting = Sighting {
            event: Event {
                status,
                at: write_time(now),
                by: "routing".to_owned(),
                reason: record.and_then(|record| record.reason.clone()),
                run_id: None,
                delivery: record.map(|record| record.delivery),
            },
            container: self.container.to_owned(),
            path: self.folder.trim_end_matches('/').to_owned(),
            route: Some(self.route.name.clone()),
            size: record.map(|record| (record.files, record.bytes)),
        };
        Datasets::new(ledger.documents).observe(&self.id(), &sighting, now).await
    }
}
