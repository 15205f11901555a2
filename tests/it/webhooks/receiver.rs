//! A receiver of webhooks on a socket of its own, which answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use gerbang::connector::webhook::{self, Headers, Key, Rejected};
use gerbang::ledger::time::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::document::judge_message;

/// What a receiver does with a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Answers with this status.
    Answer(u16),
    /// Sends whoever asks elsewhere.
    Redirect,
    /// The same with this status: the message is to come again as it is.
    Moved(u16),
    /// Closes without an answer.
    Close,
    /// Never answers, until it is gone.
    Hang,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    head: String,
    body: String,
}

/// Takes messages, acts as the script says, and answers 204 when it is at its end.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    came: Arc<Mutex<Vec<Came>>>,
    news: Arc<Notify>,
}

impl Receiver {
    pub(crate) async fn start(script: &[Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (came, news) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let script = Arc::new(Mutex::new(script.iter().copied().collect::<VecDeque<_>>()));
        let (kept, noted) = (Arc::clone(&came), Arc::clone(&news));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, noted, script) =
                    (Arc::clone(&kept), Arc::clone(&noted), Arc::clone(&script));
                tokio::spawn(take(stream, kept, noted, script));
            }
        });
        Self { address, came, news }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/told?of=money", self.address)
    }

    /// What came, once there are so many.
    pub(crate) async fn messages(&self, count: usize) -> Vec<Came> {
        loop {
            let news = self.news.notified();
            let came = self.came.lock().unwrap().clone();
            if came.len() >= count {
                return came;
            }
            news.await;
        }
    }

    /// How many came until now.
    pub(crate) fn count(&self) -> usize {
        self.came.lock().unwrap().len()
    }
}

async fn take(
    mut stream: TcpStream,
    kept: Arc<Mutex<Vec<Came>>>,
    noted: Arc<Notify>,
    script: Arc<Mutex<VecDeque<Act>>>,
) {
    let mut message = String::new();
    while !is_whole(&message) {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        message.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    kept.lock().unwrap().push(Came { head: head.to_owned(), body: body.to_owned() });
    noted.notify_one();
    let act = script.lock().unwrap().pop_front().unwrap_or(Act::Answer(204));
    let answer = match act {
        Act::Close => return,
        Act::Hang => std::future::pending().await,
        Act::Answer(status) => format!("HTTP/1.1 {status} \r\ncontent-length: 0\r\n\r\n"),
        Act::Moved(status) => {
            format!("HTTP/1.1 {status} \r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
        }
        Act::Redirect => {
            "HTTP/1.1 302 \r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned()
        }
    };
    // Whoever asked may have gone.
    drop(stream.write_all(answer.as_bytes()).await);
}

fn is_whole(message: &str) -> bool {
    let Some((head, body)) = message.split_once("\r\n\r\n") else { return false };
    header(head, "content-length").parse::<usize>().unwrap() <= body.len()
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value).unwrap()
}

impl Came {
    pub(crate) fn header(&self, name: &str) -> &str {
        header(&self.head, name)
    }

    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// The body, which is as the document says.
    pub(crate) fn json(&self) -> Value {
        let message = serde_json::from_str(&self.body).unwrap();
        // What merchants are told is Midtrans' to describe.
        if !self.head.to_ascii_lowercase().contains("user-agent: veritrans") {
            judge_message(&message);
        }
        message
    }

    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// Whether one signature fits this secret.
    pub(crate) fn verify(&self, secret: &str, now: Timestamp) -> Result<(), Rejected> {
        let headers = Headers {
            id: self.header("webhook-id"),
            timestamp: self.header("webhook-timestamp"),
            signatures: self.header("webhook-signature"),
        };
        let key = Key::parse(secret).unwrap();
        webhook::verify(&[&key], headers, self.body.as_bytes(), now)
    }
}
