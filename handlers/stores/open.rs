//! Opening the stores that the settings name.

use std::sync::Arc;

use time::OffsetDateTime;

use super::{
    StoreError,
    azure::{self, CosmosDocuments},
    blobs::Blobs,
    documents::Documents,
    keys::KeyProvider,
    local::{LocalBlobs, LocalDatabase, LocalKeyring},
    queues::Queues,
    tokens::Token,
};
use crate::settings::{Connection, Credential, Keys, Settings, Storage};

/// One store of each kind.
#[derive(Clone, Debug)]
pub struct Stores {
    /// The landing account, or the local lake.
    pub blobs: Arc<dyn Blobs>,
    /// Its queues.
    pub queues: Arc<dyn Queues>,
    /// What the worker remembers: in Cosmos DB, or in the embedded store.
    pub documents: Arc<dyn Documents>,
}

/// Opens the stores; nothing is sent to an account yet.
///
/// # Errors
/// The lake's folder cannot be used, or no client can be built for the account.
pub fn open(settings: &Settings) -> Result<Stores, StoreError> {
    let embedded = || LocalDatabase::open(&settings.lake, Arc::new(OffsetDateTime::now_utc));
    let (blobs, queues, database): (Arc<dyn Blobs>, Arc<dyn Queues>, _) = match &settings.storage {
        Storage::Lake => {
            let database = embedded()?;
            (Arc::new(LocalBlobs::open(&settings.lake)?), database.queues(), Some(database))
        }
        Storage::Account(connection) => {
            let (blobs, queues) = azure::open(connection)?;
            (blobs, queues, None)
        }
    };
    let documents: Arc<dyn Documents> = match (&settings.cosmos, database) {
        (Some(cosmos), _) => Arc::new(CosmosDocuments::open(cosmos)?),
        (None, Some(database)) => database.documents(),
        (None, None) => embedded()?.documents(),
    };
    Ok(Stores { blobs, queues, documents })
}

/// Opens the key-encryption keys, `None` if no place of them is set.
///
/// # Errors
/// No client can be built for the vault.
pub fn open_keys(keys: &Keys) -> Result<Option<Arc<dyn KeyProvider>>, StoreError> {
    match keys {
        Keys::Nowhere => Ok(None),
        Keys::Keyring(file) => Ok(Some(Arc::new(LocalKeyring::new(file)))),
        Keys::Vault(vault) => azure::open_vault(vault).map(Some),
    }
}

/// Opens the blobs of another account.
///
/// # Errors
/// No client can be built for the account.
pub fn open_account(connection: &Connection) -> Result<Arc<dyn Blobs>, StoreError> {
    azure::open(connection).map(|(blobs, _)| blobs)
}

/// Opens the source of tokens of an identity.
///
/// # Errors
/// No client can be built for it, or it is none.
pub fn open_token(credential: &Credential, scope: &'static str) -> Result<Token, StoreError> {
    azure::open_token(credential, scope)
}
