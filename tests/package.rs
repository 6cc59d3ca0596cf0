//! `lakehand package`: the app root it writes, and the binary in it started as the host does.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use lakehand::host::functions::{FUNCTIONS, HOST_JSON};
use tempfile::TempDir;

fn package(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lakehand"))
        .arg("package")
        .arg(folder.join("app"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn packaged(arguments: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = package(folder.path(), arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// The files below a folder, with their modes.
fn files(top: &Path) -> BTreeSet<(String, u32)> {
    let mut found = BTreeSet::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let mode = path.metadata().unwrap().permissions().mode() & 0o777;
                found.insert((path.strip_prefix(top).unwrap().display().to_string(), mode));
            }
        }
    }
    found
}

fn repository(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn an_app_root_holds_what_the_host_looks_for_and_nothing_else() {
    let folder = packaged(&[]);
    let app = folder.path().join("app");
    let mut expected: BTreeSet<(String, u32)> = FUNCTIONS
        .iter()
        .map(|function| (format!("{}/function.json", function.name), 0o644))
        .collect();
    expected.insert(("host.json".to_owned(), 0o644));
    expected.insert(("lakehand.toml".to_owned(), 0o644));
    expected.insert(("bin/lakehand".to_owned(), 0o755));
    assert_eq!(files(&app), expected);
    assert_eq!(fs::read_to_string(app.join("host.json")).unwrap(), HOST_JSON);
    assert_eq!(fs::read_to_string(app.join("lakehand.toml")).unwrap(), repository("lakehand.toml"));
}

#[test]
fn local_settings_come_only_when_asked_for() {
    let folder = packaged(&["--local"]);
    let settings = fs::read_to_string(folder.path().join("app/local.settings.json")).unwrap();
    assert_eq!(settings, repository("local.settings.json.example"));
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    assert_eq!(settings["Values"]["FUNCTIONS_WORKER_RUNTIME"], "custom");
    assert_eq!(settings["Values"]["AzureWebJobsStorage"], "UseDevelopmentStorage=true");
}

#[test]
fn the_configuration_at_hand_goes_in_and_is_kept_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("app/lakehand.toml");
    fs::write(folder.path().join("lakehand.toml"), "# at hand").unwrap();
    fs::write(folder.path().join("other.toml"), "# other").unwrap();
    assert!(package(folder.path(), &[]).status.success());
    assert_eq!(fs::read_to_string(&inside).unwrap(), "# at hand");

    let output = package(folder.path(), &["--config", "other.toml"]);
    assert_eq!(fs::read_to_string(&inside).unwrap(), "# at hand");
    assert!(String::from_utf8(output.stdout).unwrap().contains("--force replaces it"));

    assert!(package(folder.path(), &["--config", "other.toml", "--force"]).status.success());
    assert_eq!(fs::read_to_string(&inside).unwrap(), "# other");

    let missing = package(folder.path(), &["--config", "missing.toml", "--force"]);
    assert!(!missing.status.success());
    assert!(String::from_utf8(missing.stderr).unwrap().contains("missing.toml"));
}

#[test]
fn a_later_package_replaces_the_earlier_and_spares_what_is_not_its_own() {
    let folder = packaged(&[]);
    let app = folder.path().join("app");
    let write = |name: &str| {
        let path = app.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "old").unwrap();
    };
    for name in ["health/function.json", "bin/lakehand", "renamed/function.json"] {
        write(name);
    }
    for name in ["mine/function.json", "mine/notes.txt", "notes.txt", "health/notes.txt"] {
        write(name);
    }
    assert!(package(folder.path(), &[]).status.success());
    assert_ne!(fs::read_to_string(app.join("health/function.json")).unwrap(), "old");
    assert_ne!(fs::read(app.join("bin/lakehand")).unwrap(), b"old");
    assert!(!app.join("renamed").exists());
    for name in ["mine/function.json", "mine/notes.txt", "notes.txt", "health/notes.txt"] {
        assert_eq!(fs::read_to_string(app.join(name)).unwrap(), "old", "{name}");
    }
}

#[test]
fn a_folder_with_anything_else_in_it_is_left_alone() {
    let other_app = r#"{"version": "2.0", "customHandler": {"description": {"defaultExecutablePath": "other"}}}"#;
    for (name, content) in [("notes.txt", "mine"), ("host.json", other_app)] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("app")).unwrap();
        fs::write(folder.path().join("app").join(name), content).unwrap();
        let output = package(folder.path(), &["--force"]);
        assert_eq!(output.status.code(), Some(1));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("choose an empty or new folder"), "{message}");
        let found: Vec<_> = files(&folder.path().join("app")).into_iter().map(|f| f.0).collect();
        assert_eq!(found, [name]);
    }
}

#[tokio::test]
async fn the_packaged_binary_answers_the_host() {
    let folder = packaged(&[]);
    let app = folder.path().join("app");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let mut worker = Command::new(app.join("bin/lakehand"))
        .args(["serve", "--stop-with-stdin"])
        .current_dir(&app)
        .env_clear()
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
        .env("FUNCTIONS_APP_ROOT_PATH", &app)
        .env("LAKEHAND_LAKE", folder.path().join("lake"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let address = format!("http://127.0.0.1:{port}/");
    let answered = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match reqwest::get(&address).await {
                Ok(response) => return response.status(),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    let answered = answered.await;
    drop(worker.stdin.take());
    assert_eq!(worker.wait().unwrap().code(), Some(200), "it ends with its input");
    assert_eq!(answered.unwrap(), 200);
}
