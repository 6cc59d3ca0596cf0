//! A PostgreSQL server of the test's own, from Debian's package: a temporary data directory, a
//! socket in it, no port.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// The setting that says that there is none.
const SETTING: &str = "LAKEHAND_TEST_POSTGRES";

/// A running server; it ends with the test.
pub(super) struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    user: Option<u32>,
}

impl Postgres {
    /// Starts a server; `None` where the setting says that there shall be none.
    pub(super) fn start() -> Option<Self> {
        if std::env::var(SETTING).is_ok_and(|value| value == "off") {
            println!("skipped: {SETTING}=off");
            return None;
        }
        let programs = programs().unwrap_or_else(|| {
            panic!("no PostgreSQL: tests/run installs it; or set {SETTING}=off")
        });
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let server = Self { folder, programs, user: ordinary_user() };
        if let Some(user) = server.user {
            std::os::unix::fs::chown(server.folder.path(), Some(user), None).unwrap();
        }
        server.run(
            "initdb",
            &["--auth=trust", "--username=lakehand", "--encoding=UTF8", "--locale=C"],
        );
        let options = format!("-k {} -h '' -c fsync=off", server.folder.path().display());
        server.run(
            "pg_ctl",
            &["start", "--wait", "--silent", "--log=/dev/null", "--options", &options],
        );
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs a program of the server's on its data, and waits until it ends.
    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = self.command(program);
        command.arg("--pgdata").arg(self.data()).args(arguments);
        // The server that is started must not hold the ends of our pipes.
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program}: {status}");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).env_remove("PGOPTIONS");
        if let Some(user) = self.user {
            command.uid(user);
        }
        command
    }

    fn psql(&self, options: &[&str], sql: &str) -> Output {
        let mut command = self.command("psql");
        command.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "lakehand",
            "-d",
            "postgres",
        ]);
        command.arg("-h").arg(self.folder.path()).args(options).args(["-c", sql]);
        command.output().unwrap()
    }

    /// Runs a statement.
    pub(super) fn execute(&self, sql: &str) {
        let output = self.psql(&[], sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The rows of a query as objects, in a session whose settings are unlike the usual ones.
    pub(super) fn rows(&self, query: &str) -> Result<Vec<Value>, String> {
        let odd = "SET standard_conforming_strings = off; SET escape_string_warning = off; \
                   SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Pacific/Chatham';";
        let sql = format!("SELECT row_to_json(answer) FROM ({query}) AS answer");
        let output = self.psql(&["-c", odd], &sql);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let text = String::from_utf8(output.stdout).unwrap();
        Ok(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        command.args(["stop", "--mode=immediate", "--silent", "--pgdata"]).arg(self.data());
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The folder of the newest server: Debian keeps its programs off the path.
fn programs() -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    versions.sort();
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let newest = versions.pop().map(|(_, bin)| bin);
    newest.or_else(|| on_path.into_iter().find(|folder: &PathBuf| has_all(folder)))
}

fn has_all(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "psql"].iter().all(|program| folder.join(program).exists())
}

/// The server refuses to run as root: then it is the user that Debian's package makes.
fn ordinary_user() -> Option<u32> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    match id(&["-u"]) {
        Some(0) => id(&["-u", "postgres"]).or_else(|| id(&["-u", "nobody"])),
        _ => None,
    }
}
