//! Reading `[[channel]]`.

use jiff::tz::TimeZone;

use super::{
    Surroundings, alerts, mailing, secret_setting,
    section::{Found, Problems, Section},
};
use crate::{
    alerts::deliver::{
        address::{Address, AddressFault, Hosts},
        channel::{Channel, Method, Occasion, Target, Webhook},
        header,
    },
    alerts::render::{teams::Envelope, webhook::Template},
    settings::Secret,
};

/// The hosts of workflows: those of Power Automate, and those of Logic Apps.
/// <https://learn.microsoft.com/power-automate/oauth-authentication>
pub(super) const WORKFLOWS: &[&str] = &[".environment.api.powerplatform.com", ".logic.azure.com"];

/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>
const SLACK: &[&str] = &["hooks.slack.com", "hooks.slack-gov.com"];

/// <https://support.pagerduty.com/main/docs/service-regions>
const PAGERDUTY: &[&str] = &["events.pagerduty.com", "events.eu.pagerduty.com"];

/// What channels are read with.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) zone: &'a TimeZone,
    pub(super) loopback: bool,
    pub(super) around: &'a Surroundings<'a>,
    pub(super) problems: &'a Problems<'a>,
}

/// Reads `[[channel]]`, in order.
pub(super) fn read(sections: Vec<Section<'_>>, known: &Known<'_>) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    for section in sections {
        let channel = ChannelReader { section: &section, known }.read();
        if let Some(channel) = channel {
            if channels.iter().any(|other| other.name == channel.name) {
                section.problem(format!("the channel `{}` is named twice", channel.name));
            }
            channels.push(channel);
        }
        section.finish();
    }
    channels
}

#[derive(Clone, Copy)]
enum Kind {
    Teams,
    Slack,
    Email,
    Webhook,
    PagerDuty,
}

const KINDS: [(&str, Option<Kind>); 5] = [
    ("teams", Some(Kind::Teams)),
    ("slack", Some(Kind::Slack)),
    ("email", Some(Kind::Email)),
    ("webhook", Some(Kind::Webhook)),
    ("pagerduty", Some(Kind::PagerDuty)),
];

/// Reads one channel; each kind asks for its own fields, so that another kind's are not known.
pub(super) struct ChannelReader<'a> {
    pub(super) section: &'a Section<'a>,
    pub(super) known: &'a Known<'a>,
}

impl ChannelReader<'_> {
    fn read(&self) -> Option<Channel> {
        let (section, problems) = (self.section, self.known.problems);
        let name = self.name();
        let when = alerts::when(section.table("when"), problems);
        let occasions = alerts::words(section.texts("occasions"), &Occasion::NAMES, problems);
        let include_message = section.flag_or("include_message", true);
        let zone = alerts::zone(section, problems).unwrap_or_else(|| self.known.zone.clone());
        section.required("kind", "teams");
        let target = match section.choice("kind", &KINDS, None) {
            Some(Kind::Teams) => self.teams(),
            Some(Kind::Slack) => self.url(SLACK).map(|url| Target::Slack { url }),
            Some(Kind::Email) => mailing::read(self).map(Target::Email),
            Some(Kind::Webhook) => self.webhook().map(Target::Webhook),
            Some(Kind::PagerDuty) => self.pagerduty(),
            None => {
                // Without a kind, no field is known to be wrong.
                section.know_all();
                None
            }
        };
        Some(Channel { name: name?, when, occasions, include_message, zone, target: target? })
    }

    fn name(&self) -> Option<String> {
        let name = self.section.required("name", "on-call")?;
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if name.get_ref().is_empty() || !name.get_ref().chars().all(word) {
            self.known.problems.add(
                &name.span(),
                "a channel's name is made of lower-case letters, digits, `-` and `_`",
            );
            return None;
        }
        Some(name.into_inner())
    }

    fn teams(&self) -> Option<Target> {
        let envelopes = [("message", Envelope::Message), ("card", Envelope::Card)];
        let envelope = self.section.choice("envelope", &envelopes, Envelope::Message);
        Some(Target::Teams { url: self.url(WORKFLOWS)?, envelope })
    }

    fn pagerduty(&self) -> Option<Target> {
        let regions = [("us", PAGERDUTY[0]), ("eu", PAGERDUTY[1])];
        let host = self.section.choice("region", &regions, PAGERDUTY[0]);
        let key = self.required_secret("routing_key", "%LAKEHAND_PAGERDUTY_KEY%");
        let hosts = Hosts { known: PAGERDUTY, allowed: Vec::new() };
        let url = Address::read(&format!("https://{host}/v2/enqueue"), &hosts, false).ok()?;
        Some(Target::PagerDuty { url, routing_key: key?.into_inner() })
    }

    fn webhook(&self) -> Option<Webhook> {
        let methods = [("POST", Method::Post), ("PUT", Method::Put)];
        let method = self.section.choice("method", &methods, Method::Post);
        let template = self.section.text("template");
        if let Some(template) = &template {
            self.known.problems.parse(template, |text| Template::new(text).map(drop));
        }
        let template = template.map(Found::into_inner);
        let headers = self.headers();
        Some(Webhook { url: self.url(&[])?, method, template, headers })
    }

    /// A value is a secret of the settings, or as it is written.
    fn headers(&self) -> Vec<(String, Secret)> {
        let mut headers = Vec::new();
        for (name, value) in self.section.map("headers") {
            let secret = match value.get_ref().contains('%') {
                true => self.secret(&value).map(Found::into_inner),
                false => Some(Secret::new(value.get_ref().as_str())),
            };
            let Some(secret) = secret else { continue };
            if header(&name, &secret).is_none() {
                let message = format!(
                    "`{name}` is no header that may be set here, or its value has a line break"
                );
                self.known.problems.add(&value.span(), message);
            }
            headers.push((name, secret));
        }
        headers
    }

    /// The address in `url`, at one of the known hosts or of those in `hosts`.
    pub(super) fn url(&self, known: &'static [&'static str]) -> Option<Address> {
        let allowed: Vec<_> = self.section.texts("hosts");
        let allowed = allowed.into_iter().map(|host| host.get_ref().to_ascii_lowercase()).collect();
        let hosts = Hosts { known, allowed };
        let url = self.required_secret("url", "%LAKEHAND_TEAMS_URL%")?;
        let fault = match Address::read(url.get_ref().expose(), &hosts, self.known.loopback) {
            Ok(address) => return Some(address),
            Err(fault @ AddressFault::Host { .. }) => {
                format!("{fault}; add it to `hosts` if it is meant")
            }
            Err(fault) => fault.to_string(),
        };
        self.known.problems.add(&url.span(), fault);
        None
    }

    /// A secret that must be there.
    pub(super) fn required_secret(
        &self,
        field: &'static str,
        example: &str,
    ) -> Option<Found<Secret>> {
        self.secret(&self.section.required(field, example)?)
    }

    /// The value of the setting that a field names.
    pub(super) fn secret(&self, found: &Found<String>) -> Option<Found<Secret>> {
        let setting = self.known.problems.parse(found, secret_setting)?;
        let value = self.known.around.environment.get(&setting).map(|value| value.trim());
        let value = value.filter(|value| !value.is_empty());
        if value.is_none() {
            let message = format!("the setting {setting} is missing, which holds the secret");
            self.known.problems.add(&found.span(), message);
        }
        value.map(|value| Found::new(found.span(), Secret::new(value)))
    }
}
