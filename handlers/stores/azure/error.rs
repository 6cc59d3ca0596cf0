//! From what the service or the network said to a [`StoreError`]: how to react, and what to do.

#[cfg(test)]
mod tests;

use std::{error::Error as _, fmt::Display, time::Duration};

use azure_core::{
    Error,
    error::ErrorKind,
    http::headers::{HeaderName, Headers},
};

use crate::stores::{Condition, Fault, StoreError};

/// How long one operation may take, its retries included.
const DEADLINE: Duration = Duration::from_secs(30);

const GARBLED: &str = "the answer is not one of Azure Storage; check the address and any proxy";

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");
const COPY_SOURCE_STATUS: HeaderName = HeaderName::from_static("x-ms-copy-source-status-code");

/// One operation: what it does to what, for messages, and the conditions it is under.
pub(super) struct Attempt<'a> {
    action: &'static str,
    subject: String,
    condition: &'a Condition,
    /// Whether there is a condition on a source, too.
    copies: bool,
}

impl Attempt<'static> {
    pub(super) fn new(action: &'static str, subject: impl Display) -> Self {
        Self { action, subject: subject.to_string(), condition: &Condition::Always, copies: false }
    }
}

impl<'a> Attempt<'a> {
    pub(super) fn under(self, condition: &'a Condition) -> Self {
        Self { condition, ..self }
    }

    /// A copy of one version of its source.
    pub(super) fn copying(self) -> Self {
        Self { copies: true, ..self }
    }

    /// Does the work, within the deadline.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = azure_core::Result<T>>,
    ) -> Result<T, StoreError> {
        self.run_within(DEADLINE, work).await
    }

    async fn run_within<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = azure_core::Result<T>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(deadline, work).await {
            Ok(result) => result.map_err(|error| self.failed(&error)),
            Err(_) => {
                let detail = format!("no answer within {} seconds", deadline.as_secs());
                Err(self.error(Fault::Unavailable, detail))
            }
        }
    }

    pub(super) fn failed(&self, error: &Error) -> StoreError {
        let (fault, detail) = match error.kind() {
            ErrorKind::HttpResponse { status, raw_response, .. } => {
                let headers = raw_response.as_ref().map(|response| response.headers());
                self.refused((*status).into(), headers)
            }
            ErrorKind::Connection => (
                Fault::Unavailable,
                format!(
                    "no connection ({}); check the address, network and firewall",
                    cause(error)
                ),
            ),
            ErrorKind::Io => (Fault::Unavailable, cause(error)),
            ErrorKind::DataConversion => (Fault::Unavailable, GARBLED.to_owned()),
            ErrorKind::Credential => (
                Fault::Denied,
                "no token; give the app an identity, or sign in with `az login`".to_owned(),
            ),
            _ => (Fault::Rejected, cause(error)),
        };
        self.error(fault, detail)
    }

    pub(super) fn rejected(&self, detail: impl Display) -> StoreError {
        self.error(Fault::Rejected, detail)
    }

    /// For an answer that lacks what every answer of this kind has.
    pub(super) fn garbled(&self) -> StoreError {
        self.error(Fault::Unavailable, GARBLED)
    }

    fn error(&self, fault: Fault, detail: impl Display) -> StoreError {
        StoreError::new(fault, self.action, &self.subject, detail)
    }

    /// What an answer other than success means.
    fn refused(&self, status: u16, headers: Option<&Headers>) -> (Fault, String) {
        let code = headers.and_then(|headers| headers.get_optional_str(&ERROR_CODE));
        let code = code.filter(|code| is_code(code)).unwrap_or_default();
        let source = headers
            .and_then(|headers| headers.get_optional_str(&COPY_SOURCE_STATUS))
            .and_then(|text| text.parse().ok())
            .filter(|_| code == "CannotVerifyCopySource");
        let fault = fault(source.unwrap_or(status), code, self.condition, self.copies);
        let separator = if code.is_empty() { "" } else { " " };
        (fault, format!("{status}{separator}{code}{}", advice(code, fault)))
    }
}

