//! Where the outcome of a job goes: a name, and what must be true of it at the commit.

use ring::digest;
use serde_json::{Value, json};

use super::{
    Report, Tools,
    failure::{Failure, Kind},
    job::{Change, Job},
    records,
    task::{needs_key, needs_named_key},
};
use crate::{
    encryption::policy::Policy,
    routing::{Source, mark, route::OnConflict},
    stores::{
        Condition, ETag,
        blobs::{BlobPath, Properties},
        optional,
    },
};

/// A name for the outcome, and what must be true of it at the commit.
pub(super) struct Place {
    /// The name.
    pub(super) path: BlobPath,
    /// What must be true of it.
    pub(super) condition: Condition,
}

/// What is at a name.
enum Seen {
    Nothing,
    /// What we were asked for.
    Done(Box<Properties>),
    /// What an earlier attempt made of the same source version.
    Ours(ETag),
    Other(ETag),
}
impl Job {
    /// Tells what is asked for: the same source version, rules and keys give the same text.
    pub(super) async fn fingerprint(&self, tools: &Tools) -> Result<String, Failure> {
        let Source { path, properties } = &self.source;
        let change = match &self.change {
            Change::Protect(policy) => {
                json!({ "policy": policy.name, "rules": policy.rules,
                    "keys": key_versions(tools, policy).await? })
            }
            Change::Open { columns, .. } => json!({ "columns": columns }),
        };
        let text = json!({ "source": path, "etag": properties.etag.as_str(), "change": change,
            "format": format!("{:?}", self.format) });
        let digest = digest::digest(&digest::SHA256, text.to_string().as_bytes());
        Ok(digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Chooses a name; the error is the report of an outcome that is there already.
    pub(super) async fn choose(
        &self,
        tools: &Tools,
        fingerprint: &str,
    ) -> Result<Result<Place, Report>, Failure> {
        let taken = || {
            let place = self.display(&self.destination);
            let reason = format!("{place} exists already, and on_conflict says so: fail");
            Failure::refused(Kind::Taken, "destination", reason)
        };
        let spare = self.spare.as_ref().filter(|_| self.on_conflict == OnConflict::Version);
        if let Some(path) = spare.filter(|_| self.is_resumed) {
            // The first name may have become free since an earlier attempt took the second.
            match self.look(tools, path, fingerprint).await? {
                Seen::Done(there) => return self.done(tools, path, &there).await.map(Err),
                Seen::Ours(etag) => {
                    let condition = Condition::Matches(etag);
                    return Ok(Ok(Place { path: path.clone(), condition }));
                }
                Seen::Nothing | Seen::Other(_) => {}
            }
        }
        for path in std::iter::once(&self.destination).chain(spare) {
            let place = |condition| Place { path: path.clone(), condition };
            match self.look(tools, path, fingerprint).await? {
                Seen::Nothing => return Ok(Ok(place(Condition::Absent))),
                Seen::Done(there) => return self.done(tools, path, &there).await.map(Err),
                Seen::Ours(etag) if self.is_resumed => {
                    return Ok(Ok(place(Condition::Matches(etag))));
                }
                Seen::Ours(etag) | Seen::Other(etag) => match self.on_conflict {
                    OnConflict::Replace => return Ok(Ok(place(Condition::Matches(etag)))),
                    OnConflict::Version => {}
                    OnConflict::Fail => return Err(taken()),
                },
            }
        }
        Err(taken())
    }

    async fn look(
        &self,
        tools: &Tools,
        path: &BlobPath,
        fingerprint: &str,
    ) -> Result<Seen, Failure> {
        let Some(there) = optional(self.store(tools).head(path).await)? else {
            return Ok(Seen::Nothing);
        };
        let Source { path: source, properties } = &self.source;
        let found = there.metadata.get(records::FINGERPRINT);
        let ours = mark::is_from(&there.metadata, source, &properties.etag, path);
        Ok(match found {
            Some(found) if ours && found == fingerprint => Seen::Done(Box::new(there)),
            Some(_) if ours => Seen::Ours(there.etag),
            _ => Seen::Other(there.etag),
        })
    }

    async fn done(
        &self,
        tools: &Tools,
        path: &BlobPath,
        there: &Properties,
    ) -> Result<Report, Failure> {
        let display = self.display(path);
        if let (Some(id), Change::Protect(_)) = (there.metadata.get(records::ID), &self.change)
            && self.format.is_text()
        {
            let place = (path, display.as_str());
            records::put_sidecar(tools, &**self.store(tools), &self.source, place, id).await?;
        }
        let key = match &self.change {
            Change::Protect(policy) if needs_key(policy) => Some(policy.key.clone()),
            _ => None,
        };
        let version = match &key {
            Some(key) => Some(tools.keys()?.current(key).await?),
            None => None,
        };
        Ok(Report {
            source: self.source.path.to_string(),
            destination: display,
            totals: records::totals(&there.metadata),
            seconds: 0.0,
            key_id: key,
            key_version: version,
            already_done: true,
        })
    }
}

/// The versions of the keys that a policy uses now.
async fn key_versions(tools: &Tools, policy: &Policy) -> Result<Value, Failure> {
    if !needs_key(policy) {
        return Ok(Value::Null);
    }
    let keys = tools.keys()?;
    let named = match needs_named_key(policy) {
        true => keys.named(&policy.key).await?.1.data_key_version,
        false => None,
    };
    let current = keys.current(&policy.key).await?;
    Ok(json!({ "name": policy.key, "version": current, "named": named }))
}
