//! The adapters for Azure Storage, Azure Key Vault and Azure Cosmos DB, on Microsoft's own clients.
//!
//! What those of storage and vault lack is added as policies of their pipeline: signing with the account key
//! (`shared_key`) and retries that end while a caller still waits (`retry`).

mod attributes;
mod blobs;
mod blocks;
mod cosmos;
mod download;
mod error;
mod lend;
mod listing;
mod queues;
mod retry;
mod shared_key;
mod vault;

use std::{sync::Arc, time::Duration};

use azure_core::{
    credentials::TokenCredential,
    http::{
        ClientOptions, HttpClient, RetryOptions, Transport, UserAgentOptions, policies::Policy,
    },
};
use azure_identity::{
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId,
};
use url::Url;

use super::{StoreError, blobs::Blobs, keys::KeyProvider, queues::Queues, tokens::Token};
use crate::settings::{Connection, Credential, Secret, Vault};
use blobs::AzureBlobs;
pub use cosmos::{Clock, CosmosDocuments, Outcome, Step, Throughput};
use error::Attempt;
use queues::AzureQueues;
use retry::Retry;
use shared_key::{AccountKey, SharedKey};
use vault::KeyVault;

/// How long a connection may take to come about before the next try.
const CONNECT: Duration = Duration::from_secs(5);

/// Both services of a storage account, sharing one HTTP client.
type Services = (Arc<dyn Blobs>, Arc<dyn Queues>);

/// Opens the services of a storage account; nothing is sent yet.
///
/// # Errors
/// `Rejected` if no client can be built: a key that is not base64, an identity over plain HTTP.
pub fn open(connection: &Connection) -> Result<Services, StoreError> {
    let attempt = Attempt::new("open", &connection.setting);
    let options = client_options(http_client(&attempt)?);
    let access = Access::new(connection, options).map_err(|error| attempt.failed(&error))?;
    let blobs = AzureBlobs::new(connection, &access).map_err(|error| attempt.failed(&error))?;
    let queues = AzureQueues::new(connection, &access).map_err(|error| attempt.failed(&error))?;
    Ok((Arc::new(blobs), Arc::new(queues)))
}

/// Opens a key vault; nothing is sent yet.
///
/// # Errors
/// `Rejected` if no client can be built.
pub fn open_vault(vault: &Vault) -> Result<Arc<dyn KeyProvider>, StoreError> {
    let attempt = Attempt::new("open", &vault.address);
    let options = client_options(http_client(&attempt)?);
    let token = token(&vault.credential, &options).map_err(|error| attempt.failed(&error))?;
    let token = token.ok_or_else(|| attempt.rejected("a key vault takes an identity only"))?;
    let vault = KeyVault::new(&vault.address, token, options);
    Ok(Arc::new(vault.map_err(|error| attempt.failed(&error))?))
}

/// Opens the source of tokens of an identity; nothing is asked for yet.
///
/// # Errors
/// `Rejected` if no client can be built, or it is a key or a signature.
pub fn open_token(credential: &Credential, scope: &'static str) -> Result<Token, StoreError> {
    let token = token_of(credential)?;
    let token =
        token.ok_or_else(|| Attempt::new("sign in", scope).rejected("it is no identity"))?;
    Ok(Arc::new(move || {
        let token = Arc::clone(&token);
        Box::pin(async move {
            let token = token.get_token(&[scope], None).await;
            let token = token.map_err(|error| Attempt::new("sign in", scope).failed(&error))?;
            Ok(Secret::new(token.token.secret()))
        })
    }))
}

/// The source of tokens of an identity, `None` for a key or a signature.
fn token_of(credential: &Credential) -> Result<Option<Arc<dyn TokenCredential>>, StoreError> {
    let attempt = Attempt::new("sign in", "the account");
    let options = client_options(http_client(&attempt)?);
    token(credential, &options).map_err(|error| attempt.failed(&error))
}

fn http_client(attempt: &Attempt<'_>) -> Result<Arc<dyn HttpClient>, StoreError> {
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| attempt.rejected("no HTTP client can be built; check the proxy settings"))?;
    Ok(Arc::new(client))
}

fn client_options(http: Arc<dyn HttpClient>) -> ClientOptions {
    ClientOptions {
        per_call_policies: vec![Arc::new(Retry)],
        retry: RetryOptions::none(),
        transport: Some(Transport::new(http)),
        user_agent: UserAgentOptions { application_id: Some("lakehand".to_owned()) },
        ..ClientOptions::default()
    }
}

/// The way into an account: what the clients of both services are built with.
struct Access {
    options: ClientOptions,
    token: Option<Arc<dyn TokenCredential>>,
    key: Option<AccountKey>,
}

impl Access {
    fn new(connection: &Connection, mut options: ClientOptions) -> azure_core::Result<Self> {
        let token = token(&connection.credential, &options)?;
        let key = match &connection.credential {
            Credential::SharedKey(key) => Some(AccountKey::new(&connection.account, key)?),
            _ => None,
        };
        if let Some(key) = &key {
            let sign: Arc<dyn Policy> = Arc::new(SharedKey(key.clone()));
            options.per_try_policies.push(sign);
        }
        Ok(Self { options, token, key })
    }
}

/// The source of tokens for an identity in Microsoft Entra ID.
fn token(
    credential: &Credential,
    options: &ClientOptions,
) -> azure_core::Result<Option<Arc<dyn TokenCredential>>> {
    Ok(match credential {
        Credential::SharedKey(_) | Credential::Sas(_) => None,
        Credential::DeveloperTools => Some(DeveloperToolsCredential::new(None)?),
        Credential::ManagedIdentity { client_id } => {
            Some(ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                client_options: options.clone(),
            }))?)
        }
    })
}

/// The address of a service as the clients want it, with the shared access signature if there is
/// one; the addresses of containers, blobs and queues inherit it.
fn service_url(base: &Url, credential: &Credential) -> Url {
    let mut url = base.clone();
    if let Credential::Sas(signature) = credential {
        url.set_query(Some(signature.expose()));
    }
    url
}
