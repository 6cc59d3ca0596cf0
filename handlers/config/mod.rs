//! `lakehand.toml`: what the user wants done, read strictly, every problem with line and column.

mod alerts;
mod channels;
mod live;
mod mailing;
mod policies;
mod routes;
mod section;
mod tables;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use toml::de::DeTable;

pub use alerts::{Alerts, Expected};
pub use live::{Active, LiveConfig, OpenAccount, Unusable};
pub use policies::Reach;
pub use section::parse_size;
pub(crate) use section::parse_span;
use section::{Found, Problems, Section};

use crate::{
    encryption::policy::Policy,
    metadata::tables::rules::Checked,
    routing::{route::Route, template::Template},
    settings::{Connection, Environment},
    stores::blobs::{BlobPath, is_container},
};

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where files land, and what holds for all of them.
    pub landing: Landing,
    /// Other storage accounts that routes deliver to, by name.
    pub accounts: BTreeMap<String, Connection>,
    /// The policies of column encryption, by name.
    pub policies: BTreeMap<String, Policy>,
    /// What encryption may read and write.
    pub reach: Reach,
    /// The routes, in the order in which they are tried.
    pub routes: Vec<Route>,
    /// The tables that are ingested, in the order of the file.
    pub tables: Vec<Checked>,
    /// The containers in which empty files of a window may be removed.
    pub sinks: Vec<String>,
    /// Who is told of what goes wrong.
    pub alerts: Alerts,
    /// The container in which this configuration lies, if it lies in one.
    pub own_container: Option<String>,
}

/// `[landing]`.
#[derive(Clone, Debug)]
pub struct Landing {
    /// The containers in which files land.
    pub containers: Vec<String>,
    /// Where a file goes that no route takes.
    pub quarantine: Template,
    /// How long a file must rest before the sweep takes it, and before an empty one counts as a file.
    pub settle: Duration,
    /// How many files are moved at a time.
    pub parallel: usize,
}

/// A fault of the configuration and where it is, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// What the configuration needs to know of its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The settings that `%LAKEHAND_NAME%` in a secret field may mean.
    pub environment: &'a Environment,
    /// The landing container when `[landing]` names none.
    pub landing: &'a str,
    /// The container in which this configuration lies, if it lies in one.
    pub own_container: Option<&'a str>,
}

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// Every problem, in the order of the document.
    pub fn parse(text: &str, around: &Surroundings<'_>) -> Result<Self, Vec<Problem>> {
        let problems = Problems::of(text);
        let (document, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            problems.add(&error.span().unwrap_or_default(), error.message());
        }
        let root = Section::new(document.get_ref(), document.span(), &problems);
        let landing = landing(root.table("landing"), around, &problems);
        let accounts = accounts(root.tables("account"), around, &problems);
        let reach = policies::reach(root.table("encryption"), &problems);
        let policies = policies::policies(root.tables("policy"), &problems);
        let routes = routes::read(
            root.tables("route"),
            &routes::Known { landing: &landing, accounts: &accounts, policies: &policies },
            around,
            &problems,
        );
        let tables = tables::read(root.tables("table"));
        let sinks = tables::sinks(root.table("ingestion"), &problems);
        let alerts = alerts::read(&root, around, &problems);
        root.finish();
        let own_container = around.own_container.map(str::to_owned);
        let mut found = problems.into_sorted();
        // An editor that empties a file before it writes must not send every file away.
        if found.is_empty() && routes.is_empty() && policies.is_empty() {
            let message =
                "there is no [[route]] and no [[policy]]: every file would go to the quarantine";
            found.push(Problem { line: 1, column: 1, message: message.to_owned() });
        }
        if found.is_empty() {
            Ok(Self {
                landing,
                accounts,
                policies,
                reach,
                routes,
                tables,
                sinks,
                alerts,
                own_container,
            })
        } else {
            Err(found)
        }
    }

    /// Gives a target back if a blob may go there: a name from outside may lead anywhere but into
    /// the landing zone and to this configuration. The same is said of literal containers when the
    /// configuration is read. It holds for other accounts too, which may be this one by another name.
    ///
    /// # Errors
    /// Why nothing may be written there.
    pub fn allows_target(&self, target: BlobPath) -> Result<BlobPath, String> {
        let container = target.container();
        if self.is_landing(container) {
            return Err(format!(
                "`{container}` is a landing container: its files would be routed again"
            ));
        }
        if self.own_container.as_deref() == Some(container) {
            return Err(own_container(container));
        }
        Ok(target)
    }

    /// The key-encryption keys that may be used: what a file or a request names is looked for
    /// nowhere else.
    pub fn keys(&self) -> Vec<String> {
        let of_policies = self.policies.values().map(|policy| &policy.key);
        let keys: BTreeSet<_> = of_policies.chain(&self.reach.keys).cloned().collect();
        keys.into_iter().collect()
    }

    /// Whether files land in the container.
    pub fn is_landing(&self, container: &str) -> bool {
        self.landing.containers.iter().any(|landing| landing == container)
    }
}

