//! Connection strings: `Name=value` pairs between semicolons.

use std::collections::BTreeMap;

use url::Url;

use super::{
    Connection, Credential, PUBLIC_CLOUD, Secret, default_endpoint, endpoint, queue_beside,
};

/// The account that every Azurite knows; its key is public.
const DEVELOPMENT_ACCOUNT: &str = "devstoreaccount1";
const DEVELOPMENT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// What `UseDevelopmentStorage=true` stands for. `DevelopmentStorageProxyUri`, which belongs to
/// the emulator before Azurite, is ignored.
pub(super) fn development(setting: &str) -> Connection {
    let service = |port| {
        Url::parse(&format!("http://127.0.0.1:{port}/{DEVELOPMENT_ACCOUNT}"))
            .expect("the address is a constant and well formed")
    };
    Connection {
        setting: setting.to_owned(),
        account: DEVELOPMENT_ACCOUNT.to_owned(),
        blob: service(10_000),
        queue: service(10_001),
        credential: Credential::SharedKey(Secret::new(DEVELOPMENT_KEY)),
    }
}

/// The pairs of a connection string. Its errors are reasons that name the pair, never its value.
pub(in crate::settings) struct Fields<'a>(BTreeMap<String, &'a str>);

impl<'a> Fields<'a> {
    pub(in crate::settings) fn parse(text: &'a str) -> Result<Self, String> {
        let mut fields = BTreeMap::new();
        for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .ok_or("is not a connection string: between semicolons it needs Name=value")?;
            fields.insert(name.trim().to_ascii_lowercase(), value.trim());
        }
        Ok(Self(fields))
    }

    /// A pair's value; names are compared without regard to case, an empty value counts as absent.
    pub(in crate::settings) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(&name.to_ascii_lowercase()).copied().filter(|value| !value.is_empty())
    }

    /// The blob service, and the signature that its address may carry.
    pub(super) fn blob(&self) -> Result<(Url, Option<Secret>), String> {
        match self.get("BlobEndpoint") {
            Some(text) => {
                endpoint(text).map_err(|reason| format!("has a BlobEndpoint that {reason}"))
            }
            None => Ok((self.default("blob")?, None)),
        }
    }

    /// The queue service, which an explicit `BlobEndpoint` may have to tell.
    pub(super) fn queue(&self, blob: &Url) -> Result<Url, String> {
        match (self.get("QueueEndpoint"), self.get("BlobEndpoint")) {
            (Some(text), _) => endpoint(text)
                .map(|(url, _)| url)
                .map_err(|reason| format!("has a QueueEndpoint that {reason}")),
            (None, Some(_)) => queue_beside(blob).ok_or_else(|| {
                "has no QueueEndpoint, and the BlobEndpoint does not tell it".to_owned()
            }),
            (None, None) => self.default("queue"),
        }
    }

    fn default(&self, service: &str) -> Result<Url, String> {
        let protocol = self.get("DefaultEndpointsProtocol").unwrap_or("https");
        if !["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(protocol)) {
            return Err("has a DefaultEndpointsProtocol that is neither https nor http".to_owned());
        }
        let account = self.get("AccountName").ok_or("has no AccountName and no BlobEndpoint")?;
        let suffix = self.get("EndpointSuffix").unwrap_or(PUBLIC_CLOUD);
        default_endpoint(protocol, account, service, suffix)
            .ok_or_else(|| "has an AccountName or EndpointSuffix that makes no address".to_owned())
    }
}
