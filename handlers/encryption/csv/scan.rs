//! Where fields and records begin and end. Positions count code units.

use memchr::{memchr_iter, memchr2, memrchr2};

use super::options::Dialect;
use crate::encryption::text::{Format, search::any_of};

/// The structural characters, as [`Encoding::unit`] gives them.
///
/// [`Encoding::unit`]: crate::encryption::text::encoding::Encoding::unit
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    /// Never the quote.
    pub(super) escape: Option<u8>,
}

/// One field, its quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoted: bool,
}

/// What is wrong with quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misquoted {
    /// Opened and never closed.
    Open,
    /// Text follows the closing quote.
    TextAfter,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) start: usize,
    /// Where its last field ends.
    pub(super) content: usize,
    /// Where the next record begins.
    pub(super) end: usize,
    /// What is wrong with it.
    pub(super) misquoted: Option<Misquoted>,
}

impl Record {
    /// Whether it is an empty line.
    pub(super) fn is_empty(&self) -> bool {
        self.content == self.start
    }
}

impl Marks {
    /// Finds the fields of the record that begins at `start`.
    pub(super) fn record(&self, units: &[u8], start: usize, fields: &mut Vec<Field>) -> Record {
        fields.clear();
        let (mut at, mut misquoted) = (start, None);
        loop {
            let field = self.field(units, at, &mut misquoted);
            fields.push(field);
            let content = field.end;
            let end = match units.get(content) {
                Some(unit) if *unit == self.delimiter => {
                    at = content + 1;
                    continue;
                }
                Some(b'\r') if units.get(content + 1) == Some(&b'\n') => content + 2,
                Some(_) => content + 1,
                None => content,
            };
            return Record { start, content, end, misquoted };
        }
    }

    fn field(&self, units: &[u8], start: usize, misquoted: &mut Option<Misquoted>) -> Field {
        let quoted = self.quote.is_some() && units.get(start).copied() == self.quote;
        let end = if quoted {
            self.quoted_end(units, start, misquoted)
        } else if self.quote.is_none() && self.escape.is_some() {
            self.escaped_end(units, start)
        } else {
            self.plain_end(units, start)
        };
        Field { start, end, quoted }
    }

    fn plain_end(&self, units: &[u8], from: usize) -> usize {
        any_of([self.delimiter, b'\r', b'\n'], units, from)
    }

    fn quoted_end(&self, units: &[u8], start: usize, misquoted: &mut Option<Misquoted>) -> usize {
        let Some(close) = self.close(units, start + 1) else {
            *misquoted = Some(Misquoted::Open);
            return units.len();
        };
        let end = self.plain_end(units, close + 1);
        if end > close + 1 {
            *misquoted = Some(Misquoted::TextAfter);
        }
        end
    }

    /// Where the quotes that were opened before `from` are closed.
    fn close(&self, units: &[u8], from: usize) -> Option<usize> {
        let quote = self.quote?;
        let escape = self.escape.unwrap_or(quote);
        let mut at = from;
        loop {
            at += memchr2(quote, escape, units.get(at..)?)?;
            let next = units.get(at + 1).copied();
            let pair = next == Some(quote) || (units[at] == escape && next == Some(escape));
            if !pair && units[at] == quote {
                return Some(at);
            }
            at += if pair { 2 } else { 1 };
        }
    }

    /// The end of a field without quotes, in which a delimiter may be escaped.
    fn escaped_end(&self, units: &[u8], start: usize) -> usize {
        let mut at = start;
        loop {
            let end = self.plain_end(units, at);
            // The first of two escape characters in a row escapes the second.
            let before = units[at..end].iter().rev();
            let escapes = before.take_while(|unit| Some(**unit) == self.escape).count();
            if escapes % 2 == 0 || units.get(end) != Some(&self.delimiter) {
                return end;
            }
            at = end + 1;
        }
    }

    /// How many units are whole records; only quotes are looked at, and the line ends before them.
    fn whole(&self, units: &[u8]) -> usize {
        let (mut at, mut whole) = (0, 0);
        loop {
            let quoted = self.next_quoted(units, at);
            let before = &units[at..quoted.unwrap_or(units.len())];
            if let Some(end) = memrchr2(b'\r', b'\n', before) {
                whole = at + end + 1;
            }
            match quoted.and_then(|quoted| self.close(units, quoted + 1)) {
                Some(close) => at = close + 1,
                None => return whole,
            }
        }
    }

    /// Where the next quoted field begins.
    fn next_quoted(&self, units: &[u8], from: usize) -> Option<usize> {
        let begins = |at: &usize| match at.checked_sub(1).map(|before| units[before]) {
            None | Some(b'\r' | b'\n') => true,
            Some(before) => before == self.delimiter,
        };
        memchr_iter(self.quote?, &units[from..]).map(|at| from + at).find(begins)
    }
}

impl Format for Dialect {
    const NAME: &'static str = "CSV";

    fn whole(&self, bytes: &[u8]) -> usize {
        let units = self.encoding.units(bytes);
        // The other half of a last CRLF may not be there yet.
        let sure = units.strip_suffix(b"\r").unwrap_or(&units);
        self.marks.whole(sure) * self.encoding.width()
    }

    fn lines(&self, bytes: &[u8]) -> u64 {
        let units = self.encoding.units(bytes);
        let feeds = memchr_iter(b'\n', &units).count();
        let alone = |at: &usize| units.get(at + 1) != Some(&b'\n');
        let returns = memchr_iter(b'\r', &units).filter(alone).count();
        (feeds + returns) as u64
    }
}
