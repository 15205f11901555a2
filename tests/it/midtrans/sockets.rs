//! Over sockets: notifications that arrive, and an answer that is cut.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;

use gerbang::clock::Clock;
use gerbang::connector::midtrans::notification::Notification;
use gerbang::connector::midtrans::status::Status;
use gerbang::simulator::faults::Chance;
use gerbang::simulator::midtrans::Midtrans;
use gerbang::simulator::midtrans::faults::{Faults, Kind};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::{BASIC, bca, charge, key, options};
use crate::client::Connection;

/// A provider that listens.
struct Served {
    provider: Midtrans,
    address: SocketAddr,
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
}

fn served(notify: Option<String>, faults: Faults) -> Served {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let mut options = options();
    options.notify = notify;
    let provider = Midtrans::open(options, Clock::system(), faults, None).unwrap();
    let bind = tokio::net::TcpListener::bind("127.0.0.1:0");
    let listener = runtime.block_on(bind).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let serving = provider.clone();
    runtime.spawn(async move { serving.serve(listener, stopped).await });
    Served { provider, address, _stop: stop, _runtime: runtime }
}

/// A merchant that hears `count` notifications: head and body of each. The first is sent on.
fn merchant(count: usize) -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (heard, hears) = mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().take(count + 1).enumerate() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let start = head.len();
                reader.read_line(&mut head).unwrap();
                let line = head[start..].trim().to_ascii_lowercase();
                if let Some(bytes) = line.strip_prefix("content-length: ") {
                    length = bytes.parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let moved = "HTTP/1.1 307 M\r\nlocation: ";
            let answer = match number {
                0 => format!("{moved}http://{}/new\r\n", listener.local_addr().unwrap()),
                _ => "HTTP/1.1 200 OK\r\n".to_owned(),
            };
            let answer = format!("{answer}content-length: 0\r\nconnection: close\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            heard.send((head, String::from_utf8(body).unwrap())).unwrap();
        }
    });
    (url, hears)
}

fn charged(served: &Served, order: &str) -> std::io::Result<crate::client::Received> {
    let headers = [("authorization", BASIC), ("content-type", "application/json")];
    let body = charge(order, "bank_transfer", &bca());
    Connection::open(served.address)?.send(("POST", "/v2/charge"), "", &headers, &body)
}

#[test]
fn a_merchant_is_told_signed_and_where_it_has_moved_to() {
    let (url, hears) = merchant(2);
    let served = served(Some(url), Faults::none());
    assert_eq!(charged(&served, "a").unwrap().json()["status_code"], "201");
    let (first, body) = hears.recv().unwrap();
    let (second, same) = hears.recv().unwrap();
    assert!(first.starts_with("POST /hook ") && second.starts_with("POST /new "), "{second}");
    assert_eq!(body, same);
    let head = first.to_ascii_lowercase();
    assert!(head.contains("user-agent: veritrans\r\n"), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    let told = Notification::read(body.as_bytes()).unwrap();
    assert!(told.is_signed_with(&key()));
    let paid = Connection::open(served.address).unwrap().send(
        ("POST", "/simulator/pay"),
        "",
        &[("content-type", "application/json")],
        r#"{"order_id": "a"}"#,
    );
    assert_eq!(paid.unwrap().status, 200);
    let (_, body) = hears.recv().unwrap();
    let told = Notification::read(body.as_bytes()).unwrap();
    assert_eq!(told.transaction.status, Status::Settlement);
}

#[test]
fn a_lost_answer_was_still_done() {
    let served = served(None, Faults::none().with(Kind::Lost, Chance::ALWAYS));
    for order in ["a", "b", "c", "d"] {
        assert!(charged(&served, order).is_err(), "{order}");
    }
    assert_eq!(served.provider.house().transactions().len(), 4);
}
