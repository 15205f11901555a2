//! The people of a load test: made through the API, as anybody is made.
//!
//! A password costs its hash (20 ms of a core), so there are few payers and each is used by several
//! connections. Each gets all the e-money a wallet may hold and pays one rupiah at a time.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Failure;
use crate::drive::Source;
use crate::pick::{Picker, Random, Spread};
use crate::wire::{self, JSON, Wire};

/// The password of everybody who is made here.
pub const PASSWORD: &str = "kata-sandi-panjang";
/// The password that a demo gives its own users.
const DEMO_PASSWORD: &str = "gerbang-demo";
/// Passwords under way at once: fewer than the server lets wait.
pub const HASHES: usize = 32;

/// Somebody who can pay.
#[derive(Clone)]
pub struct Payer {
    pub name: String,
    pub token: String,
}

/// Who takes part.
pub struct World {
    pub address: SocketAddr,
    pub payers: Vec<Payer>,
    pub merchants: Vec<String>,
    /// The token of the demo's administrator.
    pub admin: String,
    /// The token of the demo's trusted client.
    pub client: String,
    /// Makes references of this run differ from those of all before it on the same store.
    nonce: u64,
    rounds: u64,
}

/// One call with an answer in JSON.
pub async fn call(
    address: SocketAddr,
    line: &str,
    token: Option<&str>,
    body: &Value,
) -> Result<(u16, Value), Failure> {
    let bytes = match body {
        Value::Null => wire::request(line, token, "", b""),
        body => wire::request(line, token, JSON, body.to_string().as_bytes()),
    };
    let mut wire = Wire::connect(address).await?;
    let answer = wire.exchange(&bytes).await?;
    let json = serde_json::from_slice(wire.body(&answer)).unwrap_or(Value::Null);
    Ok((answer.status, json))
}

/// Waits until the server at `address` says that it is ready.
pub async fn ready(address: SocketAddr) -> Result<(), Failure> {
    for _ in 0..600 {
        if let Ok((200, _)) = call(address, "GET /health/ready", None, &Value::Null).await {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Failure(format!("nothing is ready at {address} after 30 s")))
}

/// Waits until somebody accepts connections at `address`.
pub async fn listening(address: SocketAddr) -> Result<(), Failure> {
    for _ in 0..200 {
        if Wire::connect(address).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(Failure(format!("nobody listens at {address}")))
}

/// Signs somebody up, or finds them signed up already.
pub async fn sign_up(address: SocketAddr, name: &str, role: &str) -> Result<(), Failure> {
    let body = json!({
        "username": name, "name": name, "email": format!("{name}@contoh.id"),
        "password": PASSWORD, "role": role,
    });
    match call(address, "POST /api/v1/auth/signup", None, &body).await? {
        (201 | 409, _) => Ok(()),
        (status, answer) => Err(Failure(format!("sign up of {name}: {status} {answer}"))),
    }
}

/// Logs in somebody who was made here: their token.
pub async fn log_in(address: SocketAddr, name: &str) -> Result<String, Failure> {
    log_in_with(address, name, PASSWORD).await
}

/// Logs in one of a demo's own users: their token.
pub async fn log_in_demo(address: SocketAddr, name: &str) -> Result<String, Failure> {
    log_in_with(address, name, DEMO_PASSWORD).await
}

async fn log_in_with(address: SocketAddr, name: &str, password: &str) -> Result<String, Failure> {
    let body = json!({"login": name, "password": password});
    let (status, answer) = call(address, "POST /api/v1/auth/login", None, &body).await?;
    let token = answer.get("token").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| Failure(format!("login of {name}: {status} {answer}")))
}

/// Gives somebody money; returns the position of the record.
async fn top_up(address: SocketAddr, admin: &str, to: &str, amount: u64) -> Result<u64, Failure> {
    let body = json!({"to": to, "amount": amount});
    let (status, answer) = call(address, "POST /api/v1/admin/topups", Some(admin), &body).await?;
    let position = answer.get("position").and_then(Value::as_u64);
    position.ok_or_else(|| Failure(format!("top up of {to}: {status} {answer}")))
}

async fn new_payer(address: SocketAddr, name: String) -> Result<Payer, Failure> {
    sign_up(address, &name, "buyer").await?;
    let token = log_in(address, &name).await?;
    Ok(Payer { name, token })
}

impl World {
    /// Makes `payers` and `merchants` on a demo. Names carry the size of what was there before, so
    /// that a run after another finds its own, with money they have not spent.
    pub async fn prepare(
        address: SocketAddr,
        payers: usize,
        merchants: usize,
    ) -> Result<Self, Failure> {
        ready(address).await?;
        let admin = log_in_demo(address, "admin").await?;
        let client = log_in_demo(address, "kasir").await?;
        let nonce = top_up(address, &admin, "ani", 1).await?;
        let mut world = Self {
            address,
            payers: Vec::with_capacity(payers),
            merchants: (0..merchants).map(|n| format!("t{nonce:09}-{n:07}")).collect(),
            admin,
            client,
            nonce,
            rounds: 0,
        };
        let mut tasks = JoinSet::new();
        for number in 0..payers {
            if tasks.len() >= HASHES
                && let Some(payer) = tasks.join_next().await
            {
                world.payers.push(payer??);
            }
            tasks.spawn(new_payer(address, format!("b{nonce:09}-{number:07}")));
        }
        while let Some(payer) = tasks.join_next().await {
            world.payers.push(payer??);
        }
        for merchant in &world.merchants {
            sign_up(address, merchant, "merchant").await?;
        }
        world.payers.sort_by(|a, b| a.name.cmp(&b.name));
        for payer in &world.payers {
            top_up(address, &world.admin, &payer.name, 20_000_000).await?;
        }
        Ok(world)
    }

    /// One source of payments for each connection.
    pub fn payments(&mut self, connections: usize, spread: Spread, seed: u64) -> Vec<Payments> {
        self.rounds += 1;
        let picker = Picker::new(spread, self.merchants.len());
        let names: std::sync::Arc<[String]> = self.merchants.clone().into();
        (0..connections)
            .map(|number| {
                let payer = &self.payers[number % self.payers.len()];
                let prefix = format!("{:010}{:04}{number:05}", self.nonce, self.rounds);
                let random = Random::new(seed ^ (number as u64) << 32);
                Payments::new(payer, &prefix, (picker.clone(), names.clone()), random)
            })
            .collect()
    }

    /// The beginning of references that no other round uses.
    pub fn fresh_prefix(&mut self) -> String {
        self.rounds += 1;
        format!("{:010}{:04}", self.nonce, self.rounds)
    }

    /// Makes one payment and says how long its answer is, so that the echo answers as much.
    pub async fn answer_bytes(&mut self) -> Result<usize, Failure> {
        let mut source = self.payments(1, Spread::Uniform, 0);
        let mut wire = Wire::connect(self.address).await?;
        let answer = wire.exchange(source[0].next()).await?;
        let body = wire.body(&answer);
        if answer.status != 201 {
            return Err(Failure(format!("a payment: {}", String::from_utf8_lossy(body))));
        }
        Ok(body.len())
    }

    /// Movements that the server has recorded since its start, by its own count.
    pub async fn movements(&self) -> Result<u64, Failure> {
        let mut wire = Wire::connect(self.address).await?;
        let answer = wire.exchange(&wire::request("GET /metrics", None, "", b"")).await?;
        let text = String::from_utf8_lossy(wire.body(&answer)).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("gerbang_movements_total "));
        line.and_then(|count| count.parse().ok())
            .ok_or_else(|| Failure("the metrics do not count movements".to_owned()))
    }
}

