//! Midtrans' API over the simulated provider: in process, and over sockets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gerbang::clock::Clock;
use gerbang::connector::midtrans::key::ServerKey;
use gerbang::connector::midtrans::notification::Notification;
use gerbang::http::midtrans::Server;
use gerbang::http::request::Request;
use gerbang::ledger::time::Timestamp;
use gerbang::simulator::midtrans::faults::Faults;
use gerbang::simulator::midtrans::{House, Notice, Options};
use hyper::http;
use serde_json::{Value, json};

mod api;
mod cards;
mod faults;
mod life;
mod pages;
mod repeats;
mod sockets;

const SERVER_KEY: &str = "SB-Mid-server-abc123cde456";
const CLIENT_KEY: &str = "SB-Mid-client-abc123cde456";
/// `SERVER_KEY` as a header.
const BASIC: &str = "Basic U0ItTWlkLXNlcnZlci1hYmMxMjNjZGU0NTY6";
const START: Timestamp = Timestamp::from_seconds(1_750_000_000);
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4321);

fn key() -> ServerKey {
    ServerKey::new(SERVER_KEY.to_owned()).unwrap()
}

fn options() -> Options {
    Options {
        server_key: key(),
        client_key: CLIENT_KEY.to_owned(),
        notify: Some("http://merchant.example/hook".to_owned()),
        seed: 7,
        book: None,
    }
}

/// A request in process, with the key unless a header says otherwise.
fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let mut builder = http::Request::builder().method(method).uri(target);
    if !headers.iter().any(|(name, _)| *name == "authorization") {
        builder = builder.header("authorization", BASIC);
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let request = builder.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    Request::in_process(request, PEER).unwrap()
}

/// A provider in process whose notices are kept.
struct World {
    house: House,
    server: Server<House>,
    clock: Clock,
    sent: Arc<Mutex<Vec<Notice>>>,
}

impl World {
    fn new() -> Self {
        Self::open(options(), Faults::none())
    }

    fn open(options: Options, faults: Faults) -> Self {
        let clock = Clock::manual(START);
        let sent: Arc<Mutex<Vec<Notice>>> = Arc::default();
        let kept = Arc::clone(&sent);
        let send = move |notice| kept.lock().unwrap().push(notice);
        let house = House::open(options, clock.clone(), faults, send).unwrap();
        Self { server: Server::new(house.clone()), house, clock, sent }
    }

    async fn send(
        &self,
        (method, target): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        let reply = self.server.answer(&request(method, target, headers, body)).await;
        assert_eq!(reply.headers()["content-type"], "application/json", "{target}");
        let body: Value = serde_json::from_str(reply.body_text()).unwrap();
        assert!(body.is_object(), "{body}");
        (reply.status().as_u16(), body)
    }

    async fn get(&self, target: &str) -> (u16, Value) {
        self.send(("GET", target), &[], "").await
    }

    async fn post(&self, target: &str, body: &str) -> (u16, Value) {
        self.send(("POST", target), &[], body).await
    }

    /// A charge that is taken.
    async fn charged(&self, order: &str, payment_type: &str, more: &Value) -> Value {
        let (status, body) = self.post("/v2/charge", &charge(order, payment_type, more)).await;
        assert_eq!((status, code(&body)), (200, "201"), "{body}");
        body
    }

    /// The statuses that the merchant was told of since the last look, in order; each signed.
    fn told(&self) -> Vec<String> {
        let sent = std::mem::take(&mut *self.sent.lock().unwrap());
        let word = |notice: &Notice| {
            let told = Notification::read(&notice.body).unwrap();
            assert!(told.is_signed_with(&key()));
            told.transaction.status.name().to_owned()
        };
        sent.iter().map(word).collect()
    }

    fn pass(&self, seconds: i64) {
        self.clock.set(self.clock.now().plus_seconds(seconds));
    }
}

fn charge(order: &str, payment_type: &str, more: &Value) -> String {
    let mut body = json!({
        "payment_type": payment_type,
        "transaction_details": {"order_id": order, "gross_amount": 44000},
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

fn bca() -> Value {
    json!({"bank_transfer": {"bank": "bca"}})
}

fn code(body: &Value) -> &str {
    body["status_code"].as_str().unwrap_or_default()
}
