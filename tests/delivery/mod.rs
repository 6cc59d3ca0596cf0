//! Mail to a real SMTP server, aiosmtpd, that takes it, puts it off, refuses it, or breaks off.

mod server;

use std::{
    process::Command,
    time::{Duration, Instant},
};

use lakehand::{
    alerts::{
        choose::When,
        deliver::{
            Message, Outcome, Outside, Sender,
            channel::{Channel, Email, Pace, Smtp, Target, Tls, Via},
        },
        render::email::Mail,
    },
    settings::{Credential, Secret},
    stores::{Fault, StoreError, tokens::Token},
};

use server::{Server, Taken, certificate, python};

const PASSWORD: &str = "p4ssw0rd-p4ssw0rd";

fn no_identity(_: &Credential, _: &'static str) -> Result<Token, StoreError> {
    Err(StoreError::new(Fault::Unavailable, "sign in", "x", "no identity"))
}

fn smtp(port: u16) -> Smtp {
    Smtp { host: "127.0.0.1".to_owned(), port, tls: Tls::None, login: None }
}

fn sender(server: Smtp, to: &[&str], loopback: bool, patience: Duration) -> Sender {
    let pause = Duration::from_millis(1);
    let pace = Pace { tries: 4, patience, pause, longest: pause };
    let email = Email {
        from: "Lakehand <lakehand@example.com>".parse().unwrap(),
        to: to.iter().map(|to| to.parse().unwrap()).collect(),
        via: Via::Smtp(server),
    };
    let channel = Channel {
        name: "mail".to_owned(),
        when: When::default(),
        occasions: Vec::new(),
        include_message: true,
        zone: jiff::tz::TimeZone::UTC,
        target: Target::Email(email),
    };
    Sender::new(channel, Outside::open(loopback, no_identity, pace).unwrap()).unwrap()
}

fn message() -> Message {
    Message::Mail(Mail {
        subject: "Pipeline ‘ingest’ failed".to_owned(),
        html: format!("<p>{}</p>", "größer ".repeat(400)),
        text: "a dot:\r\n.\r\nQUIT\r\nRCPT TO:<evil@example.com>".to_owned(),
    })
}

const LONG: Duration = Duration::from_secs(60);

async fn send(sender: &Sender) -> Outcome {
    sender.send(&message(), "k1", Instant::now() + LONG).await
}

/// What becomes of a mail to a server that does these things, and what it took.
async fn sent(acts: &[&str], to: &[&str]) -> Option<(Outcome, Vec<Taken>)> {
    let server = Server::start(&python()?, acts);
    let outcome = send(&sender(smtp(server.port), to, true, LONG)).await;
    Some((outcome, server.taken()))
}

#[tokio::test]
async fn a_mail_arrives_whole_and_once() {
    let Some((outcome, taken)) = sent(&[], &["a@example.com", "Team <b@example.com>"]).await else {
        return;
    };
    assert_eq!(outcome, Outcome::Accepted);
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].to, ["a@example.com", "b@example.com"]);
    let data = &taken[0].data;
    assert!(data.contains("Auto-Submitted: auto-generated\r\n"), "{data}");
    assert!(data.lines().all(|line| line.is_ascii() && line.len() < 999), "{data}");
}

#[tokio::test]
async fn what_is_put_off_is_tried_again() {
    let Some((outcome, taken)) = sent(&["busy", "busy"], &["a@example.com"]).await else { return };
    assert_eq!((outcome, taken.len()), (Outcome::Accepted, 1));
    let Some((outcome, taken)) = sent(&["busy"; 4], &["a@example.com"]).await else { return };
    assert!(
        matches!(&outcome, Outcome::Retry { reason, .. } if reason.contains("try again later"))
    );
    assert!(taken.is_empty());
}