/// Payments of one connection: a request built once, of which a key and a name change.
pub struct Payments {
    bytes: Vec<u8>,
    key: usize,
    name: usize,
    names: std::sync::Arc<[String]>,
    picker: Picker,
    random: Random,
    sent: u64,
}

/// Digits of a key that count up.
const DIGITS: usize = 9;

impl Payments {
    fn new(
        payer: &Payer,
        prefix: &str,
        receivers: (Picker, std::sync::Arc<[String]>),
        random: Random,
    ) -> Self {
        let (picker, names) = receivers;
        let body = format!("{{\"to\":\"{}\",\"amount\":1}}", names[0]);
        let zeros = "0".repeat(DIGITS);
        let headers = format!("{JSON}idempotency-key: {prefix}{zeros}\r\n");
        let line = "POST /api/v1/payments";
        let bytes = wire::request(line, Some(&payer.token), &headers, body.as_bytes());
        let name = bytes.len() - body.len() + r#"{"to":""#.len();
        let key = bytes.len() - body.len() - "\r\n\r\n".len() - DIGITS;
        Self { bytes, key, name, names, picker, random, sent: 0 }
    }
}

impl Source for Payments {
    fn next(&mut self) -> &[u8] {
        let name = self.names[self.picker.pick(&mut self.random)].as_bytes();
        self.bytes[self.name..self.name + name.len()].copy_from_slice(name);
        let mut rest = self.sent;
        for place in self.bytes[self.key..self.key + DIGITS].iter_mut().rev() {
            *place = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
        }
        self.sent += 1;
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_payment_has_its_own_key_and_receiver() {
        let payer = Payer { name: "ani".to_owned(), token: "a.b.c".to_owned() };
        let names: std::sync::Arc<[String]> = vec!["m0".to_owned(), "m1".to_owned()].into();
        let picker = Picker::new(Spread::Uniform, 2);
        let mut source = Payments::new(&payer, "x", (picker, names), Random::new(1));
        let first = String::from_utf8(source.next().to_vec()).unwrap();
        assert!(first.contains("idempotency-key: x000000000\r\n\r\n{\"to\":\"m"), "{first}");
        let second = String::from_utf8(source.next().to_vec()).unwrap();
        assert!(second.contains("idempotency-key: x000000001\r\n"), "{second}");
        assert!(second.ends_with(",\"amount\":1}"), "{second}");
    }
}
