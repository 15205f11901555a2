//! Load for gerbang: how many payments, how late, and beside what.
//!
//! Everything here goes to loopback, ends by itself, and stops what it started.
//!
//! ```text
//!  loadtest ratio          payments beside a raw echo, in one run       ratio.rs, echo.rs
//!  loadtest lean           payments: closed loop, fixed rate, batches   lean.rs, drive.rs
//!  loadtest edr            transfers to banks; one of them hangs        edr.rs
//!  loadtest notifications  what a provider tells of charges             notices.rs
//!  loadtest pending        charges that wait: memory, questions      pending.rs
//!  loadtest storm          payments while everybody logs in         storm.rs
//!  loadtest timing         whether a refused login tells of a name    timing.rs
//!  loadtest table-iv       the features of EZPY's Table IV              table_iv.rs
//!  loadtest pos, mixed     Goose users by scenario                      shop.rs
//!  loadtest goose-edr      the same, an application that sends to banks transfers.rs
//!  loadtest grow           a store with a history                       grow.rs
//!  loadtest echo           the ceiling by itself                        echo.rs
//! ```

mod drive;
mod echo;
mod edr;
mod figures;
mod grow;
mod lean;
mod notices;
mod pending;
mod pick;
mod process;
mod ratio;
#[cfg(feature = "goose")]
mod shop;
mod stage;
mod storm;
mod table_iv;
mod timing;
#[cfg(feature = "goose")]
mod transfers;
mod wire;
mod world;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures durable payments beside a raw echo and prints the share.
    Ratio(ratio::Arguments),
    /// Drives payments with the lean client.
    Lean(lean::Arguments),
    /// Transfers to simulated banks, at most and at a rate, and with one bank hanging.
    Edr(edr::Arguments),
    /// Answers every request with so many bytes.
    Echo(echo::Arguments),
    /// Writes a store with many accounts and payments.
    Grow(grow::Arguments),
    #[cfg(feature = "goose")]
    /// Goose: cashiers that only pay.
    Pos(shop::Arguments),
    #[cfg(feature = "goose")]
    /// Goose: payments among reads.
    Mixed(shop::Arguments),
    #[cfg(feature = "goose")]
    /// Goose: an application that sends money to banks and asks how it stands (scenario `edr`).
    GooseEdr(shop::Arguments),
    /// Notifications of a payment provider: verified, journaled and answered.
    Notifications(notices::Arguments),
    /// Charges that wait to be paid: their memory, and how quickly they are asked about.
    Pending(pending::Arguments),
    /// Whether the time of a refused login tells if somebody has that name.
    Timing(timing::Arguments),
    /// Payments at a fixed rate, alone and in a storm of logins.
    Storm(storm::Arguments),
    /// Every feature of the paper's Table IV, in bursts of one second.
    TableIv(table_iv::Arguments),
}

/// Why a run has no result.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        // It makes its own runtime, and takes it down to end the engine.
        Command::Grow(arguments) => grow::run(&arguments),
        command => drive(command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("loadtest: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn drive(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Ratio(arguments) => ratio::run(arguments).await,
            Command::Lean(arguments) => lean::run(arguments).await,
            Command::Echo(arguments) => echo::run(arguments).await,
            Command::Edr(arguments) => edr::run(arguments).await,
            #[cfg(feature = "goose")]
            Command::Pos(arguments) => shop::run(shop::Kind::Pos, arguments).await,
            #[cfg(feature = "goose")]
            Command::Mixed(arguments) => shop::run(shop::Kind::Mixed, arguments).await,
            #[cfg(feature = "goose")]
            Command::GooseEdr(arguments) => shop::run(shop::Kind::Edr, arguments).await,
            Command::Notifications(arguments) => notices::run(arguments).await,
            Command::Pending(arguments) => pending::run(arguments).await,
            Command::Storm(arguments) => storm::run(arguments).await,
            Command::Timing(arguments) => timing::run(arguments).await,
            Command::TableIv(arguments) => table_iv::run(arguments).await,
            Command::Grow(arguments) => grow::run(&arguments),
        }
    })
}
