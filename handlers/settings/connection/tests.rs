#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const KEY: &str = "c2VjcmV0LWtleQ==";

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(pairs: &[(&str, &str)]) -> (Option<Connection>, Vec<Problem>) {
    let mut problems = Vec::new();
    let connection = Connection::read(&environment(pairs), "LAKE", &mut problems);
    (connection, problems)
}

/// Reads settings that have nothing wrong.
fn good(pairs: &[(&str, &str)]) -> Connection {
    let (connection, problems) = read(pairs);
    assert_eq!(problems, [], "{pairs:?}");
    connection.unwrap()
}

/// Reads settings with one thing wrong and returns the setting blamed and the reason.
fn bad(pairs: &[(&str, &str)]) -> (String, String) {
    let (connection, problems) = read(pairs);
    assert_eq!(connection, None, "{pairs:?}");
    let [problem] = &problems[..] else { panic!("{pairs:?}: {problems:?}") };
    assert!(!problem.example.is_empty());
    let text = problem.to_string();
    for (_, value) in pairs {
        assert!(value.len() < 12 || !text.contains(value), "{text} echoes a value");
    }
    for secret in [KEY, "c2ln", "not base64!"] {
        assert!(!text.contains(secret), "{text} holds a secret");
    }
    (problem.setting.clone(), problem.reason.clone())
}

fn addresses(connection: &Connection) -> (&str, &str, &str) {
    (&connection.account, connection.blob.as_str(), connection.queue.as_str())
}

#[test]
fn nothing_is_there() {
    for pairs in [&[][..], &[("LAKE", "  ")], &[("LAKEHOUSE", "x"), ("LAKE__other", "x")]] {
        assert_eq!(read(pairs), (None, vec![]), "{pairs:?}");
    }
}

#[test]
fn connection_strings() {
    let azure = "https://acct.blob.core.windows.net/";
    let queue = "https://acct.queue.core.windows.net/";
    let cases = [
        (format!("AccountName=acct;AccountKey={KEY}"), azure, queue),
        (format!(" accountname = acct ; ACCOUNTKEY={KEY};; "), azure, queue),
        (
            format!(
                "DefaultEndpointsProtocol=http;AccountName=acct;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn"
            ),
            "http://acct.blob.core.chinacloudapi.cn/",
            "http://acct.queue.core.chinacloudapi.cn/",
        ),
        (
            format!(
                "AccountName=acct;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:9/acct/;QueueEndpoint=http://127.0.0.1:8/acct"
            ),
            "http://127.0.0.1:9/acct",
            "http://127.0.0.1:8/acct",
        ),
        (
            format!(
                "AccountName=acct;AccountKey={KEY};BlobEndpoint=https://acct.z6.blob.storage.azure.net"
            ),
            "https://acct.z6.blob.storage.azure.net/",
            "https://acct.z6.queue.storage.azure.net/",
        ),
    ];
    for (text, blob, queue) in &cases {
        let connection = good(&[("LAKE", text)]);
        assert_eq!(addresses(&connection), ("acct", *blob, *queue), "{text}");
        assert_eq!(connection.credential, Credential::SharedKey(Secret::new(KEY)));
        assert_eq!(connection.setting, "LAKE");
    }
}

#[test]
fn connection_strings_with_a_signature() {
    for text in [
        "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=c2ln%3D",
        "BlobEndpoint=https://acct.blob.core.windows.net;SharedAccessSignature=sv=1&sig=c2ln%3D",
        "BlobEndpoint=https://acct.blob.core.windows.net/?sv=1&sig=c2ln%3D",
        "AccountName=acct;SharedAccessSignature=sv=1&sig=c2ln%3D",
    ] {
        let connection = good(&[("LAKE", text)]);
        assert_eq!(connection.blob.as_str(), "https://acct.blob.core.windows.net/");
        assert_eq!(connection.queue.as_str(), "https://acct.queue.core.windows.net/");
        assert_eq!(connection.account, "acct");
        assert_eq!(connection.credential, Credential::Sas(Secret::new("sv=1&sig=c2ln%3D")));
    }
}

#[test]
fn development_storage() {
    for text in [
        "UseDevelopmentStorage=true",
        "usedevelopmentstorage=TRUE;",
        "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://elsewhere",
    ] {
        let connection = good(&[("LAKE", text)]);
        assert_eq!(
            addresses(&connection),
            (
                "devstoreaccount1",
                "http://127.0.0.1:10000/devstoreaccount1",
                "http://127.0.0.1:10001/devstoreaccount1"
            )
        );
        assert!(matches!(connection.credential, Credential::SharedKey(_)));
    }
}

#[test]
fn faulty_connection_strings() {
    let cases = [
        ("hello", "not a connection string"),
        ("AccountName=acct", "neither an AccountKey nor a SharedAccessSignature"),
        ("AccountName=acct;AccountKey=not base64!", "not base64"),
        ("AccountKey=c2VjcmV0LWtleQ==", "no AccountName"),
        ("BlobEndpoint=https://a.blob.x.y;AccountKey=c2VjcmV0LWtleQ==", "no AccountName"),
        ("AccountName=ac/ct;AccountKey=c2VjcmV0LWtleQ==", "makes no address"),
        ("AccountName=acct;AccountKey=c2VjcmV0LWtleQ==;EndpointSuffix=a b", "makes no address"),
        ("DefaultEndpointsProtocol=ftp;AccountName=a;AccountKey=c2VjcmV0LWtleQ==", "neither https"),
        ("AccountName=a;AccountKey=c2VjcmV0LWtleQ==;BlobEndpoint=acct", "BlobEndpoint that is not"),
        (
            "AccountName=a;AccountKey=c2VjcmV0LWtleQ==;BlobEndpoint=http://127.0.0.1:9/a",
            "no QueueEndpoint",
        ),
        (
            "AccountName=a;AccountKey=c2VjcmV0LWtleQ==;QueueEndpoint=file:///tmp",
            "QueueEndpoint that is not",
        ),
    ];
    for (text, expected) in cases {
        let (setting, reason) = bad(&[("LAKE", text)]);
        assert_eq!(setting, "LAKE");
        assert!(reason.contains(expected), "{text}: {reason}");
    }
}

