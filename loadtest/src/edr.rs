//! Transfers to banks against a demo of its own: gateway, bank services and simulated banks (5 ms an
//! answer) on the same cores.
//!
//! Three measurements: as many as are answered; a fixed rate, for what the gateway and the bank
//! service add to the bank's own time; and the same rate to two banks while the third hangs, beside
//! transfers to the third that go on coming.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Failure;
use crate::drive::{self, Load, Source};
use crate::figures::Figures;
use crate::process::{Server, default_binary};
use crate::{wire, world};
use gerbang::clock::Clock;
use gerbang::identity::token::sign_client;

#[derive(clap::Args)]
pub struct Arguments {
    /// The product's binary.
    #[arg(long, default_value_os_t = default_binary())]
    gerbang: PathBuf,
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// Counted seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Arrivals a second where the rate is fixed.
    #[arg(long, default_value_t = 1_000)]
    rate: u64,
}

/// The demo's second client, as which everything is sent.
const CLIENT: &str = "2";
/// Which bank is made to hang.
const HANGING: &str = "014";

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let fresh = tempfile::tempdir()?;
    let data = fresh.path().join("data");
    let server = Server::gerbang(&arguments.gerbang, &data)?;
    world::ready(server.address).await?;
    let key = std::fs::read(data.join("banks").join(format!("client-{CLIENT}.key-token")))?;
    let mut town = Town { address: server.address, key, made: 0 };
    let all = ["009", "014", "008"];
    town.measure(&arguments, &all, None).await?;
    println!("as many as are answered: {}", town.measure(&arguments, &all, None).await?.line());
    let rate = Some(arguments.rate);
    println!("at {}/s: {}", arguments.rate, town.measure(&arguments, &all, rate).await?.line());
    let others = ["009", "008"];
    println!("two banks: {}", town.measure(&arguments, &others, rate).await?.line());
    let hanging = simulator(&data)?;
    signal(hanging, "-STOP")?;
    let load = load(&arguments, Some(200));
    let doomed = drive::run(town.address, load, town.sources(&[HANGING], 32));
    let (doomed, measured) = tokio::join!(doomed, async {
        let mut beside = town.copy();
        beside.measure(&arguments, &others, rate).await
    });
    signal(hanging, "-CONT")?;
    println!("two banks, {HANGING} hanging: {}", measured?.line());
    println!("to {HANGING}: {}", doomed?.line());
    Ok(())
}

struct Town {
    address: SocketAddr,
    key: Vec<u8>,
    /// Sets of sources made so far, so that no reference is used twice.
    made: u64,
}

impl Town {
    async fn measure(
        &mut self,
        arguments: &Arguments,
        banks: &[&'static str],
        rate: Option<u64>,
    ) -> Result<Figures, Failure> {
        let sources = self.sources(banks, arguments.connections);
        Ok(drive::run(self.address, load(arguments, rate), sources).await?)
    }

    fn sources(&mut self, banks: &[&'static str], count: usize) -> Vec<Transfers> {
        let token = sign_client(CLIENT, &self.key, Clock::system().now()).unwrap_or_default();
        self.made += 1;
        let source = |number| Transfers {
            token: token.clone(),
            banks: banks.to_vec(),
            prefix: format!("L{}-{number}", self.made),
            sent: 0,
            bytes: Vec::new(),
        };
        (0..count).map(source).collect()
    }

    fn copy(&self) -> Self {
        Self { address: self.address, key: self.key.clone(), made: self.made }
    }
}

/// The transfers of one connection.
struct Transfers {
    token: String,
    banks: Vec<&'static str>,
    prefix: String,
    sent: usize,
    bytes: Vec<u8>,
}

impl Source for Transfers {
    fn next(&mut self) -> &[u8] {
        let bank = self.banks[self.sent % self.banks.len()];
        // Accounts that exist, few enough that each is inquired about once.
        let account = 1_154_710 + 10 * (self.sent % 50);
        let body = format!(
            r#"{{"transactionId":"{}-{}","accountNumber":"0847652590","beneficiaryBankCode":"{bank}","beneficiaryAccountNumber":"0{account}","amount":"10"}}"#,
            self.prefix, self.sent,
        );
        self.sent += 1;
        let line = "POST /api/transfer";
        self.bytes = wire::request(line, Some(&self.token), wire::JSON, body.as_bytes());
        &self.bytes
    }
}

const fn load(arguments: &Arguments, rate: Option<u64>) -> Load {
    let warm_up = Duration::from_millis(500);
    Load { warm_up, time: Duration::from_secs(arguments.seconds), rate }
}

/// The process of the bank that is to hang: the one of our own demo.
fn simulator(data: &Path) -> Result<u32, Failure> {
    let data = data.to_string_lossy().into_owned();
    for entry in std::fs::read_dir("/proc")?.filter_map(Result::ok) {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&str> = command.split('\0').collect();
        let is_bank = words.contains(&"simulate") && words.contains(&HANGING);
        if is_bank && words.iter().any(|word| word.starts_with(&data)) {
            return Ok(id);
        }
    }
    Err(Failure(format!("no simulated bank {HANGING} is running")))
}

fn signal(process: u32, signal: &str) -> Result<(), Failure> {
    let done = Command::new("kill").arg(signal).arg(process.to_string()).status()?;
    if done.success() { Ok(()) } else { Err(Failure("the bank could not be signalled".to_owned())) }
}
