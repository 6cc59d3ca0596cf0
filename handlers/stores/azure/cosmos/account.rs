//! The way to the containers: a client that is built when it is first needed.

use std::{fmt, time::Duration};

use azure_core::credentials::Secret;
use azure_data_cosmos::{
    AccountReference, CosmosClient, CosmosClientBuilder, CosmosCredential, RoutingStrategy,
    clients::ContainerClient,
    options::{
        AvailabilityStrategy, OperationOptions, OperationOptionsBuilder, ReadConsistencyStrategy,
        ThrottlingRetryOptionsBuilder, UserAgentSuffix,
    },
};
use tokio::sync::OnceCell;
use url::Url;

use super::error::Attempt;
use crate::{
    settings::{Cosmos, Credential},
    stores::{StoreError, azure::token_of, documents::Collection},
};

/// How long the client waits in all when the service says that it has no request units left.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database of an account.
pub(super) struct Account {
    way: Option<(Url, CosmosCredential)>,
    client: OnceCell<CosmosClient>,
    database: String,
    containers: [OnceCell<ContainerClient>; Collection::ALL.len()],
}

impl Account {
    pub(super) fn new(settings: &Cosmos) -> Result<Self, StoreError> {
        let way = (settings.address.clone(), credential(settings)?);
        Ok(Self { way: Some(way), ..Self::of(&settings.database) })
    }

    pub(super) fn with_client(client: CosmosClient, database: &str) -> Self {
        Self { client: OnceCell::new_with(Some(client)), ..Self::of(database) }
    }

    fn of(database: &str) -> Self {
        Self {
            way: None,
            client: OnceCell::new(),
            database: database.to_owned(),
            containers: Default::default(),
        }
    }

    /// The database, as messages name it.
    pub(super) fn name(&self) -> String {
        format!("the Cosmos DB database {}", self.database)
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// The client, built with the first call that succeeds.
    pub(super) async fn client(&self, attempt: &Attempt) -> Result<&CosmosClient, StoreError> {
        self.client.get_or_try_init(|| self.connect(attempt)).await
    }

    async fn connect(&self, attempt: &Attempt) -> Result<CosmosClient, StoreError> {
        let Some((address, credential)) = &self.way else {
            return Err(attempt.rejected("there is no way to the account"));
        };
        let account = match credential {
            CosmosCredential::AccountKey(key) => {
                AccountReference::with_authentication_key(address.clone().into(), key.clone())
            }
            CosmosCredential::TokenCredential(token) => {
                AccountReference::with_credential(address.clone().into(), token.clone())
            }
            _ => return Err(attempt.rejected("this kind of credential is not known")),
        };
        let agent = UserAgentSuffix::try_from("lakehand").expect("the name is short and plain");
        // No region is preferred: the account's own order begins with the one that is written to,
        // where what was written can be read.
        CosmosClientBuilder::new()
            .with_user_agent_suffix(agent)
            .build(account, RoutingStrategy::PreferredRegions(Vec::new()))
            .await
            .map_err(|error| attempt.failed(&error))
    }

    /// The container of a collection, looked up with the first call that succeeds.
    pub(super) async fn container(
        &self,
        attempt: &Attempt,
        collection: Collection,
    ) -> Result<ContainerClient, StoreError> {
        let find = || async {
            let database = self.client(attempt).await?.database_client(self.database.as_str());
            let found = database.container_client(collection.name(), None).await;
            found.map_err(|error| match error.status().is_not_found() {
                true => attempt.not_set_up(&self.database, collection.name()),
                false => attempt.failed(&error),
            })
        };
        self.containers[collection as usize].get_or_try_init(find).await.cloned()
    }
}

/// What every request is sent with. No read is tried in a second region for speed: what was just
/// written may not be there yet.
pub(super) fn options() -> OperationOptions {
    let throttling = ThrottlingRetryOptionsBuilder::new().with_max_retry_wait_time(PATIENCE);
    OperationOptionsBuilder::new()
        .with_availability_strategy(AvailabilityStrategy::Disabled)
        .with_read_consistency_strategy(ReadConsistencyStrategy::LatestCommitted)
        .with_throttling_retry_options(throttling.build())
        .build()
}

fn credential(settings: &Cosmos) -> Result<CosmosCredential, StoreError> {
    let attempt = Attempt::new("open", &settings.address);
    if let Credential::SharedKey(key) = &settings.credential {
        return Ok(Secret::new(key.expose().to_owned()).into());
    }
    match token_of(&settings.credential)? {
        Some(token) => Ok(token.into()),
        None => Err(attempt.rejected("a Cosmos DB account takes a key or an identity")),
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.way.as_ref().map(|(address, _)| address.as_str());
        f.debug_struct("Account")
            .field("address", &address)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
