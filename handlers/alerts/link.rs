//! Where to look: addresses of runs in the monitors of Data Factory and Synapse.
//!
//! A run's address without the factory opens whichever was open last, so there is none without it.

use std::sync::LazyLock;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use url::Url;
use uuid::Uuid;

use super::incident::{Factory, FactoryKind, Link};

/// What is encoded in a segment of an address.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The longest address that is taken over, in bytes: a button of Slack takes as many.
const LONGEST: usize = 3000;

/// An ARM id of a factory or a workspace.
static RESOURCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i-u:/subscriptions/)(?<subscription>[^/?&\s]+)",
        r"(?i-u:/resourceGroups/)(?<group>[^/?&\s]+)",
        r"(?i-u:/providers/microsoft\.)(?<kind>(?i-u:datafactory/factories|synapse/workspaces))/",
        r"(?<name>[^/?&#\s\x22']+)",
    ))
    .expect("the pattern is constant, and a test uses it")
});

/// The factory that an ARM id names, anywhere in a text.
pub fn factory_of(text: &str) -> Option<Factory> {
    let found = RESOURCE.captures(text)?;
    let is_factory = found["kind"].to_ascii_lowercase().starts_with("datafactory");
    Some(Factory {
        kind: if is_factory { FactoryKind::DataFactory } else { FactoryKind::Synapse },
        name: found["name"].to_owned(),
        subscription: Some(found["subscription"].to_owned()),
        resource_group: Some(found["group"].to_owned()),
    })
}

/// The run in its monitor. `None` for what is no GUID, and without all that names the factory.
pub fn run(factory: &Factory, run_id: &str) -> Option<Link> {
    let id = Uuid::try_parse(run_id.trim()).ok()?.hyphenated();
    let title = "Open the run".to_owned();
    Some(Link { title, url: address(factory, &format!("/monitoring/pipelineruns/{id}"))? })
}

/// The factory's list of runs.
pub fn monitor(factory: &Factory) -> Option<Link> {
    let title = "Open the monitor".to_owned();
    Some(Link { title, url: address(factory, "/monitoring/pipelineruns")? })
}

fn address(factory: &Factory, path: &str) -> Option<String> {
    let subscription = Uuid::try_parse(factory.subscription.as_deref()?).ok()?.hyphenated();
    let encoded = |name: &str| utf8_percent_encode(name, SEGMENT).to_string();
    let group = encoded(factory.resource_group.as_deref()?);
    let name = Some(encoded(&factory.name)).filter(|name| !name.is_empty())?;
    let before = format!("/subscriptions/{subscription}/resourceGroups/{group}/providers");
    Some(match factory.kind {
        FactoryKind::DataFactory => format!(
            "https://adf.azure.com{path}?factory={before}/Microsoft.DataFactory/factories/{name}"
        ),
        FactoryKind::Synapse => format!(
            "https://web.azuresynapse.net{path}?workspace={before}/Microsoft.Synapse/workspaces/{name}"
        ),
    })
}

/// An address that a payload gives, if it is one of https.
pub fn given(text: &str) -> Option<Link> {
    let url = Url::parse(text.trim()).ok()?;
    let is_taken = url.scheme() == "https" && url.has_host() && url.as_str().len() <= LONGEST;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let host = url.host_str()?.to_owned();
    // One with a mask in it leads nowhere.
    let is_whole = !text.contains(super::mask::MASK);
    (is_taken && !has_user && is_whole)
        .then(|| Link { title: format!("Open {host}"), url: url.into() })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const RUN: &str = "0F1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";

    fn factory(kind: FactoryKind, name: &str) -> Factory {
        let subscription = Some(SUBSCRIPTION.to_owned());
        let resource_group = Some("rg data/ü".to_owned());
        Factory { kind, name: name.to_owned(), subscription, resource_group }
    }

    #[test]
    fn a_run_is_linked_in_its_factory() {
        let link = run(&factory(FactoryKind::DataFactory, "adf one"), RUN).unwrap();
        let id = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
        let scope =
            format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg%20data%2F%C3%BC/providers");
        assert_eq!(
            link.url,
            format!(
                "https://adf.azure.com/monitoring/pipelineruns/{id}?factory={scope}/Microsoft.DataFactory/factories/adf%20one"
            )
        );
        let link = run(&factory(FactoryKind::Synapse, "ws"), RUN).unwrap();
        assert!(link.url.starts_with("https://web.azuresynapse.net/monitoring/pipelineruns/0f1e"));
        assert!(
            link.url.ends_with("?workspace=".to_owned().as_str())
                || link.url.contains("/Microsoft.Synapse/workspaces/ws")
        );
    }

    #[test]
    fn nothing_is_linked_by_half() {
        let whole = factory(FactoryKind::DataFactory, "adf");
        for id in ["", "manual", "../../evil", "0f1e2d3c-4b5a", "@pipeline().RunId"] {
            assert_eq!(run(&whole, id), None, "{id}");
        }
        assert_eq!(run(&Factory { subscription: None, ..whole.clone() }, RUN), None);
        assert_eq!(run(&Factory { resource_group: None, ..whole.clone() }, RUN), None);
        assert_eq!(run(&Factory { name: String::new(), ..whole }, RUN), None);
    }

    #[test]
    fn the_factory_is_found_in_its_id() {
        let id = format!(
            "/SUBSCRIPTIONS/{SUBSCRIPTION}/resourcegroups/rg/providers/Microsoft.DataFactory/factories/adf/pipelines/x"
        );
        let found = factory_of(&id).unwrap();
        assert_eq!((found.name.as_str(), found.resource_group.as_deref()), ("adf", Some("rg")));
        assert_eq!(
            factory_of("/subscriptions/x/resourceGroups/rg/providers/Microsoft.Storage/a/b"),
            None
        );
    }

    #[test]
    fn only_whole_addresses_of_https_are_taken() {
        assert_eq!(given(" https://example.org/a b ").unwrap().url, "https://example.org/a%20b");
        for text in [
            "http://example.org",
            "javascript:alert(1)",
            "https://",
            "https://u:p@example.org",
            "x",
            "https://example.org/?sig=***",
            "data:text/html,x",
        ] {
            assert_eq!(given(text), None, "{text}");
        }
    }
}
