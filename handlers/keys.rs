//! `lakehand keys`: key-encryption keys and data keys.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Subcommand;
use lakehand::{
    app::App,
    encryption::service::{Tools, audit::Deed, rewrap::versions, task::Task},
    settings::Environment,
    stores::local::LocalKeyring,
};
use time::OffsetDateTime;

use crate::files::{Reading, caller, configured, envelope};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key, and the keyring if it is not there
    Init {
        /// The keyring
        #[arg(long, value_name = "FILE")]
        keyring: PathBuf,
        /// The key's name
        #[arg(long, value_name = "NAME")]
        key: String,
    },
    /// Make a new version of a key, and wrap the named data keys and those of files under it
    Rotate {
        /// The keyring
        #[arg(long, value_name = "FILE")]
        keyring: PathBuf,
        /// The key's name
        #[arg(long, value_name = "NAME")]
        key: String,
        /// Protected files whose data keys are to be under the new version
        files: Vec<PathBuf>,
    },
    /// Wrap the data keys of files under the current version of their key; data stays as it is
    Rewrap {
        /// Protected files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        reading: Reading,
    },
    /// Make a new data key for `deterministic` and `token`: joins with earlier files end
    NewVersion {
        /// The key's name
        #[arg(long, value_name = "NAME")]
        key: String,
        #[command(flatten)]
        reading: Reading,
    },
    /// Print the data keys of a file, for a notebook
    Reveal {
        /// The file
        file: PathBuf,
        /// Yes: whoever reads the output reads the file
        #[arg(long)]
        yes_reveal_the_key: bool,
        #[command(flatten)]
        reading: Reading,
    },
}

impl Keys {
    pub(crate) async fn run(self, environment: Environment) -> Result<(), String> {
        match self {
            Self::Init { keyring, key } => {
                let made = LocalKeyring::new(&keyring).init(&key, OffsetDateTime::now_utc());
                made.map_err(|error| error.to_string())?;
                println!("{}: key {key}, version 1", keyring.display());
                Ok(())
            }
            Self::Rotate { keyring, key, files } => {
                rotate(environment, keyring, &key, &files).await
            }
            Self::Rewrap { files, reading } => {
                let (app, tools) = reading.app(environment)?;
                rewrap(&app, &tools, &reading, &files).await
            }
            Self::NewVersion { key, reading } => new_version(environment, &reading, &key).await,
            Self::Reveal { file, yes_reveal_the_key, reading } => {
                if !yes_reveal_the_key {
                    return Err("whoever has the key reads the file; say --yes-reveal-the-key if that is what you want".to_owned());
                }
                reveal(environment, &reading, &file).await
            }
        }
    }
}

async fn rotate(
    environment: Environment,
    keyring: PathBuf,
    key: &str,
    files: &[PathBuf],
) -> Result<(), String> {
    let reading = Reading::with_keyring(keyring.clone());
    let (app, tools) = reading.app(environment)?;
    record(&app, "rotate", key).await?;
    let rotated = LocalKeyring::new(&keyring).rotate(key, OffsetDateTime::now_utc());
    let version = rotated.map_err(|error| error.to_string())?;
    let keys = tools.keys().map_err(|error| error.to_string())?;
    let rewrapped = keys.rewrap_named(key).await.map_err(|error| error.to_string())?;
    println!("{}: key {key}, version {version}", keyring.display());
    if rewrapped > 0 {
        println!("{rewrapped} named data keys are wrapped anew");
    }
    rewrap(&app, &tools, &reading, files).await
}

/// Each file by itself: one that fails keeps no other from being done.
async fn rewrap(
    app: &App,
    tools: &Tools,
    reading: &Reading,
    files: &[PathBuf],
) -> Result<(), String> {
    let mut failures = Vec::new();
    for path in files {
        match rewrap_file(app, tools, reading, path).await {
            Ok(done) => println!("{}: {done}", path.display()),
            Err(error) => failures.push(format!("{}: {error}", path.display())),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

async fn rewrap_file(
    app: &App,
    tools: &Tools,
    reading: &Reading,
    path: &Path,
) -> Result<String, String> {
    let file = reading.open(path, tools.memory.total())?;
    let said = envelope(&file)?;
    let configured = configured(app, reading, &said).await?;
    let keys = tools.keys().map_err(|error| error.to_string())?;
    let anew = keys.rewrap_all(&said.keys, &configured).await.map_err(|e| e.to_string())?;
    let versions = versions(&anew).unwrap_or_else(|| "no key".to_owned());
    if anew == said.keys {
        return Ok(format!("unchanged, {versions}"));
    }
    let caller = caller();
    let mut deed = Deed::of("rewrap", &caller, path.display(), &said);
    deed.destination = Some(versions.clone());
    deed.record(&*app.documents).await.map_err(|error| error.to_string())?;
    file.rewrap(anew).map_err(|error| error.to_string())?;
    Ok(format!("under {versions}"))
}

async fn new_version(environment: Environment, reading: &Reading, key: &str) -> Result<(), String> {
    let (app, tools) = reading.app(environment)?;
    record(&app, "newVersion", key).await?;
    let keys = tools.keys().map_err(|error| error.to_string())?;
    let version = keys.new_version(key).await.map_err(|error| error.to_string())?;
    println!(
        "the data key {key} has version {version}; what is protected from now on does not join with what was before"
    );
    Ok(())
}

async fn record(app: &App, action: &'static str, key: &str) -> Result<(), String> {
    let caller = caller();
    let deed = Deed {
        action,
        caller: &caller,
        subject: key.to_owned(),
        destination: None,
        columns: Vec::new(),
        keys: vec![key.to_owned()],
    };
    deed.record(&*app.documents).await.map_err(|error| error.to_string())
}

async fn reveal(environment: Environment, reading: &Reading, path: &Path) -> Result<(), String> {
    let (app, tools) = reading.app(environment)?;
    let file = reading.open(path, tools.memory.total())?;
    let said = envelope(&file)?;
    let configured = configured(&app, reading, &said).await?;
    let task = Task::open(&tools, said, &[], &configured).await.map_err(|e| e.to_string())?;
    let caller = caller();
    let deed = Deed::of("reveal", &caller, path.display(), task.envelope());
    deed.record(&*app.documents).await.map_err(|error| error.to_string())?;
    let keys = tools.keys().map_err(|error| error.to_string())?;
    let opened = keys.open(task.envelope(), &configured).await.map_err(|e| e.to_string())?;
    for column in &task.envelope().columns {
        let key = column.key.as_ref().and_then(|name| opened.get(name));
        if let Some(key) = key {
            println!("{}  {}", column.path, STANDARD.encode(key.expose()));
        }
    }
    Ok(())
}
