//! `lakehand encrypt`, `decrypt` and `inspect`: files of this machine.

use std::{
    io::IsTerminal,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use lakehand::{
    app::App,
    encryption::{
        csv::CsvOptions,
        engine::Totals,
        envelope::Envelope,
        keys::DataKeys,
        parquet,
        policy::Policy,
        service::{
            Report, Tools,
            audit::{Caller, Deed},
            format::Format,
            local::LocalFile,
            rules::rules,
            task::{Task, planned},
        },
        streams::FileSource,
    },
    settings::Environment,
    stores::local::LocalKeyring,
};
use serde_json::json;

use crate::{commands::with_local_settings, serve::open_app};

/// How a file is read, and where its keys are.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// The format [default: by the extension]
    #[arg(long, value_name = "FORMAT", value_parser = ["parquet", "csv", "jsonl"])]
    format: Option<String>,
    /// How a CSV file is written, as JSON, for example {"delimiter": ";"}
    #[arg(long, value_name = "OPTIONS")]
    csv: Option<String>,
    /// The keyring to use [default: as LAKEHAND_KEYRING or LAKEHAND_KEY_VAULT says]
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
}

/// The arguments of `encrypt`.
#[derive(Debug, Args)]
pub(crate) struct Encrypt {
    /// The file to read
    input: PathBuf,
    /// The file to write
    #[arg(required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// The [[policy]] of lakehand.toml to apply
    #[arg(long, conflicts_with = "columns", required_unless_present = "columns")]
    policy: Option<String>,
    /// The columns to protect
    #[arg(long, value_delimiter = ',', value_name = "A,B", requires = "method")]
    columns: Vec<String>,
    /// How to protect them
    #[arg(long, value_parser = ["randomized", "deterministic", "token", "mask", "redact"])]
    method: Option<String>,
    /// The key to use
    #[arg(long, value_name = "NAME", conflicts_with = "policy", default_value = "")]
    key: String,
    /// Write nothing; say what would be protected
    #[arg(long)]
    dry_run: bool,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    /// Where records go that are not valid, with their plaintext [default: the first one is an error]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// The arguments of `decrypt`.
#[derive(Debug, Args)]
pub(crate) struct Decrypt {
    /// The file to read
    input: PathBuf,
    /// The file to write
    #[arg(required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// The columns to open [default: all that can be had back]
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    columns: Vec<String>,
    /// Write nothing; say whether it opens
    #[arg(long)]
    dry_run: bool,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    reading: Reading,
}

/// The arguments of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The file
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

impl Reading {
    /// Nothing said but a keyring.
    pub(crate) fn with_keyring(keyring: PathBuf) -> Self {
        Self { format: None, csv: None, keyring: Some(keyring) }
    }

    pub(crate) fn open(&self, path: &Path, memory: usize) -> Result<LocalFile, String> {
        let csv = match &self.csv {
            Some(text) => serde_json::from_str(text).map_err(|error| format!("--csv: {error}"))?,
            None => CsvOptions::default(),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let format = match &self.format {
            Some(format) => Format::named(format, &csv),
            None => Format::of_file(&name, &csv),
        };
        let format = format.ok_or_else(|| {
            format!(
                "the name of {name} does not tell its format; say --format parquet, csv or jsonl"
            )
        })?;
        LocalFile::open(path, format, memory).map_err(|error| error.to_string())
    }

    /// The app, with the keyring that was named.
    pub(crate) fn app(&self, environment: Environment) -> Result<(App, Tools), String> {
        let app =
            open_app(with_local_settings(environment, None)?).map_err(|error| error.to_string())?;
        let mut tools = app.tools.clone();
        if let Some(keyring) = &self.keyring {
            let keyring = Arc::new(LocalKeyring::new(keyring));
            tools.keys = Some(Arc::new(DataKeys::new(keyring, Arc::clone(&app.documents))));
        }
        Ok((app, tools))
    }
}

impl Encrypt {
    pub(crate) async fn run(self, environment: Environment) -> Result<(), String> {
        let (app, tools) = self.reading.app(environment)?;
        let policy = self.policy(&app).await?;
        let file = self.reading.open(&self.input, tools.memory.total())?;
        let bar = Bar::of(file.length());
        let Some(output) = self.output.as_ref().filter(|_| !self.dry_run) else {
            let done = file.rehearse(&policy, self.rejects.is_some(), &|totals| bar.tell(totals));
            drop(bar);
            let totals = done.map_err(|error| error.to_string())?;
            return self.print_rehearsal(&file, &policy, totals);
        };
        let place = (output.as_path(), self.force);
        let rejects = self.rejects.as_deref();
        let done = file.protect(&tools, &policy, place, rejects, &|totals| bar.tell(totals)).await;
        drop(bar);
        let report = done.map_err(|error| error.to_string())?;
        print(&report);
        if let Some(rejects) = rejects.filter(|_| report.totals.rejected > 0) {
            println!("{}: {} records rejected", rejects.display(), report.totals.rejected);
        }
        Ok(())
    }

    async fn policy(&self, app: &App) -> Result<Policy, String> {
        if let Some(name) = &self.policy {
            let active = app.config.current().await.map_err(|error| error.to_string())?;
            let policies = &active.config.policies;
            let known = policies.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return policies
                .get(name)
                .cloned()
                .ok_or_else(|| format!("there is no [[policy]] `{name}`; there are: {known}"));
        }
        let column = |name: &String| json!({ "name": name, "method": self.method });
        let columns = self.columns.iter().map(column).collect();
        let rules = rules(&columns).map_err(|error| error.to_string())?;
        Ok(Policy { name: String::new(), key: self.key.clone(), rules })
    }

