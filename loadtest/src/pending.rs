//! Very many charges that wait to be paid: what they cost in memory, and how quickly they are asked
//! about when nothing but time is the reason.
//!
//! Merchants make them through the gateway, which makes each at a simulated provider: both are
//! processes on this machine, and so is what drives them. The provider tells nothing by itself.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Failure;
use crate::figures::{Figures, per_second};
use crate::process::{Server, default_binary, free_address};
use crate::stage::{self, secret};
use crate::wire::{self, JSON, Wire};
use crate::world::{call, listening, sign_up};

#[derive(clap::Args)]
pub struct Arguments {
    /// The product's binary.
    #[arg(long, default_value_os_t = default_binary())]
    gerbang: PathBuf,
    #[arg(long, default_value_t = 100_000)]
    charges: usize,
    /// Who makes them.
    #[arg(long, default_value_t = 4)]
    merchants: usize,
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// Questions a second that the gateway may ask, as configured.
    #[arg(long, default_value_t = 500)]
    questions_per_second: u32,
    /// How long the questions are counted.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let home = tempfile::tempdir()?;
    let stage = Stage::new(&arguments, home.path()).await?;
    let keys = stage.merchants(arguments.merchants).await?;
    let empty = stage.gateway.resident()?;
    let start = Instant::now();
    let share = arguments.charges.div_ceil(arguments.connections);
    let mut tasks = JoinSet::new();
    for number in 0..arguments.connections {
        let key = keys[number % keys.len()].clone();
        tasks.spawn(make(stage.gateway.address, key, number, share));
    }
    let mut figures = Figures::default();
    while let Some(done) = tasks.join_next().await {
        figures.merge(done??);
    }
    figures.elapsed = start.elapsed();
    println!("made       {}", figures.line());
    let made = figures.good();
    let full = stage.gateway.resident()?;
    let each = full.saturating_sub(empty) / made.max(1);
    println!(
        "{made} pending: {} MB resident, {} MB before them, {each} bytes each",
        full / 1_000_000,
        empty / 1_000_000
    );
    let before = stage.questions().await?;
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    let asked = stage.questions().await? - before;
    let rate = per_second(asked, start.elapsed());
    println!(
        "{asked} asked about in {} s: {rate}/s of {} allowed; all of them in {} s",
        start.elapsed().as_secs(),
        arguments.questions_per_second,
        made / rate.max(1)
    );
    println!("{} MB resident", stage.gateway.resident()? / 1_000_000);
    Ok(())
}

/// A gateway and its provider.
struct Stage {
    gateway: Server,
    _provider: Server,
    /// The administrator's token.
    admin: String,
}

impl Stage {
    async fn new(arguments: &Arguments, home: &Path) -> Result<Self, Failure> {
        let key = secret(home, "server.key", "SB-Mid-server-of-a-load-test")?;
        let mut command = Command::new(&arguments.gerbang);
        command.args(["simulate", "midtrans", "--mute", "--latency-ms", "1"]);
        command.arg("--server-key-file").arg(&key);
        let provider = Server::start(command, free_address()?)?;
        listening(provider.address).await?;
        let tables = format!(
            "[midtrans]\nbase_url = 'http://{}'\n\
             server_key_file = {key:?}\nask_within_seconds = 1\nquestions_per_second = {}\n",
            provider.address, arguments.questions_per_second
        );
        let (gateway, admin) = stage::serve(&arguments.gerbang, home, &tables).await?;
        Ok(Self { gateway, _provider: provider, admin })
    }

    /// New merchants: their server keys.
    async fn merchants(&self, count: usize) -> Result<Vec<String>, Failure> {
        let address = self.gateway.address;
        let mut keys = Vec::with_capacity(count);
        for number in 0..count {
            let name = format!("toko{number}");
            sign_up(address, &name, "merchant").await?;
            let line = format!("PUT /api/v1/admin/merchants/{name}");
            let body = json!({"methods": ["bank_transfer/bca"], "fee_basis_points": 0});
            let (status, answer) = call(address, &line, Some(&self.admin), &body).await?;
            let key = answer.get("server_key").and_then(Value::as_str);
            let key = key.ok_or_else(|| Failure(format!("a merchant: {status} {answer}")))?;
            keys.push(key.to_owned());
        }
        Ok(keys)
    }

    /// How often the gateway has asked its provider, by its own count.
    async fn questions(&self) -> Result<u64, Failure> {
        metric(self.gateway.address, "gerbang_charge_questions").await
    }
}

async fn metric(address: SocketAddr, name: &str) -> Result<u64, Failure> {
    let mut wire = Wire::connect(address).await?;
    let answer = wire.exchange(&wire::request("GET /metrics", None, "", b"")).await?;
    let text = String::from_utf8_lossy(wire.body(&answer)).into_owned();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.ok_or_else(|| Failure(format!("there is no metric {name}")))
}

/// Makes `count` charges over one connection, one after the other.
async fn make(
    address: SocketAddr,
    key: String,
    connection: usize,
    count: usize,
) -> io::Result<Figures> {
    let key = STANDARD.encode(format!("{key}:"));
    let headers = format!("{JSON}authorization: Basic {key}\r\n");
    let mut wire = Wire::connect(address).await?;
    let mut figures = Figures::default();
    for number in 0..count {
        let body = json!({
            "payment_type": "bank_transfer", "bank_transfer": {"bank": "bca"},
            "transaction_details": {
                "order_id": format!("load-{connection}-{number}"), "gross_amount": 10_000,
            },
        });
        let body = body.to_string();
        let request = wire::request("POST /v2/charge", None, &headers, body.as_bytes());
        let sent = Instant::now();
        let answer = wire.exchange(&request).await?;
        // As the status in the body says: the SDKs read that one.
        let is_made = find(wire.body(&answer), br#""transaction_status":"pending""#);
        figures.add(if is_made { 201 } else { 500 }, sent.elapsed());
    }
    Ok(figures)
}

fn find(body: &[u8], wanted: &[u8]) -> bool {
    body.windows(wanted.len()).any(|window| window == wanted)
}
