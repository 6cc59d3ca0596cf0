//! What `dev` is going to run: the settings, the limits and the Functions with their triggers.

use std::{env, fs, io, path::Path, time::Duration};

use super::{Error, Options, limits::Limits, local_settings, process::Program};
use crate::{
    host::functions::{Binding, FUNCTIONS, Trigger},
    settings::{ConfigSource, Connection, Environment, Problem, Settings},
};

/// The host waits so many times as long for a worker as it lets one take to listen.
const PATIENCE: u32 = 4;
/// What the host adds to `functionTimeout` before it hangs up.
const GRACE: Duration = Duration::from_secs(60);
/// How long the host waits when invocations may take for ever: .NET's longest timeout.
const FOREVER: Duration = Duration::from_millis(i32::MAX as u64);

/// One Function to run.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    /// Its name.
    pub(super) name: &'static str,
    /// Its trigger.
    pub(super) binding: Binding,
    /// Whether a setting switches it off.
    pub(super) disabled: bool,
}

/// Everything that is decided before anything is started.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The environment of the worker.
    pub(super) environment: Environment,
    /// The worker's settings.
    pub(super) settings: Settings,
    /// The host's own numbers.
    pub(super) limits: Limits,
    /// The Functions.
    pub(super) functions: Vec<Planned>,
}

impl Plan {
    /// Reads `local.settings.json`, if there is one, and the environment.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub(super) fn read(options: &Options, environment: Environment) -> Result<Self, Error> {
        let environment = local_environment(environment, options.lake.as_deref())?;
        let plan = Self::new(environment).map_err(Error::Settings)?;
        match &plan.settings.config {
            ConfigSource::File(file) if !file.exists() => Err(Error::NoConfig(file.clone())),
            _ => Ok(plan),
        }
    }

    fn new(mut environment: Environment) -> Result<Self, Vec<Problem>> {
        let settings = Settings::read(&environment)?;
        let one = |problem| vec![problem];
        // The worker knows these defaults; the host, which resolves %NAME%, does not.
        default(&mut environment, "LAKEHAND_LANDING", &settings.landing);
        default(&mut environment, "LAKEHAND_QUEUE", &settings.queue);
        let limits = Limits::read(&environment).map_err(one)?;
        let functions = plan_functions(&environment).map_err(one)?;
        Ok(Self { environment, settings, limits, functions })
    }

    /// The Function that takes Event Grid's events.
    pub(super) fn event_grid(&self) -> &Planned {
        let mut functions = self.functions.iter();
        functions
            .find(|function| function.binding.trigger == Trigger::EventGrid)
            .expect("the app has a Function for events, says a test")
    }

    /// How long an invocation waits for the worker to be ready.
    pub(super) fn patience(&self) -> Duration {
        self.limits.initialization * PATIENCE
    }

    /// How long an invocation waits for its answer.
    pub(super) fn deadline(&self) -> Duration {
        self.settings.function_timeout.map_or(FOREVER, |timeout| timeout + GRACE)
    }

    /// A worker: this very executable, which ends when its standard input does and so never
    /// outlives `dev`.
    pub(super) fn program(&self, name: String) -> io::Result<Program> {
        Ok(Program {
            name,
            executable: env::current_exe()?,
            arguments: ["serve", "--stop-with-stdin"].map(str::to_owned).into(),
            environment: self.environment.clone(),
            root: env::current_dir()?,
            initialization: self.limits.initialization,
        })
    }
}

/// The environment as it is on this machine: `local.settings.json` below the process's own, and the
/// local lake where no storage is named.
///
/// # Errors
/// The file is there and cannot be read.
pub fn local_environment(
    environment: Environment,
    lake: Option<&Path>,
) -> Result<Environment, Error> {
    Ok(with_defaults(lake, with_file(environment)?))
}

fn with_file(environment: Environment) -> Result<Environment, Error> {
    match fs::read_to_string(local_settings::FILE) {
        Ok(text) => Ok(local_settings::overlay(local_settings::parse(&text)?, environment)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(environment),
        Err(error) => Err(error.into()),
    }
}

/// Fills in what a developer should not have to set.
fn with_defaults(lake: Option<&Path>, mut environment: Environment) -> Environment {
    default(&mut environment, "FUNCTIONS_WORKER_RUNTIME", "custom");
    if let Some(lake) = lake {
        environment.insert("LAKEHAND_LAKE".to_owned(), lake.display().to_string());
    } else if !names_storage(&environment) {
        default(&mut environment, "LAKEHAND_LAKE", "lake");
    }
    environment
}

/// Whether there is a storage account, or at least the attempt to name one.
fn names_storage(environment: &Environment) -> bool {
    let mut problems = Vec::new();
    let connection = Connection::read(environment, "LAKEHAND_STORAGE", &mut problems);
    connection.is_some() || !problems.is_empty()
}

fn default(environment: &mut Environment, name: &str, value: &str) {
    let entry = environment.entry(name.to_owned()).or_default();
    if entry.trim().is_empty() {
        value.clone_into(entry);
    }
}

fn plan_functions(environment: &Environment) -> Result<Vec<Planned>, Problem> {
    let plan = |function: &crate::host::functions::Function| {
        let binding = function.binding(environment)?;
        let disabled = function.is_disabled(environment);
        Ok(Planned { name: function.name, binding, disabled })
    };
    FUNCTIONS.iter().map(plan).collect()
}