/// The defaults of `[landing]`.
const QUARANTINE: &str = "quarantine/{container}/{path}";
const SETTLE: Duration = Duration::from_secs(10);
const PARALLEL: u64 = 5;

/// What is not said is checked like what is: a default may not fit the surroundings either.
fn landing(
    section: Option<Section<'_>>,
    around: &Surroundings<'_>,
    problems: &Problems<'_>,
) -> Landing {
    let at = section.as_ref().map_or(0..0, |section| section.at().clone());
    let default = |text: &str| Found::new(at.clone(), text.to_owned());
    let ask = |name| section.as_ref().and_then(|section| section.text(name));
    let quarantine = ask("quarantine").unwrap_or_else(|| default(QUARANTINE));
    let settle = section.as_ref().and_then(|section| section.span("settle"));
    let parallel =
        section.as_ref().map_or(PARALLEL, |section| section.count("parallel", 64, PARALLEL));
    let mut containers =
        section.as_ref().map(|section| section.texts("containers")).unwrap_or_default();
    if containers.is_empty() {
        containers.push(default(around.landing));
    }
    check_landing(&containers, around, problems);
    let containers: Vec<_> = containers.into_iter().map(Found::into_inner).collect();
    let template = problems.parse(&quarantine, |text| Template::parse(text, &[]));
    if let Some(template) = &template {
        check_target(template, &quarantine, &containers, around, problems);
    }
    if let Some(section) = section {
        section.finish();
    }
    Landing {
        containers,
        quarantine: template.unwrap_or_else(Template::nowhere),
        settle: settle.unwrap_or(SETTLE),
        parallel: usize::try_from(parallel).unwrap_or(1),
    }
}

fn check_landing(containers: &[Found<String>], around: &Surroundings<'_>, problems: &Problems<'_>) {
    for container in containers {
        let name = container.get_ref();
        if !is_container(name) {
            problems.add(&container.span(), format!("`{name}` is not a container name"));
        } else if around.own_container == Some(name) {
            problems.add(&container.span(), own_container(name));
        }
    }
}

fn own_container(container: &str) -> String {
    format!(
        "`{container}` holds this configuration; files may not land in it or be sent to it, or a data file could replace the rules"
    )
}

/// A destination must not feed the landing zone, nor reach the configuration.
fn check_target(
    template: &Template,
    text: &Found<String>,
    landing: &[String],
    around: &Surroundings<'_>,
    problems: &Problems<'_>,
) {
    let Some(container) = template.container() else {
        if !template.text().contains('/') {
            problems.add(
                &text.span(),
                "a container and a path are needed, such as `processing/{path}`",
            );
        }
        return;
    };
    if landing.iter().any(|name| name == container) {
        problems.add(
            &text.span(),
            format!(
                "`{container}` is a landing container: its files would be routed again, for ever"
            ),
        );
    } else if around.own_container == Some(container) {
        problems.add(&text.span(), own_container(container));
    } else if !is_container(container) {
        problems.add(&text.span(), format!("`{container}` is not a container name"));
    }
}

fn accounts(
    sections: Vec<Section<'_>>,
    around: &Surroundings<'_>,
    problems: &Problems<'_>,
) -> BTreeMap<String, Connection> {
    let mut accounts = BTreeMap::new();
    for section in sections {
        let name = section.required("name", "archive");
        let connection = section
            .required("connection", "%LAKEHAND_ARCHIVE%")
            .and_then(|found| Some((account(&found, around, problems)?, found)));
        if let (Some(name), Some((connection, _))) = (name, connection)
            && accounts.insert(name.get_ref().clone(), connection).is_some()
        {
            problems.add(&name.span(), format!("the account `{}` is named twice", name.get_ref()));
        }
        section.finish();
    }
    accounts
}

fn account(
    found: &Found<String>,
    around: &Surroundings<'_>,
    problems: &Problems<'_>,
) -> Option<Connection> {
    let setting = problems.parse(found, secret_setting)?;
    let mut faults = Vec::new();
    let connection = Connection::read(around.environment, &setting, &mut faults);
    for fault in &faults {
        problems.add(&found.span(), fault.to_string());
    }
    if connection.is_none() && faults.is_empty() {
        problems.add(&found.span(), format!("the setting {setting} is missing; give it a connection string, or set {setting}__blobServiceUri"));
    }
    connection
}

/// The setting that a secret field names. A secret field holds exactly one `%LAKEHAND_NAME%` and
/// nothing around it, so that a file cannot smuggle a setting's value into an address or a path.
fn secret_setting(text: &str) -> Result<String, String> {
    let inside = text.strip_prefix('%').and_then(|text| text.strip_suffix('%'));
    let name = inside.filter(|name| {
        name.starts_with("LAKEHAND_")
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    });
    name.map(str::to_owned).ok_or_else(|| {
        "a secret is never written here: name the setting that holds it, as in \"%LAKEHAND_ARCHIVE%\"".to_owned()
    })
}

/// Whether a path has a folder called `Original`, in any case.
pub fn is_original(path: &str) -> bool {
    path.split('/').any(|segment| segment.eq_ignore_ascii_case("original"))
}
