//! `lakehand init-cosmos`: the database and its containers.

use clap::{Args, value_parser};
use lakehand::{
    settings::{Cosmos, Environment},
    stores::azure::{CosmosDocuments, Throughput},
};

use crate::commands::with_local_settings;

/// The arguments of `init-cosmos`.
#[derive(Debug, Args)]
pub(crate) struct InitCosmos {
    /// Request units a second that all containers of a new database share
    #[arg(long, value_name = "RU", value_parser = value_parser!(u32).range(400..))]
    throughput: Option<u32>,
    /// Make a new database without throughput: on a serverless account, or an emulator
    #[arg(long, conflicts_with = "throughput")]
    serverless: bool,
}

impl InitCosmos {
    /// Prints what it made or found.
    ///
    /// # Errors
    /// What is wrong with the settings, or why something cannot be made.
    pub(crate) async fn run(self, environment: Environment) -> Result<(), String> {
        let environment = with_local_settings(environment, None)?;
        let mut problems = Vec::new();
        let Some(cosmos) = Cosmos::read(&environment, &mut problems) else {
            return Err(match problems.as_slice() {
                [] => "LAKEHAND_COSMOS is not set: it takes the connection string of the account, with its key, for an identity may not make containers (for example LAKEHAND_COSMOS=AccountEndpoint=https://ACCOUNT.documents.azure.com:443/;AccountKey=KEY;)".to_owned(),
                _ => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            });
        };
        let documents = CosmosDocuments::open(&cosmos).map_err(|error| error.to_string())?;
        let steps = documents.set_up(self.throughput()).await.map_err(|error| error.to_string())?;
        for step in steps {
            println!("{step}");
        }
        Ok(())
    }

    fn throughput(&self) -> Throughput {
        match self.throughput {
            Some(units) => Throughput::Shared(units),
            None if self.serverless => Throughput::Serverless,
            None => Throughput::Unknown,
        }
    }
}
