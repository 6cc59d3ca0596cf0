//! `lakehand keys`: the key-encryption keys of a local keyring.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lakehand::stores::local::LocalKeyring;
use time::OffsetDateTime;

/// What to do with a keyring.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key, and the keyring if there is none
    Init(Named),
    /// Make a new version of a key; what was wrapped before still opens
    Rotate(Named),
}

/// A key in a keyring.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The keyring, a file that only its owner may read
    #[arg(long, value_name = "FILE")]
    keyring: PathBuf,
    /// The key's name
    #[arg(long)]
    key: String,
}

impl Keys {
    /// Does it and says so.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub(crate) fn run(&self) -> Result<(), String> {
        let now = OffsetDateTime::now_utc();
        let (Self::Init(named) | Self::Rotate(named)) = self;
        let keyring = LocalKeyring::new(&named.keyring);
        let version = match self {
            Self::Init(_) => keyring.init(&named.key, now).map(|()| 1),
            Self::Rotate(_) => keyring.rotate(&named.key, now),
        };
        let version = version.map_err(|error| error.to_string())?;
        println!("{}: key {}, version {version}", named.keyring.display(), named.key);
        Ok(())
    }
}
