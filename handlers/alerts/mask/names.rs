//! What secrets are called.

/// Between a secret's name and the secret, in connection strings, addresses, headers and JSON,
/// whether escaped or encoded. Blanks may be escapes too.
pub(super) const SEPARATOR: &str = r"(?:&quot;|\\u0022|[\x22'\s]|\\+[rnt]|\\)*(?:=|:|%(?:25)*3[dDaA]|\\u003[dD]|&#61;|&#x3[dD];)(?:\s|\\+[rnt])*(?:&quot;|\\u0022|%(?:25)*22)?";

/// A secret's value: in quotes, with spaces up to a semicolon, or up to where a word ends.
pub(super) const VALUE: &str = r"\\+\x22(?:[^\x22\\]|\\+[^\x22\\])*(?:\\+\x22)?|\x22[^\x22]*\x22?|'[^'\r\n]*'?|\{[^}\r\n]*\}?|[^\s;\x22]+(?: [^\s;\x22=]+){0,4};|[^\s;\x22]+";

/// As [`VALUE`], of a member of an address: others may follow.
pub(super) const MEMBER: &str =
    r"\\+\x22(?:[^\x22\\]|\\+[^\x22\\])*(?:\\+\x22)?|\x22[^\x22]*\x22?|'[^'\r\n]*'?|[^\s;\x22<>&]+";

/// Where an address itself lets anyone write.
pub(super) const WEBHOOK_HOSTS: &str = r"hooks\.slack\.com|[\w-]+\.webhook\.office\.com|outlook\.office(?:365)?\.com(?:\\*/|%(?:25)*2f)webhook|[\w.-]+\.logic\.azure\.com|[\w.-]+\.powerplatform\.com|discord(?:app)?\.com(?:\\*/|%(?:25)*2f)api(?:\\*/|%(?:25)*2f)webhooks|events\.pagerduty\.com(?:\\*/|%(?:25)*2f)integration";

/// Names of secrets that are members of addresses and forms.
const MEMBERS: [&str; 12] = [
    "sig",
    "clientsecret",
    "clientassertion",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "apikey",
    "authkey",
    "functionkey",
    "functionskey",
    "subscriptionkey",
    "routingkey",
];

/// Names of other secrets, without what separates their words.
const NAMES: [&str; 25] = [
    "accountkey",
    "sharedaccesskey",
    "sharedaccesssignature",
    "sharedsecret",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secretkey",
    "secretvalue",
    "appsecret",
    "accesskey",
    "secretaccesskey",
    "bearertoken",
    "authtoken",
    "sastoken",
    "sasuri",
    "hostkey",
    "masterkey",
    "primarykeyvalue",
    "ocpapimsubscriptionkey",
    "storagekey",
    "privatekey",
    "encryptedcredential",
    "serviceprincipalkey",
];

/// Names that are words of every day too: only a value that is given with `=` or in quotes counts.
const WORDS: [&str; 3] = ["secret", "token", "credential"];

/// A pattern for a name of a secret, whatever separates its words.
pub(super) fn pattern() -> String {
    pattern_of(&NAMES)
}

/// A pattern for a name of a secret in an address.
pub(super) fn member_pattern() -> String {
    pattern_of(&MEMBERS)
}

fn pattern_of(names: &[&str]) -> String {
    let words: Vec<String> = names
        .iter()
        .map(|name| {
            let letters: Vec<String> = name.chars().map(|letter| letter.to_string()).collect();
            letters.join(r"[ _.-]?")
        })
        .collect();
    format!("(?i-u:{})", words.join("|"))
}

/// A pattern for a name that is a word of every day too, with what makes its value count.
pub(super) fn word_pattern() -> String {
    let words = WORDS.join("|");
    format!(r"(?i-u:{words})(?:(?:\\*\x22|&quot;|')\s*[:=]\s*|\s*=\s*|%(?:25)*3[dD])")
}

/// Whether what a member of an object holds is a secret, by its name in lower case without anything
/// but letters and digits.
pub fn is_secret_name(name: &str) -> bool {
    NAMES
        .iter()
        .chain(&MEMBERS)
        .any(|secret| *secret == name || (*secret != "sig" && name.ends_with(secret)))
        || WORDS.iter().any(|word| name.ends_with(word))
}
