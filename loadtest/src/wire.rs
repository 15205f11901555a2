//! The least HTTP/1.1 client that can drive load: bytes out, a status and a body back.
//!
//! One request is under way on a connection at a time. It follows no redirects and knows no chunked
//! bodies: what it is pointed at answers with a length. What a client costs here is taken from the
//! same two cores that the server runs on, so it does nothing it need not do.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer; its body lies in the connection's buffer until the next exchange.
pub struct Answer {
    pub status: u16,
    body: Range<usize>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 4 * 1024] })
    }

    /// Sends a whole request and waits for its whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let mut head = None;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(2 * filled, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if head.is_none() {
                head = head_of(&self.buffer[..filled])?;
            }
            if let Some((status, start, length)) = head
                && filled >= start + length
            {
                return Ok(Answer { status, body: start..start + length });
            }
        }
    }

    /// The body of the latest answer.
    pub fn body(&self, answer: &Answer) -> &[u8] {
        &self.buffer[answer.body.clone()]
    }
}

/// Status, where the body starts, and how long it is, once the head is whole.
fn head_of(bytes: &[u8]) -> io::Result<Option<(u16, usize, usize)>> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let head = &bytes[..end];
    let digits = head.get(9..12).ok_or_else(malformed)?;
    let status = number(digits).and_then(|it| u16::try_from(it).ok()).ok_or_else(malformed)?;
    let length = match find(head, b"content-length: ") {
        None => 0,
        Some(at) => {
            let value = &head[at + 16..];
            let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
            number(&value[..digits]).ok_or_else(malformed)?
        }
    };
    Ok(Some((status, end + 4, length)))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn number(digits: &[u8]) -> Option<usize> {
    str::from_utf8(digits).ok()?.parse().ok()
}

/// The bytes of a request.
pub fn request(line: &str, token: Option<&str>, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nhost: 127.0.0.1\r\n").into_bytes();
    if let Some(token) = token {
        bytes.extend_from_slice(format!("authorization: Bearer {token}\r\n").as_bytes());
    }
    if !body.is_empty() {
        let length = body.len();
        bytes.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    bytes.extend_from_slice(headers.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// The header of a JSON body.
pub const JSON: &str = "content-type: application/json\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 12\r\nx: y\r\n\r\n{";
        assert_eq!(head_of(&answer[..30]).unwrap(), None);
        assert_eq!(head_of(answer).unwrap(), Some((201, answer.len() - 1, 12)));
        assert_eq!(head_of(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Some((204, 27, 0)));
        assert!(head_of(b"HTTP/1.1\r\n\r\n").is_err());
    }
}
