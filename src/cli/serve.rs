//! `gerbang serve`

use std::path::{Path, PathBuf};

use super::output::{Bar, say};
use super::{Failure, demo, listen};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::store;
use crate::telemetry;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration, TOML; the defaults if not given.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints the configuration as it would be followed, and ends.
    #[arg(long)]
    print_config: bool,
    /// Goes on from a store that was put back from a backup. Needed once: what was acknowledged
    /// after the backup was made is not in it.
    #[arg(long)]
    restored: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = match &arguments.config {
        Some(path) => Config::read(path).map_err(Failure::usage)?,
        None => Config::standard(),
    };
    if arguments.print_config {
        say(config.to_toml().trim_end());
        return Ok(());
    }
    if demo::is_demo(&config.data) {
        return Err(Failure::usage(format!(
            "{} belongs to a demo, whose passwords everybody knows: serve another directory",
            config.data.display()
        )));
    }
    let _logs = telemetry::init_logs(&config.log);
    for warning in listen::exposures(&config) {
        tracing::warn!("{warning}");
    }
    let runtime = listen::runtime()?;
    let entered = runtime.enter();
    let sockets = runtime.block_on(listen::Sockets::bind(&config))?;
    if arguments.restored {
        accept_copy(&config.data)?;
    }
    let bar = Bar::new("opening the journal");
    let app = App::start(&config, &Clock::system(), &mut |progress| bar.show(progress))
        .map_err(Failure::failed)?;
    drop(bar);
    listen::report(&app.report);
    let options = listen::Options { metrics_on_api: false, config: arguments.config };
    let result = runtime.block_on(listen::run(&app, &config, sockets, options, |address| {
        say(&format!("gerbang is ready on {address}"));
    }));
    drop(entered);
    app.finish(runtime);
    result
}

/// Lets a copy go on, and says so.
fn accept_copy(data: &Path) -> Result<(), Failure> {
    if store::accept_copy(data).map_err(Failure::failed)? {
        tracing::warn!("a store that was put back goes on from here: later answers are forgotten");
    } else {
        tracing::warn!("--restored was given, and the store is no copy");
    }
    Ok(())
}
