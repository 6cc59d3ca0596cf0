//! The command line: reads the settings, opens the stores, and hands over to the library.

mod alert;
mod check;
mod commands;
mod cosmos;
mod files;
mod keys;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;
use lakehand::settings::Environment;

/// The hand work of an Azure data pipeline: one binary behind the Azure Functions host.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  lakehand dev                            run everything on this machine, files in ./lake
  lakehand check                          validate lakehand.toml and the settings
  lakehand check landing/sales/x.csv      say where that name would go, and why
  lakehand trace landing/sales/x.csv      every step of one blob, from the ledger
  lakehand encrypt people.csv out.csv --policy pii
  lakehand inspect out.parquet            what is protected in a file, how, under which key
  lakehand alert preview failure.json --channel teams
  lakehand package app --local            write an app root for `func start`";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let environment: Environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let command = arguments.command.unwrap_or_default();
    command.run(environment)
}
