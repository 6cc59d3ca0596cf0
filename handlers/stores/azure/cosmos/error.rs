//! From what the service or the network said to a [`StoreError`]: how to react, and what to do.

use std::{fmt::Display, time::Duration};

use azure_data_cosmos::CosmosError;

use crate::stores::{ETag, Fault, StoreError};

/// How long one operation may take, its retries included.
const DEADLINE: Duration = Duration::from_secs(30);

/// The sub-status of a 404 that is about the container or the database, not about an item.
const OWNER_NOT_FOUND: u16 = 1003;

/// One operation: what it does to what, for messages.
pub(super) struct Attempt {
    action: &'static str,
    subject: String,
}

impl Attempt {
    pub(super) fn new(action: &'static str, subject: impl Display) -> Self {
        Self { action, subject: subject.to_string() }
    }

    /// Does the work, within the deadline.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(DEADLINE, work).await {
            Ok(result) => result,
            Err(_) => {
                let detail = format!("no answer within {} seconds", DEADLINE.as_secs());
                Err(self.error(Fault::Unavailable, detail))
            }
        }
    }

    pub(super) fn failed(&self, error: &CosmosError) -> StoreError {
        let (fault, advice) = judge(error);
        self.error(fault, format!("{error}{advice}"))
    }

    /// For a database or a container that the service does not let us make.
    pub(super) fn may_not_make(&self, error: &CosmosError) -> StoreError {
        if !error.status().is_forbidden() {
            return self.failed(error);
        }
        let advice = "an identity makes databases and containers in Azure Resource Manager alone: use the account's connection string in LAKEHAND_COSMOS for this once, or the az commands of docs/metadata.md";
        self.error(Fault::Denied, format!("{error}; {advice}"))
    }

    pub(super) fn absent(&self) -> StoreError {
        self.error(Fault::NotFound, "nothing is there")
    }

    pub(super) fn taken(&self) -> StoreError {
        self.error(Fault::AlreadyExists, "something is there already")
    }

    pub(super) fn changed(&self, wanted: &ETag) -> StoreError {
        self.error(
            Fault::Changed,
            format!("another version or nothing is there instead of {wanted}"),
        )
    }

    pub(super) fn not_set_up(&self, database: &str, container: &str) -> StoreError {
        let detail = format!(
            "the database {database} has no container {container}; run `lakehand init-cosmos`, or check LAKEHAND_COSMOS_DATABASE"
        );
        self.error(Fault::Denied, detail)
    }

    pub(super) fn rejected(&self, detail: impl Display) -> StoreError {
        self.error(Fault::Rejected, detail)
    }

    /// For an answer that lacks what every answer of this kind has.
    pub(super) fn garbled(&self) -> StoreError {
        self.error(
            Fault::Unavailable,
            "the answer is not one of Cosmos DB; check LAKEHAND_COSMOS and any proxy",
        )
    }

    fn error(&self, fault: Fault, detail: impl Display) -> StoreError {
        StoreError::new(fault, self.action, &self.subject, detail)
    }
}

/// Whether the item is not there, in a container that is.
pub(super) fn is_absent(error: &CosmosError) -> bool {
    error.status().is_not_found() && !is_missing(error)
}

/// Whether the container or the database is not there.
fn is_missing(error: &CosmosError) -> bool {
    let sub_status = error.status().sub_status().map(|code| code.value());
    error.status().is_not_found() && sub_status == Some(OWNER_NOT_FOUND)
}

/// Whether something has this id already.
pub(super) fn is_taken(error: &CosmosError) -> bool {
    error.status().is_conflict()
}

/// Whether another version is there.
pub(super) fn is_changed(error: &CosmosError) -> bool {
    error.status().is_precondition_failed()
}

/// Whether a try before the one that was refused may have been carried out, its answer lost.
pub(super) fn may_be_our_own(error: &CosmosError) -> bool {
    let Some(diagnostics) = error.diagnostics() else { return true };
    let requests = diagnostics.requests();
    let earlier = requests.split_last().map_or(&[][..], |(_, earlier)| earlier);
    // What was left out of the record was sent too.
    diagnostics.request_count() > requests.len()
        || earlier.iter().any(|request| {
            let refused = request.status().is_throttled() || request.status().is_retry_with();
            request.request_sent().may_have_been_sent() && !refused
        })
}

fn judge(error: &CosmosError) -> (Fault, &'static str) {
    match u16::from(error.status().status_code()) {
        400 => (Fault::Rejected, ""),
        401 => (
            Fault::Denied,
            "; check the key, or give the app an identity or sign in with `az login`; and check this machine's clock",
        ),
        403 => (
            Fault::Denied,
            "; give the identity the role Cosmos DB Built-in Data Contributor, and let this network through the account's firewall",
        ),
        404 => (
            Fault::Denied,
            "; the database or container is not there: run `lakehand init-cosmos`, or check LAKEHAND_COSMOS_DATABASE",
        ),
        413 => (Fault::Rejected, "; an item has at most 2 MB"),
        429 => (
            Fault::Unavailable,
            "; the account has no request units left: give the database more throughput",
        ),
        _ => (Fault::Unavailable, ""),
    }
}
