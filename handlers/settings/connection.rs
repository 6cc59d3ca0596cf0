//! A storage account and how to sign in to it, as Functions settings say it.

use url::Url;

use super::{Environment, Problem, Secret};

/// A storage account: the addresses of its services and the way in.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The setting it came from, for messages.
    pub setting: String,
    /// The account's name.
    pub account: String,
    /// The blob service, without a trailing slash and without a query.
    pub blob: Url,
    /// The queue service, likewise.
    pub queue: Url,
    /// How to sign in.
    pub credential: Credential,
}

/// How to sign in to a storage account.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The account key, base64, of a connection string.
    SharedKey(Secret),
    /// A shared access signature, without the leading `?`.
    Sas(Secret),
    /// A managed identity; `None` is the system-assigned one.
    ManagedIdentity {
        /// The client id of a user-assigned identity.
        client_id: Option<String>,
    },
    /// Whoever is signed in to the Azure CLI or the Azure Developer CLI.
    DeveloperTools,
}

impl Connection {
    /// Reads the connection that `setting` names, in the manner of the Functions host. `None` if no
    /// setting of that name or prefix is there; what is wrong goes to `problems`.
    pub fn read(
        _environment: &Environment,
        _setting: &str,
        _problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        None
    }
}
