//! Mail by an SMTP server.
//!
//! The steps are taken one by one, because only a connection that breaks after the content was
//! offered leaves it open whether the mail arrived, and because one recipient that is refused must
//! not cost the others their mail.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lettre::{
    Address, Message,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};

use super::{
    answer::{self, Outcome},
    channel::{Smtp, Tls},
    network,
};

/// How long the farewell may take; the mail is accepted by then.
const FAREWELL: Duration = Duration::from_secs(1);

/// Sends a mail once.
pub(super) async fn send(
    server: &Smtp,
    message: &Message,
    loopback: bool,
    patience: Duration,
) -> Outcome {
    let offered = AtomicBool::new(false);
    let talk = talk(server, message, loopback, &offered);
    let failure = match tokio::time::timeout(patience, talk).await {
        Ok(Ok(())) => return Outcome::Accepted,
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Broken("no answer in time".to_owned()),
    };
    outcome(failure, offered.into_inner(), server)
}

/// Why a mail was not sent.
#[derive(Debug)]
enum Failure {
    /// The connection failed.
    Broken(String),
    /// The server says that it will take it later.
    Later(String),
    /// The server will not take it, or something is not as it must be.
    Never(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        if error.is_transient() {
            Self::Later(text)
        } else if error.is_permanent() || error.is_client() {
            Self::Never(text)
        } else {
            Self::Broken(text)
        }
    }
}

fn outcome(failure: Failure, offered: bool, server: &Smtp) -> Outcome {
    let login = server.login.iter();
    let secrets: Vec<_> = login.map(|(_, password)| password.expose().to_owned()).collect();
    let told = |text: String| answer::excerpt(&text, &secrets);
    match failure {
        Failure::Never(text) => Outcome::Refused(told(text)),
        Failure::Broken(text) if offered => Outcome::Ambiguous(told(text)),
        Failure::Later(text) | Failure::Broken(text) => Outcome::retry(told(text)),
    }
}

async fn talk(
    server: &Smtp,
    message: &Message,
    loopback: bool,
    offered: &AtomicBool,
) -> Result<(), Failure> {
    let addresses = find(server, loopback).await?;
    let mut connection = connect(server, &addresses).await?;
    let envelope = message.envelope();
    connection.command(Mail::new(envelope.from().cloned(), Vec::new())).await?;
    recipients(&mut connection, envelope.to()).await?;
    connection.command(Data).await?;
    offered.store(true, Ordering::Relaxed);
    connection.message(&message.formatted()).await?;
    let _ = tokio::time::timeout(FAREWELL, connection.quit()).await;
    Ok(())
}

/// Finds the server. A relay in a private network is usual; this machine is for trials, and a
/// link-local address is the platform's, never a mail server's.
async fn find(server: &Smtp, loopback: bool) -> Result<Vec<SocketAddr>, Failure> {
    let place = (server.host.as_str(), server.port);
    let found = tokio::net::lookup_host(place).await;
    let found = found.map_err(|_| Failure::Broken("its name is not found".to_owned()))?;
    let is_allowed = |ip: IpAddr| match ip.to_canonical() {
        ip if ip.is_loopback() => loopback,
        IpAddr::V4(ip) => network::is_public(ip.into()) || ip.is_private(),
        IpAddr::V6(ip) => network::is_public(ip.into()) || ip.is_unique_local(),
    };
    network::checked(found.collect(), is_allowed)
        .map_err(|forbidden| Failure::Never(forbidden.to_string()))
}

async fn connect(server: &Smtp, addresses: &[SocketAddr]) -> Result<AsyncSmtpConnection, Failure> {
    let hello = ClientId::default();
    let tls = || TlsParameters::new(server.host.clone());
    let at_once = if server.tls == Tls::Implicit { Some(tls()?) } else { None };
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(addresses, None, &hello, at_once, None).await?;
    if server.tls == Tls::StartTls {
        connection.starttls(tls()?, &hello).await?;
    }
    if let Some((user, password)) = &server.login {
        let login = Credentials::new(user.clone(), password.expose().to_owned());
        connection.auth(&[Mechanism::Plain, Mechanism::Login], &login).await?;
    }
    Ok(connection)
}

/// Names the recipients; those that are refused are left out as long as one is not.
async fn recipients(connection: &mut AsyncSmtpConnection, to: &[Address]) -> Result<(), Failure> {
    let mut left_out: Option<Failure> = None;
    let mut taken = 0_usize;
    for address in to {
        match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
            Ok(_) => taken += 1,
            Err(error) => match (Failure::from(error), &left_out) {
                (broken @ Failure::Broken(_), _) => return Err(broken),
                // One that may be taken later is the better reason: then all are tried again.
                (_, Some(Failure::Later(_))) => {}
                (failure, _) => left_out = Some(failure),
            },
        }
    }
    match left_out {
        Some(failure) if taken == 0 => Err(failure),
        Some(_) => {
            let refused = to.len() - taken;
            tracing::warn!(
                mail.taken = taken,
                mail.refused = refused,
                "not every recipient was taken"
            );
            Ok(())
        }
        None => Ok(()),
    }
}
