//! Who had what decrypted, revealed, rotated or wrapped anew: one document each, never changed,
//! written before the effect.

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    encryption::envelope::Envelope,
    stores::{
        Condition, StoreError,
        documents::{Collection, Documents, Key, body_of},
    },
};

/// Who asks, as far as it is proven.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// The name that platform authentication gives, or the user of a command.
    pub name: Option<String>,
    /// What proved that this may be done: `secret`, `role`, `command`.
    pub proof: &'static str,
    /// The host's id of the invocation.
    pub invocation_id: Option<String>,
}

/// What is about to be done.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deed<'a> {
    /// `decrypt`, `reveal`, `rotate` or `rewrap`.
    pub action: &'static str,
    /// Who asks.
    pub caller: &'a Caller,
    /// The file, or the key.
    pub subject: String,
    /// Where the outcome goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// The columns.
    pub columns: Vec<String>,
    /// The keys that are used, as `name, version`.
    pub keys: Vec<String>,
}

/// A deed and when it was recorded, RFC 3339.
#[derive(Serialize)]
struct Recorded<'a> {
    #[serde(flatten)]
    deed: &'a Deed<'a>,
    at: &'a str,
}

impl<'a> Deed<'a> {
    /// A deed upon the columns of a file.
    pub fn of(
        action: &'static str,
        caller: &'a Caller,
        subject: impl ToString,
        envelope: &Envelope,
    ) -> Self {
        let keys = envelope.keys.values().filter_map(|key| Some(key.wrapped()?.to_string()));
        Self {
            action,
            caller,
            subject: subject.to_string(),
            destination: None,
            columns: envelope.columns.iter().map(|column| column.path.clone()).collect(),
            keys: keys.collect(),
        }
    }

    /// Records that it is about to be done.
    ///
    /// # Errors
    /// The store's failure; then it must not be done.
    pub async fn record(&self, documents: &dyn Documents) -> Result<(), StoreError> {
        let now = OffsetDateTime::now_utc();
        let at = now.format(&Rfc3339).unwrap_or_default();
        let month = at.get(..7).unwrap_or_default();
        let key = Key::new(month, format!("{at}-{}", Uuid::new_v4().simple()));
        let body = body_of(&key, &Recorded { at: &at, deed: self })?;
        documents.put(Collection::Audit, &key, &body, &Condition::Absent, None).await?;
        tracing::info!(audit.action = self.action, audit.subject = self.subject, "recorded");
        Ok(())
    }
}
