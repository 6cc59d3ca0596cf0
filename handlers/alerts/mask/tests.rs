#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

const SECRET: &str = "Zk9+x7Qw3/Lm2Vt8Rb5Yc1Nd6Hf0Js4Gp==";

/// Ways in which secrets were seen to be written; `{}` is where the secret stands.
const WAYS: [&str; 40] = [
    "https://a.blob.core.windows.net/c/b?sv=2024&sig={}&se=2026",
    "https://a.blob.core.windows.net/c/b?sv=2024\\u0026SIG={}",
    "https%3A%2F%2Fa%2Fc%3Fsv%3D1%26sig%3D{}",
    "u=https%253A%252F%252Fa%253Fsig%253D{}",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={};EndpointSuffix=core.windows.net",
    "accountkey = {}",
    "Endpoint=sb://a/;SharedAccessKeyName=Root;SharedAccessKey={}",
    "Server=tcp:a;User ID=sa;Password={};Encrypt=true",
    "Server=a;Uid=sa;PWD ={};x",
    "Password=\"{};x\";",
    "Password='{}';",
    "Password={my {};",
    "{\"password\": \"{}\"}",
    "{\"a\":\"{\\\"password\\\":\\\"{}\\\"}\"}",
    "{\\\\\\\"clientSecret\\\\\\\" : \\\\\\\"{}\\\\\\\"}",
    "password\n=\n{}",
    "&quot;password&quot;:&quot;{}&quot;",
    "client_secret={}&grant_type=client_credentials",
    "Client-Secret: {}",
    "Authorization: Bearer {}",
    "Authorization: Basic {}",
    "{\"Authorization\":\"SharedKey a:{}\"}",
    "bearer   {}",
    "x-functions-key: {}",
    "\"X-Functions-Key\": [\"{}\"]",
    "https://f.azurewebsites.net/api/x?code={}",
    "https://f.azurewebsites.net/api/x?a=b&amp;code={}",
    "https://f.azurewebsites.net/api/x%3Fcode%3D{}",
    "https://user:{}@example.org/path",
    "postgres://user:{}@db/x",
    "https://{}@example.org/path",
    "https://hooks.slack.com/services/T0/B0/{}",
    "https:\\/\\/hooks.slack.com\\/services\\/T0\\/{}",
    "https://x.webhook.office.com/webhookb2/{}",
    "https://prod-1.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?sig={}",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n{}\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\\nMIIE\\n{}",
    "the storage key is {}",
    "token={}",
    "{\"accessToken\":\"{}\",\"x\":1}",
];

fn secret_free(text: &str, secret: &str) -> bool {
    !text.contains(secret)
}

#[test]
fn no_way_of_writing_lets_a_secret_through() {
    for way in WAYS {
        // What an address cannot hold is encoded there.
        let in_address = ["@example", "@db"].iter().any(|end| way.contains(end));
        let secret = if in_address { SECRET.replace('/', "%2F") } else { SECRET.to_owned() };
        let text = masked(&way.replace("{}", &secret));
        assert!(secret_free(&text, &secret) && text.contains(MASK), "{way} became {text}");
    }
}

#[test]
fn tokens_of_identities_are_found_anywhere() {
    let token = "eyJhbGciOiJub25l.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    assert_eq!(masked(&format!("got {token}, sent it")), "got ***, sent it");
}

#[test]
fn what_tells_nothing_secret_stays() {
    for text in [
        "ErrorCode=UserErrorSqlColumnNotFound,'Type=Microsoft.DataTransfer,Message=a key is missing'",
        "User ID=sa;Server=tcp:db.database.windows.net",
        "abfss://landing@lake.dfs.core.windows.net/sales/x.csv",
        "Violation of PRIMARY KEY constraint 'PK_SalesOrderHeader_SalesOrderID'",
        "the FOREIGN KEY FK_SalesOrderDetail_SalesOrderHeader_SalesOrderID of dbo.x",
        "Bearer authentication is not supported",
        "Secret not found: sql-login",
        "The token was expired",
        "https://adf.azure.com/monitoring/pipelineruns/1?factory=/subscriptions/2",
    ] {
        assert_eq!(masked(text), text);
    }
}

#[test]
fn what_surrounds_a_secret_stays() {
    let text = "Server=a;Password=my pass word;User ID=sa;AccountKey=abc==;x=1";
    assert_eq!(masked(text), "Server=a;Password=***;User ID=sa;AccountKey=***;x=1");
    assert_eq!(masked("Password=Tr0ub4dor&3<x>;Encrypt=true"), "Password=***;Encrypt=true");
    assert_eq!(masked("pwd=Tr0ub4dor&3<x>"), "pwd=***");
    assert_eq!(masked("https://u:p@h/x?sig=1%2B2&se=3"), "https://u:***@h/x?sig=***&se=3");
}

proptest! {
    #[test]
    fn a_secret_survives_nowhere(
        before in "[ -~]{0,12}",
        way in 0..WAYS.len(),
        secret in "[a-zA-Z0-9]{20,40}[0-9]{3}",
        after in "[ -~]{0,12}",
    ) {
        let text = format!("{before} {} {after}", WAYS[way].replace("{}", &secret));
        let once = masked(&text);
        prop_assert!(secret_free(&once, &secret), "{}", once);
        let escaped = serde_json::to_string(&text).unwrap();
        prop_assert!(secret_free(&masked(&escaped), &secret), "{} became {}", escaped, masked(&escaped));
    }
}
