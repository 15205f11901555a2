//! `gerbang bank-statement`

use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;

use super::output::say;
use super::{Failure, listen};
use crate::bank_service::config::Settings;
use crate::bank_service::statement;
use crate::clock::Clock;
use crate::limits;
use crate::outbound::System;
use crate::telemetry;

const HELP: &str = "\
Yesterday's books of a bank, held against ours:

  gerbang bank-statement --bank 009 --config bank-009.toml --from 2026-11-21 > 009.csv
  gerbang reconcile --bank 009 --statement 009.csv --data DIR";

#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The bank, by its three-digit code.
    #[arg(long, value_name = "CODE")]
    bank: String,
    /// The configuration of its bank service, TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The first day, at +07:00.
    #[arg(long, value_name = "DATE")]
    from: Date,
    /// The last day; the first if not given.
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { bank, config, from, until } = arguments;
    let until = until.unwrap_or(*from);
    let days = from.until(until).map_or(i32::MAX, |span| span.get_days());
    if !(0..limits::STATEMENT_DAYS_MAX).contains(&days) {
        let most = limits::STATEMENT_DAYS_MAX;
        return Err(Failure::usage(format!("--until: must be from --from on, {most} days in all")));
    }
    let settings = Settings::read(bank, config).map_err(Failure::usage)?;
    let _logs = telemetry::init_logs(&settings.log);
    let runtime = listen::runtime()?;
    let asked = statement::fetch(settings, Arc::new(System), Clock::system(), *from..=until);
    say(runtime.block_on(asked).map_err(Failure::failed)?.trim_end());
    Ok(())
}
