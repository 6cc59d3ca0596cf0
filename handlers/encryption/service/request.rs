//! The body of `POST /api/encrypt`, `POST /api/decrypt` and `POST /api/keys/rewrap`, read field by
//! field, so that every refusal names its field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    failure::{Kind, Refusal},
    format::Format,
    many::{Selection, normalised},
    rules::rules,
};
use crate::{
    config::{Config, is_original},
    encryption::{csv::CsvOptions, policy::Policy},
    metadata::http::text::check_id,
    routing::route::OnConflict,
    stores::{
        blobs::{BlobPath, is_container},
        keys::is_key_name,
    },
};

/// What is asked for, whatever is done to the files.
#[derive(Clone, Debug)]
pub struct Request {
    /// The files.
    pub selection: Selection,
    /// Where the outcomes go: a name, or a folder that ends with a slash.
    pub destination: String,
    /// What to do when a name is taken.
    pub on_conflict: OnConflict,
    /// The format, if it is not told by the extension.
    format: Option<String>,
    csv: CsvOptions,
    /// Where records go that cannot be protected: a name, or a folder.
    rejects: Option<String>,
}

/// What keys are to be wrapped anew.
#[derive(Clone, Debug)]
pub struct Rewrapping {
    /// Those of these files.
    pub selection: Option<Selection>,
    format: Option<String>,
    /// The named data keys of this key.
    pub key: Option<String>,
}

impl Rewrapping {
    /// The format of a file.
    ///
    /// # Errors
    /// Its name does not tell.
    pub fn format_of(&self, path: &BlobPath) -> Result<Format, Refusal> {
        format_of(self.format.as_deref(), &CsvOptions::default(), path)
    }
}

fn format_of(named: Option<&str>, csv: &CsvOptions, path: &BlobPath) -> Result<Format, Refusal> {
    let format = match named {
        Some(name) => Format::named(name, csv),
        None => Format::of_file(path.name(), csv),
    };
    format.ok_or_else(|| {
        let reason = format!(
            "the name of {path} does not tell; say \"format\": \"parquet\", \"csv\" or \"jsonl\""
        );
        wrong("format", reason)
    })
}

/// The fields that both requests have.
const COMMON: [&str; 5] = ["source", "destination", "on_conflict", "format", "csv"];

/// What the work is part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// The dataset.
    pub dataset: Option<String>,
    /// The run.
    pub run_id: Option<String>,
}

/// A body, before it is understood.
#[derive(Debug)]
pub struct Body(Map<String, Value>);

pub(super) fn wrong(field: &'static str, reason: impl ToString) -> Refusal {
    Refusal::new(Kind::Wrong, field, reason)
}

