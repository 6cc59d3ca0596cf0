//! A walk through one JSON value, which checks its grammar and says where the scalars are.

use std::ops::Range;

use crate::encryption::text::{Fault, search::end_of_run};

/// How deep values may be nested.
const DEEPEST: usize = 128;

/// What a scalar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string; whether it has escapes.
    String {
        escaped: bool,
    },
    /// A number or a boolean.
    Literal,
    Null,
}

/// Told what is met. Array elements count as values of the array's key.
pub(super) trait Visit {
    /// A member of an object begins; the key is without its quotes.
    fn enter(&mut self, key: &[u8], escaped: bool);

    /// The member ends.
    fn leave(&mut self);

    /// A scalar, a string's quotes included.
    fn scalar(&mut self, span: Range<usize>, kind: Kind);

    /// An object begins.
    fn object(&mut self) -> Result<(), Fault>;
}

/// Walks through a line, which is UTF-8, with or without its end.
///
/// # Errors
/// It is not one JSON value, or the visitor refuses.
pub(super) fn walk(line: &[u8], visit: &mut impl Visit) -> Result<(), Fault> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut walk = Walk { line, at: 0, depth: 0 };
    walk.space();
    walk.value(visit)?;
    if walk.at < line.len() { Err(walk.broken("the end of the line")) } else { Ok(()) }
}

/// Whether this is the literal of a number or a boolean, and nothing else.
pub(super) fn is_literal(bytes: &[u8]) -> bool {
    let mut walk = Walk { line: bytes, at: 0, depth: 0 };
    let literal = match bytes {
        b"true" | b"false" => return true,
        _ => walk.number(),
    };
    literal.is_ok() && walk.at == bytes.len()
}

struct Walk<'a> {
    line: &'a [u8],
    at: usize,
    depth: usize,
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn broken(&self, expected: &str) -> Fault {
        Fault(format!("not JSON at byte {} of the line: expected {expected}", self.at + 1))
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// Passes a structural character and the space after it.
    fn skip(&mut self) {
        self.at += 1;
        self.space();
    }

    fn value(&mut self, visit: &mut impl Visit) -> Result<(), Fault> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => return self.nested(visit, Self::object),
            Some(b'[') => return self.nested(visit, Self::array),
            Some(b'"') => Kind::String { escaped: self.string()? },
            Some(b'n') => self.word(b"null", Kind::Null)?,
            Some(b't') => self.word(b"true", Kind::Literal)?,
            Some(b'f') => self.word(b"false", Kind::Literal)?,
            _ => self.number()?,
        };
        visit.scalar(start..self.at, kind);
        self.space();
        Ok(())
    }

    fn nested<V: Visit>(
        &mut self,
        visit: &mut V,
        inner: impl FnOnce(&mut Self, &mut V) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.depth == DEEPEST {
            return Err(Fault(format!("values are nested deeper than {DEEPEST}")));
        }
        self.depth += 1;
        self.skip();
        inner(self, visit)?;
        self.skip();
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self, visit: &mut impl Visit) -> Result<(), Fault> {
        visit.object()?;
        if self.peek() == Some(b'}') {
            return Ok(());
        }
        loop {
            self.member(visit)?;
            match self.peek() {
                Some(b',') => self.skip(),
                Some(b'}') => return Ok(()),
                _ => return Err(self.broken("`,` or `}`")),
            }
        }
    }

    fn member(&mut self, visit: &mut impl Visit) -> Result<(), Fault> {
        let start = self.at + 1;
        if self.peek() != Some(b'"') {
            return Err(self.broken("a key"));
        }
        let escaped = self.string()?;
        let key = start..self.at - 1;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.broken("`:`"));
        }
        self.skip();
        visit.enter(&self.line[key], escaped);
        self.value(visit)?;
        visit.leave();
        Ok(())
    }

    fn array(&mut self, visit: &mut impl Visit) -> Result<(), Fault> {
        if self.peek() == Some(b']') {
            return Ok(());
        }
        loop {
            self.value(visit)?;
            match self.peek() {
                Some(b',') => self.skip(),
                Some(b']') => return Ok(()),
                _ => return Err(self.broken("`,` or `]`")),
            }
        }
    }

    /// Passes a string and says whether it has escapes.
    fn string(&mut self) -> Result<bool, Fault> {
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at = end_of_run(self.line, self.at);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.broken("an escape instead of a control character")),
                None => return Err(self.broken("the end of a string")),
            }
            escaped = true;
        }
        self.at += 1;
        Ok(escaped)
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        let length = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 1,
            Some(b'u') => 5,
            _ => return Err(self.broken("a character that may be escaped")),
        };
        let digits = self.line.get(self.at + 1..self.at + length);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(self.broken("`u` and four hexadecimal digits"));
        }
        self.at += length;
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Fault> {
        if !self.line[self.at..].starts_with(word) {
            return Err(self.broken("a value"));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        self.skip_if(b"-");
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits("a digit")?,
            _ => return Err(self.broken("a value")),
        }
        if self.skip_if(b".") {
            self.digits("a digit after the point")?;
        }
        if self.skip_if(b"eE") {
            self.skip_if(b"+-");
            self.digits("a digit of the exponent")?;
        }
        Ok(Kind::Literal)
    }

    fn skip_if(&mut self, any: &[u8]) -> bool {
        let met = self.peek().is_some_and(|byte| any.contains(&byte));
        self.at += usize::from(met);
        met
    }

    fn digits(&mut self, expected: &str) -> Result<(), Fault> {
        let digits = self.line[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.broken(expected));
        }
        self.at += digits;
        Ok(())
    }
}
