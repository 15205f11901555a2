//! Durable payments beside a raw echo, in one run: what share of the machine's ceiling is left
//! after routing, identity, the ledger and the disk.
//!
//! The machine's speed changes from minute to minute; the share does not. So rounds alternate, and
//! a share is taken within a round. After that: half of the reached rate at fixed arrival, for
//! latency. `--grown` adds a store with a history (see `grow`) as a third to compare.

use std::path::PathBuf;
use std::time::Duration;

use crate::Failure;
use crate::drive::{self, Load};
use crate::figures::{Figures, Share, spread_of};
use crate::pick::Spread;
use crate::process::{Server, default_binary};
use crate::world::{self, Payments, World};

#[derive(clap::Args)]
pub struct Arguments {
    /// The product's binary.
    #[arg(long, default_value_os_t = default_binary())]
    gerbang: PathBuf,
    #[arg(long, default_value_t = 256)]
    connections: usize,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Counted seconds of each measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    #[arg(long, default_value_t = 64)]
    payers: usize,
    #[arg(long, default_value_t = 32)]
    merchants: usize,
    /// A demo's directory with a history, compared with the fresh one.
    #[arg(long)]
    grown: Option<PathBuf>,
    /// How many merchants `grow` made there; payments spread over all of them.
    #[arg(long, default_value_t = 500_000)]
    grown_merchants: usize,
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// Something that is measured in each round.
struct Contender {
    name: &'static str,
    address: std::net::SocketAddr,
    /// Which world it pays in.
    world: usize,
    spread: Spread,
    rates: Vec<u64>,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let fresh = tempfile::tempdir()?;
    let mut gerbangs = vec![Server::gerbang(&arguments.gerbang, &fresh.path().join("data"))?];
    if let Some(grown) = &arguments.grown {
        gerbangs.push(Server::gerbang(&arguments.gerbang, grown)?);
    }
    let mut worlds = Vec::new();
    for server in &gerbangs {
        let merchants = if worlds.is_empty() { arguments.merchants } else { 0 };
        worlds.push(World::prepare(server.address, arguments.payers, merchants).await?);
    }
    if let Some(grown) = worlds.get_mut(1) {
        grown.merchants = (0..arguments.grown_merchants).map(crate::grow::merchant).collect();
    }
    let bytes = worlds[0].answer_bytes().await?;
    let echo = Server::echo(bytes)?;
    world::listening(echo.address).await?;
    println!("a payment's answer has {bytes} bytes of body; the echo answers as many");
    let row = |name, address, world, spread| Contender {
        name,
        address,
        world,
        spread,
        rates: Vec::new(),
    };
    let fresh = gerbangs[0].address;
    let mut contenders = vec![
        row("raw echo", echo.address, 0, Spread::Uniform),
        row("uniform", fresh, 0, Spread::Uniform),
        row("one merchant", fresh, 0, Spread::OneMerchant),
    ];
    if let Some(grown) = gerbangs.get(1) {
        contenders.push(row("grown, uniform", grown.address, 1, Spread::Uniform));
    }
    for round in 0..arguments.rounds {
        for contender in &mut contenders {
            let seed = arguments.seed + round as u64;
            let sources =
                worlds[contender.world].payments(arguments.connections, contender.spread, seed);
            let figures = measure(contender, &arguments, sources, None).await?;
            contender.rates.push(figures.rate());
        }
    }
    summary(&contenders);
    let half = spread_of(&contenders[1].rates).0 / 2;
    println!("at {half} arrivals a second, half of the median:");
    for contender in contenders.iter().filter(|it| it.name != "one merchant") {
        let sources = worlds[contender.world].payments(arguments.connections, contender.spread, 1);
        measure(contender, &arguments, sources, Some(half)).await?;
    }
    for (server, name) in gerbangs.iter().zip(["fresh", "grown"]) {
        let (memory, time) = (server.resident()? / 1_000_000, server.processor());
        println!("{name}: {memory} MB resident, {time} hundredths of a second of processor");
    }
    Ok(())
}

async fn measure(
    contender: &Contender,
    arguments: &Arguments,
    sources: Vec<Payments>,
    rate: Option<u64>,
) -> Result<Figures, Failure> {
    let load = Load {
        warm_up: Duration::from_millis(500),
        time: Duration::from_secs(arguments.seconds),
        rate,
    };
    let mut figures = drive::run(contender.address, load, sources).await?;
    println!("{:<16}{}", contender.name, figures.line());
    Ok(figures)
}

fn summary(contenders: &[Contender]) {
    println!("medians (least to greatest), and shares taken round by round:");
    for contender in contenders {
        let (median, least, greatest) = spread_of(&contender.rates);
        println!("{:<16}{median}/s ({least} to {greatest})", contender.name);
    }
    let (echo, uniform) = (&contenders[0], &contenders[1]);
    for (part, whole) in contenders[1..]
        .iter()
        .map(|part| (part, echo))
        .chain(contenders[2..].iter().map(|part| (part, uniform)))
    {
        let pairs = part.rates.iter().zip(&whole.rates);
        let shares: Vec<u64> = pairs.map(|(part, whole)| Share::of(*part, *whole).0).collect();
        let (median, least, greatest) = spread_of(&shares);
        let (median, least, greatest) = (Share(median), Share(least), Share(greatest));
        println!("{} / {}: {median} ({least} to {greatest})", part.name, whole.name);
    }
}