impl Body {
    /// Reads an object, or a string that holds one: Data Factory sends what an expression gives.
    ///
    /// # Errors
    /// It is neither.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let example = r#"send an object such as {"source": "processing/x.csv", "destination": "curated/x.csv", "policy": "pii"}"#;
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| wrong("body", format!("it is no JSON: {error}; {example}")))?;
        let value = match value {
            Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::Null),
            value => value,
        };
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(wrong("body", format!("it is no object; {example}"))),
        }
    }

    /// Refuses fields that nobody knows.
    fn finish(&self, known: &[&str], more: &[&str]) -> Result<(), Refusal> {
        let known: Vec<&str> = known.iter().chain(more).copied().collect();
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let known = known.join(", ");
                Err(wrong("body", format!("`{name}` is not a field; known are: {known}")))
            }
        }
    }

    fn text(&self, field: &'static str) -> Result<Option<&str>, Refusal> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(field, "it must be a string")),
        }
    }

    fn required(&self, field: &'static str, example: &str) -> Result<&str, Refusal> {
        self.text(field)?
            .ok_or_else(|| wrong(field, format!("it is missing; write for example \"{example}\"")))
    }

    fn typed<T: DeserializeOwned>(&self, field: &'static str) -> Result<Option<T>, Refusal> {
        let Some(value) = self.0.get(field).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        serde_json::from_value(value.clone()).map(Some).map_err(|error| wrong(field, error))
    }

    /// What both requests have. `sources` and `destinations` are the containers within reach.
    ///
    /// # Errors
    /// The first field that is wrong, or out of reach.
    pub fn common(
        &self,
        config: &Config,
        destinations: (&'static str, &[String]),
    ) -> Result<Request, Refusal> {
        let source = self.required("source", "processing/people/x.parquet")?;
        let selection = self.selection(source)?;
        reachable("source", selection.container(), "sources", &config.reach.sources)?;
        let destination = self.required("destination", "curated/people/x.parquet")?;
        let destination = folder("destination", destination)?;
        reachable("destination", container(&destination), destinations.0, destinations.1)?;
        if matches!(selection, Selection::Many { .. }) && !destination.ends_with('/') {
            let reason = "many files need a folder, which ends with a slash";
            return Err(wrong("destination", reason));
        }
        let rejects = self.text("rejects")?.map(|text| folder("rejects", text)).transpose()?;
        if let Some(rejects) = &rejects {
            // They hold plaintext, and belong where plaintext is.
            reachable("rejects", container(rejects), "sources", &config.reach.sources)?;
            if matches!(selection, Selection::Many { .. }) && !rejects.ends_with('/') {
                return Err(wrong("rejects", "many files need a folder, which ends with a slash"));
            }
        }
        let format = self.format()?;
        let csv = self.typed("csv")?.unwrap_or_default();
        let on_conflict = self.on_conflict()?;
        Ok(Request { selection, destination, on_conflict, format, csv, rejects })
    }

    fn on_conflict(&self) -> Result<OnConflict, Refusal> {
        match self.text("on_conflict")? {
            None | Some("fail") => Ok(OnConflict::Fail),
            Some("replace") => Ok(OnConflict::Replace),
            Some("version") => Ok(OnConflict::Version),
            Some(_) => {
                Err(wrong("on_conflict", "it must be one of \"fail\", \"replace\", \"version\""))
            }
        }
    }

    /// The dataset whose history shall tell of the work, and the run that does it.
    ///
    /// # Errors
    /// Something that is no id.
    pub fn lineage(&self) -> Result<Lineage, Refusal> {
        let id = |field| {
            let id = self.text(field)?;
            id.map_or(Ok(()), |id| check_id(field, id)).map_err(|it| wrong(field, it.detail))?;
            Ok(id.map(str::to_owned))
        };
        Ok(Lineage { dataset: id("dataset")?, run_id: id("runId")? })
    }

    /// What is to be protected, and how.
    ///
    /// # Errors
    /// The first field that is wrong, or names what is not configured.
    pub fn policy(&self, config: &Config) -> Result<Policy, Refusal> {
        self.finish(&COMMON, &["policy", "columns", "key", "rejects", "dataset", "runId"])?;
        match (self.text("policy")?, self.0.get("columns")) {
            (Some(_), Some(_)) => Err(wrong("policy", "leave it out, or `columns`")),
            (None, None) => Err(wrong("policy", "it is missing; name a [[policy]], or `columns`")),
            (Some(name), None) => match config.policies.get(name) {
                Some(policy) => Ok(policy.clone()),
                None => {
                    let known: Vec<_> = config.policies.keys().map(String::as_str).collect();
                    let known = known.join(", ");
                    Err(wrong(
                        "policy",
                        format!("there is no [[policy]] `{name}`; there are: {known}"),
                    ))
                }
            },
            (None, Some(columns)) => {
                let rules = rules(columns)?;
                let key = self.text("key")?.unwrap_or_default().to_owned();
                let policy = Policy { name: String::new(), key, rules };
                if super::task::needs_key(&policy) {
                    check_key(&policy.key, config)?;
                }
                Ok(policy)
            }
        }
    }

    /// The columns to open; none for all.
    ///
    /// # Errors
    /// They are no list of names.
    pub fn columns(&self) -> Result<Vec<String>, Refusal> {
        self.finish(&COMMON, &["columns"])?;
        Ok(self.typed("columns")?.unwrap_or_default())
    }

    /// Whose keys are to be wrapped anew.
    ///
    /// # Errors
    /// The first field that is wrong, out of reach, or names what is not configured.
    pub fn rewrapping(&self, config: &Config) -> Result<Rewrapping, Refusal> {
        self.finish(&["source", "format", "key"], &[])?;
        let selection = self.text("source")?.map(|source| self.selection(source)).transpose()?;
        if let Some(selection) = &selection {
            reachable("source", selection.container(), "rewrapped", &config.reach.rewrapped)?;
        }
        let key = self.text("key")?.map(str::to_owned);
        if let Some(key) = &key {
            check_key(key, config)?;
        }
        if selection.is_none() && key.is_none() {
            let reason = "it is missing; name files, or in `key` a key whose named data keys are meant, or both";
            return Err(wrong("source", reason));
        }
        Ok(Rewrapping { selection, format: self.format()?, key })
    }

    fn selection(&self, source: &str) -> Result<Selection, Refusal> {
        Selection::read(source).map_err(|error| wrong("source", error))
    }

    fn format(&self) -> Result<Option<String>, Refusal> {
        let format = self.text("format")?.map(str::to_owned);
        let is_known = |name: &String| Format::named(name, &CsvOptions::default()).is_some();
        if format.as_ref().is_some_and(|name| !is_known(name)) {
            return Err(wrong("format", "it must be one of \"parquet\", \"csv\", \"jsonl\""));
        }
        Ok(format)
    }
}

