//! A storage account and how to sign in to it, as Functions settings say it.

#[cfg(test)]
mod tests;
mod text;

use base64::{Engine, engine::general_purpose::STANDARD};
use url::Url;

use super::{Environment, Problem, Secret};
pub(super) use text::Fields;

/// A storage account: the addresses of its services and the way in.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

const STRING: &str = "DefaultEndpointsProtocol=https;AccountName=ACCOUNT;AccountKey=KEY;EndpointSuffix=core.windows.net";
const BLOB_URI: &str = "https://ACCOUNT.blob.core.windows.net";
const QUEUE_URI: &str = "https://ACCOUNT.queue.core.windows.net";
const PUBLIC_CLOUD: &str = "core.windows.net";

impl Connection {
    /// Reads the connection that `setting` names, in the manner of the Functions host: the setting
    /// itself is a connection string, or settings that start with its name and `__` or `:` hold the
    /// parts; `AzureWebJobs` may stand before either and is looked for first; case does not count.
    ///
    /// `None` if no setting of that name or prefix is there, and if something is wrong, which goes
    /// to `problems`.
    pub fn read(
        environment: &Environment,
        setting: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let named = Named { environment, setting };
        let read = match named.find(None) {
            Some((name, text)) => from_string(name, setting, text),
            None => from_parts(&named)?,
        };
        read.map_err(|problem| problems.push(problem)).ok()
    }
}

impl Credential {
    /// Reads how to sign in to another service of Azure than storage, by the parts `credential` and
    /// `clientId` of its setting.
    pub(crate) fn read(environment: &Environment, setting: &str) -> Result<Self, Problem> {
        identity(&Named { environment, setting })
    }
}

/// The settings of one connection.
struct Named<'a> {
    environment: &'a Environment,
    setting: &'a str,
}

impl<'a> Named<'a> {
    /// The setting itself, or one of its parts, with the name it goes by.
    fn find(&self, part: Option<&str>) -> Option<(&'a str, &'a str)> {
        let tail = part.map(|part| format!("__{part}")).unwrap_or_default();
        [format!("AzureWebJobs{}{tail}", self.setting), format!("{}{tail}", self.setting)]
            .iter()
            .find_map(|wanted| self.lookup(wanted))
    }

    fn lookup(&self, wanted: &str) -> Option<(&'a str, &'a str)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.trim()))
            .find(|(name, _)| name.replace(':', "__").eq_ignore_ascii_case(wanted))
            .filter(|(_, value)| !value.is_empty())
    }

    fn part(&self, part: &str) -> Option<&'a str> {
        self.find(Some(part)).map(|(_, value)| value)
    }

    /// The name to use in messages for a part that may not be there.
    fn name(&self, part: &str) -> String {
        match self.find(Some(part)) {
            Some((name, _)) => name.to_owned(),
            None => format!("{}__{part}", self.setting),
        }
    }

    fn problem(&self, part: &str, reason: &str, example: &str) -> Problem {
        Problem::new(self.name(part), reason, example)
    }
}

/// Reads `NAME__blobServiceUri` and its companions; `None` if there are none.
fn from_parts(named: &Named<'_>) -> Option<Result<Connection, Problem>> {
    let parts = ["blobServiceUri", "serviceUri", "accountName", "queueServiceUri", "credential"];
    parts.iter().any(|part| named.part(part).is_some()).then(|| assemble(named))
}

fn assemble(named: &Named<'_>) -> Result<Connection, Problem> {
    let (blob, signature) = blob_service(named)?;
    let queue = queue_service(named, &blob, signature.as_ref())?;
    let credential = match signature {
        Some(signature) => Credential::Sas(signature),
        None => identity_over(named, &blob)?,
    };
    let account = named.part("accountName").map_or_else(|| account_of(&blob), str::to_owned);
    Ok(Connection { setting: named.setting.to_owned(), account, blob, queue, credential })
}

fn blob_service(named: &Named<'_>) -> Result<(Url, Option<Secret>), Problem> {
    for part in ["blobServiceUri", "serviceUri"] {
        if let Some(text) = named.part(part) {
            return endpoint(text).map_err(|reason| named.problem(part, reason, BLOB_URI));
        }
    }
    let Some(account) = named.part("accountName") else {
        return Err(named.problem("blobServiceUri", "is missing", BLOB_URI));
    };
    let url = default_endpoint("https", account, "blob", PUBLIC_CLOUD)
        .ok_or_else(|| named.problem("accountName", "is not an account name", "mylake"))?;
    Ok((url, None))
}

