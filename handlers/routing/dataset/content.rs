//! What belongs to a delivery, and whether all of it is there.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::{Collecting, Dataset, Size, Status, rfc3339};
use crate::{
    routing::{
        Source,
        arrival::{has_rested, is_folder},
        manifest::Manifest,
        route::choose,
    },
    stores::{
        Condition, StoreError,
        blobs::{BlobPath, CopyState},
        documents::Document,
    },
};

impl Collecting<'_> {
    /// The dataset's files: everything in its folder that this route takes, markers excluded.
    pub(super) async fn listing(&self, marker: &Source) -> Result<Vec<Source>, StoreError> {
        let mut files = Vec::new();
        let mut token = None;
        loop {
            let blobs = self.routing.blobs;
            let page = blobs.list(self.container, &self.folder, token.as_deref()).await?;
            for listed in page.items {
                let source = Source { path: listed.path, properties: listed.properties };
                if source.path != marker.path && self.is_file(&source) {
                    files.push(source);
                }
            }
            token = page.next;
            if token.is_none() {
                return Ok(files);
            }
        }
    }

    /// A file of a dataset inside this one waits for a marker of its own.
    fn is_file(&self, source: &Source) -> bool {
        let routes = &self.routing.active.config.routes;
        let chosen = choose(routes, &source.path, &source.properties);
        chosen.is_some_and(|(route, _)| route.name == self.route.name)
            && self.route.from.folder(&source.path).as_ref() == Some(&self.folder)
            && !self.route.is_marker(&source.path)
            && !is_folder(source)
    }

    /// What the dataset still waits for; `None` when it is complete.
    pub(super) async fn missing(
        &self,
        marker: &Source,
        record: &Dataset,
        manifest: Option<&Manifest>,
        files: &[Source],
    ) -> Result<Option<String>, StoreError> {
        let named = files.iter().filter(|file| self.belongs(manifest, None, file));
        if let Some(reason) = named.clone().find_map(|file| self.unready(manifest, file)) {
            return Ok(Some(reason));
        }
        let Some(manifest) = manifest else { return Ok(self.restless(marker, files)) };
        let found: BTreeMap<&str, _> =
            named.map(|file| (self.relative(file), &file.properties)).collect();
        let mut problems = Vec::new();
        for (name, problem) in manifest.problems(&found) {
            if found.contains_key(name) || !self.has_moved(record, name).await? {
                problems.push(problem);
            }
        }
        Ok(match problems.len() {
            0 => None,
            1 => problems.pop(),
            more => Some(format!("{}, and {} more files of the manifest", problems[0], more - 1)),
        })
    }

    /// Why a file may not be whole yet.
    fn unready(&self, manifest: Option<&Manifest>, file: &Source) -> Option<String> {
        let name = self.relative(file);
        if file.properties.copy == Some(CopyState::Pending) {
            return Some(format!("{name} is still being copied here"));
        }
        let empty = file.properties.length == 0
            && manifest.is_some_and(|manifest| !manifest.says_empty(name))
            && !has_rested(self.routing, file);
        empty.then(|| format!("{name} is empty and may still be written"))
    }

    fn restless(&self, marker: &Source, files: &[Source]) -> Option<String> {
        let newest =
            files.iter().chain([marker]).map(|file| file.properties.last_modified).max()?;
        let rested = (self.routing.ledger.now)() - newest;
        (rested < self.completion.settle)
            .then(|| format!("its files must rest for {} s", self.completion.settle.as_secs()))
    }

    /// Whether a file left the folder for this delivery, before it was opened anew.
    async fn has_moved(&self, record: &Dataset, name: &str) -> Result<bool, StoreError> {
        let Ok(path) = BlobPath::new(self.container, format!("{}{name}", self.folder)) else {
            return Ok(false);
        };
        let ours = |dataset: &Option<String>| dataset.as_ref() == Some(&self.id());
        let history = match record.files {
            0 => Vec::new(),
            _ => self.routing.ledger.history(&path).await?,
        };
        // To the second, which is how exact the steps are.
        let opened = record.opened.get(..19).unwrap_or_default();
        let since = |at: &str| at.get(..19).unwrap_or_default() >= opened;
        Ok(history.iter().any(|entry| {
            entry.state.is_final()
                && ours(&entry.dataset)
                && entry.steps.last().is_some_and(|step| since(&step.at))
        }))
    }

    /// Fixes which files belong to this delivery.
    pub(super) async fn start(
        &self,
        record: Document<Dataset>,
        manifest: Option<&Manifest>,
        files: &[Source],
    ) -> Result<Document<Dataset>, StoreError> {
        let until = files.iter().map(|file| file.properties.last_modified).max();
        let size = Size::of(files.iter().filter(|file| self.belongs(manifest, None, file)));
        let dataset = Dataset {
            status: Status::Processing,
            reason: None,
            until: until.map(rfc3339),
            files: record.body.files + size.files,
            bytes: record.body.bytes + size.bytes,
            ..record.body
        };
        self.save(dataset, &Condition::Matches(record.etag)).await
    }

    pub(super) fn belongs(
        &self,
        manifest: Option<&Manifest>,
        until: Option<OffsetDateTime>,
        file: &Source,
    ) -> bool {
        match manifest {
            Some(manifest) => manifest.names(self.relative(file)),
            None => until.is_none_or(|until| file.properties.last_modified <= until),
        }
    }
}
