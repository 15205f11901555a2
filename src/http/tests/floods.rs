//! What a client may send without end under HTTP/2 (fault 21): the connection is ended, or what it
//! costs is bounded, and other clients are answered meanwhile.

use std::ops::ControlFlow;

use tokio::net::tcp::OwnedReadHalf;

use super::*;
use crate::limits;

/// More than any of these may send before it is stopped.
const FRAMES_MAX: usize = 200_000;
/// Frames that go out with one write.
const AT_ONCE: usize = 64;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
/// The stream was refused, or the client is asked to calm down.
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A head for `path`: method and scheme by index, authority and path in letters, without a table.
fn head(method: u8, path: &str) -> Vec<u8> {
    let mut block = vec![method, 0x86, 0x01, 1, b'a', 0x04, u8::try_from(path.len()).unwrap()];
    block.extend_from_slice(path.as_bytes());
    block
}

fn get(path: &str) -> Vec<u8> {
    head(0x82, path)
}

fn opening() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes
}

/// What the server said until it closed, or answered a ping.
#[derive(Debug, Default)]
struct Heard {
    /// Error of the GOAWAY.
    goaway: Option<u32>,
    /// Errors of the RST_STREAMs.
    resets: Vec<u32>,
}

async fn listen(mut read: OwnedReadHalf) -> Heard {
    let mut heard = Heard::default();
    let mut head = [0; 9];
    while read.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if read.read_exact(&mut payload).await.is_err() {
            break;
        }
        let word = |at: usize| {
            let bytes: [u8; 4] = payload[at..at + 4].try_into().unwrap();
            u32::from_be_bytes(bytes)
        };
        match head[3] {
            GOAWAY => heard.goaway = Some(word(4)),
            RESET => heard.resets.push(word(0)),
            PING if head[4] == ACK => break,
            _ => {}
        }
    }
    heard
}

/// Sends `first`, and then what `next` gives for each number until the server ends the connection;
/// how many frames it took, and what it said.
async fn flood(server: &Server, first: Vec<u8>, next: impl Fn(u32) -> Vec<u8>) -> (usize, Heard) {
    let (read, mut write) = server.connect().await.into_split();
    let heard = tokio::spawn(listen(read));
    write.write_all(&opening()).await.unwrap();
    write.write_all(&first).await.unwrap();
    let mut sent = 0;
    let end = loop {
        let mut bytes = Vec::new();
        for _ in 0..AT_ONCE {
            bytes.extend(next(u32::try_from(sent).unwrap()));
            sent += 1;
        }
        let wrote = timeout(PATIENCE, write.write_all(&bytes)).await.expect("neither read nor cut");
        if wrote.is_err() || heard.is_finished() {
            break ControlFlow::Break(());
        }
        if sent > FRAMES_MAX {
            break ControlFlow::Continue(());
        }
        // Somebody else is answered in the middle of it.
        if sent % (AT_ONCE * 16) == 0 {
            let answer = server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assert!(answer.await.ends_with("ok"));
        }
    };
    assert_eq!(end, ControlFlow::Break(()), "{sent} frames, and it goes on");
    drop(write);
    (sent, timeout(PATIENCE, heard).await.expect("left open").unwrap())
}

/// Odd numbers from one on.
const fn stream(number: u32) -> u32 {
    2 * number + 1
}

#[tokio::test]
async fn who_opens_streams_and_resets_them_is_told_to_calm_down() {
    let server = Server::calm().await;
    let (_, heard) = flood(&server, Vec::new(), |number| {
        let mut bytes = frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &get("/wait"));
        bytes.extend(frame(RESET, 0, stream(number), &8_u32.to_be_bytes()));
        bytes
    })
    .await;
    assert!(heard.goaway.is_none_or(|error| error == ENHANCE_YOUR_CALM), "{heard:?}");
}

#[tokio::test]
async fn a_head_that_goes_on_and_on_ends_the_connection() {
    // Pieces of a field that is longer than any head may be, and empty ones that are not even that.
    for piece in [vec![b'x'; 1_000], Vec::new()] {
        let server = Server::calm().await;
        let mut block = get("/");
        // A field by a name of one letter, whose value is to have 2,097,279 bytes.
        block.extend_from_slice(&[0, 1, b'n', 0x7F, 0x80, 0x80, 0x80, 0x01]);
        let first = frame(HEADERS, END_STREAM, 1, &block);
        let (sent, heard) = flood(&server, first, |_| frame(CONTINUATION, 0, 1, &piece)).await;
        // Most of it has never been looked at: it waits in the sockets' buffers.
        let bytes = sent * piece.len();
        assert!(bytes < limits::HEAD_MAX * 512, "{bytes} bytes of a head were taken");
        assert!(heard.goaway.is_none_or(|error| error == ENHANCE_YOUR_CALM), "{heard:?}");
    }
}

#[tokio::test]
async fn a_body_of_nothing_ends_in_time() {
    let server = Server::start(Options { body_timeout: SHORT, ..calm() }, None).await;
    let first = frame(HEADERS, END_HEADERS, 1, &head(0x83, "/echo"));
    let (_, heard) = flood(&server, first, |_| frame(DATA, 0, 1, &[])).await;
    assert_ne!(heard.goaway, Some(0), "it is no end in peace: {heard:?}");
}

#[tokio::test]
async fn more_streams_than_a_client_may_have_are_refused_and_cost_nothing() {
    let server = Server::calm().await;
    let (read, mut write) = server.connect().await.into_split();
    let heard = tokio::spawn(listen(read));
    let mut bytes = opening();
    let wanted = 300;
    for number in 0..u32::try_from(wanted).unwrap() {
        bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &get("/wait")));
    }
    // What comes before it has been looked at once it is answered.
    bytes.extend(frame(PING, 0, 0, &[0; 8]));
    write.write_all(&bytes).await.unwrap();
    let answer = server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("ok"));
    let heard = timeout(PATIENCE, heard).await.expect("its ping is not answered").unwrap();
    let most = usize::try_from(limits::H2_STREAMS_MAX).unwrap();
    let refused = heard.resets.iter().filter(|error| **error == REFUSED_STREAM).count();
    assert_eq!(refused, wanted - most, "{heard:?}");
    let begun = server.service.waiting.load(Ordering::Relaxed);
    assert!(begun <= most, "{begun} at once");
}
