//! The one step in which the outcome of a job becomes visible.

use std::time::Instant;

use super::{
    Tools,
    choose::Place,
    failure::{Failure, Kind},
    job::{Change, Job, Made},
    records::{self, Record},
};
use crate::{
    encryption::{engine::Totals, streams::Staged},
    routing::{Source, mark},
    stores::{Condition, Fault, blobs::Attributes, optional},
};

impl Job {
    pub(super) async fn commit(
        &self,
        tools: &Tools,
        place: &Place,
        mut made: Made,
        record: &Record,
        fingerprint: &str,
    ) -> Result<(), Failure> {
        if Instant::now() >= self.deadline {
            return Err(Failure::TooSlow);
        }
        let display = self.display(&place.path);
        let is_protected = matches!(self.change, Change::Protect(_));
        if let Some(rejects) = made.rejects.as_mut().filter(|_| made.totals.rejected > 0) {
            self.commit_rejects(tools, rejects).await?;
        }
        if is_protected {
            records::keep(tools, &display, record).await?;
        }
        let attributes = self.labelled(place, record, fingerprint, made.totals);
        let committed = self.commit_staged(tools, place, &mut made.staged, &attributes).await;
        if is_protected && matches!(committed, Err(Failure::Rival(_))) {
            records::forget(tools, &display, &record.id).await;
        }
        committed?;
        if is_protected && self.format.is_text() {
            let at = (&place.path, display.as_str());
            records::put_sidecar(tools, &**self.store(tools), &self.source, at, &record.id).await?;
        }
        Ok(())
    }

    fn labelled(
        &self,
        place: &Place,
        record: &Record,
        fingerprint: &str,
        totals: Totals,
    ) -> Attributes {
        let Source { path, properties } = &self.source;
        let mut attributes = self.attributes.clone();
        let metadata = &mut attributes.metadata;
        metadata.insert(mark::MARK.to_owned(), mark::mark(path, &properties.etag, &place.path));
        records::label(metadata, &record.id, fingerprint, totals);
        if let Change::Protect(_) = self.change {
            records::label_with_envelope(metadata, &record.envelope);
        }
        attributes
    }

    /// Commits, and looks whether it happened where the answer leaves that open: a store may have
    /// repeated a commit of which the first answer was lost.
    async fn commit_staged(
        &self,
        tools: &Tools,
        place: &Place,
        staged: &mut Staged,
        attributes: &Attributes,
    ) -> Result<(), Failure> {
        let Err(error) = staged.commit(attributes, &place.condition).await else { return Ok(()) };
        let there = optional(self.store(tools).head(&place.path).await)?;
        let id = attributes.metadata.get(records::ID);
        if there.is_some_and(|there| there.metadata.get(records::ID) == id) {
            return Ok(());
        }
        match error.fault {
            Fault::AlreadyExists | Fault::Changed | Fault::Lost => {
                Err(Failure::Rival(self.display(&place.path)))
            }
            _ => Err(error.into()),
        }
    }

    /// Rejects replace those of an earlier attempt, and nothing else.
    async fn commit_rejects(&self, tools: &Tools, staged: &mut Staged) -> Result<(), Failure> {
        let Some(path) = &self.rejects else { return Ok(()) };
        let Source { path: source, properties } = &self.source;
        let condition = match optional(tools.blobs.head(path).await)? {
            None => Condition::Absent,
            Some(there) if mark::is_from(&there.metadata, source, &properties.etag, path) => {
                Condition::Matches(there.etag)
            }
            Some(_) => {
                let reason = format!("{path} exists already; name another file");
                return Err(Failure::refused(Kind::Taken, "rejects", reason));
            }
        };
        let mut attributes = Attributes::default();
        let mark = mark::mark(source, &properties.etag, path);
        attributes.metadata.insert(mark::MARK.to_owned(), mark);
        staged.commit(&attributes, &condition).await.map_err(|error| match error.fault {
            Fault::AlreadyExists | Fault::Changed | Fault::Lost => Failure::Rival(path.to_string()),
            _ => error.into(),
        })?;
        Ok(())
    }
}
