//! The command line: one file a command.
//!
//! Exit codes: 0 done; 1 it did not work; 2 the arguments or the configuration are wrong;
//! 74 a batch could not be made durable (`EX_IOERR`).

mod admin;
mod api_keys;
mod bank_service;
mod bank_statement;
mod client_token;
mod demo;
mod export;
mod listen;
mod output;
mod proposals;
mod reconcile;
mod refunds;
mod serve;
mod simulate;
mod tables;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A payment gateway and wallet ledger in one binary.
///
/// Begin with `gerbang demo`: it starts everything on this machine with a few users and prints
/// what to try.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything on this machine with demo users and banks, and prints a walk-through.
    Demo(demo::Arguments),
    /// Runs the gateway as configured.
    Serve(serve::Arguments),
    /// Runs the service between the gateway and one bank.
    BankService(bank_service::Arguments),
    /// Asks a bank what happened on our account, and prints it as `reconcile` takes it.
    BankStatement(bank_statement::Arguments),
    /// Prints a token that a client application would sign for itself, good for five minutes.
    ClientToken(client_token::Arguments),
    /// Proves a journal: checksums, chain, postings, balances. Exits 0 only if all of it holds.
    Verify(verify::Arguments),
    /// Writes the journal as NDJSON, or its postings as CSV.
    Export(export::Arguments),
    /// Holds our payouts against a bank's statement. Exits 0 only if all of it agrees.
    Reconcile(reconcile::Arguments),
    /// Changes users, keys, partners, routes and clients while the gateway does not run; the first administrator is made here.
    Admin(admin::Arguments),
    /// Runs a part of the outside world in small: a bank that speaks SNAP, with faults on demand.
    Simulate(simulate::Arguments),
}

/// Why a command did not do its work.
enum Failure {
    /// Exit code 1.
    Failed(String),
    /// Exit code 2.
    Usage(String),
}

impl Failure {
    fn failed(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }

    fn usage(error: impl ToString) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let result = match command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::BankService(arguments) => bank_service::run(&arguments),
        Command::BankStatement(arguments) => bank_statement::run(&arguments),
        Command::ClientToken(arguments) => client_token::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Reconcile(arguments) => reconcile::run(&arguments),
        Command::Admin(arguments) => admin::run(arguments),
        Command::Simulate(arguments) => simulate::run(arguments),
    };
    let (text, code) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(text)) => (text, 1),
        Err(Failure::Usage(text)) => (text, 2),
    };
    output::complain(&text);
    ExitCode::from(code)
}

/// The data directory of commands that look at a store.
#[derive(clap::Args)]
struct DataArgument {
    /// The data directory.
    #[arg(long, value_name = "DIR", default_value = "data/store")]
    data: PathBuf,
}
