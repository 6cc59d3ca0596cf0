//! Why a file is not protected or opened.

use crate::{
    encryption::{engine::EngineError, keys::KeyError, streams},
    stores::{Fault, StoreError, blobs::BlobPath},
};

/// What kind of refusal it is; the same request never succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong.
    Wrong,
    /// It may not be done, or not by this caller.
    Denied,
    /// Something it names is not there.
    Missing,
    /// What is there is in the way.
    Taken,
    /// The file cannot be worked on.
    Unfit,
}

/// A refusal, by the field of the request that it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Refusal {
    /// Its kind.
    pub kind: Kind,
    /// The field.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl Refusal {
    /// Builds a refusal.
    pub fn new(kind: Kind, field: &'static str, reason: impl ToString) -> Self {
        Self { kind, field, reason: reason.to_string() }
    }
}

/// Why a file is not protected or opened; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It never will be, as it is asked for.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A part of the source needs more memory than the work had.
    #[error("source: {0}")]
    TooLarge(String),
    /// The source is gone, or has other content than when the work began.
    #[error("source: {0} changed while it was read; ask again")]
    SourceChanged(BlobPath),
    /// There is no key.
    #[error("key: {0}")]
    Key(#[from] KeyError),
    /// Nobody said where keys are.
    #[error(
        "key: there is no place of keys; set LAKEHAND_KEY_VAULT to the address of a vault, or LAKEHAND_KEYRING to a file that `lakehand keys init` makes"
    )]
    NoKeys,
    /// A store failed; the same request may succeed later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The time was up.
    #[error(
        "the time is up and nothing was written; send fewer or smaller files, or run `lakehand encrypt` where there is no limit"
    )]
    TooSlow,
    /// A rival was faster, and the work is thrown away.
    #[error("others keep writing to {0}; ask again")]
    Rival(String),
}

impl Failure {
    /// A refusal.
    pub fn refused(kind: Kind, field: &'static str, reason: impl ToString) -> Self {
        Self::Refused(Refusal::new(kind, field, reason))
    }

    /// What the failure of an engine at work on this source means.
    pub fn of_engine(error: EngineError, source: &BlobPath) -> Self {
        match error {
            EngineError::Misfit(misfit) => Self::refused(Kind::Wrong, "columns", misfit),
            EngineError::Stopped => Self::TooSlow,
            EngineError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            EngineError::Io(error) => match streams::store_error(&error) {
                Some(error) => Self::of_store(error.clone(), source),
                None => Self::Store(StoreError::new(Fault::Unavailable, "read", source, error)),
            },
            unfit => Self::refused(Kind::Unfit, "source", unfit),
        }
    }

    fn of_store(error: StoreError, source: &BlobPath) -> Self {
        let is_about_source = error.subject == source.to_string();
        match error.fault {
            Fault::Changed | Fault::NotFound if is_about_source => {
                Self::SourceChanged(source.clone())
            }
            Fault::Rejected if is_about_source => {
                Self::refused(Kind::Unfit, "source", error.detail)
            }
            _ => Self::Store(error),
        }
    }
}
