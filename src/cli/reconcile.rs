//! `gerbang reconcile`

use std::path::PathBuf;

use super::output::{Bar, say};
use super::{DataArgument, Failure};
use crate::clock::Clock;
use crate::gateway::reconcile::Verdict;
use crate::gateway::{reconciliation, routing};
use crate::journal::store;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The bank's code of three digits.
    #[arg(long)]
    bank: String,
    /// The bank's statement, CSV.
    #[arg(long, value_name = "FILE")]
    statement: PathBuf,
    #[command(flatten)]
    data: DataArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { bank, statement, data } = arguments;
    let bank = routing::bank_code("--bank", bank).map_err(Failure::usage)?;
    let bytes = std::fs::read(statement)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", statement.display())))?;
    if !store::exists(&data.data) {
        return Err(Failure::failed(format!("there is no store in {}", data.data.display())));
    }
    let bar = Bar::new("opening");
    let now = Clock::system().now();
    let opened = store::open(&data.data, now, &mut |progress| bar.show(progress), &mut |_, _| {})
        .map_err(Failure::failed)?;
    drop(bar);
    let report =
        reconciliation::reconcile(&opened.history, bank, &bytes).map_err(Failure::failed)?;
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
