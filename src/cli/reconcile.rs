//! `gerbang reconcile`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::output::{Bar, say};
use super::{DataArgument, Failure};
use crate::clock::Clock;
use crate::gateway::provider_day::{self, List};
use crate::gateway::reconcile::{Report, Verdict};
use crate::gateway::{reconciliation, routing};
use crate::journal::{History, store};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The bank's code of three digits.
    #[arg(long, requires = "statement", conflicts_with = "provider")]
    bank: Option<String>,
    /// The bank's statement, CSV.
    #[arg(long, value_name = "FILE", requires = "bank")]
    statement: Option<PathBuf>,
    /// The payment provider.
    #[arg(long, requires = "list", value_parser = ["midtrans"])]
    provider: Option<String>,
    /// The provider's list of a day, JSON.
    #[arg(long, value_name = "FILE", requires = "provider")]
    list: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments {
        Arguments { bank: Some(bank), statement: Some(statement), data, .. } => {
            let bank = routing::bank_code("--bank", bank).map_err(Failure::usage)?;
            let statement = read(statement)?;
            let history = history(&data.data)?;
            let report = reconciliation::reconcile(&history, bank, &statement);
            with_bank(&report.map_err(Failure::failed)?)
        }
        Arguments { list: Some(list), data, .. } => {
            let list = List::read(&read(list)?).map_err(Failure::usage)?;
            let history = history(&data.data)?;
            let report = provider_day::reconcile(&history, list).map_err(Failure::failed)?;
            say(report.text().trim_end());
            if report.agrees() {
                return Ok(());
            }
            Err(Failure::failed("the provider's list and the journal do not agree"))
        }
        _ => Err(Failure::usage("--bank with --statement, or --provider with --list, is needed")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}

fn history(data: &Path) -> Result<Arc<History>, Failure> {
    if !store::exists(data) {
        return Err(Failure::failed(format!("there is no store in {}", data.display())));
    }
    let bar = Bar::new("opening");
    let now = Clock::system().now();
    let opened = store::open_to_read(data, now, &mut |progress| bar.show(progress))
        .map_err(Failure::failed)?;
    drop(bar);
    Ok(opened.history)
}

fn with_bank(report: &Report) -> Result<(), Failure> {
    say(report.text().trim_end());
    if report.agrees() {
        return Ok(());
    }
    for (verdict, advice) in [
        (Verdict::OnlyOurs, ONLY_OURS),
        (Verdict::OnlyTheirs, ONLY_THEIRS),
        (Verdict::Different, DIFFERENT),
    ] {
        if report.count(verdict) > 0 {
            say(advice);
        }
    }
    Err(Failure::failed("the statement and the journal do not agree"))
}

const ONLY_OURS: &str = "\
To do, where only we know of it: look at the next day's statement first, then ask the bank by the
reference. An open payout that the bank never saw is settled as failed.";
const ONLY_THEIRS: &str = "\
To do, where only the bank knows of it: a line without a reference is the bank's own (a fee,
interest). One with a reference of another kind was not sent by this gateway: ask the bank.";
const DIFFERENT: &str = "\
To do, where both differ: believe the bank about what left the account. An open payout that it has
paid is settled as succeeded; one paid twice, or paid though it failed here, is claimed back.";
