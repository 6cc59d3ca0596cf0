//! Reading `[[policy]]` and `[encryption]`.

use std::collections::BTreeMap;

use super::section::{Found, Problems, Section};
use crate::{
    encryption::{
        csv::CsvOptions,
        policy::{Method, Output, Policy, Rule},
        text::encoding::Encoding,
    },
    stores::{blobs::is_container, keys::is_key_name},
};

/// `[encryption]`: what requests may read and write. A container that is not named is out of reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Containers whose files may be protected or opened.
    pub sources: Vec<String>,
    /// Containers in which protected files may be written.
    pub destinations: Vec<String>,
    /// Containers in which opened files may be written.
    pub decrypted: Vec<String>,
    /// Containers whose files may have their data keys wrapped anew.
    pub rewrapped: Vec<String>,
    /// Keys that requests may name beside those of the policies.
    pub keys: Vec<String>,
    /// How many files of a folder are worked on at a time.
    pub parallel: usize,
}

/// How many files at a time, unless said otherwise.
const PARALLEL: u64 = 5;

/// Reads `[encryption]`.
pub(super) fn reach(section: Option<Section<'_>>, problems: &Problems<'_>) -> Reach {
    let Some(section) = section else {
        return Reach { parallel: 5, ..Reach::default() };
    };
    let containers = |name| {
        let found: Vec<Found<String>> = section.texts(name);
        for container in found.iter().filter(|found| !is_container(found.get_ref())) {
            let message = format!("`{}` is not a container name", container.get_ref());
            problems.add(&container.span(), message);
        }
        found.into_iter().map(Found::into_inner).collect()
    };
    let keys = section.texts("keys").into_iter().filter_map(|key| key_name(key, problems));
    let reach = Reach {
        keys: keys.collect(),
        sources: containers("sources"),
        destinations: containers("destinations"),
        decrypted: containers("decrypted"),
        rewrapped: containers("rewrapped"),
        parallel: usize::try_from(section.count("parallel", 64, PARALLEL)).unwrap_or(1),
    };
    section.finish();
    reach
}

/// Reads `[[policy]]`.
pub(super) fn policies(
    sections: Vec<Section<'_>>,
    problems: &Problems<'_>,
) -> BTreeMap<String, Policy> {
    let mut policies = BTreeMap::new();
    for section in sections {
        let name = section.required("name", "pii");
        let key = section.required("key", "pii").and_then(|key| key_name(key, problems));
        let rules: Vec<_> = section.tables("columns").into_iter().filter_map(rule).collect();
        if rules.is_empty() {
            section.problem("`columns` is missing; write for example columns = [{ name = \"email\", method = \"randomized\" }]");
        }
        if let (Some(name), Some(key)) = (name, key) {
            let place = name.span();
            let name = name.into_inner();
            let policy = Policy { name: name.clone(), key, rules };
            if policies.insert(name.clone(), policy).is_some() {
                problems.add(&place, format!("the policy `{name}` is named twice"));
            }
        }
        section.finish();
    }
    policies
}

/// Reads the `csv` of a route: how its files are written, if not as Data Factory does it.
pub(super) fn csv(section: Option<Section<'_>>) -> CsvOptions {
    let mut options = CsvOptions::default();
    let Some(section) = section else { return options };
    let character = |name| {
        let text = section.text(name)?.into_inner();
        let mut characters = text.chars();
        let first = characters.next();
        if characters.next().is_some() {
            section.problem(format!("`{name}` is one character, or an empty text for none"));
        }
        Some(first)
    };
    if let Some(delimiter) = character("delimiter").flatten() {
        options.delimiter = delimiter;
    }
    options.quote = character("quote").unwrap_or(options.quote);
    options.escape = character("escape").unwrap_or(options.escape);
    options.header = section.flag_or("header", true);
    if let Some(null) = section.text("null_value") {
        options.null_value = Some(null.into_inner());
    }
    if let Some(name) = section.text("encoding") {
        match Encoding::try_from(name.into_inner()) {
            Ok(encoding) => options.encoding = encoding,
            Err(error) => section.problem(error.to_string()),
        }
    }
    section.finish();
    options
}

fn key_name(key: Found<String>, problems: &Problems<'_>) -> Option<String> {
    if !is_key_name(key.get_ref()) {
        problems.add(&key.span(), "a key's name is made of letters, digits and `-`");
        return None;
    }
    Some(key.into_inner())
}

/// The methods by name; those with parameters start with defaults.
const METHODS: [(&str, Kind); 7] = [
    ("randomized", Kind::Randomized),
    ("deterministic", Kind::Deterministic),
    ("token", Kind::Token),
    ("mask", Kind::Mask),
    ("redact", Kind::Redact),
    ("replace", Kind::Replace),
    ("keep", Kind::Keep),
];

#[derive(Clone, Copy)]
enum Kind {
    Randomized,
    Deterministic,
    Token,
    Mask,
    Redact,
    Replace,
    Keep,
}

fn rule(section: Section<'_>) -> Option<Rule> {
    let name = section.required("name", "email");
    section.required("method", "randomized");
    let kind = section.choice("method", &METHODS.map(|(word, kind)| (word, Some(kind))), None);
    let method = kind.and_then(|kind| method(kind, &section));
    let outputs = [("binary", Output::Binary), ("base64", Output::Base64)];
    let output = section.choice("output", &outputs, Output::Binary);
    let bind = section.choice("bind", &[("column", true), ("none", false)], false);
    section.finish();
    Some(Rule { name: name?.into_inner(), method: method?, output, bind })
}

fn method(kind: Kind, section: &Section<'_>) -> Option<Method> {
    Some(match kind {
        Kind::Randomized => Method::Randomized,
        Kind::Deterministic => Method::Deterministic,
        Kind::Token => Method::Token,
        Kind::Redact => Method::Redact,
        Kind::Keep => Method::Keep,
        Kind::Replace => {
            Method::Replace { new_value: section.required("new_value", "<hidden>")?.into_inner() }
        }
        Kind::Mask => {
            let mask = section.text("masking_char").map_or("*".to_owned(), Found::into_inner);
            let mut characters = mask.chars();
            let (Some(masking_char), None) = (characters.next(), characters.next()) else {
                section.problem("`masking_char` is exactly one character");
                return None;
            };
            Method::Mask {
                masking_char,
                chars_to_mask: usize::try_from(section.count(
                    "chars_to_mask",
                    1_000_000,
                    1_000_000,
                ))
                .ok()?,
                from_end: section.flag("from_end"),
            }
        }
    })
}