fn queue_service(
    named: &Named<'_>,
    blob: &Url,
    signature: Option<&Secret>,
) -> Result<Url, Problem> {
    let problem = |reason| named.problem("queueServiceUri", reason, QUEUE_URI);
    let Some(text) = named.part("queueServiceUri") else {
        return queue_beside(blob)
            .ok_or_else(|| problem("is missing, and the blob service's address does not tell it"));
    };
    match endpoint(text).map_err(problem)? {
        (_, Some(own)) if signature != Some(&own) => {
            Err(problem("has another signature than the blob service; use one for both"))
        }
        (url, _) => Ok(url),
    }
}

/// An identity in Microsoft Entra ID, whose tokens may only travel encrypted.
fn identity_over(named: &Named<'_>, blob: &Url) -> Result<Credential, Problem> {
    if blob.scheme() != "https" {
        let reason = "must start with https://, or carry a shared access signature";
        let part =
            if named.part("blobServiceUri").is_some() { "blobServiceUri" } else { "serviceUri" };
        return Err(named.problem(part, reason, BLOB_URI));
    }
    identity(named)
}

fn identity(named: &Named<'_>) -> Result<Credential, Problem> {
    let client_id = named.part("clientId").map(str::to_owned);
    match named.part("credential") {
        Some(kind) if kind.eq_ignore_ascii_case("managedidentity") => {
            Ok(Credential::ManagedIdentity { client_id })
        }
        Some(_) => {
            let reason =
                "is not a kind of credential that is known here; leave it out outside Azure";
            Err(named.problem("credential", reason, "managedidentity"))
        }
        None if runs_in_azure(named.environment) => Ok(Credential::ManagedIdentity { client_id }),
        None => Ok(Credential::DeveloperTools),
    }
}

/// Whether the platform offers a managed identity, by the variables that it sets for one.
fn runs_in_azure(environment: &Environment) -> bool {
    ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"].iter().any(|name| environment.contains_key(*name))
}

/// Reads a connection string, in the form that the Azure portal shows.
fn from_string(name: &str, setting: &str, text: &str) -> Result<Connection, Problem> {
    let problem = |reason: &str| Problem::new(name, reason, STRING);
    let fields = Fields::parse(text).map_err(|reason| problem(&reason))?;
    if fields.get("UseDevelopmentStorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(text::development(setting));
    }
    let (blob, in_blob) = fields.blob().map_err(|reason| problem(&reason))?;
    let queue = fields.queue(&blob).map_err(|reason| problem(&reason))?;
    let account = fields.get("AccountName").map_or_else(|| account_of(&blob), str::to_owned);
    let credential = match (fields.get("AccountKey"), fields.get("SharedAccessSignature"), in_blob)
    {
        (Some(_), ..) if fields.get("AccountName").is_none() => {
            return Err(problem("has an AccountKey but no AccountName"));
        }
        (Some(key), ..) if STANDARD.decode(key).is_err() => {
            return Err(problem("has an AccountKey that is not base64; copy it again"));
        }
        (Some(key), ..) => Credential::SharedKey(Secret::new(key)),
        (None, Some(signature), _) => {
            Credential::Sas(Secret::new(signature.trim_start_matches('?')))
        }
        (None, None, Some(signature)) => Credential::Sas(signature),
        (None, None, None) => {
            return Err(problem("has neither an AccountKey nor a SharedAccessSignature"));
        }
    };
    Ok(Connection { setting: setting.to_owned(), account, blob, queue, credential })
}

/// Takes a service's address apart into the bare address and the signature it may carry.
fn endpoint(text: &str) -> Result<(Url, Option<Secret>), &'static str> {
    let mut url = Url::parse(text).map_err(|_| "is not an address")?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
        return Err("is not an address that starts with https:// or http://");
    }
    let signature = url.query().filter(|query| query.contains("sig=")).map(Secret::new);
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok((url, signature))
}

/// The address that Azure gives to a service of an account.
fn default_endpoint(protocol: &str, account: &str, service: &str, suffix: &str) -> Option<Url> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if account.is_empty() || !account.chars().all(plain) {
        return None;
    }
    Url::parse(&format!("{protocol}://{account}.{service}.{suffix}")).ok()
}

/// The queue service that belongs to a blob service, where the host tells: `NAME.blob.REST`.
fn queue_beside(blob: &Url) -> Option<Url> {
    let (account, rest) = blob.host_str()?.split_once(".blob.")?;
    let mut queue = blob.clone();
    queue.set_host(Some(&format!("{account}.queue.{rest}"))).ok()?;
    Some(queue)
}

/// The account that a blob service belongs to: the host's first label, or the first segment of the
/// path where the host is an emulator.
fn account_of(blob: &Url) -> String {
    let segment = blob.path_segments().and_then(|mut segments| segments.next());
    match segment.filter(|segment| !segment.is_empty()) {
        Some(account) => account.to_owned(),
        None => blob.host_str().and_then(|host| host.split('.').next()).unwrap_or("").to_owned(),
    }
}
