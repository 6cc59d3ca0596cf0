//! `lakehand alert`: what a payload would look like, and whether a channel takes a message.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use lakehand::{
    alerts::{
        announce::message,
        deliver::{Exit, Outcome, Sender},
        http::rendered,
        incident::{Incident, Severity},
        intake,
        render::notice::{Kind, Notice},
        severity::Rules,
    },
    settings::Environment,
    stores::open::open_token,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{check, commands::with_local_settings};

/// How long a channel is tried.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub(crate) enum Alert {
    /// Print what each kind of channel would get for a payload, without sending it
    Preview(Preview),
    /// Send a message to a channel of lakehand.toml that says it is a test
    Test(Test),
}

#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// The payload, as a pipeline would post it; `-` is the standard input
    file: PathBuf,
    /// Print this part alone: incident, teams, slack, email, webhook or pagerduty
    #[arg(long, value_name = "KIND", value_parser = PARTS)]
    channel: Option<String>,
}

const PARTS: [&str; 6] = ["incident", "teams", "slack", "email", "webhook", "pagerduty"];

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The channel's name
    name: String,
    /// The configuration [default: as LAKEHAND_CONFIG says, or ./lakehand.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Alert {
    /// Prints what was asked for, or what the channel said.
    ///
    /// # Errors
    /// The file cannot be read, the configuration is wrong, or the channel did not take the message.
    pub(crate) async fn run(self, environment: Environment) -> Result<(), String> {
        match self {
            Self::Preview(preview) => preview.run(),
            Self::Test(test) => test.run(environment).await,
        }
    }
}

impl Preview {
    fn run(self) -> Result<(), String> {
        let payload =
            read(&self.file).map_err(|error| format!("{}: {error}", self.file.display()))?;
        let incidents = intake::read(&payload, OffsetDateTime::now_utc(), &Rules::default());
        for incident in &incidents {
            let all = rendered(incident, None);
            let part = self.channel.as_deref().map_or(&all, |part| &all[part]);
            println!("{part:#}");
        }
        Ok(())
    }
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut payload = Vec::new();
    let longest = intake::LONGEST_PAYLOAD as u64;
    std::io::stdin().lock().take(longest).read_to_end(&mut payload)?;
    Ok(payload)
}

impl Test {
    async fn run(self, environment: Environment) -> Result<(), String> {
        let environment = with_local_settings(environment, None)?;
        let config = check::load(self.config, &environment).await?;
        let channels = config.alerts.channels;
        let names: Vec<_> = channels.iter().map(|channel| channel.name.clone()).collect();
        let channel = channels.into_iter().find(|channel| channel.name == self.name);
        let channel = channel.ok_or_else(|| unknown(&self.name, &names))?;
        let incident = Incident {
            id: Uuid::new_v4().simple().to_string(),
            severity: Severity::Info,
            title: format!("A test of the channel {}", self.name),
            ..Incident::default()
        };
        let notice = Notice { incident: &incident, kind: Kind::Test };
        let message = message(&channel, &notice, config.alerts.base.as_deref());
        let outside = Exit::new(open_token).outside(config.alerts.loopback);
        let sender = Sender::new(channel, outside.map_err(|error| error.to_string())?)?;
        match sender.send(&message, &incident.id, Instant::now() + PATIENCE).await {
            Outcome::Accepted => {
                println!("{} took the message", self.name);
                Ok(())
            }
            Outcome::Ambiguous(reason) => Err(format!("it may have arrived: {reason}")),
            Outcome::Retry { reason, .. } | Outcome::Refused(reason) => {
                Err(format!("{} did not take it: {reason}", self.name))
            }
        }
    }
}

fn unknown(name: &str, names: &[String]) -> String {
    match names {
        [] => format!("there is no channel {name:?}: lakehand.toml has no [[channel]]"),
        names => format!("there is no channel {name:?}; there are: {}", names.join(", ")),
    }
}
