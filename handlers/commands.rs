//! What each command does; all but `serve` and `dev` print and end.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Subcommand, value_parser};
use lakehand::{
    host::{dev, package},
    routing::trace::trace,
    settings::{Environment, Settings},
    stores::blobs::BlobPath,
};

use crate::{
    alert::Alert,
    check::Check,
    cosmos::InitCosmos,
    files::{Decrypt, Encrypt, Inspect},
    keys::Keys,
    serve::{open_app, serve},
};

/// What to do; `serve` when nothing is said.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer the Functions host (what the host starts; the default)
    Serve {
        /// End when the standard input ends
        #[arg(long, hide = true)]
        stop_with_stdin: bool,
    },
    /// Run on this machine: host, worker and files in a folder, no Azure needed
    Dev {
        /// The folder that holds containers and blobs [default: lake]
        #[arg(long, value_name = "DIR")]
        lake: Option<PathBuf>,
        /// The port to serve on 127.0.0.1
        #[arg(long, value_name = "N", default_value_t = dev::DEFAULT_PORT)]
        port: u16,
        /// Deliver a recorded Event Grid event at the start
        #[arg(long, value_name = "EVENT.json")]
        replay: Vec<PathBuf>,
        /// Run so many worker processes, as so many instances would in Azure
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u8).range(1..=16))]
        workers: u8,
        /// Print the worker's whole log
        #[arg(long)]
        verbose: bool,
    },
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Validate lakehand.toml and the settings, or say where a name would go
    Check(Check),
    /// Show every step of one blob
    Trace {
        /// The blob where it landed, as container/name
        blob: BlobPath,
        /// The folder of the lake [default: lake]
        #[arg(long, value_name = "DIR")]
        lake: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Protect columns of a file on this machine
    Encrypt(Encrypt),
    /// Open protected columns of a file on this machine
    Decrypt(Decrypt),
    /// Say what in a file is protected, how, under which key
    Inspect(Inspect),
    /// Make, rotate and reveal keys
    #[command(subcommand)]
    Keys(Keys),
    /// Preview an alert, or try a channel
    #[command(subcommand)]
    Alert(Alert),
    /// Make the Cosmos DB database and containers that LAKEHAND_COSMOS names
    InitCosmos(InitCosmos),
    /// Write a deployable app root
    Package {
        /// The folder to write
        folder: PathBuf,
        /// The lakehand.toml to put in [default: ./lakehand.toml, or else the example]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Add a local.settings.json for Azurite and `func start`
        #[arg(long)]
        local: bool,
        /// Replace a lakehand.toml and a local.settings.json that are there
        #[arg(long)]
        force: bool,
    },
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve { stop_with_stdin: false }
    }
}

impl Command {
    pub(crate) fn run(self, environment: Environment) -> ExitCode {
        match self {
            Self::Serve { stop_with_stdin } => serve(environment, stop_with_stdin),
            Self::Dev { lake, port, replay, workers, verbose } => {
                let options = dev::Options { lake, port, replay, workers, verbose };
                answer(block_on(dev::run(options, environment)))
            }
            Self::Openapi => answer(print_openapi()),
            Self::Check(check) => answer(block_on(check.run(environment))),
            Self::Trace { blob, lake, json } => {
                answer(block_on(print_trace(environment, lake, blob, json)))
            }
            Self::Encrypt(encrypt) => answer(block_on(encrypt.run(environment))),
            Self::Decrypt(decrypt) => answer(block_on(decrypt.run(environment))),
            Self::Inspect(inspect) => answer(inspect.run()),
            Self::Keys(keys) => answer(block_on(keys.run(environment))),
            Self::Alert(alert) => answer(block_on(alert.run(environment))),
            Self::InitCosmos(init) => answer(block_on(init.run(environment))),
            Self::Package { folder, config, local, force } => {
                let options = package::Options { folder, config, local, force };
                answer(package::package(&options).map(|package| println!("{package}")))
            }
        }
    }
}

fn print_openapi() -> Result<(), serde_json::Error> {
    println!("{}", serde_json::to_string_pretty(&lakehand::openapi::describe())?);
    Ok(())
}

fn answer<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().expect("the system lets a process have threads").block_on(future)
}

/// Local commands work on the local lake unless the environment names an account.
pub(crate) fn with_local_settings(
    environment: Environment,
    lake: Option<&Path>,
) -> Result<Environment, String> {
    dev::local_environment(environment, lake).map_err(|error| error.to_string())
}

async fn print_trace(
    environment: Environment,
    lake: Option<PathBuf>,
    blob: BlobPath,
    json: bool,
) -> Result<(), String> {
    let environment = with_local_settings(environment, lake.as_deref())?;
    if let Ok(settings) = Settings::read(&environment)
        && settings.cosmos.is_none()
        && let folder = settings.lake.join(".lakehand")
        && !folder.is_dir()
    {
        let lake = folder.parent().unwrap_or(&folder).display();
        return Err(format!(
            "there is no ledger in {lake}; name the lake's folder with --lake or LAKEHAND_LAKE"
        ));
    }
    let app = open_app(environment).map_err(|error| error.to_string())?;
    let trace = trace(&app.ledger(None), blob).await.map_err(|error| error.to_string())?;
    if json {
        println!("{}", serde_json::to_string_pretty(&trace).map_err(|error| error.to_string())?);
    } else if trace.value.is_empty() {
        return Err(format!(
            "the ledger does not know {}; give the name under which it landed",
            trace.blob
        ));
    } else {
        print!("{trace}");
    }
    Ok(())
}
