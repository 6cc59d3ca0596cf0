//! From a field to its value and back.

use std::borrow::Cow;

use super::{options::Dialect, scan::Field};
use crate::encryption::text::Fault;

impl Dialect {
    /// The text of a field of a record that is not misquoted.
    pub(super) fn value<'a>(&self, bytes: &'a [u8], field: Field) -> Result<Cow<'a, str>, Fault> {
        let inside = usize::from(field.quoted);
        let text = self.raw(bytes, field.start + inside, field.end - inside);
        let text = self.encoding.decode(text).ok_or_else(|| self.invalid())?;
        Ok(self.unescape(text, field.quoted))
    }

    /// Bytes by the positions of code units.
    pub(super) fn raw<'a>(&self, bytes: &'a [u8], start: usize, end: usize) -> &'a [u8] {
        let width = self.encoding.width();
        &bytes[start * width..end * width]
    }

    /// Whether a field is null.
    pub(super) fn is_null(&self, bytes: &[u8], field: Field) -> bool {
        let raw = self.raw(bytes, field.start, field.end);
        !field.quoted && self.null_bytes.as_ref().is_some_and(|null| null == raw)
    }

    pub(super) fn invalid(&self) -> Fault {
        let name = self.encoding.name();
        Fault(format!("a byte is not valid {name}; set `encoding` to what the file has"))
    }

    fn unescape<'a>(&self, text: Cow<'a, str>, quoted: bool) -> Cow<'a, str> {
        if !quoted && self.quote.is_some() {
            return text;
        }
        let special = self.quote.unwrap_or(self.delimiter);
        let introduces =
            |character: char| Some(character) == self.escape || Some(character) == self.quote;
        if !text.contains(introduces) {
            return text;
        }
        let mut plain = String::with_capacity(text.len());
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let escapes = Some(character) == self.escape;
            let escaped = |next: &char| *next == special || (escapes && Some(*next) == self.escape);
            let next = if introduces(character) { characters.next_if(escaped) } else { None };
            plain.push(next.unwrap_or(character));
        }
        plain.into()
    }

    /// Appends a field with this text, in quotes if it was or must be.
    pub(super) fn write(&self, text: &str, quoted: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        let written = match self.quote {
            Some(quote) if quoted || self.needs_quotes(text, quote) => {
                let escape = self.escape.unwrap_or(quote);
                let escaped = escape_each([quote, escape], escape, text);
                self.encoding.encode(&format!("{quote}{escaped}{quote}"), out)
            }
            Some(_) => self.encoding.encode(text, out),
            None => {
                self.check_unquoted(text)?;
                let escape = self.escape.unwrap_or(self.delimiter);
                self.encoding.encode(&escape_each([self.delimiter, escape], escape, text), out)
            }
        };
        let lacking = || format!("{} lacks a character of the new value", self.encoding.name());
        if written { Ok(()) } else { Err(Fault(lacking())) }
    }

    /// Appends what consists of letters, digits, `+`, `/` and `=` only.
    pub(super) fn write_base64(&self, text: &str, quoted: bool, out: &mut Vec<u8>) {
        let quote = self.quote.filter(|_| quoted);
        let mut buffer = [0; 4];
        let quote = quote.map_or("", |quote| quote.encode_utf8(&mut buffer));
        for part in [quote, text, quote] {
            let written = self.encoding.encode(part, out);
            debug_assert!(written, "each of these encodings has ASCII, and this one the quote");
        }
    }

    /// Appends a null, or an empty field if nothing is null.
    pub(super) fn write_null(&self, quoted: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        match &self.null_bytes {
            Some(null) => out.extend_from_slice(null),
            None => self.write("", quoted, out)?,
        }
        Ok(())
    }

    fn needs_quotes(&self, text: &str, quote: char) -> bool {
        text.contains([self.delimiter, quote, '\r', '\n']) || self.null.as_deref() == Some(text)
    }

    fn check_unquoted(&self, text: &str) -> Result<(), Fault> {
        let reason = if text.contains(['\r', '\n']) {
            "the new value has a line end, which needs a quote character"
        } else if self.escape.is_none() && text.contains(self.delimiter) {
            "the new value has a delimiter, which needs a quote or an escape character"
        } else if self.null.as_deref() == Some(text) {
            "the new value equals the null value, which needs a quote character"
        } else {
            return Ok(());
        };
        Err(Fault(reason.to_owned()))
    }
}

fn escape_each<'a>(special: [char; 2], escape: char, text: &'a str) -> Cow<'a, str> {
    if !text.contains(special) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if special.contains(&character) {
            escaped.push(escape);
        }
        escaped.push(character);
    }
    escaped.into()
}
