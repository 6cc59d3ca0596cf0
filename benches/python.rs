//! Python environments, next to what Cargo builds.

use std::{fs, path::Path, process::Command};

/// The Python of the environment of this name with these requirements, which is made at the first
/// use.
pub(crate) fn with(name: &str, requirements: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin/python").display().to_string();
    let made = folder.join("requirements.txt");
    if fs::read_to_string(&made).is_ok_and(|found| found == requirements) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    let wanted = folder.join("wanted.txt");
    fs::write(&wanted, requirements).unwrap();
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&wanted));
    // Only now is it complete.
    fs::rename(wanted, made).unwrap();
    python
}

fn run(command: &mut Command) {
    let status = command.status().expect("python3 must be on the PATH, with its venv module");
    assert!(status.success(), "{command:?}: {status}");
}
