//! Who does the job, with what, and whether it was done.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tempfile::TempDir;

use crate::{machine::version, python};

/// The columns that are protected.
pub(crate) const COLUMNS: &str = "full_name,email,phone,national_id,address";

/// The data key of all but lakehand, which makes its own for every file.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const LAKEHAND: &str = env!("CARGO_BIN_EXE_lakehand");
const REQUIREMENTS: &str = include_str!("requirements.txt");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/encryption");

/// Asks for PySpark: the Python of an environment that has it, or `install`.
const SPARK: &str = "LAKEHAND_BENCH_SPARK";
const SPARK_REQUIREMENTS: &str = "pyspark==3.5.9\n";

/// Who does the job: a command, with the file to read and the one to write in its middle.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// What it protects: all columns, or none where it only copies.
    columns: &'static str,
    before: Vec<String>,
    after: Vec<String>,
}

impl Contender {
    pub(crate) fn command(&self, people: &Path, output: &Path) -> Command {
        let mut command = Command::new(&self.before[0]);
        command.args(&self.before[1..]).arg(people).arg(output).args(&self.after);
        command.current_dir(output.parent().unwrap()).stdout(Stdio::null());
        command
    }

    fn is_lakehand(&self) -> bool {
        self.before[0] == LAKEHAND
    }
}

/// Where it all happens.
pub(crate) struct Lab {
    folder: TempDir,
    python: String,
    spark: Option<String>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let spark = std::env::var(SPARK).ok().map(|asked| match &*asked {
            "install" => python::with("spark", SPARK_REQUIREMENTS),
            _ => asked,
        });
        let lab = Self { folder, python: python::with("encryption", REQUIREMENTS), spark };
        lab.run(lab.lakehand(&["keys", "init", "--key", "people"]));
        lab
    }

    /// All contenders, lakehand first.
    pub(crate) fn contenders(&self) -> Vec<Contender> {
        let before = [LAKEHAND, "encrypt"].map(str::to_owned).to_vec();
        let options = ["--columns", COLUMNS, "--method", "randomized", "--key", "people"];
        let mut after = options.map(str::to_owned).to_vec();
        after.extend(["--keyring".to_owned(), self.keyring()]);
        let lakehand = Contender { name: "lakehand", columns: COLUMNS, before, after };
        let python = Some(&self.python);
        let peers = [
            ("pyarrow, row groups", "pyarrow", python),
            ("pandas", "pandas", python),
            ("polars", "polars", python),
            ("DuckDB, Python function", "duckdb", python),
            ("PySpark, aes_encrypt", "pyspark", self.spark.as_ref()),
            ("pyarrow, mere copy", "copy", python),
        ];
        let peers =
            peers.into_iter().filter_map(|(name, how, python)| Some(peer(name, how, python?)));
        [lakehand].into_iter().chain(peers).collect()
    }

    /// A file of so many invented people.
    pub(crate) fn people(&self, rows: u32) -> PathBuf {
        let path = self.folder.path().join("people.parquet");
        let mut command = self.script("people.py");
        command.arg(&path).arg(rows.to_string());
        self.run(command);
        path
    }

    /// Where the next contender writes; nothing is there.
    pub(crate) fn fresh_output(&self) -> PathBuf {
        let path = self.folder.path().join("protected.parquet");
        // Spark makes a folder.
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        path
    }

    /// Fails if the contender did not do the job.
    pub(crate) fn check(&self, contender: &Contender, people: &Path, output: &Path) {
        let key = if contender.is_lakehand() { self.key_of(output) } else { KEY.to_owned() };
        let mut command = self.script("check.py");
        command.arg(people).arg(output).args([contender.columns, &key]);
        self.run(command);
    }

    /// The data key of a file that lakehand wrote, as hexadecimal digits.
    fn key_of(&self, output: &Path) -> String {
        let mut command = self.lakehand(&["keys", "reveal", "--yes-reveal-the-key"]);
        let text = String::from_utf8(command.arg(output).output().unwrap().stdout).unwrap();
        let key = text.lines().next().unwrap().split_whitespace().last().unwrap();
        STANDARD.decode(key).unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The versions of all peers.
    pub(crate) fn versions(&self) -> String {
        let requirements = REQUIREMENTS.lines().chain(self.spark.as_ref().map(|_| "PySpark"));
        let packages: Vec<_> = requirements.map(|line| line.replace("==", " ")).collect();
        format!("{} with {}", version(&self.python), packages.join(", "))
    }

    fn keyring(&self) -> String {
        self.folder.path().join("keyring.json").display().to_string()
    }

    fn lakehand(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(LAKEHAND);
        command.current_dir(self.folder.path());
        command.args(arguments).args(["--keyring", &self.keyring()]);
        command
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(Path::new(SCRIPTS).join(name));
        command
    }

    fn run(&self, mut command: Command) {
        let status = command.current_dir(self.folder.path()).status().unwrap();
        assert!(status.success(), "{command:?}: {status}");
    }
}

fn peer(name: &'static str, how: &str, python: &str) -> Contender {
    let columns = if how == "copy" { "" } else { COLUMNS };
    let before = vec![python.to_owned(), format!("{SCRIPTS}/peers.py"), how.to_owned()];
    let after = [columns, KEY].map(str::to_owned).to_vec();
    Contender { name, columns, before, after }
}
