//! `gerbang export`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::output::{Bar, complain};
use super::{DataArgument, Failure};
use crate::clock::Clock;
use crate::journal::{export, store};
use crate::ledger::id::Position;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataArgument,
    /// ndjson: every entry with all its fields. csv: a line per posting.
    #[arg(long, value_enum, default_value = "ndjson")]
    format: Format,
    /// The first position to write.
    #[arg(long, value_name = "POSITION", default_value = "1")]
    from: u64,
    /// Where to write; standard output if not given.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Ndjson,
    Csv,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let from = Position::new(arguments.from)
        .ok_or_else(|| Failure::usage("--from: positions begin at 1"))?;
    let bar = Bar::new("opening");
    let data = &arguments.data.data;
    if !store::exists(data) {
        return Err(Failure::failed(format!("there is no store in {}", data.display())));
    }
    let now = Clock::system().now();
    let opened = store::open_to_read(data, now, &mut |progress| bar.show(progress))
        .map_err(Failure::failed)?;
    drop(bar);
    let out: Box<dyn Write> = match &arguments.output {
        None => Box::new(std::io::stdout().lock()),
        Some(path) => Box::new(File::create_new(path).map_err(|error| {
            Failure::failed(format!("cannot create {}: {error}", path.display()))
        })?),
    };
    let mut out = BufWriter::new(out);
    let lines = match arguments.format {
        Format::Ndjson => export::ndjson(&opened.history, from, &mut out),
        Format::Csv => export::csv(&opened.history, from, &mut out),
    };
    let lines = lines.map_err(Failure::failed)?;
    out.flush().map_err(Failure::failed)?;
    complain(&format!("{lines} lines written"));
    Ok(())
}
