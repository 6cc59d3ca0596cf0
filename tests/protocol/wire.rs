//! HTTP/1.1 as the host writes it and reads it: bytes on a socket.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// How long the worker may be silent while an answer is due.
const SILENCE: Duration = Duration::from_secs(60);

/// An open connection to a worker.
pub(super) struct Connection(BufReader<TcpStream>);

/// A whole answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes.as_ref()).unwrap();
    }

    pub(super) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Sends a piece of a chunked body; an empty piece ends it.
    pub(super) fn send_chunk(&mut self, piece: &[u8]) {
        self.send(chunk(piece));
    }

    /// Ends the sending direction, as a sender that dies does.
    pub(super) fn cut_off(&self) {
        self.0.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    /// Reads the next answer.
    pub(super) fn answer(&mut self) -> Answer {
        self.try_answer(true).unwrap()
    }

    /// Reads the next answer, to a HEAD request: it has no body, whatever its headers say.
    pub(super) fn answer_to_head(&mut self) -> Answer {
        self.try_answer(false).unwrap()
    }

    pub(super) fn try_answer(&mut self, has_body: bool) -> std::io::Result<Answer> {
        let status_line = self.line()?;
        let status = status_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|code| code.parse().ok()).ok_or_else(|| {
            std::io::Error::other(format!("no HTTP/1.1 status line: {status_line:?}"))
        })?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                assert_eq!(line, "", "a header without a colon");
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if has_body {
            answer.body = self.body(&answer)?;
        }
        Ok(answer)
    }

    fn body(&mut self, answer: &Answer) -> std::io::Result<Vec<u8>> {
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.chunked_body();
        }
        let length = answer.header("content-length").expect("a length or chunks");
        self.bytes(length.parse().unwrap())
    }

    fn chunked_body(&mut self) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).expect("a chunk's size");
            body.extend(self.bytes(size)?);
            assert_eq!(self.line()?, "", "a chunk ends with a line end");
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn bytes(&mut self, count: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(std::io::Error::other(format!("a line without its end: {line:?}"))),
        }
    }
}

impl Answer {
    /// The header's value, if it is there once.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body, which must be a JSON object: the host and Data Factory take nothing else.
    pub(super) fn object(&self) -> Value {
        let value: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        assert!(value.is_object(), "no JSON object: {} {:?}", self.status, self.text());
        value
    }
}

/// A piece of a chunked body as it travels; an empty piece ends the body.
pub(super) fn chunk(piece: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{:x}\r\n", piece.len()).into_bytes();
    bytes.extend_from_slice(piece);
    bytes.extend_from_slice(b"\r\n");
    bytes
}
