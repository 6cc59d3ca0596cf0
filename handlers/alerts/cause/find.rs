//! Ids, codes, statuses and messages in the text of an error.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the patterns are constants, and a test uses them")
}

/// `ErrorCode=UserErrorX`, `ErrorCode: 'PathNotFound'`, `errorCode":"BadRequest"`.
static CODE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i-u:error[ _]?code)[\x22']?\s*[:=]\s*[\x22']?(?<code>-?\w[\w.-]+)")
});
/// Numbers of SQL Server, as its client and its tools write them.
static SQL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"SqlErrorNumber=(?<number>-?\d{1,6})|\bMsg (?<message>\d{1,6}), Level|\(Microsoft SQL Server, Error: (?<tool>\d{1,6})\)|SQL Error \[(?<other>\d{1,6})\]",
    )
});
/// Codes of data flows.
static DATA_FLOW: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\bDF-[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"));
/// Exceptions and their messages as the copy activity lists them, the outer ones first.
static EXCEPTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)'?Type=[\w.+`]+,Message=(?<message>.*?)(?:,Source=|\z)"));
static REQUEST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u:x-ms-request-id|request[ -]?id|client-request-id|activity[ -]?id|correlation[ -]?id)[\x22']?\s*[:=]\s*[\x22']?(?<id>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})",
    )
});
static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u:http ?status ?code|status code|status|http|error)(?: ?[:=-]| is)? ?[\x22'(]{0,2}(?<status>[1-5]\d\d|[A-Z][A-Za-z]+)\b|\((?<number>[45]\d\d)\)",
    )
});
/// Where the part begins that only a service's support reads.
static IDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u:[,.;\s]*(?:\n|\b)(?:x-ms-request-id|request ?id|time ?stamp|activity ?id|correlation ?id)[\x22']?\s*[:=])[^\n]*",
    )
});
/// Messages that say less than those around them.
const EMPTY_WORDS: [&str; 8] = [
    "The remote server returned an error",
    "One or more errors occurred",
    "An error occurred while sending the request",
    "A task was canceled",
    "Operation returned an invalid status code",
    "Exception of type",
    "Unable to connect to the remote server",
    "Object reference not set",
];

/// The error codes in a text, the one that tells most first.
pub(super) fn codes(text: &str) -> Vec<String> {
    let sql = SQL.captures_iter(text).take(20).filter_map(|found| {
        let number =
            ["number", "message", "tool", "other"].iter().find_map(|name| found.name(name));
        number.map(|number| format!("SQL {}", number.as_str()))
    });
    let flow = DATA_FLOW.find_iter(text).take(20).map(|found| found.as_str().to_owned());
    let mut named: Vec<String> = CODE
        .captures_iter(text)
        .take(50)
        .map(|found| found["code"].trim_end_matches('.').to_owned())
        .collect();
    named.reverse();
    // An HRESULT and zero are no codes that anyone knows.
    let is_code = |code: &String| !code.starts_with('-') && !code.trim_matches('0').is_empty();
    let (words, numbers): (Vec<_>, Vec<_>) =
        named.into_iter().filter(is_code).partition(|code| code.contains(char::is_alphabetic));
    let mut all: Vec<String> = Vec::new();
    for code in sql.chain(flow).chain(words).chain(numbers) {
        if !all.contains(&code) {
            all.push(code);
        }
    }
    all
}

/// The id of the request, for the service's support.
pub(super) fn request_id(text: &str) -> Option<String> {
    REQUEST.captures(text).map(|found| found["id"].to_lowercase())
}

/// The HTTP status, given as a number or by its name.
pub(super) fn status(text: &str) -> Option<u16> {
    let all = STATUS.captures_iter(text).take(50);
    all.filter_map(|found| {
        let word = found.name("status").or_else(|| found.name("number"))?.as_str();
        word.parse().ok().or_else(|| status_named(word))
    })
    .find(|status| *status >= 300)
}

fn status_named(name: &str) -> Option<u16> {
    Some(match name {
        "BadRequest" => 400,
        "Unauthorized" => 401,
        "Forbidden" => 403,
        "NotFound" => 404,
        "MethodNotAllowed" => 405,
        "RequestTimeout" => 408,
        "Conflict" => 409,
        "PreconditionFailed" => 412,
        "RequestEntityTooLarge" => 413,
        "TooManyRequests" => 429,
        "InternalServerError" => 500,
        "BadGateway" => 502,
        "ServiceUnavailable" => 503,
        "GatewayTimeout" => 504,
        _ => return None,
    })
}

/// The innermost message of the exceptions in a text, or the one around it if that tells more.
pub(super) fn message(text: &str) -> Option<String> {
    let messages = EXCEPTION.captures_iter(text).take(50);
    let messages: Vec<String> =
        messages.map(|found| found["message"].trim_matches([' ', '\'', '\n']).to_owned()).collect();
    let tells = |message: &&String| {
        message.len() >= 10 && !EMPTY_WORDS.iter().any(|words| message.starts_with(words))
    };
    messages
        .iter()
        .rev()
        .find(tells)
        .or(messages.iter().find(|message| !message.is_empty()))
        .cloned()
}

/// A text without the lines and ends that hold only ids.
pub(super) fn without_ids(text: &str) -> String {
    let text = text.trim();
    let shorter = IDS.replace_all(text, "");
    let shorter = shorter.trim();
    if shorter.is_empty() { text.to_owned() } else { shorter.to_owned() }
}

/// The object of an error that a text is, or that it quotes: `... and message - '{...}'`.
pub(super) fn object(text: &str) -> Option<Value> {
    let begin = text.find('{')?;
    let end = text.rfind('}')?;
    let object = text.get(begin..=end)?;
    let value: Value = serde_json::from_str(object).ok()?;
    value.is_object().then_some(value)
}

/// A text, or a number as one.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(_) | Value::Array(_) => Some(value.to_string()).filter(|text| text.len() > 2),
        _ => None,
    }
}
