//! The `curl` examples of docs/metadata.md, in their order, against a worker.

use std::{fs, path::Path};

use serde_json::Value;

use super::Site;

/// A request as it stands in the page.
#[derive(Debug, Default)]
struct Example {
    method: Option<String>,
    /// Below `/api/`.
    address: String,
    body: Option<String>,
}

/// A page of the documentation.
pub(super) fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

/// The words of a line as a shell reads them: quotes hold blanks together, and nothing else.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            (Some('"'), '\\' | '$') | (None, '\\' | '$' | '&' | '|' | ';' | '?' | '*') => {
                panic!("the shell makes something else of {c} in: {line}")
            }
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    assert_eq!(quote, None, "{line}");
    words
}

fn example(line: &str) -> Example {
    let mut example = Example::default();
    let mut words = words(line).into_iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-X" => example.method = words.next(),
            "-d" => example.body = words.next(),
            option if option.starts_with('-') => panic!("{option} in: {line}"),
            url => {
                let (host, address) = url.split_once("/api/").unwrap();
                let host = host.trim_start_matches("http://");
                assert!(["localhost:7071", "127.0.0.1:7071"].contains(&host), "{line}");
                example.address = address.to_owned();
            }
        }
    }
    example
}

#[tokio::test]
async fn every_curl_of_the_page_does_what_it_says() {
    let page = page("metadata.md");
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(lines.len(), page.matches("curl ").count(), "one is written in another way");
    assert!(lines.len() >= 7, "{lines:?}");
    let site = Site::new().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for line in lines {
        let Example { method, address, body } = example(line);
        let (plain, headers) = if body.is_some() { ("POST", &form[..]) } else { ("GET", &[][..]) };
        let body = body.map_or(Value::Null, |text| serde_json::from_str(&text).expect(line));
        let method = method.as_deref().unwrap_or(plain);
        let (status, answer) = site.worker.call(method, &address, headers, &body).await;
        assert!(status < 300, "{line}: {status} {answer}");
    }
    let (_, dataset) = site.get("datasets/crm/people").await;
    assert_eq!((&dataset["status"], &dataset["files"]), (&"ready".into(), &12.into()));
    let (_, run) = site.get("runs/0448d45a").await;
    assert_eq!(
        (&run["status"], &run["counters"]["rowsCopied"]),
        (&"succeeded".into(), &1200.into())
    );
    assert_eq!(site.get("tables/crm.people").await.0, 200);
}
