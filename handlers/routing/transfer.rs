//! Moving one blob: copy inside the storage service, verify, record, remove the source last.
//!
//! The order makes repetition harmless. A crash before the copy leaves nothing; after it, the
//! repeat finds the target with our mark; after the record, only the source is left to remove.
//! Four storage calls when nothing is in the way: one to know the source, one to copy, one to
//! verify, one to remove.

use super::{
    Source, crash,
    ledger::{Ledger, Note, State},
    mark,
    route::OnConflict,
};
use crate::stores::{
    Condition, ETag, Fault, StoreError,
    blobs::{Attributes, BlobPath, Blobs, CopySource, CopyState, Properties},
};

/// What is to be moved where.
#[derive(Debug)]
pub struct Transfer<'a> {
    /// The blob that landed.
    pub source: &'a Source,
    /// The store it landed in.
    pub from: &'a dyn Blobs,
    /// Another account's store and name, if it goes there.
    pub elsewhere: Option<(&'a str, &'a dyn Blobs)>,
    /// The name it should get.
    pub target: BlobPath,
    /// The name it gets when that one is taken, under the `version` policy.
    pub spare: Option<BlobPath>,
    /// What to do when the name is taken.
    pub on_conflict: OnConflict,
    /// What the target carries; the mark is added.
    pub attributes: Attributes,
    /// Whether the source stays.
    pub keep_source: bool,
    /// The state to record at the end: delivered or quarantined.
    pub state: State,
    /// What else to record.
    pub note: Note,
}

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// The target is complete and recorded.
    Done(String),
    /// The store is still copying; call again later.
    Pending(String),
    /// The source is gone or has new content, which is an arrival of its own.
    SourceChanged,
    /// The target's name is taken and the policy says to leave it.
    Conflict(String),
    /// The store will never take it, for this reason.
    Refused(String),
}

/// Where the copy was put and what is known of it.
enum Placed {
    /// Our copy is at this name, its properties unknown yet.
    Copied(BlobPath, CopyState),
    /// A copy of ours was there already.
    Found(BlobPath, Box<Properties>),
    /// There is no copy, and none can be made now.
    Not(Transferred),
}