#[tokio::test]
async fn what_is_refused_is_not_tried_again() {
    let Some((outcome, taken)) = sent(&["refuse"], &["a@example.com"]).await else { return };
    assert!(
        matches!(&outcome, Outcome::Refused(reason) if reason.contains("policy")),
        "{outcome:?}"
    );
    assert!(taken.is_empty());
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_content_leaves_it_open() {
    let Some((outcome, taken)) = sent(&["drop"], &["a@example.com"]).await else { return };
    assert_eq!((outcome, taken.len()), (Outcome::Accepted, 2));
    let id = |taken: &Taken| {
        let line = taken.data.lines().find(|line| line.starts_with("Message-ID: "));
        line.unwrap().to_owned()
    };
    assert_eq!(id(&taken[0]), id(&taken[1]), "a mailbox knows the repeat");
    let Some((outcome, taken)) = sent(&["drop"; 4], &["a@example.com"]).await else { return };
    assert!(matches!(outcome, Outcome::Ambiguous(_)), "{outcome:?}");
    assert_eq!(taken.len(), 2);
}

#[tokio::test]
async fn a_server_that_never_answers_leaves_it_open() {
    let Some(python) = python() else { return };
    let server = Server::start(&python, &["hang", "hang"]);
    let patience = Duration::from_secs(2);
    let outcome = send(&sender(smtp(server.port), &["a@example.com"], true, patience)).await;
    assert_eq!(outcome, Outcome::Ambiguous("no answer in time".to_owned()));
}

#[tokio::test]
async fn one_recipient_does_not_cost_the_others_their_mail() {
    let to = ["gone@example.com", "a@example.com", "later@example.com"];
    let Some((outcome, taken)) = sent(&[], &to).await else { return };
    assert_eq!((outcome, taken.len()), (Outcome::Accepted, 1));
    assert_eq!(taken[0].to, ["a@example.com"]);
    let Some((outcome, _)) = sent(&[], &["gone@example.com"]).await else { return };
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    for to in [["gone@example.com", "later@example.com"], ["later@example.com", "gone@example.com"]]
    {
        let Some((outcome, _)) = sent(&[], &to).await else { return };
        assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_password_is_shown_to_the_server_alone() {
    let Some(python) = python() else { return };
    let server = Server::start(&python, &["--login", "user", PASSWORD]);
    let with = |password: &str| {
        let login = Some(("user".to_owned(), Secret::new(password)));
        sender(Smtp { login, ..smtp(server.port) }, &["a@example.com"], true, LONG)
    };
    assert_eq!(send(&with(PASSWORD)).await, Outcome::Accepted);
    let outcome = send(&with("wr0ng-p4ssw0rd")).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert!(!format!("{outcome:?} {:?}", with(PASSWORD)).contains("p4ssw0rd"));
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn nothing_is_said_before_the_connection_is_secure() {
    let Some(python) = python() else { return };
    let server = Server::start(&python, &[]);
    let login = Some(("user".to_owned(), Secret::new(PASSWORD)));
    let plain = Smtp { tls: Tls::StartTls, login, ..smtp(server.port) };
    let outcome = send(&sender(plain, &["a@example.com"], true, LONG)).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn a_server_on_this_machine_is_for_trials() {
    let outcome = send(&sender(smtp(1), &["a@example.com"], false, LONG)).await;
    assert_eq!(outcome, Outcome::Refused("its name leads to a private address".to_owned()));
    let platform = Smtp { host: "169.254.169.254".to_owned(), ..smtp(25) };
    let outcome = send(&sender(platform, &["a@example.com"], true, LONG)).await;
    assert_eq!(outcome, Outcome::Refused("its name leads to a private address".to_owned()));
}

/// The settings that the next test hands to its second half.
const PORT: &str = "LAKEHAND_TEST_MAIL_PORT";

#[tokio::test]
async fn a_server_whose_certificate_is_known_gets_its_mail_by_tls() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(&python, folder.path());
    let server = Server::start(&python, &["--tls", &cert, &key]);
    let secure = Smtp { host: "localhost".to_owned(), tls: Tls::StartTls, ..smtp(server.port) };
    let outcome = send(&sender(secure, &["a@example.com"], true, LONG)).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "nobody knows the authority: {outcome:?}");
    let half = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "delivery::its_second_half", "--ignored"])
        .env("SSL_CERT_FILE", &cert)
        .env(PORT, server.port.to_string())
        .output()
        .unwrap();
    assert!(half.status.success(), "{}", String::from_utf8_lossy(&half.stdout));
    let taken = server.taken();
    assert!(taken.len() == 1 && taken[0].tls, "{taken:?}");
}

#[tokio::test]
#[ignore = "run by the test above, in a process that knows its certificate"]
async fn its_second_half() {
    let port = std::env::var(PORT).unwrap().parse().unwrap();
    let secure = Smtp { host: "localhost".to_owned(), tls: Tls::StartTls, ..smtp(port) };
    assert_eq!(send(&sender(secure, &["a@example.com"], true, LONG)).await, Outcome::Accepted);
}
