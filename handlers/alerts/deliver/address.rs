//! The address of a channel: a secret, for whoever has it may write there.

use std::{fmt, net::IpAddr};

use reqwest::Url;
use url::{Host, Position};

use super::network;
use crate::settings::Secret;

/// An address that was checked. It is used as it was written, byte by byte, because a signature in
/// it does not survive being encoded anew.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    text: Secret,
    host: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/[redacted]", self.host)
    }
}

/// The hosts that an address may have.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Those of the service; one that begins with a dot stands for every host below it.
    pub known: &'static [&'static str],
    /// Those that the configuration allows.
    pub allowed: Vec<String>,
}

impl Hosts {
    fn have(&self, host: &str) -> bool {
        let known = |known: &&str| match known.strip_prefix('.') {
            Some(_) => host.len() > known.len() && host.ends_with(*known),
            None => host == *known,
        };
        self.known.iter().any(known) || self.allowed.iter().any(|allowed| allowed == host)
    }

    fn names(&self) -> String {
        let known = self.known.iter().map(|known| match known.strip_prefix('.') {
            Some(_) => format!("*{known}"),
            None => (*known).to_owned(),
        });
        let names: Vec<_> = known.chain(self.allowed.iter().cloned()).collect();
        if names.is_empty() { "none is".to_owned() } else { names.join(", ") }
    }
}

/// Why an address is not taken. Says nothing of it but its host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// It cannot be parsed, or has no host.
    #[error("it is not an absolute address")]
    Malformed,
    /// It holds something that would be written differently in a request.
    #[error(
        "its path or query would be sent in another form; copy it again from where it was shown, with nothing decoded"
    )]
    NotVerbatim,
    /// It is not https.
    #[error("it must begin with https://")]
    Scheme,
    /// It has a user, a password or a fragment.
    #[error("it must have no user name, no password and no fragment")]
    Parts,
    /// Its host is none that may be written to.
    #[error("its host `{host}` is none of those allowed here ({allowed})")]
    Host {
        /// The host.
        host: String,
        /// Those that would do.
        allowed: String,
    },
    /// Its host is an address inside a network.
    #[error("its host is a private address")]
    Private,
}

impl Address {
    /// Checks an address. With `loopback`, plain HTTP to this machine is taken too.
    ///
    /// # Errors
    /// The first fault.
    pub fn read(text: &str, hosts: &Hosts, loopback: bool) -> Result<Self, AddressFault> {
        let url = Url::parse(text).map_err(|_| AddressFault::Malformed)?;
        let host = url.host().ok_or(AddressFault::Malformed)?;
        let local = loopback && is_loopback(&host);
        if url.scheme() != "https" && !(local && url.scheme() == "http") {
            return Err(AddressFault::Scheme);
        }
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.fragment().is_some() {
            return Err(AddressFault::Parts);
        }
        if !is_verbatim(text, &url) {
            return Err(AddressFault::NotVerbatim);
        }
        let name = host.to_string();
        if !local {
            check_host(&host, &name, hosts)?;
        }
        Ok(Self { text: Secret::new(text), host: name })
    }

    /// The host, without the port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The whole address, for the one place that calls it; `None` cannot be, for it was checked.
    pub(super) fn url(&self) -> Option<Url> {
        Url::parse(self.text.expose()).ok()
    }

    /// Pieces of it that must not be repeated to anyone, as written and decoded.
    pub(super) fn secrets(&self) -> Vec<String> {
        let Some(url) = self.url() else { return Vec::new() };
        let whole = [self.text.expose(), url.as_str(), &url[Position::BeforePath..], url.path()];
        let written =
            url.path().split('/').chain(url.query().unwrap_or_default().split(['&', '=']));
        let decoded = url.query_pairs().map(|(_, value)| value.into_owned());
        let pieces = written.map(str::to_owned).chain(decoded);
        let pieces = pieces.filter(|piece| piece.len() >= LONGEST_WORD);
        whole.into_iter().map(str::to_owned).chain(pieces).collect()
    }
}

/// A piece of an address that is shorter is taken for a word, such as `workflows`.
const LONGEST_WORD: usize = 12;

fn check_host(host: &Host<&str>, name: &str, hosts: &Hosts) -> Result<(), AddressFault> {
    if !hosts.have(name) {
        let allowed = hosts.names();
        return Err(AddressFault::Host { host: name.to_owned(), allowed });
    }
    match ip(host) {
        Some(ip) if !network::is_public(ip) => Err(AddressFault::Private),
        _ => Ok(()),
    }
}

/// Whether path and query are sent as they were written.
fn is_verbatim(text: &str, url: &Url) -> bool {
    let parsed = &url[Position::BeforePath..];
    let Some((_, rest)) = text.split_once("://") else { return false };
    let written = rest.find(['/', '?', '#', '\\']).map_or("", |at| &rest[at..]);
    written == parsed || format!("/{written}") == parsed
}

fn ip(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(ip) => Some((*ip).into()),
        Host::Ipv6(ip) => Some((*ip).into()),
        Host::Domain(_) => None,
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    *host == Host::Domain("localhost") || ip(host).is_some_and(|ip| ip.is_loopback())
}
