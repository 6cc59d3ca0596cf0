use azure_core::http::{RawResponse, StatusCode};

use super::*;
use crate::stores::ETag;

#[test]
fn status_and_code_make_the_fault() {
    let matches = Condition::Matches(ETag::new("1"));
    let always = Condition::Always;
    let cases = [
        (404, "BlobNotFound", &always, Fault::NotFound),
        (404, "QueueNotFound", &always, Fault::NotFound),
        (404, "", &always, Fault::NotFound),
        (404, "CannotVerifyCopySource", &Condition::Absent, Fault::NotFound),
        (412, "CannotVerifyCopySource", &Condition::Absent, Fault::NotFound),
        (403, "CannotVerifyCopySource", &always, Fault::Denied),
        (500, "CannotVerifyCopySource", &always, Fault::Unavailable),
        (412, "SourceConditionNotMet", &Condition::Absent, Fault::NotFound),
        (304, "SourceConditionNotMet", &matches, Fault::NotFound),
        (412, "TargetConditionNotMet", &Condition::Absent, Fault::AlreadyExists),
        (412, "TargetConditionNotMet", &matches, Fault::Changed),
        (412, "ConditionNotMet", &matches, Fault::Changed),
        (409, "BlobAlreadyExists", &Condition::Absent, Fault::AlreadyExists),
        (409, "ContainerAlreadyExists", &always, Fault::AlreadyExists),
        (409, "PendingCopyOperation", &Condition::Absent, Fault::AlreadyExists),
        (409, "PendingCopyOperation", &always, Fault::AlreadyExists),
        (409, "PendingCopyOperation", &matches, Fault::Changed),
        (409, "BlobArchived", &always, Fault::Rejected),
        (409, "InvalidBlobTier", &always, Fault::Rejected),
        (400, "InvalidHeaderValue", &always, Fault::Rejected),
        (409, "BlobBeingRehydrated", &always, Fault::Unavailable),
        (412, "LeaseIdMissing", &matches, Fault::Unavailable),
        (409, "BlobImmutableDueToPolicy", &always, Fault::Denied),
        (409, "ContainerBeingDeleted", &always, Fault::Unavailable),
        (400, "PopReceiptMismatch", &always, Fault::NotFound),
        (404, "MessageNotFound", &always, Fault::NotFound),
        (401, "NoAuthenticationInformation", &always, Fault::Denied),
        (400, "InvalidAuthenticationInfo", &always, Fault::Denied),
        (403, "AuthenticationFailed", &always, Fault::Denied),
        (403, "", &always, Fault::Denied),
        (408, "", &always, Fault::Unavailable),
        (429, "", &always, Fault::Unavailable),
        (500, "InternalError", &always, Fault::Unavailable),
        (501, "NotImplemented", &always, Fault::Rejected),
        (503, "ServerBusy", &always, Fault::Unavailable),
        (302, "", &always, Fault::Unavailable),
        (416, "InvalidRange", &always, Fault::Rejected),
    ];
    for (status, code, condition, expected) in cases {
        let found = fault(status, code, condition, false);
        assert_eq!(found, expected, "{status} {code} {condition:?}");
    }
}

#[test]
fn a_nameless_condition_of_a_copy() {
    let matches = Condition::Matches(ETag::new("1"));
    for (condition, expected) in [
        (&Condition::Absent, Fault::NotFound),
        (&Condition::Always, Fault::NotFound),
        (&matches, Fault::Changed),
    ] {
        assert_eq!(fault(412, "ConditionNotMet", condition, true), expected);
        assert_eq!(fault(412, "TargetConditionNotMet", condition, true), unmet(condition));
    }
}

fn answer(status: u16, pairs: &[(&'static str, &'static str)]) -> StoreError {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.insert(*name, *value);
    }
    let status = StatusCode::from(status);
    let body = "<Error><Message>Signature sig=abc did not match</Message></Error>";
    let raw_response = Some(Box::new(RawResponse::from_bytes(status, headers, body)));
    let kind = ErrorKind::HttpResponse { status, error_code: Some(body.into()), raw_response };
    Attempt::new("copy", "landing/x").failed(&Error::with_message(kind, body))
}

#[test]
fn the_text_holds_the_code_and_the_advice_and_nothing_of_the_body() {
    let denied = answer(403, &[("x-ms-error-code", "AuthenticationFailed")]);
    assert_eq!(
        denied.to_string(),
        "cannot copy landing/x: 403 AuthenticationFailed: check the key, signature or identity, and this machine's clock"
    );
    assert_eq!(answer(404, &[]).to_string(), "cannot copy landing/x: 404");
    let odd = answer(404, &[("x-ms-error-code", "see https://x/?sig=abc")]);
    assert_eq!(odd.to_string(), "cannot copy landing/x: 404");
}

#[test]
fn the_status_of_the_source_counts_for_a_copy() {
    let gone = answer(
        400,
        &[("x-ms-error-code", "CannotVerifyCopySource"), ("x-ms-copy-source-status-code", "404")],
    );
    assert_eq!(gone.fault, Fault::NotFound);
    let other = answer(400, &[("x-ms-copy-source-status-code", "404")]);
    assert_eq!(other.fault, Fault::Rejected);
}

#[test]
fn other_failures_say_what_is_inside() {
    let attempt = Attempt::new("head", "landing/x");
    let refused = std::io::Error::other("Connection refused");
    let error = Error::with_error(ErrorKind::Connection, refused, "https://x/?sig=abc");
    let error = attempt.failed(&error);
    assert_eq!(error.fault, Fault::Unavailable);
    assert!(error.detail.contains("Connection refused") && !error.detail.contains("sig"));
    let xml = Error::with_message(ErrorKind::DataConversion, "<xml>cell value</xml>");
    assert!(!attempt.failed(&xml).detail.contains("cell value"));
    let token = Error::with_message(ErrorKind::Credential, "response: {\"access_token\":…}");
    assert_eq!(attempt.failed(&token).fault, Fault::Denied);
    assert!(!attempt.failed(&token).detail.contains("access_token"));
}

#[tokio::test]
async fn no_operation_waits_for_ever() {
    let attempt = Attempt::new("head", "landing/x");
    let work = std::future::pending::<azure_core::Result<()>>();
    let ended = attempt.run_within(Duration::ZERO, work).await;
    assert_eq!(ended.map_err(|error| error.fault), Err(Fault::Unavailable));
}
