//! Reading a `[[channel]]` of kind `email`.

use lettre::message::Mailbox;

use super::{
    channels::{ChannelReader, WORKFLOWS},
    secret_setting,
    section::{Found, Section},
};
use crate::{
    alerts::deliver::{
        address::{Address, Hosts},
        channel::{Access, Email, Smtp, Tls, Via},
        communication::OPERATION,
    },
    settings::{Credential, Secret},
};

/// The hosts of Azure Communication Services.
const COMMUNICATION: &[&str] = &[".communication.azure.com"];

#[derive(Clone, Copy)]
enum Way {
    Smtp,
    CommunicationServices,
    LogicApp,
}

const WAYS: [(&str, Option<Way>); 3] = [
    ("smtp", Some(Way::Smtp)),
    ("acs", Some(Way::CommunicationServices)),
    ("logic_app", Some(Way::LogicApp)),
];

/// The most recipients: Azure Communication Services takes 50.
const RECIPIENTS: usize = 50;

/// Reads who writes to whom, and by which way.
pub(super) fn read(reader: &ChannelReader<'_>) -> Option<Email> {
    let section = reader.section;
    let mut to: Vec<_> = section.texts("to").iter().filter_map(|it| mailbox(reader, it)).collect();
    if to.is_empty() || to.len() > RECIPIENTS {
        section.problem(format!("`to` must name from 1 to {RECIPIENTS} recipients; write for example to = [\"data-team@example.com\"]"));
    }
    to.dedup();
    section.required("via", "smtp");
    let way = section.choice("via", &WAYS, None);
    let from = match way {
        None => None,
        // Who sends is the workflow's affair.
        Some(Way::LogicApp) => to.first().cloned(),
        Some(_) => {
            section.required("from", "lakehand@example.com").and_then(|from| mailbox(reader, &from))
        }
    };
    let via = match way {
        Some(Way::Smtp) => smtp(reader).map(Via::Smtp),
        Some(Way::CommunicationServices) => communication(reader),
        Some(Way::LogicApp) => reader.url(WORKFLOWS).map(Via::LogicApp),
        None => None,
    };
    if way.is_none() {
        section.know_all();
    }
    Some(Email { from: from?, to, via: via? })
}

/// A mailbox whose address is ASCII, for a server need not know others.
fn mailbox(reader: &ChannelReader<'_>, text: &Found<String>) -> Option<Mailbox> {
    reader.known.problems.parse(text, |text| {
        let mailbox: Option<Mailbox> = text.parse().ok();
        let mailbox = mailbox.filter(|it| it.email.to_string().is_ascii());
        mailbox.filter(|_| !text.chars().any(char::is_control)).ok_or_else(|| {
            format!(
                "`{}` is no mail address; write for example \"Data team <data@example.com>\"",
                text.escape_debug()
            )
        })
    })
}

fn smtp(reader: &ChannelReader<'_>) -> Option<Smtp> {
    let Some(section) = reader.section.table("smtp") else {
        reader.section.problem("`smtp` is missing; write for example smtp = { host = \"smtp.example.com\", user = \"lakehand\", password = \"%LAKEHAND_SMTP_PASSWORD%\" }");
        return None;
    };
    let host = section.required("host", "smtp.example.com");
    let ways = [("starttls", Tls::StartTls), ("tls", Tls::Implicit), ("none", Tls::None)];
    let tls = section.choice("tls", &ways, Tls::StartTls);
    let port = section.count("port", 65_535, tls.port().into());
    let login = login(reader, &section, tls);
    section.finish();
    Some(Smtp { host: host?.into_inner(), port: u16::try_from(port).ok()?, tls, login })
}

fn login(reader: &ChannelReader<'_>, section: &Section<'_>, tls: Tls) -> Option<(String, Secret)> {
    let user = section.text("user");
    let password = section.text("password");
    if user.is_some() != password.is_some() {
        section.problem("`user` and `password` go together");
    }
    let password = reader.secret(&password?)?;
    if tls == Tls::None {
        section.problem("a password is not sent in the clear: use tls = \"starttls\" or \"tls\"");
    }
    Some((user?.into_inner(), password.into_inner()))
}

/// Reads the connection to Azure Communication Services, in the manner of the Functions host: the
/// setting is a connection string, or `NAME__endpoint` with `NAME__credential`.
fn communication(reader: &ChannelReader<'_>) -> Option<Via> {
    let found = reader.section.required("connection", "%LAKEHAND_ACS%")?;
    let problems = reader.known.problems;
    let setting = problems.parse(&found, secret_setting)?;
    let environment = reader.known.around.environment;
    let part =
        |name: &str| environment.get(name).map(|text| text.trim()).filter(|it| !it.is_empty());
    let read = match (part(&setting), part(&format!("{setting}__endpoint"))) {
        (Some(text), _) => from_string(text).map(|(url, key)| (url, Access::Key(key))),
        (None, Some(url)) => Credential::read(environment, &setting)
            .map(|credential| (url, Access::Identity(credential)))
            .map_err(|problem| problem.to_string()),
        (None, None) => Err(format!(
            "the setting {setting} is missing; give it a connection string, or set {setting}__endpoint"
        )),
    };
    let read = read.and_then(|(url, access)| {
        let url = operation(url, reader.known.loopback)?;
        Ok(Via::CommunicationServices { url, access })
    });
    read.map_err(|message| problems.add(&found.span(), message)).ok()
}

fn operation(endpoint: &str, loopback: bool) -> Result<Address, String> {
    let hosts = Hosts { known: COMMUNICATION, allowed: Vec::new() };
    let address = format!("{}{OPERATION}", endpoint.trim_end_matches('/'));
    Address::read(&address, &hosts, loopback).map_err(|fault| format!("the endpoint: {fault}"))
}

/// The endpoint and the key of a connection string.
fn from_string(text: &str) -> Result<(&str, Secret), String> {
    let field = |wanted: &str| {
        let fields = text.split(';').filter_map(|field| field.split_once('='));
        let mut found = fields.filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| value.trim())
    };
    match (field("endpoint"), field("accesskey")) {
        (Some(endpoint), Some(key)) => Ok((endpoint, Secret::new(key))),
        _ => Err("the connection string must have the form endpoint=https://NAME.communication.azure.com/;accesskey=KEY".to_owned()),
    }
}
