//! `gerbang client-token`: what an application's library does, for people with a terminal.

use std::path::{Path, PathBuf};

use super::Failure;
use super::output::say;
use crate::clock::Clock;
use crate::identity::secret::Secret;
use crate::identity::token;
use crate::ledger::text::ClientId;
use crate::limits;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Which client application, by its id.
    #[arg(long, value_name = "ID")]
    id: String,
    /// A file with its key token; the end of its line does not count.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let id =
        ClientId::parse(&arguments.id).map_err(|error| Failure::usage(format!("--id: {error}")))?;
    let key = read("--key-file", &arguments.key_file)?;
    let key = key.expose().trim_end_matches(['\r', '\n']);
    let now = Clock::system().now();
    let token = token::sign_client(id.as_str(), key.as_bytes(), now).ok_or_else(|| {
        let least = limits::CLIENT_SECRET_MIN;
        Failure::usage(format!("--key-file: a key token has {least} bytes or more"))
    })?;
    say(&token);
    Ok(())
}

/// A small file, named by the argument that gave it.
pub(super) fn read(argument: &str, path: &Path) -> Result<Secret<String>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("{argument}: cannot read {}: {error}", path.display()))
    };
    let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > limits::KEYS_FILE_MAX {
        return Err(failed(&"it is too large"));
    }
    std::fs::read_to_string(path).map(Secret::new).map_err(|error| failed(&error))
}
