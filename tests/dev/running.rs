//! The built binary running as `lakehand dev`, in a folder of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    marker::PhantomData,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long anything may take that is expected to happen.
const DEADLINE: Duration = Duration::from_secs(60);

/// Rules with fixed destinations.
pub(super) const RULES: &str = r#"
[landing]
containers = ["landing"]
quarantine = "quarantine/{container}/{path}"
settle = "1s"

[[route]]
name = "drives"
from = "landing/drives/{dataset}/{file...}"
complete = ".done"
settle = "1s"
to = "processing/{dataset}/Original/{file}"

[[route]]
name = "contracts"
from = "landing/contracts/{file...}"
action = "copy"
to = "archive/{file}"
on_conflict = "version"

[[route]]
name = "tables"
from = "landing/{dataset}/{file...}"
when = { extension = ["csv", "bin"] }
to = "processing/{dataset}/{file}"
on_conflict = "version"
"#;

/// A folder to run in, with rules.
pub(super) struct Site {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// `lakehand dev`, running.
pub(super) struct Dev<'a> {
    /// Its folder is removed with the site, so it must not live longer.
    _site: PhantomData<&'a Site>,
    child: Child,
    printed: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// A folder with [`RULES`].
    pub(super) fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        site.write("lakehand.toml", RULES);
        site
    }

    /// The same with Functions switched off.
    pub(super) fn without(disabled: &[&str]) -> Self {
        disabled.iter().fold(Self::new(), |site, setting| site.with(setting, "true"))
    }

    /// The same with a setting.
    pub(super) fn with(mut self, setting: &str, value: &str) -> Self {
        self.environment.push((setting.to_owned(), value.to_owned()));
        self
    }

    /// A path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the folder.
    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes a file into the lake.
    pub(super) fn drop_file(&self, blob: &str, content: impl AsRef<[u8]>) {
        self.write(&format!("lake/{blob}"), content);
    }

    /// The files of the lake below a container or folder, as the test sees them.
    pub(super) fn files(&self, folder: &str) -> Vec<String> {
        let top = self.path("lake").join(folder);
        let mut files = Vec::new();
        collect(&top, &top, &mut files);
        files.sort();
        files
    }

    /// Waits for a file in the lake with this content.
    pub(super) fn arrives(&self, blob: &str, content: impl AsRef<[u8]>) {
        let path = self.path("lake").join(blob);
        wait_for(&format!("{blob} in the lake"), || {
            fs::read(&path).is_ok_and(|read| read == content.as_ref())
        });
    }

    /// Waits until a file is gone from the lake.
    pub(super) fn leaves(&self, blob: &str) {
        let path = self.path("lake").join(blob);
        wait_for(&format!("{blob} to leave"), || !path.exists());
    }

    /// The command `lakehand dev` with these arguments.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lakehand"));
        command
            .arg("dev")
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts `lakehand dev` and waits until its worker is ready.
    pub(super) fn start(&self, arguments: &[&str]) -> Dev<'_> {
        let any_port = ["--port", "0"];
        let mut child = self.command(&[&any_port, arguments].concat()).spawn().unwrap();
        let printed = Arc::default();
        keep(child.stdout.take().unwrap(), &printed);
        keep(child.stderr.take().unwrap(), &printed);
        let dev = Dev { _site: PhantomData, child, printed };
        dev.prints("the worker is ready");
        dev
    }
}

impl Dev<'_> {
    /// Waits for a line that contains the text, and returns it.
    pub(super) fn prints(&self, text: &str) -> String {
        let mut found = None;
        let mut look = || {
            let printed = self.printed.lock().unwrap();
            found = printed.iter().find(|line| line.contains(text)).cloned();
            found.is_some()
        };
        if !within_deadline(&mut look) {
            panic!("`{text}` was not printed, but:\n{}", self.output());
        }
        found.unwrap()
    }

    /// How many lines printed so far contain the text.
    pub(super) fn count(&self, text: &str) -> usize {
        self.printed.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// Everything printed so far.
    pub(super) fn output(&self) -> String {
        self.printed.lock().unwrap().join("\n")
    }

    /// The process ids of its children: the worker, if it runs.
    pub(super) fn workers(&self) -> Vec<u32> {
        children_of(self.child.id())
    }

    /// An address that it serves.
    pub(super) fn url(&self, path: &str) -> String {
        let line = self.prints(" on http://127.0.0.1:");
        format!("{}{path}", line.split_once(" on ").unwrap().1)
    }

    /// Sends a signal to it and waits for its end.
    pub(super) fn end(mut self, signal: &str) -> ExitStatus {
        send_signal(self.child.id(), signal);
        let mut status = None;
        wait_for("the end of lakehand dev", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Dev<'_> {
    fn drop(&mut self) {
        // A test that ended it, or failed, has nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so; a panic says what was not.
pub(super) fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    assert!(within_deadline(&mut so), "waited in vain for {what}");
}

fn within_deadline(so: &mut dyn FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !so() {
        if start.elapsed() > DEADLINE {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Sends a signal by name.
pub(super) fn send_signal(process: u32, signal: &str) {
    let status =
        Command::new("kill").args([format!("-{signal}"), process.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Whether a process runs.
pub(super) fn runs(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// The processes with this parent, from `/proc`.
fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn keep(stream: impl Read + Send + 'static, printed: &Arc<Mutex<Vec<String>>>) {
    let printed = Arc::clone(printed);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            printed.lock().unwrap().push(line);
        }
    });
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(top, &path, files);
        } else {
            files.push(path.strip_prefix(top).unwrap().display().to_string());
        }
    }
}
