//! Which columns are protected, and how. Parameter names are Presidio's where it has them.

use serde::{Deserialize, Serialize};

/// `[[policy]]`: a set of rules under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name, by which routes and requests use it.
    pub name: String,
    /// The key-encryption key that wraps the data keys.
    pub key: String,
    /// The rules; the first one that names a column holds for it.
    pub rules: Vec<Rule>,
}

/// What happens to the columns of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// A column's path (`customer.address.street`), or a pattern in which `*` takes any text
    /// without a dot.
    pub name: String,
    /// How values are protected.
    #[serde(flatten)]
    pub method: Method,
    /// How ciphertext is written in Parquet; text formats always have base64.
    #[serde(default)]
    pub output: Output,
    /// Whether the column's path is associated data of each cell, so that cells cannot be moved to
    /// another column.
    #[serde(default)]
    pub bind: bool,
}

/// How a value is protected. Null always stays null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Method {
    /// AES-256-GCM with a random nonce: nonce (12), ciphertext, tag (16).
    Randomized,
    /// The same layout, the nonce drawn from the value, so that equal values stay equal.
    Deterministic,
    /// HMAC-SHA-256 of the value: equal values stay equal, nobody opens it.
    Token,
    /// Some characters are replaced.
    Mask {
        /// The character to replace with.
        masking_char: char,
        /// How many characters.
        chars_to_mask: usize,
        /// Whether to count from the end.
        #[serde(default)]
        from_end: bool,
    },
    /// The value becomes null, where the column allows it, and otherwise empty.
    Redact,
    /// Every value becomes this one.
    Replace {
        /// This one.
        new_value: String,
    },
    /// Nothing, said explicitly.
    Keep,
}

impl Method {
    /// Whether the value can be had back.
    pub fn is_reversible(&self) -> bool {
        matches!(self, Self::Randomized | Self::Deterministic)
    }
}

/// How ciphertext is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// As bytes.
    #[default]
    Binary,
    /// As base64 text (RFC 4648, with padding).
    Base64,
}

/// A column and the rule that holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The column's path.
    pub path: String,
    /// Its rule.
    pub rule: Rule,
}

/// Rules that do not fit a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A rule without a pattern names a column that is not there.
    #[error("there is no column `{name}`{}; the file has: {}", nearest_hint(.nearest), .columns.join(", "))]
    UnknownColumn {
        /// The name.
        name: String,
        /// The most similar name that exists.
        nearest: Option<String>,
        /// The names that exist, sorted.
        columns: Vec<String>,
    },
    /// A rule names a struct, list or map instead of a leaf.
    #[error("`{name}` is no leaf; name its leaves: {}", .leaves.join(", "))]
    NotALeaf {
        /// The name.
        name: String,
        /// The leaves below it.
        leaves: Vec<String>,
    },
}

fn nearest_hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Finds the rule of each column; columns without one are not in the plan.
///
/// # Errors
/// A rule that names no column at all. A pattern may match nothing.
pub fn plan(rules: &[Rule], columns: &[String]) -> Result<Vec<Planned>, Misfit> {
    for rule in rules.iter().filter(|rule| !rule.name.contains('*')) {
        if !columns.contains(&rule.name) {
            return Err(misfit(&rule.name, columns));
        }
    }
    let planned = columns.iter().filter_map(|path| {
        let rule = rules.iter().find(|rule| fits(&rule.name, path))?;
        Some(Planned { path: path.clone(), rule: rule.clone() })
    });
    Ok(planned.collect())
}

fn misfit(name: &str, columns: &[String]) -> Misfit {
    let below = format!("{name}.");
    let leaves: Vec<_> =
        columns.iter().filter(|column| column.starts_with(&below)).cloned().collect();
    if !leaves.is_empty() {
        return Misfit::NotALeaf { name: name.to_owned(), leaves };
    }
    let similarity = |column: &String| strsim::jaro_winkler(column, name);
    let nearest = columns.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    let mut columns_sorted = columns.to_vec();
    columns_sorted.sort();
    Misfit::UnknownColumn {
        name: name.to_owned(),
        nearest: nearest.filter(|column| similarity(column) > 0.7).cloned(),
        columns: columns_sorted,
    }
}

/// Whether a pattern fits a path; `*` takes any text without a dot, also none.
fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((start, rest)) => path.strip_prefix(start).is_some_and(|path| {
            let reach = path.find('.').unwrap_or(path.len());
            (0..=reach).filter(|at| path.is_char_boundary(*at)).any(|at| fits(rest, &path[at..]))
        }),
    }
}