#[test]
fn the_host_prefix_comes_first_and_names_the_problem() {
    let own = format!("AccountName=own;AccountKey={KEY}");
    let host = format!("AccountName=host;AccountKey={KEY}");
    let both = good(&[("LAKE", &own), ("AzureWebJobsLAKE", &host)]);
    assert_eq!((both.account.as_str(), both.setting.as_str()), ("host", "LAKE"));
    assert_eq!(good(&[("AzureWebJobsLAKE__accountName", "host")]).account, "host");
    assert_eq!(bad(&[("AzureWebJobsLAKE", "hello")]).0, "AzureWebJobsLAKE");
}

#[test]
fn parts_in_every_spelling() {
    for name in
        ["LAKE__blobServiceUri", "LAKE:blobServiceUri", "lake__BLOBSERVICEURI", "LAKE__serviceUri"]
    {
        let connection = good(&[(name, "https://acct.blob.core.windows.net/")]);
        assert_eq!(
            addresses(&connection),
            ("acct", "https://acct.blob.core.windows.net/", "https://acct.queue.core.windows.net/"),
            "{name}"
        );
    }
}

#[test]
fn parts_of_private_clouds_and_domains() {
    let named = good(&[("LAKE__accountName", "acct")]);
    assert_eq!(named.blob.as_str(), "https://acct.blob.core.windows.net/");
    let private = good(&[("LAKE__blobServiceUri", "https://acct.blob.core.usgovcloudapi.net")]);
    assert_eq!(private.queue.as_str(), "https://acct.queue.core.usgovcloudapi.net/");
    let domain = good(&[
        ("LAKE__blobServiceUri", "https://data.example.com"),
        ("LAKE__queueServiceUri", "https://queues.example.com/"),
        ("LAKE__accountName", "acct"),
    ]);
    assert_eq!(
        addresses(&domain),
        ("acct", "https://data.example.com/", "https://queues.example.com/")
    );
}

#[test]
fn which_identity() {
    let uri = ("LAKE__blobServiceUri", "https://acct.blob.core.windows.net");
    let id = ("LAKE__clientId", "7a1b");
    let managed =
        |id: Option<&str>| Credential::ManagedIdentity { client_id: id.map(str::to_owned) };
    let cases = [
        (vec![uri], Credential::DeveloperTools),
        (vec![uri, id], Credential::DeveloperTools),
        (vec![uri, ("IDENTITY_ENDPOINT", "http://x")], managed(None)),
        (vec![uri, id, ("MSI_ENDPOINT", "http://x")], managed(Some("7a1b"))),
        (vec![uri, ("LAKE__credential", "managedidentity")], managed(None)),
        (vec![uri, ("LAKE:credential", "ManagedIdentity"), id], managed(Some("7a1b"))),
    ];
    for (pairs, expected) in cases {
        assert_eq!(good(&pairs).credential, expected, "{pairs:?}");
    }
}

#[test]
fn a_signature_in_the_address() {
    let connection = good(&[
        ("LAKE__blobServiceUri", "https://acct.blob.core.windows.net/?sv=1&sig=c2ln"),
        ("LAKE__credential", "managedidentity"),
    ]);
    assert_eq!(connection.blob.as_str(), "https://acct.blob.core.windows.net/");
    assert_eq!(connection.credential, Credential::Sas(Secret::new("sv=1&sig=c2ln")));
    assert!(!format!("{connection:?}").contains("c2ln"));
}

#[test]
fn faulty_parts() {
    let uri = ("LAKE__blobServiceUri", "https://acct.blob.core.windows.net");
    let cases = [
        (vec![("LAKE__blobServiceUri", "acct")], "LAKE__blobServiceUri", "not an address"),
        (vec![("LAKE:serviceUri", "acct")], "LAKE:serviceUri", "not an address"),
        (
            vec![
                ("LAKE__blobServiceUri", "http://127.0.0.1:9/acct"),
                ("LAKE__queueServiceUri", "http://x/a"),
            ],
            "LAKE__blobServiceUri",
            "https://",
        ),
        (vec![("LAKE__accountName", "no/account")], "LAKE__accountName", "not an account name"),
        (vec![("LAKE__credential", "managedidentity")], "LAKE__blobServiceUri", "is missing"),
        (vec![uri, ("LAKE__credential", "password")], "LAKE__credential", "not a kind"),
        (
            vec![("LAKE__blobServiceUri", "https://data.example.com")],
            "LAKE__queueServiceUri",
            "is missing",
        ),
        (vec![uri, ("LAKE__queueServiceUri", "queue")], "LAKE__queueServiceUri", "not an address"),
        (
            vec![
                ("LAKE__blobServiceUri", "https://a.blob.x.net?sv=1&sig=c2ln"),
                ("LAKE__queueServiceUri", "https://a.queue.x.net?sv=1&sig=b3RoZXI"),
            ],
            "LAKE__queueServiceUri",
            "another signature",
        ),
    ];
    for (pairs, setting, expected) in cases {
        let (blamed, reason) = bad(&pairs);
        assert_eq!(blamed, setting, "{pairs:?}");
        assert!(reason.contains(expected), "{pairs:?}: {reason}");
    }
}