impl Transfer<'_> {
    /// Runs the transfer as far as it goes now.
    ///
    /// # Errors
    /// A failure that may be over at the next try.
    pub async fn run(&self, ledger: &Ledger<'_>) -> Result<Transferred, StoreError> {
        crash::point("matched");
        let (target, properties) = match self.place(ledger).await? {
            Placed::Not(outcome) => return Ok(outcome),
            Placed::Found(target, properties) => (target, *properties),
            Placed::Copied(target, CopyState::Failed(why)) => {
                return self.discard(ledger, &target, &why).await;
            }
            Placed::Copied(target, CopyState::Pending) => return self.wait(ledger, &target).await,
            Placed::Copied(target, CopyState::Success) => {
                crash::point("copied");
                match crate::stores::optional(self.store().head(&target).await)? {
                    Some(properties) => (target, properties),
                    // The store said that all of it was there: a consumer took it at once.
                    None => return self.finish(ledger, &target).await,
                }
            }
        };
        self.complete(ledger, &target, &properties).await
    }

    /// Takes a copy that is there as far as it goes now.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn complete(
        &self,
        ledger: &Ledger<'_>,
        target: &BlobPath,
        copy: &Properties,
    ) -> Result<Transferred, StoreError> {
        match self.verify(target, copy) {
            Ok(CopyState::Pending) => self.wait(ledger, target).await,
            Ok(_) => self.finish(ledger, target).await,
            Err(why) => self.discard(ledger, target, &why).await,
        }
    }

    fn store(&self) -> &dyn Blobs {
        self.elsewhere.map_or(self.from, |(_, store)| store)
    }

    /// The target as people read it.
    fn display(&self, target: &BlobPath) -> String {
        self.elsewhere.map_or_else(|| target.to_string(), |(name, _)| format!("{name}:{target}"))
    }

    /// Puts the copy at the first name that the policy allows.
    async fn place(&self, ledger: &Ledger<'_>) -> Result<Placed, StoreError> {
        match self.place_at(&self.target, &Condition::Absent).await? {
            Placed::Not(Transferred::Conflict(taken)) => match (&self.spare, self.on_conflict) {
                (Some(spare), OnConflict::Version) => {
                    // Noted before: the first name may be free when a repeat comes.
                    let note = self.note(&self.display(spare));
                    ledger.note(self.source, State::Settling, &note).await?;
                    self.place_at(spare, &Condition::Absent).await
                }
                _ => Ok(Placed::Not(Transferred::Conflict(taken))),
            },
            placed => Ok(placed),
        }
    }

    async fn place_at(
        &self,
        target: &BlobPath,
        condition: &Condition,
    ) -> Result<Placed, StoreError> {
        match self.copy_into(target, condition).await {
            Ok(state) => Ok(Placed::Copied(target.clone(), state)),
            Err(error) => match error.fault {
                Fault::AlreadyExists | Fault::Changed => self.meet(target, condition).await,
                Fault::NotFound if self.is_source_there().await? => Err(retry(&error)),
                Fault::NotFound => Ok(Placed::Not(Transferred::SourceChanged)),
                Fault::Rejected => Ok(Placed::Not(Transferred::Refused(error.detail))),
                Fault::Denied | Fault::Unavailable => Err(error),
            },
        }
    }

    /// Copies, and makes the target's container first where that is all that is missing.
    async fn copy_into(
        &self,
        target: &BlobPath,
        condition: &Condition,
    ) -> Result<CopyState, StoreError> {
        match self.copy(target, condition).await {
            Err(error) if error.fault == Fault::NotFound && self.is_source_there().await? => {
                self.store().create_container(target.container()).await?;
                self.copy(target, condition).await
            }
            other => other,
        }
    }

    async fn is_source_there(&self) -> Result<bool, StoreError> {
        let source = crate::stores::optional(self.from.head(&self.source.path).await)?;
        Ok(source.is_some_and(|now| now.etag == self.source.properties.etag))
    }

    async fn copy(
        &self,
        target: &BlobPath,
        condition: &Condition,
    ) -> Result<CopyState, StoreError> {
        let Source { path, properties } = self.source;
        let mut attributes = self.attributes.clone();
        let mark = mark::mark(path, &properties.etag, target);
        attributes.metadata.insert(mark::MARK.to_owned(), mark);
        let lent = match self.elsewhere {
            Some(_) => Some(self.from.lend(path).await?),
            None => None,
        };
        let source = lent.as_ref().map_or(CopySource::Here(path), CopySource::Elsewhere);
        self.store().copy(source, &properties.etag, target, &attributes, condition).await
    }

    /// Something has the name: our own copy of this version, or a stranger.
    async fn meet(&self, target: &BlobPath, condition: &Condition) -> Result<Placed, StoreError> {
        let there = self.store().head(target).await.map_err(|error| retry(&error))?;
        let Source { path, properties } = self.source;
        if mark::is_from(&there.metadata, path, &properties.etag, target) {
            return Ok(Placed::Found(target.clone(), Box::new(there)));
        }
        if there.copy == Some(CopyState::Pending) {
            return Err(busy(target));
        }
        // What a failed copy of ours left is no content that a policy could protect.
        let ruin = matches!(there.copy, Some(CopyState::Failed(_)))
            && mark::is_ours(&there.metadata, target);
        if (ruin || self.on_conflict == OnConflict::Replace) && *condition == Condition::Absent {
            let condition = Condition::Matches(there.etag);
            return Box::pin(self.place_at(target, &condition)).await;
        }
        if *condition != Condition::Absent {
            return Err(busy(target));
        }
        Ok(Placed::Not(Transferred::Conflict(self.display(target))))
    }

    /// Compares the copy with the source; a text says what is wrong with it.
    fn verify(&self, target: &BlobPath, copy: &Properties) -> Result<CopyState, String> {
        let Source { path, properties: source } = self.source;
        if !mark::is_from(&copy.metadata, path, &source.etag, target) {
            return Err("somebody else wrote to the target meanwhile".to_owned());
        }
        match &copy.copy {
            Some(CopyState::Pending) => return Ok(CopyState::Pending),
            Some(CopyState::Failed(why)) => return Err(why.clone()),
            Some(CopyState::Success) | None => {}
        }
        if copy.length != source.length {
            return Err(format!("the copy has {} of {} bytes", copy.length, source.length));
        }
        match (source.content_md5, copy.content_md5) {
            (Some(wanted), Some(found)) if wanted != found => {
                Err("the copy has another MD5 than the source".to_owned())
            }
            _ => Ok(CopyState::Success),
        }
    }

    /// Removes a copy that is not what it should be, if it is still ours, and asks for a retry.
    async fn discard(
        &self,
        ledger: &Ledger<'_>,
        target: &BlobPath,
        why: &str,
    ) -> Result<Transferred, StoreError> {
        let Source { path, properties } = self.source;
        if let Some(there) = crate::stores::optional(self.store().head(target).await)?
            && mark::is_from(&there.metadata, path, &properties.etag, target)
        {
            let note = Note { reason: Some(why.to_owned()), ..self.note(&self.display(target)) };
            ledger.note(self.source, State::Settling, &note).await?;
            self.store()
                .delete(target, &Condition::Matches(there.etag))
                .await
                .map_err(|e| retry(&e))?;
        }
        Err(StoreError::new(Fault::Unavailable, "copy to", self.display(target), why))
    }

    async fn wait(
        &self,
        ledger: &Ledger<'_>,
        target: &BlobPath,
    ) -> Result<Transferred, StoreError> {
        let destination = self.display(target);
        ledger.note(self.source, State::Copying, &self.note(&destination)).await?;
        Ok(Transferred::Pending(destination))
    }

    fn note(&self, destination: &str) -> Note {
        Note {
            destination: Some(destination.to_owned()),
            aim: Some((self.state, self.keep_source)),
            ..self.note.clone()
        }
    }

    async fn finish(
        &self,
        ledger: &Ledger<'_>,
        target: &BlobPath,
    ) -> Result<Transferred, StoreError> {
        crash::point("verified");
        let destination = self.display(target);
        ledger.note(self.source, self.state, &self.note(&destination)).await?;
        crash::point("recorded");
        if !self.keep_source {
            remove_source(self.from, self.source, ledger).await?;
        }
        Ok(Transferred::Done(destination))
    }
}

/// Removes a source whose delivery is recorded, unless it has new content since.
///
/// # Errors
/// A failure that may be over at the next try.
pub async fn remove_source(
    store: &dyn Blobs,
    source: &Source,
    ledger: &Ledger<'_>,
) -> Result<(), StoreError> {
    let version: &ETag = &source.properties.etag;
    match store.delete(&source.path, &Condition::Matches(version.clone())).await {
        Err(error) if !matches!(error.fault, Fault::NotFound | Fault::Changed) => {
            return Err(error);
        }
        _ => {}
    }
    crash::point("removed");
    ledger.note_removed(&source.path, version).await
}

/// Makes a failure one that the next try may get over.
fn retry(error: &StoreError) -> StoreError {
    StoreError { fault: Fault::Unavailable, ..error.clone() }
}

fn busy(target: &BlobPath) -> StoreError {
    StoreError::new(Fault::Unavailable, "copy to", target, "another copy to it is under way")
}
