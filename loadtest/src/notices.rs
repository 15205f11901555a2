//! What a payment provider tells of charges, against a demo of its own: each notification is signed
//! for, new, and answered once it stands in the journal.
//!
//! They are of a few hundred open charges and claim that these are paid. The gateway believes none
//! and asks the demo's provider, which runs on the same cores and says that they are not: so what
//! is measured includes the questions that follow.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gerbang::connector::midtrans::key::ServerKey;
use serde_json::{Value, json};

use crate::Failure;
use crate::drive::{self, Load, Source};
use crate::figures::spread_of;
use crate::process::{Server, default_binary};
use crate::wire;
use crate::world::{call, log_in, ready, sign_up};

#[derive(clap::Args)]
pub struct Arguments {
    /// The product's binary.
    #[arg(long, default_value_os_t = default_binary())]
    gerbang: PathBuf,
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Counted seconds of each round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many times to measure.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Who has charges open; twenty each.
    #[arg(long, default_value_t = 13)]
    payers: usize,
}

/// Charges that one account may have open.
const CHARGES: usize = 20;
/// What each is about, in rupiah.
const AMOUNT: u64 = 10_000;
/// Digits that make each notification another one.
const DIGITS: usize = 12;

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let fresh = tempfile::tempdir()?;
    let data = fresh.path().join("data");
    let server = Server::gerbang(&arguments.gerbang, &data)?;
    ready(server.address).await?;
    let key = key(&data)?;
    let mut orders = Vec::new();
    for number in 0..arguments.payers {
        orders.extend(charges(&server, &format!("payer{number:04}")).await?);
    }
    let requests: Arc<[Vec<u8>]> = orders.iter().map(|order| notification(order, &key)).collect();
    let load = Load {
        warm_up: Duration::from_millis(500),
        time: Duration::from_secs(arguments.seconds),
        rate: None,
    };
    let mut rates = Vec::new();
    for round in 0..arguments.rounds {
        let source = |connection: usize| Notices {
            requests: Arc::clone(&requests),
            bytes: Vec::new(),
            next: (round * arguments.connections + connection) as u64 * 10_000_000,
        };
        let sources = (0..arguments.connections).map(source).collect();
        let mut figures = drive::run(server.address, load, sources).await?;
        println!("{}", figures.line());
        rates.push(figures.rate());
    }
    let (median, least, greatest) = spread_of(&rates);
    println!("median {median}/s ({least} to {greatest}), of {} charges", orders.len());
    println!("{} MB resident", server.resident()? / 1_000_000);
    Ok(())
}

/// What the demo's provider signs with.
fn key(data: &Path) -> Result<ServerKey, Failure> {
    let text = std::fs::read_to_string(data.join("provider").join("server-key"))?;
    Ok(ServerKey::new(text.trim().to_owned())?)
}

/// Charges of one user that wait to be paid: their names at the provider.
async fn charges(server: &Server, name: &str) -> Result<Vec<String>, Failure> {
    sign_up(server.address, name, "buyer").await?;
    let token = log_in(server.address, name).await?;
    let body = json!({"amount": AMOUNT, "payment_type": "bank_transfer", "bank": "bca"});
    let mut orders = Vec::with_capacity(CHARGES);
    for _ in 0..CHARGES {
        let line = "POST /api/v1/topups/virtual-account";
        let (status, answer) = call(server.address, line, Some(&token), &body).await?;
        let invoice = answer.get("invoice").and_then(Value::as_str);
        let invoice = invoice.filter(|_| answer["status"] == "pending");
        let invoice = invoice.ok_or_else(|| Failure(format!("a charge: {status} {answer}")))?;
        orders.push(invoice.to_owned());
    }
    Ok(orders)
}

/// The request that tells of an order, with digits to be changed in what the merchant never reads.
fn notification(order: &str, key: &ServerKey) -> Vec<u8> {
    let amount = format!("{AMOUNT}.00");
    let body = json!({
        "transaction_time": "2026-11-21 18:00:00",
        "transaction_status": "settlement",
        "transaction_id": "2b4f9a3e-5d0c-4d0b-9f0e-8a1f0c9d7e61",
        "status_message": "midtrans payment notification",
        "status_code": "200",
        "signature_key": key.sign(order, "200", &amount),
        "settlement_time": "2026-11-21 18:01:00",
        "payment_type": "bank_transfer",
        "order_id": order,
        "merchant_id": "G812785002",
        "gross_amount": amount,
        "fraud_status": "accept",
        "currency": "IDR",
        "custom_field1": "0".repeat(DIGITS),
    });
    let body = body.to_string();
    wire::request("POST /api/v1/notifications/midtrans", None, wire::JSON, body.as_bytes())
}

/// The notifications of one connection.
struct Notices {
    requests: Arc<[Vec<u8>]>,
    bytes: Vec<u8>,
    /// No two of a run have the same.
    next: u64,
}

impl Source for Notices {
    fn next(&mut self) -> &[u8] {
        let place = usize::try_from(self.next).unwrap_or(0) % self.requests.len();
        self.bytes.clear();
        self.bytes.extend_from_slice(&self.requests[place]);
        let mut digits = String::with_capacity(DIGITS);
        write!(digits, "{:0DIGITS$}", self.next).expect("text takes all that is written to it");
        let marker = FIELD.as_bytes();
        let at = self.bytes.windows(marker.len()).position(|window| window == marker);
        let at = at.expect("every notification has the field") + marker.len();
        self.bytes[at..at + DIGITS].copy_from_slice(digits.as_bytes());
        self.next += 1;
        &self.bytes
    }
}

/// Before the digits.
const FIELD: &str = "\"custom_field1\":\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notification_is_another_one_with_the_same_signature() {
        let key = ServerKey::new("SB-Mid-server-abc123cde456".to_owned()).unwrap();
        let requests: Arc<[Vec<u8>]> = vec![notification("a", &key)].into();
        let mut source = Notices { requests, bytes: Vec::new(), next: 7 };
        let first = String::from_utf8(source.next().to_vec()).unwrap();
        let second = String::from_utf8(source.next().to_vec()).unwrap();
        assert!(first.contains("\"custom_field1\":\"000000000007\""), "{first}");
        assert_eq!(first.replace("000000000007", "000000000008"), second);
    }
}
