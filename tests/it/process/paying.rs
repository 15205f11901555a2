//! What people, their banks and an administrator do, over real sockets, and what both books say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use serde_json::{Value, json};

use super::demo::gerbang;
use crate::client::{Connection, Received};

const JSON: (&str, &str) = ("Content-Type", "application/json");
/// For far longer than anything here takes.
const LOOKS_MAX: u32 = 4_500;
/// Before it is asked for again.
const PAUSE: Duration = Duration::from_millis(20);

/// What comes of itself is asked for again and again until it is there.
pub(super) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::park_timeout(PAUSE);
    }
    panic!("{what}: it never came");
}

/// Somebody who is logged in.
pub(super) struct Person {
    connection: Connection,
    pub(super) token: String,
}

impl Person {
    pub(super) fn log_in(address: SocketAddr, login: &str, password: &str) -> Self {
        let mut connection = Connection::open(address).unwrap();
        let body = json!({"login": login, "password": password}).to_string();
        let answer = connection.send(("POST", "/api/v1/auth/login"), "", &[JSON], &body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        Self { connection, token }
    }

    pub(super) fn get(&mut self, path: &str) -> Value {
        let answer = self.connection.send(("GET", path), &self.token, &[], "").unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    pub(super) fn post(&mut self, path: &str, key: &str, body: &Value) -> Received {
        let headers = [JSON, ("Idempotency-Key", key)];
        let body = body.to_string();
        self.connection.send(("POST", path), &self.token, &headers, &body).unwrap()
    }

    /// A charge that can be paid now.
    pub(super) fn charge(&mut self, path: &str, key: &str, body: &Value) -> Value {
        let answer = self.post(path, key, body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let charge = answer.json();
        assert_eq!(charge["status"], "pending", "{charge}");
        charge
    }

    /// Waits until a charge stands like this.
    pub(super) fn sees(&mut self, charge: &Value, status: &str) {
        let path = format!("/api/v1/charges/{}", charge["id"].as_str().unwrap());
        until(status, || (self.get(&path)["status"] == status).then_some(()));
    }

    pub(super) fn balance(&mut self) -> u64 {
        self.get("/api/v1/balance")["balance"].as_u64().unwrap()
    }
}

/// Where payers and their banks find the provider.
pub(super) struct Counter(pub(super) SocketAddr);

impl Counter {
    /// The counter of a demo, and its process.
    pub(super) fn of(said: &str) -> (Self, u32) {
        let line = said.lines().find_map(|line| line.strip_prefix("  provider http://")).unwrap();
        let (address, rest) = line.split_once(" (process ").unwrap();
        let process = rest.strip_suffix(')').unwrap();
        (Self(address.parse().unwrap()), process.parse().unwrap())
    }

    /// `pay`, `expire`, or `notify` the merchant again: by a number in `body`.
    pub(super) fn act(&self, what: &str, body: &Value) {
        let path = format!("/simulator/{what}");
        let mut connection = Connection::open(self.0).unwrap();
        let answer = connection.send(("POST", &path), "", &[JSON], &body.to_string()).unwrap();
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
    }

    /// Waits until it is there (again).
    pub(super) fn answers(&self) {
        until("the provider", || {
            let answer = Connection::open(self.0).and_then(|mut connection| {
                connection.send(("GET", "/simulator/style.css"), "", &[], "")
            });
            answer.ok().filter(|answer| answer.status == 200)
        });
    }

    /// The provider's list of a day, as it is.
    pub(super) fn list(&self, moment: Timestamp) -> String {
        let path = format!("/simulator/transactions?date={}", moment.date(BOOK_OFFSET_SECONDS));
        Connection::open(self.0).unwrap().send(("GET", &path), "", &[], "").unwrap().body
    }

    /// What was paid since `begun`, by the provider's book: each transaction, and how much.
    pub(super) fn paid(&self, begun: Timestamp) -> BTreeMap<String, u64> {
        let mut paid = BTreeMap::new();
        for moment in [begun, Clock::system().now()] {
            let told: Value = serde_json::from_str(&self.list(moment)).unwrap();
            let transactions = told["transactions"].as_array().unwrap().iter();
            let settled = transactions.filter(|one| one["transaction_status"] == "settlement");
            paid.extend(settled.map(|one| {
                let amount = one["gross_amount"].as_str().unwrap();
                let amount = amount.split('.').next().unwrap().parse().unwrap();
                (one["transaction_id"].as_str().unwrap().to_owned(), amount)
            }));
        }
        paid
    }
}

/// The journal of a stopped gateway, line by line.
pub(super) fn exported(data: &Path) -> Vec<Value> {
    let output = gerbang().arg("export").arg("--data").arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the provider's money became by our book: each transaction of the provider stands there once,
/// credited or in suspense.
pub(super) fn taken(entries: &[Value]) -> BTreeMap<String, u64> {
    let mut taken = BTreeMap::new();
    for entry in entries {
        if entry["movement"] == "charge_paid" || entry["movement"] == "suspended" {
            let number = entry["note"].as_str().unwrap().to_owned();
            let before = taken.insert(number, entry["amount"].as_u64().unwrap());
            assert_eq!(before, None, "twice: {entry}");
        }
    }
    taken
}

/// How many movements of this kind there are.
pub(super) fn movements(entries: &[Value], kind: &str) -> usize {
    entries.iter().filter(|entry| entry["movement"] == kind).count()
}
