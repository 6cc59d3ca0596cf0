//! Where the key-encryption keys are.

use std::path::{Path, PathBuf};

use url::Url;

use super::{Credential, Environment, Problem};

const VAULT: &str = "LAKEHAND_KEY_VAULT";
const VAULT_EXAMPLE: &str = "https://VAULT.vault.azure.net";
const KEYRING: &str = "LAKEHAND_KEYRING";

/// A place of key-encryption keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// None: nothing is encrypted and nothing is decrypted.
    Nowhere,
    /// A file.
    Keyring(PathBuf),
    /// A vault.
    Vault(Box<Vault>),
}

/// An Azure Key Vault, or a managed HSM, and how to sign in to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// Its address: the host alone.
    pub address: Url,
    /// A managed identity, or whoever is signed in to the developer tools.
    pub credential: Credential,
}

impl Keys {
    /// Reads `LAKEHAND_KEY_VAULT`, whose parts `__credential` and `__clientId` are those of a
    /// storage connection, or `LAKEHAND_KEYRING`, a path from the folder with `host.json`.
    pub fn read(environment: &Environment, root: &Path, problems: &mut Vec<Problem>) -> Self {
        let text =
            |name: &str| environment.get(name).map(|it| it.trim()).filter(|it| !it.is_empty());
        match (text(VAULT), text(KEYRING)) {
            (None, None) => Self::Nowhere,
            (None, Some(file)) => Self::Keyring(root.join(file)),
            (Some(address), None) => vault(environment, address).map(Box::new).map_or_else(
                |problem| {
                    problems.push(problem);
                    Self::Nowhere
                },
                Self::Vault,
            ),
            (Some(_), Some(_)) => {
                let reason = format!("is set, and {VAULT} too; keep one of them");
                problems.push(Problem::new(KEYRING, reason, "keyring.json"));
                Self::Nowhere
            }
        }
    }
}

fn vault(environment: &Environment, text: &str) -> Result<Vault, Problem> {
    let problem = |reason| Problem::new(VAULT, reason, VAULT_EXAMPLE);
    let address = Url::parse(text).map_err(|_| problem("is not an address"))?;
    if address.scheme() != "https" || !address.username().is_empty() {
        return Err(problem("must start with https://, for tokens travel to it"));
    }
    if address.path() != "/" || address.query().is_some() || address.fragment().is_some() {
        return Err(problem(
            "is more than the address of a vault; leave out what follows the host",
        ));
    }
    Ok(Vault { address, credential: Credential::read(environment, VAULT)? })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn read(settings: &[(&str, &str)]) -> (Keys, Vec<Problem>) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut problems = Vec::new();
        let keys =
            Keys::read(&settings.iter().map(own).collect(), Path::new("/app"), &mut problems);
        (keys, problems)
    }

    fn credential(settings: &[(&str, &str)]) -> Credential {
        let vault = [(VAULT, "https://lake.vault.azure.net/")];
        let (Keys::Vault(vault), problems) = read(&[&vault, settings].concat()) else { panic!() };
        assert_eq!((vault.address.as_str(), problems), ("https://lake.vault.azure.net/", vec![]));
        vault.credential
    }

    #[test]
    fn keys_are_in_one_place_or_nowhere() {
        assert_eq!(read(&[]), (Keys::Nowhere, vec![]));
        assert_eq!(read(&[(VAULT, ""), (KEYRING, " ")]), (Keys::Nowhere, vec![]));
        let (keys, problems) = read(&[(KEYRING, "keyring.json"), (VAULT, "")]);
        assert_eq!((keys, problems), (Keys::Keyring("/app/keyring.json".into()), vec![]));
        assert_eq!(read(&[(KEYRING, "/etc/keys")]).0, Keys::Keyring("/etc/keys".into()));
        let (keys, problems) = read(&[(KEYRING, "a"), (VAULT, "https://a.vault.azure.net")]);
        assert_eq!((keys, problems[0].setting.as_str()), (Keys::Nowhere, KEYRING));
    }

    #[test]
    fn a_vault_is_signed_in_to_as_storage_is() {
        assert_eq!(credential(&[]), Credential::DeveloperTools);
        let identity = credential(&[("IDENTITY_ENDPOINT", "http://127.0.0.1")]);
        assert_eq!(identity, Credential::ManagedIdentity { client_id: None });
        let own = credential(&[
            ("LAKEHAND_KEY_VAULT__credential", "managedidentity"),
            ("LAKEHAND_KEY_VAULT__clientId", "1-2-3"),
        ]);
        assert_eq!(own, Credential::ManagedIdentity { client_id: Some("1-2-3".to_owned()) });
    }

    #[test]
    fn what_is_no_address_of_a_vault() {
        for address in [
            "lake",
            "http://lake.vault.azure.net",
            "https://user:password@lake.vault.azure.net",
            "https://lake.vault.azure.net/keys/pii",
            "https://lake.vault.azure.net/?a=b",
        ] {
            let (keys, problems) = read(&[(VAULT, address)]);
            assert_eq!((keys, problems.len()), (Keys::Nowhere, 1), "{address}");
            let text = problems.first().unwrap().to_string();
            assert!(text.starts_with(VAULT) && !text.contains("password"), "{text}");
        }
        let unknown =
            [(VAULT, "https://lake.vault.azure.net"), ("LAKEHAND_KEY_VAULT__credential", "x")];
        assert_eq!(read(&unknown).1[0].setting, "LAKEHAND_KEY_VAULT__credential");
    }
}
