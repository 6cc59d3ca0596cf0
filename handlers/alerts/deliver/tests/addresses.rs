//! Where a message may go, and what is never seen of an address.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::super::{
    address::{Address, AddressFault, Hosts},
    network,
};

const KNOWN: &[&str] = &[".logic.azure.com", "hooks.slack.com"];

fn hosts(allowed: &[&str]) -> Hosts {
    Hosts { known: KNOWN, allowed: allowed.iter().map(|host| (*host).to_owned()).collect() }
}

fn read(text: &str) -> Result<Address, AddressFault> {
    Address::read(text, &hosts(&["example.com", "93.184.216.34", "10.0.0.1", "[::1]"]), false)
}

#[test]
fn an_address_is_used_as_it_was_written() {
    for text in [
        "https://prod-12.westeurope.logic.azure.com:443/workflows/0a/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=a-B_c%2bd%3D",
        "https://hooks.slack.com/services/T0/B0/x",
        "https://HOOKS.slack.com/services/T0/B0/x",
        "https://example.com",
        "https://example.com?a=b",
        "https://93.184.216.34/x",
    ] {
        let url = read(text).unwrap().url().unwrap();
        let (_, rest) = text.split_once("com").unwrap_or(("", "/x"));
        let rest = rest.trim_start_matches(":443");
        assert!(url.as_str().ends_with(rest.trim_start_matches('/')), "{text}: {url}");
    }
}

#[test]
fn an_address_that_would_change_on_the_way_is_refused() {
    for text in [
        "https://example.com/a b",
        "https://example.com/a/../b",
        "https://example.com/?sig='x'",
        "https://example.com/ü",
        "https://example.com\\@evil.example/",
        "https://example.com/a\tb",
        " https://example.com/a ",
        "https:example.com/a",
    ] {
        let fault = read(text).unwrap_err();
        assert!(matches!(fault, AddressFault::NotVerbatim), "{text}: {fault}");
    }
}

#[test]
fn only_the_hosts_that_are_meant() {
    let host = |text: &str| match read(text).unwrap_err() {
        AddressFault::Host { host, .. } => host,
        fault => panic!("{text}: {fault}"),
    };
    for text in [
        "https://logic.azure.com/x",
        "https://.logic.azure.com.evil.example/x",
        "https://hooks.slack.com.evil.example/x",
        "https://xhooks.slack.com/x",
        "https://a.hooks.slack.com/x",
        "https://hooks.slack.com./x",
        "https://evil.example/?hooks.slack.com",
        "https://sub.example.com/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://169.254.169.254/metadata/identity",
    ] {
        assert!(!host(text).is_empty());
    }
    // A private address is refused even if someone allows it.
    for text in ["https://10.0.0.1/x", "https://[::1]/x"] {
        assert_eq!(read(text).unwrap_err(), AddressFault::Private, "{text}");
    }
}

#[test]
fn only_https_and_nothing_around_it() {
    let table = [
        ("http://example.com/x", AddressFault::Scheme),
        ("ftp://example.com/x", AddressFault::Scheme),
        ("file://example.com/etc/passwd", AddressFault::Scheme),
        ("data:text/plain,x", AddressFault::Malformed),
        ("example.com/x", AddressFault::Malformed),
        ("", AddressFault::Malformed),
        ("https://user@example.com/x", AddressFault::Parts),
        ("https://:pw@example.com/x", AddressFault::Parts),
        ("https://example.com/x#y", AddressFault::Parts),
    ];
    for (text, fault) in table {
        assert_eq!(read(text).unwrap_err(), fault, "{text}");
    }
}

#[test]
fn this_machine_is_for_trials() {
    let trial = |text: &str| Address::read(text, &Hosts::default(), true).is_ok();
    for text in ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/", "https://127.1/"]
    {
        assert!(trial(text), "{text}");
        assert!(read(text).is_err(), "{text}");
    }
    for text in ["http://localhost.evil.example/", "http://10.0.0.1/", "http://0.0.0.0/"] {
        assert!(!trial(text), "{text}");
    }
}

#[test]
fn an_address_is_never_printed() {
    let text = "https://hooks.slack.com/services/T00000000/B00000000/s3cr3ts3cr3t?sig=t0pt0pt0pt0p";
    let address = read(text).unwrap();
    assert_eq!(format!("{address:?}"), "hooks.slack.com/[redacted]");
    for broken in
        [format!("{text}#f"), text.replace("https", "http"), text.replace("slack", "evil")]
    {
        let fault = format!("{0} {0:?}", read(&broken).unwrap_err());
        assert!(!fault.contains("s3cr3t") && !fault.contains("t0p"), "{fault}");
    }
}

#[test]
fn what_is_inside_a_network_is_not_public() {
    let table = [
        ("8.8.8.8", true),
        ("1.1.1.1", true),
        ("192.0.1.1", true),
        ("172.32.0.1", true),
        ("100.128.0.1", true),
        ("2606:4700::1111", true),
        ("2002:0808:0808::1", true),
        ("64:ff9b::8.8.8.8", true),
        ("::ffff:8.8.8.8", true),
        ("0.0.0.0", false),
        ("10.1.2.3", false),
        ("100.64.0.1", false),
        ("127.0.0.1", false),
        ("127.255.0.1", false),
        ("168.63.129.16", false),
        ("169.254.169.254", false),
        ("172.16.0.1", false),
        ("172.31.255.255", false),
        ("192.0.0.8", false),
        ("192.0.2.1", false),
        ("192.168.1.1", false),
        ("198.18.0.1", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
        ("::", false),
        ("::1", false),
        ("::127.0.0.1", false),
        ("::ffff:127.0.0.1", false),
        ("::ffff:169.254.169.254", false),
        ("64:ff9b::10.0.0.1", false),
        ("64:ff9b:1::1", false),
        ("2001::1", false),
        ("2001:db8::1", false),
        ("2002:7f00:1::", false),
        ("3fff::1", false),
        ("fc00::1", false),
        ("fd00:ec2::254", false),
        ("fe80::1", false),
        ("fec0::1", false),
        ("ff02::1", false),
    ];
    for (text, public) in table {
        assert_eq!(network::is_public(text.parse().unwrap()), public, "{text}");
    }
}

#[test]
fn one_forbidden_address_forbids_the_name() {
    let at = |ip: &str| SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 0);
    let (good, bad) = (at("8.8.8.8"), at("10.0.0.1"));
    assert_eq!(network::checked(vec![good], network::is_public), Ok(vec![good]));
    assert!(network::checked(vec![good, bad], network::is_public).is_err());
}

proptest! {
    #[test]
    fn no_text_leads_elsewhere(text in "(https?://)?[a-z0-9.@:/\\\\#?%\\[\\]_-]{0,40}") {
        if let Ok(address) = read(&text) {
            let host = address.host().to_owned();
            let known = host.ends_with(".logic.azure.com")
                || ["hooks.slack.com", "example.com", "93.184.216.34"].contains(&host.as_str());
            prop_assert!(known, "{}", host);
        }
    }
}
