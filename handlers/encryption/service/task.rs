//! Rules and keys, ready for an engine.

use super::{
    Tools,
    failure::{Failure, Kind},
    format::Format,
};
use crate::encryption::{
    cell::{ColumnKeys, DataKey, Opener, Protector, Unready},
    engine::{OpenedWith, ProtectedWith},
    envelope::{Envelope, ProtectedColumn, VERSION, WrappedKey},
    keys::{FileKeys, KeyError},
    policy::{Method, Output, Planned, Policy, plan},
};

/// What an engine is to do to a file.
#[derive(Debug)]
pub enum Task {
    /// Protect these columns.
    Protect {
        /// The columns.
        columns: Vec<ProtectedWith>,
        /// What the output says of itself.
        envelope: Envelope,
    },
    /// Open these columns.
    Open {
        /// The columns.
        columns: Vec<OpenedWith>,
        /// What of the file's envelope concerns them.
        envelope: Envelope,
    },
}

impl Task {
    /// Plans the protection of a file with these columns, and gets its keys.
    ///
    /// # Errors
    /// Rules that do not fit the columns, and everything that happens to keys.
    pub async fn protect(
        tools: &Tools,
        policy: &Policy,
        format: &Format,
        columns: &[String],
        source_etag: &str,
    ) -> Result<Self, Failure> {
        let planned = planned(policy, format, columns)?;
        let keys = match needs_key(policy) {
            true => tools.keys()?.for_file(&policy.key, &planned).await?,
            false => FileKeys::default(),
        };
        Self::with_keys(policy, &planned, keys, source_etag)
    }

    /// The same with keys that nobody keeps, to see what would come of it.
    ///
    /// # Errors
    /// Rules that do not fit the columns.
    pub fn rehearse(policy: &Policy, format: &Format, columns: &[String]) -> Result<Self, Failure> {
        let planned = planned(policy, format, columns)?;
        let key = || DataKey::generate().map_err(KeyError::Cell);
        let columns = ColumnKeys::new(Some(key()?), Some(key()?));
        Self::with_keys(policy, &planned, FileKeys { columns, ..FileKeys::default() }, "")
    }

    fn with_keys(
        policy: &Policy,
        planned: &[Planned],
        keys: FileKeys,
        source_etag: &str,
    ) -> Result<Self, Failure> {
        let ready = |planned: &Planned| {
            let protector = Protector::new(planned, &keys.columns)?;
            Ok(ProtectedWith { path: planned.path.clone(), protector })
        };
        let ready: Result<_, Unready> = planned.iter().map(ready).collect();
        let envelope = Envelope {
            version: VERSION,
            policy: policy.name.clone(),
            source_etag: source_etag.to_owned(),
            columns: planned.iter().map(ProtectedColumn::new).collect(),
            keys: keys.wrapped,
        };
        Ok(Self::Protect { columns: ready.map_err(unready)?, envelope })
    }

    /// Opens the keys of the columns that can be had back: all of them, or those that are named.
    ///
    /// # Errors
    /// A name that is not protected or cannot be had back, and everything that happens to keys.
    pub async fn open(
        tools: &Tools,
        envelope: Envelope,
        names: &[String],
        configured: &[String],
    ) -> Result<Self, Failure> {
        let envelope = narrowed(envelope, names)?;
        let keys = tools.keys()?.open(&envelope, configured).await?;
        let ready = |column: &ProtectedColumn| {
            Ok(OpenedWith { path: column.path.clone(), opener: Opener::new(column, &keys)? })
        };
        let ready: Result<_, Unready> = envelope.columns.iter().map(ready).collect();
        Ok(Self::Open { columns: ready.map_err(unready)?, envelope })
    }

    /// What the file says of itself.
    pub fn envelope(&self) -> &Envelope {
        match self {
            Self::Protect { envelope, .. } | Self::Open { envelope, .. } => envelope,
        }
    }

    /// The paths of the columns that change.
    pub fn columns(&self) -> Vec<String> {
        self.envelope().columns.iter().map(|column| column.path.clone()).collect()
    }

    /// The key-encryption key, if there is one: all data keys of a file have the same.
    pub fn key(&self) -> Option<&WrappedKey> {
        self.envelope().keys.values().next()
    }
}

/// Whether any method of the policy has a key.
pub fn needs_key(policy: &Policy) -> bool {
    policy.rules.iter().any(|rule| rule.method.is_reversible()) || needs_named_key(policy)
}

/// Whether any method of the policy has a named data key.
pub fn needs_named_key(policy: &Policy) -> bool {
    let named = |method: &Method| matches!(method, Method::Deterministic | Method::Token);
    policy.rules.iter().any(|rule| named(&rule.method))
}

/// The columns that change, with what changes them.
///
/// # Errors
/// Rules that do not fit, or that leave everything as it is.
pub fn planned(
    policy: &Policy,
    format: &Format,
    columns: &[String],
) -> Result<Vec<Planned>, Failure> {
    let wrong =
        |reason: &dyn ToString| Failure::refused(Kind::Wrong, "columns", reason.to_string());
    let mut planned = plan(&policy.rules, columns).map_err(|misfit| wrong(&misfit))?;
    planned.retain(|it| it.rule.method != Method::Keep);
    if planned.is_empty() {
        let reason = format!("no rule protects any of: {}", columns.join(", "));
        return Err(wrong(&reason));
    }
    if format.is_text() {
        for it in &mut planned {
            it.rule.output = Output::Base64;
        }
    }
    Ok(planned)
}

fn narrowed(mut envelope: Envelope, names: &[String]) -> Result<Envelope, Failure> {
    for name in names {
        let column = envelope.columns.iter().find(|column| column.path == *name);
        let reason = match column {
            Some(column) if column.method.is_reversible() => continue,
            Some(_) => format!("`{name}` cannot be had back: its method is not reversible"),
            None => format!("`{name}` is not protected in this file"),
        };
        return Err(Failure::refused(Kind::Wrong, "columns", reason));
    }
    let wanted = |column: &ProtectedColumn| names.is_empty() || names.contains(&column.path);
    envelope.columns.retain(|column| column.method.is_reversible() && wanted(column));
    if envelope.columns.is_empty() {
        let reason = "no column of this file can be had back";
        return Err(Failure::refused(Kind::Unfit, "source", reason));
    }
    let used: Vec<_> = envelope.columns.iter().filter_map(|column| column.key.clone()).collect();
    envelope.keys.retain(|name, _| used.contains(name));
    Ok(envelope)
}

fn unready(error: Unready) -> Failure {
    Failure::refused(Kind::Unfit, "columns", error)
}