    fn print_rehearsal(
        &self,
        file: &LocalFile,
        policy: &Policy,
        totals: Totals,
    ) -> Result<(), String> {
        let columns = file.columns().map_err(|error| error.to_string())?;
        let planned = planned(policy, &file.format, &columns).map_err(|e| e.to_string())?;
        let infos = match file.format {
            Format::Parquet => {
                FileSource::open(&self.input)
                    .map_err(|error| error.to_string())
                    .and_then(|source| parquet::columns(&source).map_err(|e| e.to_string()))?
                    .columns
            }
            _ => Vec::new(),
        };
        for column in planned {
            let info = infos.iter().find(|info| info.path == column.path);
            let words = info.map_or("text", |info| info.words.as_str());
            println!("{}  {}  {}", column.path, words, shown(&column.rule.method));
        }
        let Totals { rows, cells, nulls, bytes_in, bytes_out, .. } = totals;
        println!("{rows} rows, {cells} cells to protect, {nulls} nulls");
        println!("{bytes_in} bytes become {bytes_out}; nothing was written");
        Ok(())
    }
}

impl Decrypt {
    pub(crate) async fn run(self, environment: Environment) -> Result<(), String> {
        let (app, tools) = self.reading.app(environment)?;
        let file = self.reading.open(&self.input, tools.memory.total())?;
        let envelope = envelope(&file)?;
        let configured = configured(&app, &self.reading, &envelope).await?;
        let task = Task::open(&tools, envelope, &self.columns, &configured).await;
        let task = task.map_err(|error| error.to_string())?;
        let bar = Bar::of(file.length());
        let Some(output) = self.output.as_ref().filter(|_| !self.dry_run) else {
            let columns = task.columns().join(", ");
            let done = file.rehearse_opening(task, &|totals| bar.tell(totals));
            drop(bar);
            let Totals { rows, cells, .. } = done.map_err(|error| error.to_string())?;
            println!("{columns}: {cells} cells in {rows} rows open; nothing was written");
            return Ok(());
        };
        let caller = caller();
        let mut deed = Deed::of("decrypt", &caller, self.input.display(), task.envelope());
        deed.destination = Some(output.display().to_string());
        deed.record(&*app.documents).await.map_err(|error| error.to_string())?;
        let place = (output.as_path(), self.force);
        let done = file.write(task, place, None, &|totals| bar.tell(totals));
        drop(bar);
        print(&done.map_err(|error| error.to_string())?);
        Ok(())
    }
}

impl Inspect {
    pub(crate) fn run(&self) -> Result<(), String> {
        let file = self.reading.open(&self.file, 64 << 20)?;
        let envelope = file.envelope().map_err(|error| error.to_string())?;
        if self.json {
            let json = serde_json::to_string_pretty(&envelope).map_err(|e| e.to_string())?;
            println!("{json}");
            return Ok(());
        }
        let Some(envelope) = envelope else {
            println!("nothing in {} is known to be protected", self.file.display());
            return Ok(());
        };
        for column in &envelope.columns {
            let key = column.key.as_ref().and_then(|name| envelope.keys.get(name));
            let key = key.and_then(|key| Some(format!("key {}", key.wrapped()?)));
            let bound = if column.bind { "  bound to the column" } else { "" };
            let key = key.unwrap_or_else(|| "no key".to_owned());
            println!("{}  {}  {key}{bound}", column.path, shown(&column.method));
        }
        Ok(())
    }
}

/// What a file says of its protection.
pub(crate) fn envelope(file: &LocalFile) -> Result<Envelope, String> {
    let envelope = file.envelope().map_err(|error| error.to_string())?;
    envelope.ok_or_else(|| "nothing says how the file is protected: it is not, or a text file lost its sidecar in _lakehand/".to_owned())
}

/// The keys that may be used: those of the configuration, or whichever the named keyring has.
pub(crate) async fn configured(
    app: &App,
    reading: &Reading,
    envelope: &Envelope,
) -> Result<Vec<String>, String> {
    if reading.keyring.is_some() {
        return Ok(envelope.keys.values().map(|key| key.name.clone()).collect());
    }
    let active = app.config.current().await.map_err(|error| error.to_string())?;
    Ok(active.config.keys())
}

/// Whoever runs the command.
pub(crate) fn caller() -> Caller {
    let name = std::env::var("USER").ok();
    Caller { name, proof: "command", invocation_id: None }
}

fn shown(method: &lakehand::encryption::policy::Method) -> String {
    let method = serde_json::to_value(method).unwrap_or_default();
    method["method"].as_str().unwrap_or_default().to_owned()
}

fn print(report: &Report) {
    let Totals { rows, cells, nulls, bytes_in, bytes_out, .. } = report.totals;
    println!(
        "{}: {rows} rows, {cells} cells, {nulls} nulls, {bytes_in} bytes to {bytes_out}, {:.2} s",
        report.destination, report.seconds
    );
}

/// A progress bar, where somebody looks.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn of(length: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}") {
            bar.set_style(style);
        }
        Self(Some(bar))
    }

    fn tell(&self, totals: Totals) -> ControlFlow<()> {
        if let Some(bar) = &self.0 {
            bar.set_position(totals.bytes_in);
        }
        ControlFlow::Continue(())
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
