//! HTTP/2 frames that ask for nothing: a flood ends the connection, a few do not.

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
const WINDOW_UPDATE: &[u8] = &[0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const PRIORITY: &[u8] = &[0, 0, 5, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 9];

/// Sends a frame again and again until the server closes, or does not.
async fn flood(server: &Server, frame: &[u8]) -> bool {
    let (mut read, mut write) = server.connect().await.into_split();
    write.write_all(&[PREFACE, SETTINGS].concat()).await.unwrap();
    let many = frame.repeat(1_000);
    let reading = tokio::spawn(async move {
        let mut scratch = [0; 4096];
        while read.read(&mut scratch).await.is_ok_and(|read| read > 0) {}
    });
    let writing = async {
        for _ in 0..1_000 {
            if write.write_all(&many).await.is_err() {
                return true;
            }
        }
        false
    };
    let closed = timeout(PATIENCE, writing).await.unwrap();
    reading.abort();
    closed
}

#[tokio::test]
async fn a_flood_of_frames_that_ask_for_nothing_is_closed() {
    let server = Server::calm().await;
    for frame in [SETTINGS, PING, WINDOW_UPDATE, PRIORITY] {
        assert!(flood(&server, frame).await, "frame type {} was taken a million times", frame[3]);
    }
}

#[tokio::test]
async fn pings_now_and_then_are_answered() {
    let server = Server::calm().await;
    let mut stream = server.connect().await;
    stream.write_all(&[PREFACE, SETTINGS].concat()).await.unwrap();
    let (mut bytes, mut pongs) = (Vec::new(), 0);
    for _ in 0..100 {
        stream.write_all(PING).await.unwrap();
        while !bytes.ends_with(&PING[9..]) {
            bytes.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        bytes.clear();
        pongs += 1;
    }
    assert_eq!(pongs, 100);
}
