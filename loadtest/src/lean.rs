//! Payments against a demo that runs somewhere on this machine: single, at a rate, or in batches.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Failure;
use crate::drive::{self, Load};
use crate::figures::{Millis, per_second, spread_of};
use crate::pick::{Picker, Random, Spread};
use crate::process::{Server, default_binary};
use crate::wire::{self, Wire};
use crate::world::World;

#[derive(clap::Args)]
pub struct Arguments {
    /// A demo that is running; without it one is started on a fresh directory.
    #[arg(long)]
    target: Option<SocketAddr>,
    /// The product's binary, if one is started.
    #[arg(long, default_value_os_t = default_binary())]
    gerbang: PathBuf,
    /// Where the started demo keeps its data; a directory that is removed at the end if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long, default_value_t = 256)]
    connections: usize,
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How many times to measure.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    #[arg(long, value_enum, default_value_t = Spread::Uniform)]
    spread: Spread,
    /// Arrivals a second; without it as many as are answered.
    #[arg(long)]
    rate: Option<u64>,
    /// Items of a batch: drives the batch route as the demo's trusted client.
    #[arg(long)]
    batch: Option<usize>,
    #[arg(long, default_value_t = 64)]
    payers: usize,
    #[arg(long, default_value_t = 32)]
    merchants: usize,
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let fresh = tempfile::tempdir()?;
    let data = arguments.data.clone().unwrap_or_else(|| fresh.path().join("data"));
    let server = match arguments.target {
        Some(_) => None,
        None => Some(Server::gerbang(&arguments.gerbang, &data)?),
    };
    let address = arguments.target.or(server.as_ref().map(|server| server.address));
    let address = address.ok_or_else(|| Failure("there is no target".to_owned()))?;
    if !address.ip().is_loopback() {
        return Err(Failure("--target: loopback only".to_owned()));
    }
    let mut world = World::prepare(address, arguments.payers, arguments.merchants).await?;
    let mut rates = Vec::new();
    for round in 0..arguments.rounds {
        let seed = arguments.seed + round as u64;
        let rate = match arguments.batch {
            None => single(&arguments, &mut world, seed).await?,
            Some(items) => batches(&arguments, &mut world, items, seed).await?,
        };
        rates.push(rate);
    }
    let (median, least, greatest) = spread_of(&rates);
    println!("median {median}/s ({least} to {greatest})");
    if let Some(server) = &server {
        println!("{} MB resident", server.resident()? / 1_000_000);
    }
    Ok(())
}

async fn single(arguments: &Arguments, world: &mut World, seed: u64) -> Result<u64, Failure> {
    let load = Load {
        warm_up: Duration::from_millis(500),
        time: Duration::from_secs(arguments.seconds),
        rate: arguments.rate,
    };
    let sources = world.payments(arguments.connections, arguments.spread, seed);
    let mut figures = drive::run(world.address, load, sources).await?;
    println!("{}", figures.line());
    Ok(figures.rate())
}

/// Counted by the server: the movements it recorded while the clients drove it.
async fn batches(
    arguments: &Arguments,
    world: &mut World,
    items: usize,
    seed: u64,
) -> Result<u64, Failure> {
    let picker = Picker::new(arguments.spread, world.merchants.len());
    let prefix = world.fresh_prefix();
    let connections = arguments.connections.min(16);
    let ready = Arc::new(Barrier::new(connections + 1));
    let time = Duration::from_secs(arguments.seconds);
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let batch = Batch {
            names: world.payers.iter().map(|payer| payer.name.clone()).collect(),
            merchants: world.merchants.clone(),
            picker: picker.clone(),
            random: Random::new(seed ^ (number as u64) << 32),
            prefix: format!("{prefix}{number:02}"),
            sent: 0,
        };
        let wire = Wire::connect(world.address).await?;
        let (token, ready) = (world.client.clone(), Arc::clone(&ready));
        tasks.spawn(drive_batches(wire, batch, token, items, (ready, time)));
    }
    let before = world.movements().await?;
    ready.wait().await;
    let start = Instant::now();
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    let elapsed = start.elapsed();
    let recorded = world.movements().await? - before;
    let sent = (latencies.len() * items) as u64;
    let (median, _, worst) = spread_of(&latencies);
    let rate = per_second(recorded, elapsed);
    println!(
        "{rate} items/s in batches of {items} over {connections} connections; {} of {sent} not \
         recorded; a batch takes {} (median), {} (worst)",
        sent - recorded,
        Millis(median),
        Millis(worst),
    );
    Ok(rate)
}

/// Makes the bodies of batches.
struct Batch {
    names: Vec<String>,
    merchants: Vec<String>,
    picker: Picker,
    random: Random,
    prefix: String,
    sent: u64,
}

impl Batch {
    fn body(&mut self, items: usize) -> Vec<u8> {
        use std::io::Write;
        let mut body = Vec::with_capacity(items * 128);
        for _ in 0..items {
            let from = &self.names[self.random.below(self.names.len())];
            let to = &self.merchants[self.picker.pick(&mut self.random)];
            let (prefix, sent) = (&self.prefix, self.sent);
            self.sent += 1;
            writeln!(
                body,
                r#"{{"from":"{from}","to":"{to}","amount":1,"reference":"{prefix}{sent:08}"}}"#
            )
            .expect("memory takes all that is written");
        }
        body
    }
}

async fn drive_batches(
    mut wire: Wire,
    mut batch: Batch,
    token: String,
    items: usize,
    (ready, time): (Arc<Barrier>, Duration),
) -> io::Result<Vec<u64>> {
    let headers = "content-type: application/x-ndjson\r\n";
    let line = "POST /api/v1/payments/batch";
    let mut latencies = Vec::new();
    ready.wait().await;
    let end = Instant::now() + time;
    while Instant::now() < end {
        let body = batch.body(items);
        let request = wire::request(line, Some(&token), headers, &body);
        let sent = Instant::now();
        let answer = wire.exchange(&request).await?;
        latencies.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
        if answer.status != 200 {
            let text = String::from_utf8_lossy(wire.body(&answer)).into_owned();
            return Err(io::Error::other(format!("a batch: {} {text}", answer.status)));
        }
    }
    Ok(latencies)
}