fn check_key(key: &str, config: &Config) -> Result<(), Refusal> {
    let known = config.keys();
    if key.is_empty() {
        return Err(wrong("key", "it is missing; name a key"));
    }
    if !is_key_name(key) || !known.iter().any(|known| known == key) {
        let known = known.join(", ");
        let reason = format!(
            "it is not configured; a [[policy]] or `keys` of [encryption] must name it; there are: {known}"
        );
        return Err(wrong("key", reason));
    }
    Ok(())
}

fn folder(field: &'static str, text: &str) -> Result<String, Refusal> {
    let text = normalised(text).map_err(|error| wrong(field, error))?;
    let folder = if text.contains('/') { text.to_owned() } else { format!("{text}/") };
    if !is_container(container(&folder)) {
        return Err(wrong(field, format!("`{}` is not a container name", container(&folder))));
    }
    Ok(folder)
}

fn container(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

fn reachable(
    field: &'static str,
    container: &str,
    list: &str,
    allowed: &[String],
) -> Result<(), Refusal> {
    if allowed.iter().any(|allowed| allowed == container) {
        return Ok(());
    }
    let allowed = if allowed.is_empty() { "none yet".to_owned() } else { allowed.join(", ") };
    let reason = format!(
        "`{container}` is out of reach; `{list}` of [encryption] in lakehand.toml names: {allowed}"
    );
    Err(Refusal::new(Kind::Denied, field, reason))
}

impl Request {
    /// The format of a file.
    ///
    /// # Errors
    /// Its name does not tell.
    pub fn format_of(&self, path: &BlobPath) -> Result<Format, Refusal> {
        format_of(self.format.as_deref(), &self.csv, path)
    }

    /// Where the outcome of a file goes.
    ///
    /// # Errors
    /// There is no such name, or nothing may be written there.
    pub fn destination_of(&self, path: &BlobPath, config: &Config) -> Result<BlobPath, Refusal> {
        let target = self.below(&self.destination, path, "");
        let target: BlobPath = target.parse().map_err(|error| wrong("destination", error))?;
        if self.on_conflict == OnConflict::Replace && is_original(target.name()) {
            let reason = "an `Original/` is never overwritten: use \"version\" or \"fail\"";
            return Err(wrong("on_conflict", reason));
        }
        config
            .allows_target(target)
            .map_err(|reason| Refusal::new(Kind::Denied, "destination", reason))
    }

    /// Where the rejected records of a file go.
    ///
    /// # Errors
    /// There is no such name.
    pub fn rejects_of(&self, path: &BlobPath) -> Result<Option<BlobPath>, Refusal> {
        let Some(rejects) = &self.rejects else { return Ok(None) };
        let place = self.below(rejects, path, ".rejects.jsonl").parse();
        place.map(Some).map_err(|error| wrong("rejects", error))
    }

    /// The name itself, or the file's name below the folder with an ending of its own.
    fn below(&self, place: &str, path: &BlobPath, ending: &str) -> String {
        match place.ends_with('/') {
            true => format!("{place}{}{ending}", self.selection.relative(path)),
            false => place.to_owned(),
        }
    }
}
