//! The real Azurite, started once for all tests of this binary.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lakehand::settings::{Connection, Environment};

/// Where `npm ci` puts it.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/azurite");

/// How long it may take to listen.
const START: Duration = Duration::from_secs(60);

/// The accounts it knows.
pub(crate) const ACCOUNTS: [&str; 2] = ["lakeone", "laketwo"];

/// A running Azurite. It ends when this process does, however that ends: the script it runs in
/// watches its standard input, which the child keeps open for as long as it is here.
pub(crate) struct Azurite {
    blob: String,
    queue: String,
    _child: Child,
}

/// The instance that all tests share; names must be [`unique`].
pub(crate) fn shared() -> &'static Azurite {
    static SHARED: OnceLock<Azurite> = OnceLock::new();
    SHARED.get_or_init(Azurite::start)
}

/// A name for a container or queue that no other test uses.
pub(crate) fn unique(subject: &str) -> String {
    format!("{subject}-{}", &uuid::Uuid::new_v4().simple().to_string()[..12])
}

/// The key of one of the accounts, base64.
pub(crate) fn key(account: &str) -> String {
    STANDARD.encode(format!("a key that only this test knows: {account}"))
}

impl Azurite {
    fn start() -> Self {
        assert!(
            Path::new(FOLDER).join("node_modules/azurite").is_dir(),
            "Azurite is not there; run tests/run, which installs it"
        );
        let accounts = ACCOUNTS.map(|account| format!("{account}:{}", key(account))).join(";");
        let mut child = Command::new("node")
            .arg("serve.js")
            .args(["--silent", "--inMemoryPersistence", "--skipApiVersionCheck"])
            .args(["--disableTelemetry", "--blobPort=0", "--queuePort=0", "--tablePort=0"])
            .current_dir(FOLDER)
            .env("AZURITE_ACCOUNTS", accounts)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node must be on the PATH to run Azurite");
        let lines = lines(&mut child);
        let [blob, queue] = ["Blob", "Queue"].map(|service| address(&lines, service));
        Self { blob, queue, _child: child }
    }

    /// How an account is reached, as a setting says it.
    pub(crate) fn connection_string(&self, account: &str) -> String {
        format!("{};AccountName={account};AccountKey={}", self.endpoints(account), key(account))
    }

    /// The addresses of an account's services, as part of a connection string.
    pub(crate) fn endpoints(&self, account: &str) -> String {
        let (blob, queue) = (&self.blob, &self.queue);
        format!("BlobEndpoint={blob}/{account};QueueEndpoint={queue}/{account}")
    }
}

/// The connection that a connection string describes.
pub(crate) fn connection(text: &str) -> Connection {
    let environment = Environment::from([("LAKE".to_owned(), text.to_owned())]);
    let mut problems = Vec::new();
    let connection = Connection::read(&environment, "LAKE", &mut problems);
    connection.unwrap_or_else(|| panic!("{problems:?}"))
}

/// What a process prints, line by line; read to its end, so that it never waits for us.
fn lines(child: &mut Child) -> Receiver<String> {
    let stdout = child.stdout.take().expect("its output is piped");
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens any more once the addresses are known.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The address on which a service says that it listens.
fn address(lines: &Receiver<String>, service: &str) -> String {
    let mark = format!("Azurite {service} service is successfully listening at ");
    loop {
        let line = lines.recv_timeout(START).expect("Azurite ended or did not listen in time");
        if let Some(address) = line.strip_prefix(&mark) {
            return address.to_owned();
        }
    }
}
