//! `gerbang verify`

use super::output::{Bar, say};
use super::{DataArgument, Failure};
use crate::journal::verify::verify;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let bar = Bar::new("verifying");
    let report = verify(&arguments.data.data, &mut |progress| bar.show(progress));
    drop(bar);
    let report = report.map_err(Failure::failed)?;
    say(&format!(
        "the journal proves itself: {} entries in {} batches ({} sealed files), {} postings,\n\
         {} references each used once, {} accounts none of them ever below its floor, {} users;\n\
         hash of the last batch {}",
        report.records,
        report.batches,
        report.segments,
        report.postings,
        report.references,
        report.accounts,
        report.users,
        report.hash,
    ));
    if let Some(position) = report.checkpoint {
        say(&format!("the checkpoint at position {position} equals the replayed book"));
    }
    if let Some(torn) = report.torn {
        say(&format!("a batch that was never acknowledged is cut at the next start: {torn:?}"));
    }
    Ok(())
}
