use super::*;

#[test]
fn activities_are_peeled_off() {
    let text = "Operation on target Run all failed: Operation on target For each table failed: \
                Activity failed because an inner activity failed; Inner activity name: Copy, Error: \
                ErrorCode=ServerBusy, it is busy";
    let found = find(text, Some("BadRequest"));
    assert_eq!(found.activities, ["Run all", "For each table", "Copy"]);
    assert_eq!(found.codes, ["ServerBusy", "BadRequest"]);
    assert_eq!(found.root, "ErrorCode=ServerBusy, it is busy");
}

#[test]
fn the_innermost_message_that_tells_something_is_the_root() {
    let of = |inner: &str| {
        find(
            &format!("ErrorCode=X1,'Type=A.B,Message=Cannot read the file x.csv.,Source=C,''Type=D.E,Message={inner},Source=F,'"),
            None,
        )
        .root
    };
    assert_eq!(of("The disk of the share is full."), "The disk of the share is full.");
    assert_eq!(
        of("The remote server returned an error: (403) Forbidden."),
        "Cannot read the file x.csv."
    );
    assert_eq!(of("Forbidden"), "Cannot read the file x.csv.");
}

#[test]
fn numbers_of_the_database_tell_more_than_the_connector() {
    let text = "ErrorCode=SqlOperationFailed,'Type=A,Message=B,Source=,SqlErrorNumber=207,ErrorCode=-2146232060,State=1'";
    assert_eq!(find(text, Some("2200")).codes, ["SQL 207", "SqlOperationFailed", "2200"]);
}

#[test]
fn an_object_in_a_text_is_read() {
    let text = r#"Operation on target Flow failed: {"StatusCode":"DF-Sys-01","Message":"Job failed due to reason: at Sink 'out'(Line 1/Col 2): it broke","Details":"x"}"#;
    let found = find(text, None);
    assert_eq!(found.activities, ["Flow", "out"]);
    assert_eq!(found.root, "it broke");
    assert_eq!(found.codes[0], "DF-Sys-01");
    let text = r#"Call to provided Azure function 'f' failed with status-'Conflict' and message - '{"title":"Conflict","detail":"it is taken"}'."#;
    let found = find(text, Some("3608"));
    assert_eq!((found.root.as_str(), found.status), ("it is taken", Some(409)));
}

#[test]
fn statuses_and_ids_are_found() {
    for (text, status) in [
        ("Response status code: 'Unauthorized'", Some(401)),
        ("an invalid status code 'Forbidden'.", Some(403)),
        ("failed with status-'BadGateway'", Some(502)),
        ("HttpStatusCode - 499.", Some(499)),
        ("The remote server returned an error: (404) Not Found", Some(404)),
        ("HTTP 429", Some(429)),
        ("status code 200, then row (123)", None),
        ("error 17 in line 403", None),
    ] {
        assert_eq!(find(text, None).status, status, "{text}");
    }
    let found =
        find("It broke. RequestId: '0F1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'. TimeStamp: 'x'", None);
    assert_eq!(found.request_id.as_deref(), Some("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"));
    assert_eq!(found.root, "It broke");
}

#[test]
fn escapes_become_what_they_stand_for() {
    for (text, plain) in [
        (r"a\r\nb", "a\nb"),
        ("&amp;apos;x&#39;&#x27;&lt;b&gt;", "'x''<b>"),
        (r#"\"x\" \\\"y\\\""#, r#""x" "y""#),
        (r"C:\new\names", r"C:\new\names"),
        (r"it ended.\nThen", "it ended.\nThen"),
        ("a\u{0}\u{1b}[31mb\tc\r\nd", "a[31mb c\nd"),
        (r"pass\u0077ord", "password"),
        ("&#1114112; &#xD800; &unknown;", "&#1114112; &#xD800; &unknown;"),
    ] {
        assert_eq!(readable(text), plain);
    }
}

#[test]
fn what_is_cut_is_said() {
    assert_eq!(cut("abc", 3), "abc");
    let text = cut(&"ü".repeat(1000), 100);
    assert_eq!(text, format!("{}… (940 characters cut)", "ü".repeat(60)));
    assert!(cut(&"x".repeat(1 << 20), 100).chars().count() <= 100);
}