/// Whether a text is an error code and not something that a proxy made up.
fn is_code(text: &str) -> bool {
    text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The innermost reason. The errors of the HTTP client name the address with its signature, so
/// those are passed over.
fn cause(error: &Error) -> String {
    let mut reason = "the network failed".to_owned();
    if error.source().is_none() {
        reason = error.to_string();
    }
    let mut next = error.source();
    while let Some(inner) = next {
        if !inner.is::<reqwest::Error>() && !inner.is::<Error>() {
            reason = inner.to_string();
        }
        next = inner.source();
    }
    reason
}

/// How to react to a status and an error code of the blob or queue service.
///
/// <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>
fn fault(status: u16, code: &str, condition: &Condition, copies: bool) -> Fault {
    match (code, status) {
        // A service that does not tell whose condition it was: it creates only where nothing is
        // with a conflict, so this is about the source unless the target had to match, too.
        ("ConditionNotMet", 412) if copies && !matches!(condition, Condition::Matches(_)) => {
            Fault::NotFound
        }
        ("SourceConditionNotMet" | "PopReceiptMismatch", _) => Fault::NotFound,
        ("CannotVerifyCopySource", 404 | 409 | 412) => Fault::NotFound,
        ("InvalidBlockList", 400) => Fault::Lost,
        ("Md5Mismatch", _) => Fault::Unavailable,
        ("InvalidAuthenticationInfo", _) => Fault::Denied,
        ("BlobImmutableDueToPolicy" | "BlobImmutableDueToLegalHold", _) => Fault::Denied,
        ("BlobBeingRehydrated" | "AccountBeingCreated", _) => Fault::Unavailable,
        ("ContainerBeingDeleted" | "QueueBeingDeleted", _) => Fault::Unavailable,
        (code, 409 | 412) if code.starts_with("Lease") => Fault::Unavailable,
        ("PendingCopyOperation", _) => unmet(condition),
        (code, 409) if code.ends_with("AlreadyExists") => Fault::AlreadyExists,
        (_, 401 | 403) => Fault::Denied,
        (_, 404) => Fault::NotFound,
        (_, 304 | 412) => unmet(condition),
        // A redirection comes from a proxy that wants something first.
        (_, 300..=399 | 408 | 429 | 500 | 502..) => Fault::Unavailable,
        _ => Fault::Rejected,
    }
}

/// What it means that the condition on the target does not hold.
fn unmet(condition: &Condition) -> Fault {
    match condition {
        Condition::Matches(_) => Fault::Changed,
        Condition::Absent | Condition::Always => Fault::AlreadyExists,
    }
}

/// What to do about a failure, where there is something to do.
fn advice(code: &str, fault: Fault) -> &'static str {
    match (code, fault) {
        ("AuthenticationFailed" | "InvalidAuthenticationInfo", _) => {
            ": check the key, signature or identity, and this machine's clock"
        }
        ("AuthorizationPermissionMismatch" | "InsufficientAccountPermissions", _) => {
            ": give the identity the roles Storage Blob Data Contributor and Storage Queue Data Contributor"
        }
        ("BlobImmutableDueToPolicy" | "BlobImmutableDueToLegalHold", _) => {
            ": an immutability policy protects it; it can go when that ends"
        }
        ("CannotVerifyCopySource", Fault::Denied) => {
            ": the service may not read the source; check its firewall and the permission to read it"
        }
        ("InvalidBlockList", _) => {
            ": another writer's commit threw the staged blocks away; write the blob again"
        }
        ("InvalidBlobOrBlock", _) => {
            ": another program left blocks on this name that do not go with ours; write the blob \
             once with any content and delete it, or choose another name"
        }
        ("BlobArchived", _) => ": move it to another tier first",
        ("FeatureNotYetSupportedForHierarchicalNamespaceAccounts", _) => {
            ": an account with a hierarchical namespace has no index tags"
        }
        (code, _) if code.starts_with("Lease") => ": somebody else holds a lease on it",
        (_, Fault::Denied) => {
            ": check the account's firewall and what the key or signature permits"
        }
        _ => "",
    }
}
