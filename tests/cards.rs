//! Cards and mails as a browser shows them: Microsoft's renderer of Adaptive Cards in Chromium.
//!
//! `tests/run` installs the renderer. Without it, or without Chromium, nothing is shown and the
//! test says so. `LAKEHAND_SCREENSHOTS=FOLDER` keeps pictures of all.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What hostile texts of the samples must not become.
const FORBIDDEN: [&str; 6] =
    ["<img", "<script>alert", "<at>", "<strong>bold", "href=\"javascript", "<h1>heading"];

fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|it| it.is_file())
}

/// The document as it is after its scripts ran; with a picture, if that is wanted.
fn shown(browser: &Path, page: &Path, name: &str) -> String {
    let run = |arguments: &[String]| {
        let profile = page.with_extension("profile");
        let output = Command::new(browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"])
            .args(["--hide-scrollbars", "--window-size=690,900"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(arguments)
            .arg(format!("file://{}", page.display()))
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    if let Some(folder) = env::var_os("LAKEHAND_SCREENSHOTS") {
        let picture = Path::new(&folder).join(name).with_extension("png");
        run(&[format!("--screenshot={}", picture.display())]);
    }
    run(&["--dump-dom".to_owned()])
}

fn card_page(card: &Path) -> String {
    let message: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(card).unwrap()).unwrap();
    let card = message["attachments"][0]["content"].to_string().replace('<', "\\u003c");
    let page = fs::read_to_string(Path::new(ROOT).join("tests/cards/card.html")).unwrap();
    let scripts = format!("file://{ROOT}/tests/cards/node_modules");
    page.replace("SCRIPTS", &scripts).replace("parse(CARD,", &format!("parse({card},"))
}

fn renderer() -> bool {
    Path::new(ROOT).join("tests/cards/node_modules/adaptivecards").is_dir()
}

#[test]
fn a_browser_shows_cards_and_mails_without_foreign_markup() {
    let Some(browser) = browser().filter(|_| renderer()) else {
        eprintln!("skipped: Chromium or tests/cards/node_modules is not there");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(Path::new(ROOT).join("tests/alerts/rendered")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = match &name {
            card if card.ends_with(".teams.json") => card_page(&file),
            mail if mail.ends_with(".mail.html") => fs::read_to_string(&file).unwrap(),
            _ => continue,
        };
        let page = folder.path().join(format!("{name}.html"));
        fs::write(&page, text).unwrap();
        check(&shown(&browser, &page, &name), &name);
    }
}

fn check(document: &str, name: &str) {
    let body = document.split("<body").nth(1).unwrap_or_default();
    let card = name.ends_with(".teams.json");
    assert!(!card || document.contains("data-problems=\"0\""), "{name}: the card has problems");
    // What the page itself is made of comes after what it shows.
    let shown = if card { body.split("<script>").next().unwrap_or_default() } else { body };
    assert!(shown.len() > 500, "{name}: nothing is shown");
    for markup in FORBIDDEN {
        assert!(!shown.contains(markup), "{name}: {markup}");
    }
}
