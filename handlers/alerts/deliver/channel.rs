//! A channel: where messages go, which ones, and how they look there.

use std::time::Duration;

use jiff::tz::TimeZone;
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::address::Address;
use crate::{
    alerts::{choose::When, incident::Incident, render::teams::Envelope},
    settings::{Credential, Secret},
};

/// `[[channel]]`.
#[derive(Clone, Debug)]
pub struct Channel {
    /// What it is called, unique.
    pub name: String,
    /// The incidents that it is told of.
    pub when: When,
    /// On which occasions it is told; empty means on all.
    pub occasions: Vec<Occasion>,
    /// Whether the text of the failure is shown, which may quote rows of a table.
    pub include_message: bool,
    /// In which zone times are shown.
    pub zone: TimeZone,
    /// Where it is.
    pub target: Target,
}

impl Channel {
    /// Whether it is told of this incident on this occasion.
    pub fn wants(&self, incident: &Incident, occasion: Occasion) -> bool {
        let occasion = self.occasions.is_empty() || self.occasions.contains(&occasion);
        occasion && self.when.matches(incident)
    }
}

/// When there is something to tell of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// It begins.
    Opened,
    /// It lasts.
    Reminder,
    /// More of its kind came in a window.
    Summary,
    /// It is over.
    Resolved,
}

impl Occasion {
    /// What each is called in the configuration.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("opened", Self::Opened),
        ("reminder", Self::Reminder),
        ("summary", Self::Summary),
        ("resolved", Self::Resolved),
    ];
}

/// Where a channel is.
#[derive(Clone, Debug)]
pub enum Target {
    /// A workflow of Microsoft Teams.
    Teams {
        /// The address of its trigger, with a signature.
        url: Address,
        /// What it expects around a card.
        envelope: Envelope,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Its address, which is the secret.
        url: Address,
    },
    /// Mail.
    Email(Email),
    /// Anything that takes a request.
    Webhook(Webhook),
    /// A service of PagerDuty, by the Events API v2.
    PagerDuty {
        /// Where events go: <https://developer.pagerduty.com/docs/send-alert-event>.
        url: Address,
        /// The key of the service's integration.
        routing_key: Secret,
    },
}

impl Target {
    /// What its kind is called in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Teams { .. } => "teams",
            Self::Slack { .. } => "slack",
            Self::Email(_) => "email",
            Self::Webhook(_) => "webhook",
            Self::PagerDuty { .. } => "pagerduty",
        }
    }
}

/// A webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its address.
    pub url: Address,
    /// How it is asked.
    pub method: Method,
    /// The template of the body, `None` for the default one.
    pub template: Option<String>,
    /// Headers besides those that every request has; their values may be secret.
    pub headers: Vec<(String, Secret)>,
}

/// How a webhook is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
}

/// Mail: from whom, to whom, and by which way.
#[derive(Clone, Debug)]
pub struct Email {
    /// The sender.
    pub from: Mailbox,
    /// The recipients, at least one.
    pub to: Vec<Mailbox>,
    /// The way.
    pub via: Via,
}

/// How mail is sent.
#[derive(Clone, Debug)]
pub enum Via {
    /// By an SMTP server.
    Smtp(Smtp),
    /// By Azure Communication Services.
    CommunicationServices {
        /// The address of its operation that sends.
        url: Address,
        /// How to sign in.
        access: Access,
    },
    /// By a Logic App with an HTTP trigger, which takes `to`, `subject`, `html` and `text`.
    LogicApp(Address),
}

/// How to sign in to Azure Communication Services.
#[derive(Clone, Debug)]
pub enum Access {
    /// With an access key, base64.
    Key(Secret),
    /// With an identity.
    Identity(Credential),
}

/// An SMTP server.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub tls: Tls,
    /// Who signs in, and the password.
    pub login: Option<(String, Secret)>,
}

/// How a connection to an SMTP server is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// It begins in the clear and must become TLS before anything is said.
    #[default]
    StartTls,
    /// It is TLS from the first byte.
    Implicit,
    /// Not at all: for a relay inside a network.
    None,
}

impl Tls {
    /// The usual port.
    pub fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

/// How often and how long a channel is tried in one go.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often at most.
    pub tries: u32,
    /// How long one try may take.
    pub patience: Duration,
    /// The first pause; each further one is twice as long.
    pub pause: Duration,
    /// The longest pause that is not asked for by the other side.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tries: 4,
            patience: Duration::from_secs(20),
            pause: Duration::from_secs(1),
            longest: Duration::from_secs(15),
        }
    }
}
