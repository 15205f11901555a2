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
use crate::stage::{Stage, secret};
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
    let provider = provider(&arguments, home.path()).await?;
    let mut stage = open(&arguments, home.path(), &provider).await?;
    let keys = merchants(&stage, arguments.merchants).await?;
    let empty = stage.server.resident()?;
    let made = make_all(&arguments, &stage, &keys).await?;
    tell_memory("once they are made", &stage, made, empty)?;
    let before = stage.metric(QUESTIONS).await?;
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    let asked = stage.metric(QUESTIONS).await? - before;
    let rate = per_second(asked, start.elapsed());
    println!(
        "{asked} asked about in {} s: {rate}/s of {} allowed; all of them in {} s",
        start.elapsed().as_secs(),
        arguments.questions_per_second,
        made / rate.max(1)
    );
    tell_memory("while they are asked about", &stage, made, empty)?;
    stage.restart().await?;
    tell_memory("after a restart", &stage, made, empty)
}

/// By the gateway's own count.
const QUESTIONS: &str = "gerbang_charge_questions";

fn tell_memory(when: &str, stage: &Stage, charges: u64, empty: u64) -> Result<(), Failure> {
    let resident = stage.server.resident()?;
    println!(
        "{charges} pending, {when}: {} MB resident, {} MB before there were any, {} bytes each",
        resident / 1_000_000,
        empty / 1_000_000,
        resident.saturating_sub(empty) / charges.max(1)
    );
    Ok(())
}

/// The server key.
const KEY: &str = "SB-Mid-server-of-a-load-test";

/// A provider that says nothing unless it is asked.
async fn provider(arguments: &Arguments, home: &Path) -> Result<Server, Failure> {
    let mut command = Command::new(&arguments.gerbang);
    command.args(["simulate", "midtrans", "--mute", "--latency-ms", "1"]);
    command.arg("--server-key-file").arg(secret(home, "server.key", KEY)?);
    let provider = Server::start(command, free_address()?)?;
    listening(provider.address).await?;
    Ok(provider)
}

async fn open(arguments: &Arguments, home: &Path, provider: &Server) -> Result<Stage, Failure> {
    let tables = format!(
        "[midtrans]\nbase_url = 'http://{}'\nserver_key_file = {:?}\nask_within_seconds = 1\n\
         questions_per_second = {}\n",
        provider.address,
        home.join("server.key"),
        arguments.questions_per_second
    );
    Stage::open(&arguments.gerbang, home, &tables).await
}

/// New merchants: their server keys.
async fn merchants(stage: &Stage, count: usize) -> Result<Vec<String>, Failure> {
    let admin = stage.administrator().await?;
    let mut keys = Vec::with_capacity(count);
    for number in 0..count {
        let name = format!("toko{number}");
        sign_up(stage.address, &name, "merchant").await?;
        let line = format!("PUT /api/v1/admin/merchants/{name}");
        let body = json!({"methods": ["bank_transfer/bca"], "fee_basis_points": 0});
        let (status, answer) = call(stage.address, &line, Some(&admin), &body).await?;
        let key = answer.get("server_key").and_then(Value::as_str);
        let key = key.ok_or_else(|| Failure(format!("a merchant: {status} {answer}")))?;
        keys.push(key.to_owned());
    }
    Ok(keys)
}

/// Every charge; says how many there are.
async fn make_all(arguments: &Arguments, stage: &Stage, keys: &[String]) -> Result<u64, Failure> {
    let start = Instant::now();
    let share = arguments.charges.div_ceil(arguments.connections);
    let mut tasks = JoinSet::new();
    for number in 0..arguments.connections {
        let key = keys[number % keys.len()].clone();
        tasks.spawn(make(stage.address, key, number, share));
    }
    let mut figures = Figures::default();
    while let Some(done) = tasks.join_next().await {
        figures.merge(done??);
    }
    figures.elapsed = start.elapsed();
    println!("made {}", figures.line());
    Ok(figures.good())
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
