//! What the user says of a CSV file, and what it means for an encoding.

use serde::{Deserialize, Deserializer, de};

use super::scan::Marks;
use crate::encryption::{
    engine::EngineError,
    text::{compression::Limits, encoding::Encoding},
};

/// How a CSV file is written. The defaults are those of a Data Factory dataset with a header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvOptions {
    /// Between fields.
    pub delimiter: char,
    /// Around fields; none, or an empty text, if they are never quoted.
    #[serde(deserialize_with = "optional_character")]
    pub quote: Option<char>,
    /// Before a quote inside quotes, beside the doubled quote, which is always understood; none, an
    /// empty text, or the quote itself, if quotes are doubled only.
    #[serde(deserialize_with = "optional_character")]
    pub escape: Option<char>,
    /// Whether the first record has the columns' names.
    pub header: bool,
    /// The unquoted field that is null; none if every field is a string.
    pub null_value: Option<String>,
    /// How characters are bytes; a byte order mark in the file outweighs it.
    pub encoding: Encoding,
    /// How much may come out of a compressed file.
    #[serde(skip)]
    pub limits: Limits,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            delimiter: ',',
            quote: Some('"'),
            escape: Some('\\'),
            header: true,
            null_value: Some(String::new()),
            encoding: Encoding::default(),
            limits: Limits::default(),
        }
    }
}

fn optional_character<'de, D: Deserializer<'de>>(input: D) -> Result<Option<char>, D::Error> {
    let text = Option::<String>::deserialize(input)?.unwrap_or_default();
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (first, None) => Ok(first),
        _ => Err(de::Error::custom("one character, or an empty text for none")),
    }
}

/// Options that fit each other and an encoding.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: char,
    pub(super) quote: Option<char>,
    /// Never the quote.
    pub(super) escape: Option<char>,
    pub(super) header: bool,
    pub(super) null: Option<String>,
    /// The null value as it stands in the file.
    pub(super) null_bytes: Option<Vec<u8>>,
    pub(super) encoding: Encoding,
    pub(super) marks: Marks,
}

impl Dialect {
    /// # Errors
    /// A character cannot be told from text, or has two meanings.
    pub(super) fn new(options: &CsvOptions, encoding: Encoding) -> Result<Self, EngineError> {
        let (delimiter, quote, header) = (options.delimiter, options.quote, options.header);
        let escape = options.escape.filter(|escape| Some(*escape) != quote);
        if Some(delimiter) == quote || Some(delimiter) == escape {
            return Err(refused("delimiter", "it is the quote or the escape character, too"));
        }
        let marks = Marks {
            delimiter: mark("delimiter", delimiter, encoding)?,
            quote: quote.map(|quote| mark("quote", quote, encoding)).transpose()?,
            escape: escape.map(|escape| mark("escape", escape, encoding)).transpose()?,
        };
        let null = options.null_value.clone();
        let null_bytes = null.as_deref().map(|null| null_bytes(null, encoding)).transpose()?;
        Ok(Self { delimiter, quote, escape, header, null, null_bytes, encoding, marks })
    }
}

fn mark(what: &str, character: char, encoding: Encoding) -> Result<u8, EngineError> {
    if character.is_ascii_alphanumeric() || "+/=\r\n".contains(character) {
        return Err(refused(what, "letters, digits, `+`, `/`, `=` and line ends are other things"));
    }
    encoding.unit(character).ok_or_else(|| {
        let name = encoding.name();
        refused(what, &format!("it cannot be told from parts of other characters in {name}"))
    })
}

fn null_bytes(null: &str, encoding: Encoding) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    if encoding.encode(null, &mut bytes) {
        return Ok(bytes);
    }
    Err(refused("null value", &format!("{} lacks a character of it", encoding.name())))
}

fn refused(what: &str, reason: &str) -> EngineError {
    EngineError::Unsupported { subject: format!("this {what}"), reason: reason.to_owned() }
}
