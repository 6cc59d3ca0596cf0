//! Where the documents are, if not in the embedded store.

use base64::{Engine, engine::general_purpose::STANDARD};
use url::{Host, Url};

use super::{Credential, Environment, Problem, Secret, connection::Fields};

const COSMOS: &str = "LAKEHAND_COSMOS";
const COSMOS_EXAMPLE: &str = "https://ACCOUNT.documents.azure.com";
const DATABASE: &str = "LAKEHAND_COSMOS_DATABASE";
const DEFAULT_DATABASE: &str = "lakehand";

/// The longest name of a database, in characters.
const LONGEST: usize = 255;

/// A database in an Azure Cosmos DB account for NoSQL, and how to sign in to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosmos {
    /// The account's address: the host alone.
    pub address: Url,
    /// The account's key, a managed identity, or whoever is signed in to the developer tools.
    pub credential: Credential,
    /// The database.
    pub database: String,
}

impl Cosmos {
    /// Reads `LAKEHAND_COSMOS`, an address, whose parts `__credential` and `__clientId` are those of
    /// a storage connection, or a connection string; and `LAKEHAND_COSMOS_DATABASE`.
    ///
    /// `None` if it is not set, and if something is wrong, which goes to `problems`.
    pub fn read(environment: &Environment, problems: &mut Vec<Problem>) -> Option<Self> {
        let text =
            |name: &str| environment.get(name).map(|it| it.trim()).filter(|it| !it.is_empty());
        let database = database(text(DATABASE).unwrap_or(DEFAULT_DATABASE));
        let account = account(environment, text(COSMOS)?);
        match (account, database) {
            (Ok((address, credential)), Ok(database)) => {
                Some(Self { address, credential, database })
            }
            (account, database) => {
                problems.extend(account.err());
                problems.extend(database.err());
                None
            }
        }
    }
}

fn account(environment: &Environment, text: &str) -> Result<(Url, Credential), Problem> {
    // The scheme of an address holds no equals sign, so no connection string is an address.
    if Url::parse(text).is_err() && text.contains('=') {
        return from_string(text).map_err(|reason| {
            Problem::new(
                COSMOS,
                reason,
                format!("AccountEndpoint={COSMOS_EXAMPLE}/;AccountKey=KEY"),
            )
        });
    }
    let problem = |reason| Problem::new(COSMOS, reason, COSMOS_EXAMPLE);
    let address = address(text).map_err(problem)?;
    if address.scheme() != "https" {
        return Err(problem("must start with https://, for tokens travel to it"));
    }
    Ok((address, Credential::read(environment, COSMOS)?))
}

fn from_string(text: &str) -> Result<(Url, Credential), String> {
    let fields = Fields::parse(text)?;
    let endpoint = fields.get("AccountEndpoint").ok_or("has no AccountEndpoint")?;
    let address =
        address(endpoint).map_err(|reason| format!("has an AccountEndpoint that {reason}"))?;
    let key = fields.get("AccountKey").ok_or("has no AccountKey")?;
    if STANDARD.decode(key).is_err() {
        return Err("has an AccountKey that is not base64; copy it again".to_owned());
    }
    Ok((address, Credential::SharedKey(Secret::new(key))))
}

/// Only an emulator on this machine does without encryption.
fn address(text: &str) -> Result<Url, &'static str> {
    let address = Url::parse(text).map_err(|_| "is not an address")?;
    let allowed = match address.scheme() {
        "https" => true,
        "http" => is_this_machine(&address),
        _ => false,
    };
    if !allowed || !address.username().is_empty() {
        return Err("must start with https://");
    }
    if address.path() != "/" || address.query().is_some() || address.fragment().is_some() {
        return Err("is more than the address of an account; leave out what follows the host");
    }
    Ok(address)
}

fn is_this_machine(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn database(name: &str) -> Result<String, Problem> {
    let forbidden = |c: char| "/\\?#".contains(c) || c.is_control();
    if name.chars().count() > LONGEST || name.contains(forbidden) {
        let reason = "is not a name that Cosmos DB allows: up to 255 characters without / \\ ? #";
        return Err(Problem::new(DATABASE, reason, DEFAULT_DATABASE));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const KEY: &str = "c2VjcmV0LWtleQ==";

    fn read(settings: &[(&str, &str)]) -> (Option<Cosmos>, Vec<Problem>) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut problems = Vec::new();
        let cosmos = Cosmos::read(&settings.iter().map(own).collect(), &mut problems);
        (cosmos, problems)
    }

    #[test]
    fn an_address_is_signed_in_to_as_storage_is() {
        let (cosmos, problems) = read(&[(COSMOS, " https://lake.documents.azure.com:443/ ")]);
        let cosmos = cosmos.unwrap();
        assert_eq!(problems, []);
        assert_eq!(cosmos.address.as_str(), "https://lake.documents.azure.com/");
        assert_eq!(cosmos.database, "lakehand");
        assert_eq!(cosmos.credential, Credential::DeveloperTools);
        let (cosmos, _) = read(&[
            (COSMOS, "https://lake.documents.azure.com"),
            ("LAKEHAND_COSMOS__clientId", "1-2-3"),
            ("IDENTITY_ENDPOINT", "http://127.0.0.1"),
        ]);
        let identity = Credential::ManagedIdentity { client_id: Some("1-2-3".to_owned()) };
        assert_eq!(cosmos.unwrap().credential, identity);
    }

    #[test]
    fn a_connection_string_holds_a_key() {
        for endpoint in ["https://lake.documents.azure.com:443/", "http://localhost:8081"] {
            let text = format!("AccountEndpoint={endpoint};AccountKey={KEY};");
            let (cosmos, problems) = read(&[(COSMOS, &text), (DATABASE, "pipelines")]);
            let cosmos = cosmos.unwrap();
            assert_eq!((problems, cosmos.database.as_str()), (vec![], "pipelines"));
            assert_eq!(cosmos.credential, Credential::SharedKey(Secret::new(KEY)));
            assert!(!format!("{cosmos:?}").contains(KEY));
        }
    }

    #[test]
    fn nothing_is_set() {
        assert_eq!(read(&[]), (None, vec![]));
        assert_eq!(read(&[(COSMOS, " "), (DATABASE, "pipelines")]), (None, vec![]));
    }

    #[test]
    fn what_is_no_account() {
        let secret = format!("AccountEndpoint=ftp://lake;AccountKey={KEY}");
        for text in [
            "lake",
            "http://localhost:8081",
            "http://lake.documents.azure.com",
            "https://user:password@lake.documents.azure.com",
            "https://lake.documents.azure.com/dbs/lakehand",
            "https://lake.documents.azure.com/?a=b",
            "AccountEndpoint=https://lake.documents.azure.com",
            "AccountKey=c2VjcmV0LWtleQ==",
            "AccountEndpoint=https://lake.documents.azure.com;AccountKey=not base64",
            "AccountEndpoint=http://lake.documents.azure.com;AccountKey=c2VjcmV0LWtleQ==",
            &secret,
        ] {
            let (cosmos, problems) = read(&[(COSMOS, text)]);
            assert_eq!((cosmos, problems.len()), (None, 1), "{text}");
            let told = problems[0].to_string();
            assert!(told.starts_with(COSMOS), "{told}");
            assert!(!told.contains("password") && !told.contains(KEY), "{told}");
        }
    }

    #[test]
    fn every_problem_is_told() {
        let (_, problems) = read(&[(COSMOS, "lake"), (DATABASE, "a/b")]);
        let settings: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
        assert_eq!(settings, [COSMOS, DATABASE]);
    }
}
