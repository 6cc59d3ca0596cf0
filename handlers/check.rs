//! `lakehand check`: is the configuration right, and where would a name go?

use std::path::PathBuf;

use clap::Args;
use lakehand::{
    config::{Config, Surroundings, parse_size},
    routing::{explain, outcome::counted},
    settings::{ConfigSource, Environment, Settings, Storage},
    stores::{
        blobs::{BlobPath, Properties},
        open,
    },
};
use time::OffsetDateTime;

use crate::commands::with_local_settings;

/// The longest configuration that is read from a blob, in bytes.
const LIMIT: u64 = 1 << 20;

/// The arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A blob that may land, as container/name
    blob: Option<BlobPath>,
    /// The file to check [default: as LAKEHAND_CONFIG says, or ./lakehand.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The blob's length in bytes or with a unit, such as 10MiB, for routes that ask for it
    #[arg(long, default_value = "1", value_parser = size)]
    size: u64,
    /// The blob's media type, for routes that ask for it
    #[arg(long)]
    content_type: Option<String>,
    /// The blob's metadata, for routes that ask for it; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).ok_or_else(|| "write a number of bytes, or for example 10MiB".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Check {
    /// Prints what is found.
    ///
    /// # Errors
    /// Every problem of the settings and the configuration, a line each.
    pub(crate) async fn run(self, environment: Environment) -> Result<(), String> {
        let environment = with_local_settings(environment, None)?;
        let settings = Settings::read(&environment);
        let source = self.source(settings.as_ref().ok());
        let mut complaints: Vec<String> = match &settings {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        let config = match parse(&source, settings.as_ref().ok(), &environment).await {
            Ok(config) => Some(config),
            Err(problems) => {
                complaints.extend(problems);
                None
            }
        };
        match (settings, config) {
            (Ok(settings), Some(config)) => {
                warn(&settings, &config).await;
                self.report(&source, &config);
                Ok(())
            }
            _ => Err(complaints.join("\n")),
        }
    }

    fn source(&self, settings: Option<&Settings>) -> ConfigSource {
        match (&self.config, settings) {
            (Some(path), _) => ConfigSource::File(path.clone()),
            (None, Some(settings)) => settings.config.clone(),
            (None, None) => ConfigSource::File(PathBuf::from("lakehand.toml")),
        }
    }

    fn report(&self, source: &ConfigSource, config: &Config) {
        let Some(blob) = &self.blob else {
            let routes = counted(config.routes.len() as u64, "route");
            println!("{}: {routes}, no problems", name_of(source));
            return;
        };
        let now = OffsetDateTime::now_utc();
        let imagined = explain::imagined(self.size, self.content_type.clone(), now);
        let metadata = self.metadata.iter().cloned().collect();
        let properties = Properties { metadata, ..imagined };
        print!("{}", explain::explain(config, blob, &properties));
    }
}

fn name_of(source: &ConfigSource) -> String {
    match source {
        ConfigSource::File(path) => path.display().to_string(),
        ConfigSource::Blob(path) => path.to_string(),
    }
}

/// The configuration that is in force here, or the one in a file.
///
/// # Errors
/// Every problem of the settings and the configuration, a line each.
pub(crate) async fn load(
    file: Option<PathBuf>,
    environment: &Environment,
) -> Result<Config, String> {
    let settings = Settings::read(environment).map_err(|problems| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    let source = file.map_or_else(|| settings.config.clone(), ConfigSource::File);
    parse(&source, Some(&settings), environment).await.map_err(|problems| problems.join("\n"))
}

async fn parse(
    source: &ConfigSource,
    settings: Option<&Settings>,
    environment: &Environment,
) -> Result<Config, Vec<String>> {
    let name = name_of(source);
    let text = read(source, settings).await.map_err(|error| vec![format!("{name}: {error}")])?;
    let around = Surroundings {
        environment,
        landing: settings.map_or("landing", |settings| &settings.landing),
        own_container: match source {
            ConfigSource::Blob(path) => Some(path.container()),
            ConfigSource::File(_) => None,
        },
    };
    Config::parse(&text, &around)
        .map_err(|problems| problems.iter().map(|problem| format!("{name}:{problem}")).collect())
}

async fn read(source: &ConfigSource, settings: Option<&Settings>) -> Result<String, String> {
    match (source, settings) {
        (ConfigSource::File(path), _) => {
            std::fs::read_to_string(path).map_err(|error| error.to_string())
        }
        (ConfigSource::Blob(path), Some(settings)) => {
            let stores = open::open(settings).map_err(|error| error.to_string())?;
            let (content, _) =
                stores.blobs.read(path, LIMIT).await.map_err(|error| error.to_string())?;
            Ok(String::from_utf8_lossy(&content).into_owned())
        }
        (ConfigSource::Blob(_), None) => Err("the settings must be right first".to_owned()),
    }
}

/// Says what is allowed but hardly meant.
async fn warn(settings: &Settings, config: &Config) {
    if !config.is_landing(&settings.landing) {
        let landing = &settings.landing;
        eprintln!(
            "warning: LAKEHAND_LANDING is `{landing}`, which [landing] does not name: the blob trigger watches it in vain"
        );
    }
    let tagged = config.routes.iter().find(|route| !route.tags.is_empty());
    let account = matches!(settings.storage, Storage::Account(_));
    if let (Some(route), true) = (tagged, account)
        && let Ok(stores) = open::open(settings)
        && matches!(stores.blobs.is_hierarchical().await, Ok(true))
    {
        eprintln!(
            "warning: route {}: the account has a hierarchical namespace and so no index tags; the tags become metadata",
            route.name
        );
    }
}
