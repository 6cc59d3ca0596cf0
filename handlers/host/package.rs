//! `lakehand package DIR`: an app root to deploy, written from what is embedded in the binary.

use std::{
    env, fmt, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::functions::{FUNCTIONS, HOST_JSON};

/// The executable's place in the app root, as `host.json` names it.
const EXECUTABLE: &str = "bin/lakehand";
/// The configuration, and the one that is embedded.
const CONFIG: &str = "lakehand.toml";
const EMBEDDED_CONFIG: &str = include_str!("../../lakehand.toml");
/// The settings of this machine, and those for Azurite that are embedded.
const LOCAL_SETTINGS: &str = "local.settings.json";
const EMBEDDED_LOCAL_SETTINGS: &str = include_str!("../../local.settings.json.example");

/// What the command line asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The app root to write.
    pub folder: PathBuf,
    /// The configuration to put in; `./lakehand.toml`, or the embedded example, without it.
    pub config: Option<PathBuf>,
    /// Whether to add a `local.settings.json` for Azurite.
    pub local: bool,
    /// Whether to replace a configuration and local settings that are there.
    pub force: bool,
}

/// Why nothing, or not everything, was written. Repeating the command is always safe.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder holds something else.
    #[error("{} is not empty and not an earlier package of lakehand; choose an empty or new folder", .0.display())]
    Occupied(PathBuf),
    /// The system refuses.
    #[error("cannot {action} {}: {reason}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
}

/// What was done, to be printed.
#[derive(Debug)]
pub struct Package {
    folder: PathBuf,
    local: bool,
    done: Vec<String>,
}

/// Writes the package.
///
/// # Errors
/// [`Error`] names the file or folder in the way.
pub fn package(options: &Options) -> Result<Package, Error> {
    let mut package =
        Package { folder: options.folder.clone(), local: options.local, done: Vec::new() };
    let config = config(options)?;
    refuse_occupied(&options.folder)?;
    package.write("host.json", HOST_JSON)?;
    for function in FUNCTIONS {
        package.write(&format!("{}/function.json", function.name), function.definition)?;
    }
    package.remove_old_functions()?;
    package.copy_executable()?;
    package.write_unless_kept(CONFIG, &config, options.force)?;
    if options.local {
        package.write_unless_kept(LOCAL_SETTINGS, EMBEDDED_LOCAL_SETTINGS, options.force)?;
    }
    Ok(package)
}

/// The configuration asked for, else the one at hand, else the embedded one.
fn config(options: &Options) -> Result<String, Error> {
    let file = options.config.as_deref().unwrap_or(Path::new(CONFIG));
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && options.config.is_none() => {
            Ok(EMBEDDED_CONFIG.to_owned())
        }
        read => read.map_err(failed("read", file)),
    }
}

/// Refuses a folder with anything in it that is not a package of ours: its `host.json` starts
/// `bin/lakehand`.
fn refuse_occupied(folder: &Path) -> Result<(), Error> {
    let mut entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed("read", folder))?,
    };
    if entries.next().is_none() || is_package(folder) {
        Ok(())
    } else {
        Err(Error::Occupied(folder.to_owned()))
    }
}

fn is_package(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join("host.json")).unwrap_or_default();
    let host: Value = serde_json::from_str(&text).unwrap_or_default();
    host["customHandler"]["description"]["defaultExecutablePath"] == EXECUTABLE
}

impl Package {
    fn write(&mut self, name: &str, content: &str) -> Result<(), Error> {
        let target = self.folder.join(name);
        replace(&target, 0o644, |draft| fs::write(draft, content))?;
        self.done.push(format!("wrote {}", target.display()));
        Ok(())
    }

    /// Writes a file that belongs to the user once it is there.
    fn write_unless_kept(&mut self, name: &str, content: &str, force: bool) -> Result<(), Error> {
        let target = self.folder.join(name);
        if target.exists() && !force {
            self.done.push(format!("kept {} (--force replaces it)", target.display()));
            return Ok(());
        }
        self.write(name, content)
    }

    fn copy_executable(&mut self) -> Result<(), Error> {
        let own = env::current_exe().map_err(failed("find", Path::new(EXECUTABLE)))?;
        let target = self.folder.join(EXECUTABLE);
        replace(&target, 0o755, |draft| fs::copy(&own, draft).map(drop))?;
        self.done.push(format!("wrote {}", target.display()));
        Ok(())
    }

    /// Removes the folders of Functions that this version no longer has, if they hold nothing
    /// but their `function.json`.
    fn remove_old_functions(&mut self) -> Result<(), Error> {
        let entries = fs::read_dir(&self.folder).map_err(failed("read", &self.folder))?;
        for entry in entries {
            let folder = entry.map_err(failed("read", &self.folder))?.path();
            if is_old_function(&folder) {
                let definition = folder.join("function.json");
                fs::remove_file(&definition).map_err(failed("remove", &definition))?;
                fs::remove_dir(&folder).map_err(failed("remove", &folder))?;
                self.done.push(format!("removed {}", folder.display()));
            }
        }
        Ok(())
    }
}

fn is_old_function(folder: &Path) -> bool {
    let known = FUNCTIONS.iter().any(|function| folder.ends_with(function.name));
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    !known && !folder.is_symlink() && names == ["function.json"]
}

/// Writes a file beside its place and moves it there, so that the place holds the old or the new
/// one at any time, even while the old one is running.
fn replace(
    target: &Path,
    mode: u32,
    write: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), Error> {
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.draft"));
    let written = write(&draft)
        // The host reads as another user, whatever the mask of this one.
        .and_then(|()| fs::set_permissions(&draft, fs::Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&draft, target));
    if written.is_err() {
        // Only tidying up: the failure to report is the first one.
        let _ = fs::remove_file(&draft);
    }
    written.map_err(failed("write", target))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |reason| Error::File { action, path, reason }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.done {
            writeln!(f, "{line}")?;
        }
        if cfg!(debug_assertions) {
            writeln!(f, "note: this is a debug build; package a release build for Azure")?;
        }
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            writeln!(f, "note: Azure runs x86-64 Linux; this binary does not run there")?;
        }
        let folder = self.folder.display();
        if self.local {
            write!(f, "next: start Azurite, then cd {folder} && func start")
        } else {
            write!(f, "next: cd {folder} && func azure functionapp publish NAME --no-build")
        }
    }
}
