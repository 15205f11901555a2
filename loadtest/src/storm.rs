//! Payments at a fixed rate, alone and while very many log in at once.
//!
//! A password costs 20 ms of a core on purpose. What it is hashed by is bounded, so that a storm of
//! logins is answered with 503 beyond what may wait, and payments go on. Every login here is a right
//! one of somebody who exists; those that are told to come again do not.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::Failure;
use crate::drive::{self, Load};
use crate::figures::{Figures, Millis, spread_of};
use crate::pick::Spread;
use crate::process::{Server, default_binary};
use crate::wire::{self, JSON, Wire};
use crate::world::{PASSWORD, World};

#[derive(clap::Args)]
pub struct Arguments {
    /// The product's binary.
    #[arg(long, default_value_os_t = default_binary())]
    gerbang: PathBuf,
    /// Connections that pay.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Payments a second.
    #[arg(long, default_value_t = 2_000)]
    rate: u64,
    /// Who logs in, all at the beginning of each round.
    #[arg(long, default_value_t = 2_000)]
    logins: usize,
    /// Counted seconds of each round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many times to measure both.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Who pays, and logs in: what one user asks for at once is done one after the other.
    #[arg(long, default_value_t = 300)]
    payers: usize,
    #[arg(long, default_value_t = 32)]
    merchants: usize,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let fresh = tempfile::tempdir()?;
    let server = Server::gerbang(&arguments.gerbang, &fresh.path().join("data"))?;
    let mut world = World::prepare(server.address, arguments.payers, arguments.merchants).await?;
    let (mut alone, mut stormy) = (Vec::new(), Vec::new());
    for round in 0..arguments.rounds {
        let mut figures = payments(&arguments, &mut world, round).await?;
        println!("alone      {}", figures.line());
        alone.push(u64::from(figures.percentile(990)));
        let names: Vec<String> = world.payers.iter().map(|payer| payer.name.clone()).collect();
        let storm = tokio::spawn(log_in_all(server.address, names, arguments.logins));
        let mut figures = payments(&arguments, &mut world, round).await?;
        println!("in a storm {}", figures.line());
        stormy.push(u64::from(figures.percentile(990)));
        let mut logins = storm.await??;
        println!("  logins   {}", logins.line());
    }
    for (name, values) in [("alone", alone), ("in a storm", stormy)] {
        let (median, least, greatest) = spread_of(&values);
        let (median, least, greatest) = (Millis(median), Millis(least), Millis(greatest));
        println!("p99 of payments {name}: {median} ({least} to {greatest})");
    }
    Ok(())
}

async fn payments(
    arguments: &Arguments,
    world: &mut World,
    round: usize,
) -> Result<Figures, Failure> {
    let load = Load {
        // The storm is at its height from the first moment on.
        warm_up: Duration::ZERO,
        time: Duration::from_secs(arguments.seconds),
        rate: Some(arguments.rate),
    };
    let sources = world.payments(arguments.connections, Spread::Uniform, round as u64);
    Ok(drive::run(world.address, load, sources).await?)
}

/// Everybody at once, each on a connection of its own, for whom a file can be opened.
async fn log_in_all(
    address: SocketAddr,
    names: Vec<String>,
    count: usize,
) -> Result<Figures, Failure> {
    let start = tokio::time::Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let body = json!({"login": names[number % names.len()], "password": PASSWORD}).to_string();
        tasks.spawn(async move {
            let mut wire = Wire::connect(address).await?;
            let line = "POST /api/v1/auth/login";
            let sent = tokio::time::Instant::now();
            let answer = wire.exchange(&wire::request(line, None, JSON, body.as_bytes())).await?;
            Ok::<_, std::io::Error>((answer.status, sent.elapsed()))
        });
    }
    let mut figures = Figures::default();
    while let Some(done) = tasks.join_next().await {
        match done? {
            Ok((status, latency)) => figures.add(status, latency),
            Err(_) => figures.add(0, start.elapsed()),
        }
    }
    figures.elapsed = start.elapsed();
    Ok(figures)
}
